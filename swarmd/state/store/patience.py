"""Going on after a server was away.

Whatever was being done is begun anew, as after a kill: every step can be taken up again, and only so does it not matter
whether a step that got no answer was taken. Whoever does work that a supervisor watches says once what to do while
it waits (``waits_with``): a server that is away is not a hang.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from swarmd.state.errors import OutsideError

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

GIVE_UP_AFTER_S = 600.0
_FIRST_WAIT_S, _MOST_WAIT_S = 0.25, 10.0
_LOOK_EVERY_S = 0.1
_AT_EACH_LOOK: ContextVar[Callable[[], None]] = ContextVar("_AT_EACH_LOOK", default=lambda: None)


@contextlib.contextmanager
def waits_with(safe_point: Callable[[], None]) -> Iterator[None]:
    """While it is open, whatever waits below without a safe point of its own calls this one."""
    before = _AT_EACH_LOOK.set(safe_point)
    try:
        yield
    finally:
        _AT_EACH_LOOK.reset(before)


def patiently(
    attempt: Callable[[], _Result],
    *,
    lost: tuple[type[Exception], ...],
    say: Callable[[str], None],
    safe_point: Callable[[], None] | None = None,
    give_up_after_s: float = GIVE_UP_AFTER_S,
) -> _Result:
    """What `attempt` gives back, begun again with longer and longer waits while the server is lost.

    Parameters
    ----------
    lost : what a lost server comes as
    say : told once of every loss
    safe_point : called while waiting; may raise to stop. By default that of `waits_with`, where one is open
    give_up_after_s : for so long attempts may fail one after the other; one that held longer begins the count anew

    Raises
    ------
    OutsideError
        If the server stays away.
    """
    wait, lost_at = _FIRST_WAIT_S, None
    at_each_look = safe_point or _AT_EACH_LOOK.get()
    while True:
        began = time.monotonic()
        try:
            return attempt()
        except lost as loss:
            now = time.monotonic()
            if lost_at is None or now - began > 4 * _MOST_WAIT_S:
                wait, lost_at = _FIRST_WAIT_S, now
                say(f"{loss}; waiting for it")
            elif now - lost_at > give_up_after_s:
                raise OutsideError(f"{loss}; given up after {now - lost_at:.0f} s, run it again") from loss
            log.info("%s; tried again in %.1f s", loss, wait)
        until = time.monotonic() + wait
        while time.monotonic() < until:
            at_each_look()
            time.sleep(min(_LOOK_EVERY_S, wait))
        wait = min(2 * wait, _MOST_WAIT_S)
