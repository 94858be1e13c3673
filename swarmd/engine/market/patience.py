"""Patience: how long to wait before asking an outside again, when to give up, and who may ask when.

The download asks the exchange through here. The waits are a pure function of the failures so far; the pace is one for
all threads that talk to the same exchange, so that eight symbols ask no faster than one. Nothing here knows bars.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often one thing is asked for in all, and the waits between, in seconds.

    `longest_ban_s`: an exchange that tells us to stay away for longer is believed, and asked another day.
    """

    attempts: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_ban_s: float = 600.0


class ExchangeError(Exception):
    """The exchange or the way to it failed, in words for a person.

    `is_final`: asking again would get the same answer. `retry_after_s`: what the exchange itself asked us to wait.
    """

    def __init__(self, told: str, *, is_final: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(told)
        self.is_final = is_final
        self.retry_after_s = retry_after_s


class StoppedError(Exception):
    """A person, or a fault in another thread, wants the work to stop where it is."""


def wait_s(patience: Patience, n_failures: int, retry_after_s: float | None, rng: random.Random) -> float:
    """Seconds to wait after so many failures in a row (at least one).

    Doubled each time up to a cap, of which a random half is taken off, so that threads which failed together do not
    come back together; never less than the exchange asked for.
    """
    grown = min(patience.first_wait_s * 2.0 ** min(n_failures - 1, 60), patience.longest_wait_s)
    return max(grown * (0.5 + 0.5 * rng.random()), retry_after_s or 0.0)


def asked(
    ask: Callable[[], Reply],
    *,
    patience: Patience,
    rng: random.Random,
    pace: "Pace",
    told_retry: Callable[[str, float], None],
) -> Reply:
    """What `ask` gives, asked again after each `ExchangeError` until the patience is at its end.

    Raises
    ------
    ExchangeError
        The last one, with the number of attempts; at once when it is final or the exchange wants us gone for longer
        than we wait.
    """
    for n_failures in range(1, patience.attempts + 1):
        try:
            return ask()
        except ExchangeError as fault:
            if fault.is_final:
                raise
            if (fault.retry_after_s or 0.0) > patience.longest_ban_s:
                raise ExchangeError(
                    f"{fault}; it asks us to wait {fault.retry_after_s:.0f} s", is_final=True
                ) from fault
            if n_failures == patience.attempts:
                raise ExchangeError(f"{fault} (after {n_failures} attempts)", is_final=True) from fault
            wait = wait_s(patience, n_failures, fault.retry_after_s, rng)
            told_retry(str(fault), wait)
            if fault.retry_after_s is not None:
                pace.hold(fault.retry_after_s)
            pace.rest(wait)
    raise ValueError(f"patience of {patience.attempts} attempts: give at least one")


class Stop(Protocol):
    """An event between threads."""

    def wait(self, seconds: float, /) -> bool:
        """Whether it is set, at the latest after so long."""


@dataclass(slots=True)
class Pace:
    """When the next request may leave, one for all threads; every wait ends at once when `stop` is set."""

    stop: Stop
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _free_at: float = 0.0
    _held_until: float = 0.0

    def take(self, cost_s: float) -> None:
        """Waits for a turn; the next one is given no sooner than `cost_s` after this one."""
        with self._lock:
            turn = max(time.monotonic(), self._free_at)
            self._free_at = turn + cost_s
        self.rest(turn - time.monotonic())
        # The exchange may have asked for quiet while this thread waited for its turn.
        while (quiet := self._held_until - time.monotonic()) > 0:
            self.rest(quiet)

    def hold(self, seconds: float) -> None:
        """No request leaves for so long, whoever wants to send it."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)

    def rest(self, seconds: float) -> None:
        """Sleeps, unless the work is to stop."""
        if self.stop.wait(max(seconds, 0.0)):
            raise StoppedError
