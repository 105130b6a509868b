"""Virtual time: an event loop that skips waiting instead of doing it.

Whenever nothing is ready to run, the loop moves its own `time()` to the next timer. A month of
sleeping costs what the code between the sleeps costs. Everything on the loop must be
cooperative: a thread or a socket would lose every race against virtual time, so the loop
refuses both. See https://docs.python.org/3/library/asyncio-eventloop.html.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Never

from local.clock import LoopClock

RESOLUTION_SECONDS = 1e-6
"""Timers closer than this run together. A float of seconds still tells microseconds apart after
a century; asyncio's own nanosecond would stop the loop from advancing after some months."""
TURNS_UNPOLLED_MAX = 100
TASKS_NAMED_MAX = 20  # in the text of a deadlock


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set: the pending tasks wait for each other for ever."""


class RefusedOnVirtualTime(RuntimeError):
    """Threads and sockets have no meaning on virtual time."""


class _SkippingSelector(selectors.DefaultSelector):
    """Polls and, when nothing is ready, lets `skip` take the wait.

    Only the loop's own wake-up pipe can become ready, so a loop that has work polls seldom: a
    system call for each turn would cost more than the turn.
    """

    def __init__(self, skip: Callable[[float | None], None]) -> None:
        super().__init__()
        self._skip = skip
        self._turns_unpolled = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0 and self._turns_unpolled < TURNS_UNPOLLED_MAX:
            self._turns_unpolled += 1
            return []
        self._turns_unpolled = 0
        ready = super().select(0)
        if not ready and timeout != 0:
            self._skip(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time, counting seconds from 0.

    Raises `Deadlock` out of `run_until_complete` when no task can ever run again, and
    `RefusedOnVirtualTime` on any attempt to use a thread, a socket or a subprocess.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_SkippingSelector(self._skip))
        self._clock_resolution = RESOLUTION_SECONDS

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._seconds

    def _skip(self, timeout: float | None) -> None:
        if timeout is not None:
            self._seconds += timeout
            return
        names = sorted(_describe(task) for task in asyncio.all_tasks(self))
        shown = names[:TASKS_NAMED_MAX]
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        raise Deadlock(
            f"nothing is ready and no timer is set; pending: {'; '.join(shown) or 'none'}{more}"
        )

    def _refuse(self, *_args: object, **_kwargs: object) -> Never:
        raise RefusedOnVirtualTime(
            "threads, sockets and subprocesses do not exist on virtual time: use an in-process "
            "transport and async code, or run this on a real loop"
        )

    run_in_executor = _refuse
    add_reader = _refuse
    add_writer = _refuse
    create_connection = _refuse
    create_server = _refuse
    create_datagram_endpoint = _refuse
    create_unix_connection = _refuse
    create_unix_server = _refuse
    getaddrinfo = _refuse
    getnameinfo = _refuse
    sock_connect = _refuse
    sock_accept = _refuse
    sock_recv = _refuse
    sock_sendall = _refuse
    subprocess_exec = _refuse
    subprocess_shell = _refuse


def _describe(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return f"{task.get_name()} ({getattr(coroutine, '__qualname__', coroutine)})"


def run_virtual[T](main: Callable[[LoopClock], Coroutine[Any, Any, T]], *, start: datetime) -> T:
    """Run `main(clock)` to its end on a fresh virtual loop whose clock begins at `start`.

    Tasks left over are cancelled. Raises what `main` raises, or `Deadlock`.
    """
    clock = LoopClock(start)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main(clock))
