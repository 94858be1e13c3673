"""The daemon's event loop: asyncio's own, whose wait for events is cut into pieces, with a look after each.

A timer of the loop's own costs twice as much: each pass of asyncio through its heap, handles and callbacks takes 0.1 ms
with cold caches, some times a second, for a look that nearly always finds nothing. Here the loop does not hear of a
look before one of them ends the pause.
"""

import asyncio
import math
import select
import selectors
import time
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Pause(Protocol):
    """``due`` is when to look next, on ``time.monotonic``; ``is_over`` looks, and sets when to look again."""

    due: float

    def is_over(self) -> bool: ...


class GlancingLoop(asyncio.SelectorEventLoop):
    """``glancing.pause`` is what is looked at while the loop waits; None where nothing is."""

    def __init__(self) -> None:
        self.glancing = _GlancingSelector()
        super().__init__(self.glancing)


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """``asyncio.run``, in such a loop."""
    with asyncio.Runner(loop_factory=GlancingLoop) as runner:
        return runner.run(main)


def running_loop() -> GlancingLoop:
    """The loop this is called in. Raises TypeError where it is another kind."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, GlancingLoop):
        raise TypeError(f"rests need a GlancingLoop, not a {type(loop).__name__}")
    return loop


class _GlancingSelector(selectors.EpollSelector):
    def __init__(self) -> None:
        super().__init__()
        self.pause: Pause | None = None
        # An epoll can be polled itself: a wait that ends without an event needs nothing of the selector's own.
        self._events = select.poll()
        self._events.register(self.fileno(), select.POLLIN)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.pause is None:
            return super().select(timeout)
        until = math.inf if timeout is None else time.monotonic() + timeout
        while (pause := self.pause) is not None:
            now = time.monotonic()
            if now >= pause.due:
                if pause.is_over():
                    self.pause = None
            elif now >= until or self._events.poll(math.ceil((min(pause.due, until) - now) * 1000)):
                break
        return super().select(0)
