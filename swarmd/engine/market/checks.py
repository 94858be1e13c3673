"""Checks: everything that is wrong with klines, each finding told so that a person can act on it.

The loader refuses at the first error found here, the preflight (`quality.py`) shows them all. Checks are whole-column
comparisons, so that clean data costs milliseconds. Nothing is repaired here, and no file is read.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from swarmd.engine.arrays import BoolArray, IntArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.gaps import find_gaps, unaccepted_gaps
from swarmd.engine.market.klines import PRICE_COLUMNS, VALUE_COLUMNS, Klines
from swarmd.engine.market.timeframes import INTERVALS, MINUTE_MS, interval_name, utc_text

Level = Literal["error", "warning"]

# An instant outside is a unit mistake, and would ask for a grid of millions of bars.
_EARLIEST_MS = 0
_LATEST_MS = 4_102_444_800_000  # 2100-01-01

_REFETCH = "refetch the bar, or drop the row and accept the gap"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: the check, how bad, one line for a person, and the file's row where it first shows."""

    check: str
    level: Level
    message: str
    row: int | None = None


def examine(
    klines: Klines, interval_minutes: int, *, known_gaps: Iterable[str | dt.date] = (), allow_gaps: int = 0
) -> tuple[Finding, ...]:
    """Everything wrong with the klines, in the order in which a person should mend it.

    Gaps are looked for only where the open times rise on the grid: between misplaced rows they mean nothing.
    """
    timing = (*examine_order(klines), *examine_grid(klines, interval_minutes))
    findings = (*timing, *examine_values(klines))
    if timing:
        return findings
    return (*findings, *examine_gaps(klines, interval_minutes, known_gaps=known_gaps, allow_gaps=allow_gaps))


def examine_order(klines: Klines) -> tuple[Finding, ...]:
    """Rows that open before the row above them, and rows that open when an earlier row does."""
    falls = np.r_[False, np.diff(klines.open_time) < 0]
    return (
        *_first(klines, "order", falls, "opens before the row above it", remedy="sort the file by open time"),
        *_first(
            klines,
            "duplicates",
            _repeated(klines.open_time),
            "an earlier row has its open time",
            remedy="drop one of them",
        ),
    )


def examine_grid(klines: Klines, interval_minutes: int) -> tuple[Finding, ...]:
    """Open times that are off the grid of the interval, or in no plausible year."""
    name = interval_name(interval_minutes)
    strange = (klines.open_time < _EARLIEST_MS) | (klines.open_time >= _LATEST_MS)
    off_grid = (klines.open_time % (interval_minutes * MINUTE_MS) != 0) & ~strange
    return (
        *_first(
            klines, "grid", strange, "open time {} ms is before 1970 or after 2099", klines.open_time,
            remedy="check the unit of the time column",
        ),
        *_first(
            klines, "grid", off_grid, f"open time {{}} ms is off the {name} grid", klines.open_time,
            remedy=f"correct it, or name the interval if it is not {name}",
        ),
    )  # fmt: skip


def examine_values(klines: Klines) -> tuple[Finding, ...]:
    """Values missing or infinite, prices not positive, negative volume, and ranges that do not hold open and close."""
    findings: list[Finding] = []
    for name in VALUE_COLUMNS:
        values = klines.column(name)
        findings += _first(klines, "nan", ~np.isfinite(values), f"{name} is {{}}", values, remedy=_REFETCH)
    for name in PRICE_COLUMNS:
        values = klines.column(name)
        findings += _first(klines, "prices", values <= 0, f"{name} {{}} is not positive", values, remedy=_REFETCH)
    high, low, volume = klines.high, klines.low, klines.volume
    top, bottom = np.maximum(klines.open, klines.close), np.minimum(klines.open, klines.close)
    findings += _first(klines, "ohlc", high < top, "high {} is below max(open, close) = {}", high, top, remedy=_REFETCH)
    findings += _first(
        klines, "ohlc", low > bottom, "low {} is above min(open, close) = {}", low, bottom, remedy=_REFETCH
    )
    findings += _first(klines, "volume", volume < 0, "volume {} is negative", volume, remedy=_REFETCH)
    return tuple(findings)


def examine_gaps(
    klines: Klines, interval_minutes: int, *, known_gaps: Iterable[str | dt.date] = (), allow_gaps: int = 0
) -> tuple[Finding, ...]:
    """One finding for each gap that is neither listed nor, with the others, small enough to be allowed."""
    gaps = find_gaps(klines.open_time, interval_minutes, first_row=klines.first_row)
    stopping = unaccepted_gaps(gaps, known_gaps, allow_gaps=allow_gaps)
    total = sum(gap.n_bars for gap in stopping)
    return tuple(
        Finding(
            check="gaps",
            level="error",
            message=f"{klines.source}: {gap} (before row {gap.next_row}); refetch the bars, or accept the gap: list"
            f" {utc_text(gap.first_missing_ms)[:10]} in known_gaps, or allow {total} missing bars in all",
            row=gap.next_row,
        )
        for gap in stopping
    )


def interval_of(klines: Klines) -> int:
    """Minutes of the most common step between open times; refuses data whose step is not in the closed set."""
    steps = np.diff(klines.open_time)
    steps = steps[steps > 0]
    if steps.size == 0:
        raise DataError(f"{klines.source}: no two rows tell the interval; name it, such as 5m")
    lengths, counts = np.unique(steps, return_counts=True)
    common = int(lengths[counts.argmax()])
    if common % MINUTE_MS or common // MINUTE_MS not in INTERVALS.values():
        raise DataError(
            f"{klines.source}: most rows are {common / MINUTE_MS:g} minutes apart, which is none of"
            f" {', '.join(INTERVALS)}; name the interval if the file has holes, or resample it"
        )
    return common // MINUTE_MS


def _repeated(open_time: IntArray) -> BoolArray:
    """True on a row whose open time some earlier row has, sorted or not."""
    step = np.diff(open_time)
    if np.all(step >= 0):
        return np.asarray(np.r_[False, step == 0], dtype=np.bool_)
    repeated = np.ones(open_time.shape[0], dtype=np.bool_)
    repeated[np.unique(open_time, return_index=True)[1]] = False
    return repeated


def _first(
    klines: Klines, check: str, is_broken: BoolArray, claim: str, *figures: Any, remedy: str
) -> tuple[Finding, ...]:
    """The finding of a check at its first broken row, with how many more there are; none where no row is broken."""
    n_broken = int(np.count_nonzero(is_broken))
    if not n_broken:
        return ()
    row = int(is_broken.argmax())
    more = f" (and {n_broken - 1} more {'row' if n_broken == 2 else 'rows'})" if n_broken > 1 else ""
    spoken = claim.format(*(values[row] for values in figures))
    message = f"{klines.place(row)}: {spoken}{more}; {remedy}"
    return (Finding(check=check, level="error", message=message, row=klines.first_row + row),)
