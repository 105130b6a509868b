"""What leaves a function that fails."""

import inspect
import traceback
import typing

import pytest

from functions.failures import without_text


async def handler(payload: typing.Dict[str, int]) -> int:  # noqa: UP006
    """As the worker reads it."""
    return 100 // payload["divisor"]


async def test_what_a_function_returns_passes() -> None:
    assert await without_text(handler)({"divisor": 4}) == 25


async def test_an_error_leaves_as_its_type_and_stack_alone() -> None:
    with pytest.raises(Exception, match=r"^$") as caught:
        await without_text(handler)({})
    assert type(caught.value).__name__ == "KeyError"
    text = "".join(traceback.format_exception(caught.value))
    assert "'divisor'" not in text
    assert 'payload["divisor"]' in text
    assert "During handling" not in text


def test_the_worker_still_sees_the_functions_own_signature() -> None:
    wrapped = without_text(handler)
    assert inspect.iscoroutinefunction(wrapped)
    assert inspect.signature(wrapped) == inspect.signature(handler)
    assert typing.get_type_hints(wrapped) == typing.get_type_hints(handler)
    assert wrapped.__doc__ == "As the worker reads it."
