"""Instants and spans as people read them on a chart and in a table, UTC throughout."""

import datetime as dt

_DAY_MS = 86_400_000
_STEPS_MS = tuple(minutes * 60_000 for minutes in (15, 30, 60, 120, 240, 360, 720)) + tuple(
    days * _DAY_MS for days in (1, 2, 5, 10)
)


def minute(instant_ms: int) -> str:
    """`2024-01-31 09:30`."""
    return _utc(instant_ms).strftime("%Y-%m-%d %H:%M")


def span_name(minutes: int) -> str:
    """`5 minutes`, `4 hours`, `one week`."""
    for size, one in ((7 * 1440, "week"), (1440, "day"), (60, "hour")):
        if minutes % size == 0:
            count = minutes // size
            return f"one {one}" if count == 1 else f"{count} {one}s"
    return "one minute" if minutes == 1 else f"{minutes} minutes"


def time_ticks(first_ms: int, last_ms: int, about: int) -> list[tuple[int, str]]:
    """Round instants between two, about so many: clock times of a day, days, first days of months, or years."""
    span = last_ms - first_ms
    step = next((each for each in _STEPS_MS if span / each <= about), None)
    if step is not None:
        begin = -(-first_ms // step)
        found = [at * step for at in range(begin, last_ms // step + 1)]
        return [(at, _short(at, is_clock=step < _DAY_MS)) for at in found]
    months = next((each for each in (1, 2, 3, 6, 12, 24, 60) if span / (each * 30.4 * _DAY_MS) <= about), 120)
    begin = _utc(first_ms).year * 12 + _utc(first_ms).month - 1
    found = [at for at in range(begin, _utc(last_ms).year * 12 + 12) if at % months == 0]
    marks = [(_first_of(at), f"{at // 12}" if months >= 12 else f"{at // 12}-{at % 12 + 1:02d}") for at in found]
    return [(at, words) for at, words in marks if first_ms <= at <= last_ms]


def _short(instant_ms: int, *, is_clock: bool) -> str:
    """A clock time, a day's beginning by its day."""
    at = _utc(instant_ms)
    return at.strftime("%H:%M") if is_clock and instant_ms % _DAY_MS else at.strftime("%m-%d")


def _first_of(month: int) -> int:
    return int(dt.datetime(month // 12, month % 12 + 1, 1, tzinfo=dt.UTC).timestamp()) * 1000


def _utc(instant_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(instant_ms / 1000.0, tz=dt.UTC)
