"""What a function that fails says: the worker logs the error that leaves it, with its text."""

import functools
from collections.abc import Awaitable, Callable

from shared import telemetry


def without_text[**P, R](handler: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Let an error out as its type and stack alone: its text may quote a vendor's answer, and with
    it a person. The tables keep the texts for those who may read them."""

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await handler(*args, **kwargs)
        except Exception as error:
            failure = telemetry.without_text(error)
        raise failure

    return run
