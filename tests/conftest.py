"""Hypothesis: the same examples in every run; `--hypothesis-profile=explore` looks for new ones.
What collection leaves in memory stays to the end, so the garbage collector need not walk it."""

import gc

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile("steady")


def pytest_collection_finish() -> None:
    """Some hundred thousand objects: items, modules and what they import."""
    gc.collect()
    gc.freeze()
