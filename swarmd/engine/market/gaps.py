"""Gaps: where bars are missing, which of them a person has accepted, and the full grid that follows.

The checks, the loader and the listing call it. A gap is never filled unless it was accepted by name or by number,
and a bar put into it is flat, without volume, and flagged.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.klines import Klines
from swarmd.engine.market.timeframes import DAY_MS, MINUTE_MS, utc_text


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of missing bars: open time of the first one, how many, and the file's row that follows them."""

    first_missing_ms: int
    n_bars: int
    next_row: int

    def __str__(self) -> str:
        return f"{self.n_bars} {'bar' if self.n_bars == 1 else 'bars'} missing from {utc_text(self.first_missing_ms)}"


@dataclass(frozen=True, slots=True)
class KnownGap:
    """A gap that a person has listed: the span of instants its first missing bar may have, end exclusive."""

    start_ms: int
    stop_ms: int

    def covers(self, gap: Gap) -> bool:
        return self.start_ms <= gap.first_missing_ms < self.stop_ms


def parse_known_gap(text: str | dt.date) -> KnownGap:
    """A listed gap: a UTC day (`2023-12-31`) or an instant (`2023-03-24T12:40Z`; no zone means UTC)."""
    spoken = text.isoformat() if isinstance(text, dt.date) else text.strip()
    try:
        instant = dt.datetime.fromisoformat(spoken)
    except ValueError:
        raise DataError(
            f"known gap {text!r} is not a UTC day such as 2023-12-31 or an instant such as 2023-03-24T12:40Z"
        ) from None
    instant = instant.replace(tzinfo=dt.UTC) if instant.tzinfo is None else instant
    start_ms = round(instant.timestamp() * 1000)
    is_day = len(spoken) <= len("2023-12-31")
    return KnownGap(start_ms=start_ms, stop_ms=start_ms + (DAY_MS if is_day else 1))


def find_gaps(open_time: IntArray, interval_minutes: int, *, first_row: int = 0) -> tuple[Gap, ...]:
    """Every run of missing bars between rising open times on the grid, in order of time."""
    step = interval_minutes * MINUTE_MS
    missing = np.diff(open_time) // step - 1
    return tuple(
        Gap(first_missing_ms=int(open_time[row]) + step, n_bars=int(missing[row]), next_row=first_row + int(row) + 1)
        for row in np.flatnonzero(missing > 0)
    )


def unaccepted_gaps(gaps: tuple[Gap, ...], known_gaps: Iterable[str | dt.date], *, allow_gaps: int) -> tuple[Gap, ...]:
    """The gaps that stop a series: those not listed, unless together they miss at most `allow_gaps` bars."""
    if allow_gaps < 0:
        raise DataError(f"allow_gaps is {allow_gaps}: it counts missing bars and cannot be negative")
    known = [parse_known_gap(text) for text in known_gaps]
    unlisted = tuple(gap for gap in gaps if not any(entry.covers(gap) for entry in known))
    return () if sum(gap.n_bars for gap in unlisted) <= allow_gaps else unlisted


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Columns without a hole; `synthetic` is True on each bar that was put into an accepted gap."""

    open_time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    synthetic: BoolArray


def on_full_grid(klines: Klines, interval_minutes: int) -> Grid:
    """Checked klines on the full grid: missing bars become flat at the previous close, with volume 0 and flagged."""
    step = interval_minutes * MINUTE_MS
    first = int(klines.open_time[0])
    position = (klines.open_time - first) // step
    n_bars = int(position[-1]) + 1
    synthetic = np.ones(n_bars, dtype=np.bool_)
    synthetic[position] = False
    # For each bar the last real row at or before it: the row itself, or the one whose close it repeats.
    last_row = np.cumsum(~synthetic) - 1
    previous_close = klines.close[last_row]
    return Grid(
        open_time=first + step * np.arange(n_bars, dtype=np.int64),
        open=np.where(synthetic, previous_close, klines.open[last_row]),
        high=np.where(synthetic, previous_close, klines.high[last_row]),
        low=np.where(synthetic, previous_close, klines.low[last_row]),
        close=previous_close,
        volume=np.where(synthetic, 0.0, klines.volume[last_row]),
        synthetic=synthetic,
    )
