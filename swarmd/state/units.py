"""Time as swarmd counts it: whole milliseconds, and the one way they are written for people.

``Millis`` on the swarm's axis is steady: it never runs backwards and ignores steps of the wall clock
(``supervisor/clock.py`` makes it from the boot-time clock); durations are in the same unit.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

Millis = int

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")
_SIZES: dict[str, Millis] = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def iso(at: Millis) -> str:
    """``2026-01-31T09:30:00.250Z`` for an instant in milliseconds UTC."""
    return f"{_second(at // 1000)}{at % 1000:03d}Z"


@lru_cache(maxsize=256)  # the records of a cycle bear one instant
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


@lru_cache(maxsize=256)
def millis_of_iso(text: str) -> Millis:
    """The instant an ISO-8601 text names; without an offset it is read as UTC. Raises ValueError."""
    instant = datetime.fromisoformat(text.strip())
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return round(instant.timestamp() * 1000)


def millis_of_duration(text: str) -> Millis:
    """Milliseconds of ``250ms``, ``5s``, ``2m``, ``1.5h`` or ``30d``. Raises ValueError with the accepted forms."""
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a number and a unit: 250ms, 5s, 2m, 1.5h, 30d")
    return round(float(match[1]) * _SIZES[match[2]])


def spoken(duration: Millis) -> str:
    """A duration as a person says it: ``850 ms``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if duration < SECOND:
        return f"{duration} ms"
    if duration < MINUTE:
        return f"{duration / SECOND:.0f} s"
    if duration < HOUR:
        return f"{duration // MINUTE} min {duration % MINUTE // SECOND} s"
    if duration < DAY:
        return f"{duration // HOUR} h {duration % HOUR // MINUTE} min"
    return f"{duration // DAY} d {duration % DAY // HOUR} h"
