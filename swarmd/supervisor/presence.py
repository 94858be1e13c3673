"""Who runs on a home, and how a command asks it for something.

Used by every verb that meets the daemon from outside. The lock tells whether it lives; requests are files in the inbox,
each written whole under a name that sorts by time.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from swarmd.state.store.files import Home, atomic_write, is_locked, lock_holder

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Presence:
    """The daemon of a home; ``pid`` is 0 and ``since`` empty in the moment before it has said so."""

    pid: int
    since: str

    def told(self, home: Home) -> str:
        return f"pid {self.pid or '?'}, since {self.since or 'just now'}, home {home.root}"


def daemon_of(home: Home) -> Presence | None:
    """The daemon that holds this home, or None."""
    if not is_locked(home.daemon_lock):
        return None
    said = lock_holder(home.daemon_lock)
    pid = said.get("pid", 0)
    return Presence(pid if isinstance(pid, int) else 0, str(said.get("since", "")))


def ask(
    home: Home,
    verb: str,
    *,
    subject: str = "",
    place: str = "first",
    asked_by: str = "cli",
    claim: dict[str, object] | None = None,
) -> str:
    """Put a request into the inbox and give back its id. The others as ``state/records/request`` has them.

    It says whom it is meant for, where somebody is there to be asked: the times of two files tell that only as long as
    nobody steps the clock.
    """
    name = ulid(time.time_ns() // 1_000_000, os.urandom(10))
    words: dict[str, object] = {"verb": verb, "asked_by": asked_by}
    if subject:
        words |= {"subject": subject, "place": place}
    if claim is not None:
        words["claim"] = claim
    there = daemon_of(home)
    # In the moment before a new daemon has said so, the lock still names its predecessor, who is gone.
    if there is not None and Path(f"/proc/{there.pid}").exists():
        words["to"] = {"pid": there.pid, "since": there.since}
    atomic_write(home.inbox / f"{name}.json", orjson.dumps(words))
    return name


def ulid(wall_ms: int, chance: bytes) -> str:
    """48 bits of time and 80 of chance in 26 characters, which sort as the times do."""
    number = (wall_ms & (1 << 48) - 1) << 80 | int.from_bytes(chance[:10])
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def looks(timeout_s: float) -> Iterator[float]:
    """Seconds waited so far, at each look, until the time is up; the last look is at the end."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout_s:
        yield waited
        time.sleep(_LOOK_EVERY_S)
    yield time.monotonic() - began
