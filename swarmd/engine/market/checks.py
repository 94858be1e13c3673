"""Checks: everything that is wrong with klines, each finding told so that a person can act on it.

The loader refuses at the first error found here, the preflight (`quality.py`) shows them all. Checks are whole-column
comparisons, so that clean data costs milliseconds. Nothing is repaired here, and no file is read.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.gaps import Gap, find_gaps, unaccepted_gaps
from swarmd.engine.market.klines import PRICE_COLUMNS, VALUE_COLUMNS, Klines
from swarmd.engine.market.timeframes import INTERVALS, MINUTE_MS, interval_name, utc_text

Level = Literal["error", "warning"]

# An instant outside is a unit mistake, and would ask for a grid of millions of bars.
_EARLIEST_MS = 0
_LATEST_MS = 4_102_444_800_000  # 2100-01-01

_REFETCH = "refetch the bar, or drop the row and accept the gap"


# Fewer steps than this tell no interval, only where rows happen to be missing.
_FEWEST_STEPS = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong: the check, how bad, and one line for a person that says all; then its parts for a table.

    `row` is the data row of `file` where it first shows, counted from 0; `where` says so in words, `what` is the fault
    without its figures, `value` the figures, `remedy` what to do.
    """

    check: str
    level: Level
    message: str
    row: int | None = None
    file: str = ""
    where: str = ""
    what: str = ""
    value: str = ""
    remedy: str = ""


def examine(
    klines: Klines, interval_minutes: int, *, known_gaps: Iterable[str | dt.date] = (), allow_gaps: int = 0
) -> tuple[Finding, ...]:
    """Everything wrong with the klines, in the order in which a person should mend it.

    Where the interval is another one, grid and gaps are not looked at; gaps only where the open times rise on the grid:
    between misplaced rows they mean nothing.
    """
    timing = (*examine_order(klines), *examine_interval(klines, interval_minutes))
    if not any(finding.check == "interval" for finding in timing):
        timing += examine_grid(klines, interval_minutes)
    findings = (*timing, *examine_values(klines))
    if timing:
        return findings
    return (*findings, *examine_gaps(klines, interval_minutes, known_gaps=known_gaps, allow_gaps=allow_gaps))


def examine_order(klines: Klines) -> tuple[Finding, ...]:
    """Files that overlap, rows that open before the row above them, and rows that open when an earlier row does."""
    overlaps, is_overlapping, is_boundary = _overlaps(klines)
    times = klines.open_time
    falls = np.r_[False, np.diff(times) < 0] & ~is_boundary
    repeats = _repeated(times) & ~is_overlapping
    return (
        *overlaps,
        *_first(klines, "order", falls, "opens before the row above it", remedy="sort the file by open time"),
        *_first(klines, "duplicates", repeats, "an earlier row has its open time", remedy="drop one of them"),
    )


