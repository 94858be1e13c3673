"""Timeframes: the closed set of intervals, and which slow bar a fast bar may already see.

All alignment between timeframes lives here, as pure functions of open times and closes; strategies, kernels and the
preflight call it. A slow bar is seen only once it is complete, and the past never changes when bars are added.
"""

import datetime as dt

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.market.faults import DataError

MINUTE_MS = 60_000
DAY_MINUTES = 1440
DAY_MS = DAY_MINUTES * MINUTE_MS

INTERVALS: dict[str, int] = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "45m": 45,
    "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1d": DAY_MINUTES,
}  # fmt: skip
_NAMES = {minutes: name for name, minutes in INTERVALS.items()}


def parse_interval(name: str) -> int:
    """Minutes of a named interval, such as 5 for `5m`; a name outside the closed set is refused with the set."""
    minutes = INTERVALS.get(name.strip())
    if minutes is None:
        raise DataError(f"interval {name!r} is not one of {', '.join(INTERVALS)}; use one of these")
    return minutes


def interval_name(minutes: int) -> str:
    """The name of an interval of so many minutes, such as `4h` for 240."""
    name = _NAMES.get(minutes)
    if name is None:
        raise DataError(f"an interval of {minutes} minutes is not one of {', '.join(INTERVALS)}; use one of these")
    return name


def utc_text(open_time_ms: int) -> str:
    """An open time as a person reads it: `2023-03-24 12:40 UTC`, with seconds only where there are any."""
    try:
        instant = dt.datetime.fromtimestamp(open_time_ms / 1000, tz=dt.UTC)
    except (OverflowError, ValueError, OSError):
        return f"{open_time_ms} ms since the epoch"
    whole_minute = open_time_ms % MINUTE_MS == 0
    return instant.strftime("%Y-%m-%d %H:%M UTC") if whole_minute else instant.isoformat(timespec="milliseconds")


def iso_instant(open_time_ms: int) -> str | None:
    """An open time in ISO-8601, UTC, with a Z; None outside the years that can be written."""
    if not 0 <= open_time_ms < 253_402_300_800_000:
        return None
    return dt.datetime.fromtimestamp(open_time_ms / 1000, tz=dt.UTC).isoformat().replace("+00:00", "Z")


def skipped_bars(first_open_time_ms: int, base_minutes: int, htf_minutes: int) -> int:
    """Leading base bars that belong to a slow bar whose beginning is missing, and hence to no slow bar at all.

    Slow bars are counted from 00:00 UTC of the epoch, so data that starts at 12:40 has four such 5-minute bars before
    its first whole hour.
    """
    _check_ratio(base_minutes, htf_minutes)
    since_boundary = first_open_time_ms % (htf_minutes * MINUTE_MS)
    return -since_boundary % (htf_minutes * MINUTE_MS) // (base_minutes * MINUTE_MS)


def htf_bar_count(n_bars: int, factor: int, *, skipped: int = 0) -> int:
    """Complete slow bars in a series of `n_bars` base bars, `factor` to a slow bar, after `skipped` leading ones."""
    return max(n_bars - skipped, 0) // factor


def htf_close(
    close: FloatArray, first_open_time_ms: int, base_minutes: int, htf_minutes: int
) -> tuple[FloatArray, IntArray]:
    """Closes of the complete slow bars of a gapless series.

    Parameters
    ----------
    close : float64, shape (n_bars,)
        Closes of consecutive base bars (put on the full grid, synthetic bars included).
    first_open_time_ms : int
        Open time of the first base bar, ms UTC, on the base grid.
    base_minutes, htf_minutes : int
        The slow interval must be a multiple of the base and divide a day.

    Returns
    -------
    float64 and int64, shape (n_htf,)
        The close of each complete slow bar, and the index of the base bar at whose close it becomes known. A partial
        slow bar at either end of the data is left out.

    Raises
    ------
    ValueError
        If the slow interval is not a multiple of the base or does not divide a day.
    """
    skipped = skipped_bars(first_open_time_ms, base_minutes, htf_minutes)
    factor = htf_minutes // base_minutes
    n_htf = htf_bar_count(close.shape[0], factor, skipped=skipped)
    completed_at = skipped + factor * np.arange(1, n_htf + 1, dtype=np.int64) - 1
    return np.ascontiguousarray(close[completed_at]), completed_at


def visible_htf_bar(n_bars: int, first_open_time_ms: int, base_minutes: int, htf_minutes: int) -> IntArray:
    """Index of the last slow bar complete at the close of each base bar, int64 of shape (n_bars,); -1 before the first.

    Indices count from the first complete slow bar, as `htf_close` returns them.
    """
    skipped = skipped_bars(first_open_time_ms, base_minutes, htf_minutes)
    factor = htf_minutes // base_minutes
    closed = np.arange(1, n_bars + 1, dtype=np.int64) - skipped
    return np.maximum(closed, 0) // factor - 1


def _check_ratio(base_minutes: int, htf_minutes: int) -> None:
    if base_minutes <= 0 or htf_minutes <= 0 or htf_minutes % base_minutes or DAY_MINUTES % htf_minutes:
        raise DataError(
            f"a timeframe of {htf_minutes} minutes cannot be made of {base_minutes}-minute bars:"
            " it must be a multiple of the base interval and divide a day of 1440 minutes"
        )
