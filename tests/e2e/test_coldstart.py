"""The measurement of the cold start gets its answers; the figure is `make bench`'s."""

from pathlib import Path

from bench import coldstart


def test_the_app_and_the_bare_app_answer_the_same_delivery(tmp_path: Path) -> None:
    wall, processor, modules = coldstart.measure(tmp_path.resolve(), pairs=1)
    assert min(wall, processor) > 0
    assert modules > 100