def examine_interval(klines: Klines, interval_minutes: int) -> tuple[Finding, ...]:
    """Whether the rows are of another interval altogether: no two are one interval apart, and most agree on another."""
    steps = np.diff(klines.open_time)
    steps = steps[steps > 0]
    if steps.size < _FEWEST_STEPS or np.any(steps == interval_minutes * MINUTE_MS):
        return ()
    lengths, counts = np.unique(steps, return_counts=True)
    common, n_common = int(lengths[counts.argmax()]), int(counts.max())
    if 2 * n_common <= steps.size or common % MINUTE_MS or common // MINUTE_MS not in INTERVALS.values():
        return ()
    asked, found = interval_name(interval_minutes), interval_name(common // MINUTE_MS)
    what = f"wrong interval: these are {found} bars"
    value = f"{n_common} of {steps.size} steps are {found}, none {asked}"
    remedy = f"say {found} instead of {asked}, or give the file of {asked} bars"
    return (
        Finding(
            check="interval",
            level="error",
            message=f"{klines.source}: {what}, not {asked} ({value}); {remedy}",
            file=klines.source,
            where="the whole file",
            what=what,
            value=value,
            remedy=remedy,
        ),
    )


def examine_grid(klines: Klines, interval_minutes: int) -> tuple[Finding, ...]:
    """Open times that are off the grid of the interval, or in no plausible year."""
    name, times = interval_name(interval_minutes), klines.open_time
    strange = (times < _EARLIEST_MS) | (times >= _LATEST_MS)
    off_grid = (times % (interval_minutes * MINUTE_MS) != 0) & ~strange
    return (
        *_first(
            klines, "grid", strange, "open time is before 1970 or after 2099",
            ("open time {} ms is before 1970 or after 2099", times), remedy="check the unit of the time column",
        ),
        *_first(
            klines, "grid", off_grid, f"open time is off the {name} grid",
            (f"open time {{}} ms is off the {name} grid", times),
            remedy=f"correct it, or name the interval if it is not {name}",
        ),
    )  # fmt: skip


def examine_values(klines: Klines) -> tuple[Finding, ...]:
    """Values missing or infinite, prices not positive, negative volume, and ranges that do not hold open and close."""
    findings: list[Finding] = []

    def look(check: str, is_broken: BoolArray, what: str, claim: str, *figures: FloatArray, value: str = "{}") -> None:
        findings.extend(_first(klines, check, is_broken, what, (claim, *figures), value=value, remedy=_REFETCH))

    for name in VALUE_COLUMNS:
        values = klines.column(name)
        look("nan", ~np.isfinite(values), f"{name} is not finite", f"{name} is {{}}", values)
    for name in PRICE_COLUMNS:
        values = klines.column(name)
        look("prices", values <= 0, f"{name} is not positive", f"{name} {{}} is not positive", values)
    high, low, volume = klines.high, klines.low, klines.volume
    top, bottom = np.maximum(klines.open, klines.close), np.minimum(klines.open, klines.close)
    look(
        "ohlc",
        high < top,
        "high < max(open, close)",
        "high {} is below max(open, close) = {}",
        high,
        top,
        value="{} < {}",
    )
    look(
        "ohlc",
        low > bottom,
        "low > min(open, close)",
        "low {} is above min(open, close) = {}",
        low,
        bottom,
        value="{} > {}",
    )
    look("volume", volume < 0, "volume is negative", "volume {} is negative", volume)
    return tuple(findings)


def examine_gaps(
    klines: Klines, interval_minutes: int, *, known_gaps: Iterable[str | dt.date] = (), allow_gaps: int = 0
) -> tuple[Finding, ...]:
    """One finding for each gap that is neither listed nor, with the others, small enough to be allowed."""
    gaps = find_gaps(klines.open_time, interval_minutes, first_row=klines.first_row)
    stopping = unaccepted_gaps(gaps, known_gaps, allow_gaps=allow_gaps)
    total = sum(gap.n_bars for gap in stopping)
    return tuple(_gap_finding(klines, gap, total) for gap in stopping)


def _gap_finding(klines: Klines, gap: Gap, total: int) -> Finding:
    file, row = klines.file_row(gap.next_row - klines.first_row)
    before, _ = klines.file_row(gap.next_row - klines.first_row - 1)
    accept = (
        f"or accept the gap: list {utc_text(gap.first_missing_ms)[:10]} in known_gaps,"
        f" or allow {total} missing {'bar' if total == 1 else 'bars'} in all"
    )
    if file == before:
        where, remedy = f"before row {row}", f"refetch the bars, {accept}"
    else:
        where, remedy = f"between {before} and {Path(file).name}", f"add the file that is missing, {accept}"
    return Finding(
        check="gaps",
        level="error",
        message=f"{file if file == before else klines.source}: {gap} ({where}); {remedy}",
        row=row,
        file=file,
        where=where if file == before else f"between {Path(before).name} and {Path(file).name}",
        what="bars missing",
        value=str(gap).replace(" missing", ""),
        remedy=remedy,
    )


def interval_of(klines: Klines) -> int:
    """Minutes of the most common step between open times; refuses data whose step is not in the closed set."""
    steps = np.diff(klines.open_time)
    # Newest first is a fault of the order, told as such: every step falls, and tells the interval all the same.
    steps = steps[steps > 0] if np.any(steps > 0) else -steps[steps < 0]
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


def _overlaps(klines: Klines) -> tuple[tuple[Finding, ...], BoolArray, BoolArray]:
    """Files that begin before an earlier one has ended; which rows lie in an overlap, and which begin such a file."""
    is_overlapping, is_boundary = (np.zeros(klines.n_rows, dtype=np.bool_) for _ in range(2))
    starts = [piece.start - klines.first_row for piece in klines.pieces]
    starts = [start for start in starts if 0 < start < klines.n_rows]
    latest = np.maximum.accumulate(klines.open_time) if starts else klines.open_time
    findings: list[Finding] = []
    for start, stop in pairwise([*starts, klines.n_rows]):
        times = klines.open_time[start:stop]
        inside = times <= latest[start - 1]
        if not inside.any():
            continue
        is_overlapping[start:stop] = inside
        is_boundary[start] = klines.open_time[start] < klines.open_time[start - 1]
        at = int(inside.argmax())
        same = np.flatnonzero(klines.open_time[:start] == times[at])
        other = Path(klines.file_row(int(same[0]) if same.size else start - 1)[0]).name
        what = f"{other} has this open time too" if same.size else f"opens within the stretch of {other}"
        mask = np.zeros(klines.n_rows, dtype=np.bool_)
        mask[start:stop] = inside
        findings += _first(klines, "duplicates", mask, what, remedy="keep one of the two files")
    return tuple(findings), is_overlapping, is_boundary


def _first(
    klines: Klines,
    check: str,
    is_broken: BoolArray,
    what: str,
    claim: tuple[Any, ...] | None = None,
    *,
    value: str = "{}",
    remedy: str,
) -> tuple[Finding, ...]:
    """The finding of a check at its first broken row, with how many more there are; none where no row is broken.

    `claim` says the same as `what` with figures: a sentence with a `{}` for each of the columns that follow it. `value`
    has the figures alone.
    """
    n_broken = int(np.count_nonzero(is_broken))
    if not n_broken:
        return ()
    row = int(is_broken.argmax())
    more = f" (and {n_broken - 1} more {'row' if n_broken == 2 else 'rows'})" if n_broken > 1 else ""
    sentence, *columns = claim or (what, klines.open_time)
    figures = [column[row] for column in columns]
    file, in_file = klines.file_row(row)
    return (
        Finding(
            check=check,
            level="error",
            message=f"{klines.place(row)}: {sentence.format(*figures)}{more}; {remedy}",
            row=in_file,
            file=file,
            where=f"row {in_file} ({utc_text(int(klines.open_time[row]))}){more}",
            what=what,
            value=value.format(*figures),
            remedy=remedy,
        ),
    )
