"""Quality: the preflight of a file of bars, everything a person should know before machine time is spent on it.

The commands and the preflight phase call it. It runs all checks of `checks.py`, adds history, resampling and volume,
and never raises for bad data: what it saw is the report.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from swarmd.engine.market.checks import Finding, Level, examine, interval_of
from swarmd.engine.market.dumps import dump_name
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.formats import read_klines, told_source
from swarmd.engine.market.gaps import Gap, find_gaps, on_full_grid, unaccepted_gaps
from swarmd.engine.market.klines import VALUE_COLUMNS, Klines
from swarmd.engine.market.resampling import told_resampling
from swarmd.engine.market.timeframes import DAY_MS, MINUTE_MS, interval_name, iso_instant, parse_interval, utc_text

# Callers take findings and the preflight from this one door.
__all__ = ["CHECKS", "Check", "Finding", "PreflightReport", "examine", "preflight"]

Status = Literal["pass", "warn", "fail", "skipped"]

# A few silent hours are an outage; a market silent for longer moves in steps that no stop order would meet.
_QUIET_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the preflight: its verdict and the figures behind it, in a line."""

    name: str
    status: Status
    told: str


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What a file of bars looks like before money or machine time is spent on it; `None` where it cannot be told."""

    path: str
    symbol: str
    interval_minutes: int | None
    n_bars: int
    first_open_ms: int | None
    last_open_ms: int | None
    gaps: tuple[Gap, ...]
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]

    @property
    def is_fit(self) -> bool:
        """Whether no check failed; warnings do not count."""
        return not any(finding.level == "error" for finding in self.findings)

    @property
    def is_counted(self) -> bool:
        """Whether gaps were looked for: without an order, a grid or the right interval there is nothing to count."""
        return any(check.name == "gaps" and check.status != "skipped" for check in self.checks)

    @property
    def days(self) -> float:
        """Days from the first open to the last close, missing bars included."""
        if self.first_open_ms is None or self.last_open_ms is None or self.interval_minutes is None:
            return 0.0
        return max(self.last_open_ms - self.first_open_ms + self.interval_minutes * MINUTE_MS, 0) / DAY_MS

    def as_document(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        spoken = [None if at is None else iso_instant(at) for at in (self.first_open_ms, self.last_open_ms)]
        return {
            "path": self.path,
            "symbol": self.symbol,
            "passed": self.is_fit,
            "interval": None if self.interval_minutes is None else interval_name(self.interval_minutes),
            "bars": self.n_bars,
            "first": spoken[0],
            "last": spoken[1],
            "days": round(self.days, 3),
            "gaps": [{"first_missing": iso_instant(gap.first_missing_ms), "bars": gap.n_bars} for gap in self.gaps],
            "checks": [{"name": c.name, "status": c.status, "told": c.told} for c in self.checks],
            "findings": [asdict(finding) for finding in self.findings],
        }


def preflight(
    path: str | Path | Sequence[Path],
    *,
    symbol: str | None = None,
    interval: str | None = None,
    known_gaps: Iterable[str | dt.date] = (),
    allow_gaps: int = 0,
    min_days: float = 90,
) -> PreflightReport:
    """Every check of one file or series of files, all findings at once; bad data is told in the report, never raised.

    `DataError` is left to what the caller asked wrongly: an unknown interval, or a known gap that is no date.
    """
    source = Path(path) if isinstance(path, str) else path
    known_gaps = tuple(known_gaps)
    unaccepted_gaps((), known_gaps, allow_gaps=allow_gaps)
    named = None if interval is None else parse_interval(interval)
    try:
        klines = read_klines(source, symbol=symbol, interval=interval)
    except DataError as refusal:
        finding = _told_refusal(source, "columns", refusal)
        return _report(source, symbol, None, None, (), (finding,), {})
    columns = f"{', '.join(('open_time', *VALUE_COLUMNS))}; {klines.n_rows} rows"
    if klines.pieces:
        columns += f" in {len(klines.pieces)} files"
    told = {"columns": columns}
    try:
        minutes = interval_of(klines) if named is None else named
    except DataError as refusal:
        finding = _told_refusal(source, "interval", refusal)
        return _report(source, symbol, klines, None, (), (finding,), told)
    told["interval"] = interval_name(minutes)
    findings = list(examine(klines, minutes, known_gaps=known_gaps, allow_gaps=allow_gaps))
    in_order = not any(finding.check in _TIMING for finding in findings)
    gaps: tuple[Gap, ...] = ()
    findings += _examine_quiet(klines, told)
    if in_order:
        gaps = find_gaps(klines.open_time, minutes)
        told["gaps"] = _told_gaps(gaps)
        findings += _examine_history(klines, minutes, min_days, told)
        if not findings or all(f.check in ("gaps", "history", "quiet") for f in findings):
            findings += _examine_resampling(klines, minutes, told)
    return _report(source, symbol, klines, minutes, gaps, tuple(findings), told)


# In the order in which the report shows them.
CHECKS = (
    "columns", "interval", "order", "duplicates", "grid", "nan", "prices", "ohlc", "volume", "gaps", "history",
    "resample", "quiet",
)  # fmt: skip
_TIMING = ("interval", "order", "duplicates", "grid")
_NEEDS_ORDER = ("gaps", "history", "resample")


def _report(
    source: Path | Sequence[Path],
    symbol: str | None,
    klines: Klines | None,
    minutes: int | None,
    gaps: tuple[Gap, ...],
    findings: tuple[Finding, ...],
    told: dict[str, str],
) -> PreflightReport:
    name = symbol if symbol is not None else _symbol_of(source)
    return PreflightReport(
        path=told_source(source),
        symbol=klines.symbol if klines else name,
        interval_minutes=minutes,
        n_bars=klines.n_rows if klines else 0,
        first_open_ms=int(klines.open_time[0]) if klines else None,
        last_open_ms=int(klines.open_time[-1]) if klines else None,
        gaps=gaps,
        checks=tuple(_verdict(name, findings, told, klines=klines, minutes=minutes) for name in CHECKS),
        findings=findings,
    )


def _symbol_of(source: Path | Sequence[Path]) -> str:
    return dump_name(source if isinstance(source, Path) else source[0]).symbol


def _verdict(
    name: str, findings: tuple[Finding, ...], told: dict[str, str], *, klines: Klines | None, minutes: int | None
) -> Check:
    mine = [finding for finding in findings if finding.check == name]
    if mine:
        failed = any(finding.level == "error" for finding in mine)
        return Check(name, "fail" if failed else "warn", told.get(name, mine[0].message))
    is_wrong_interval = any(finding.check == "interval" for finding in findings)
    if (
        (klines is None)
        or (minutes is None and name != "columns")
        or (name in _NEEDS_ORDER and name not in told)
        or (name == "grid" and is_wrong_interval)
    ):
        return Check(name, "skipped", "not looked at: the checks above must pass first")
    return Check(name, "pass", told.get(name, "every row"))


def _told_refusal(source: Path | Sequence[Path], check: str, refusal: DataError) -> Finding:
    """A refusal in one line, taken apart at its colon and its last semicolon, which all our refusals have."""
    message = str(refusal)
    file, _, claim = message.partition(": ")
    what, _, remedy = claim.rpartition("; ")
    return Finding(
        check=check,
        level="error",
        message=message,
        file=file or told_source(source),
        where="the whole file",
        what=what or claim or message,
        remedy=remedy if what else "",
    )


def _examine_history(klines: Klines, minutes: int, min_days: float, told: dict[str, str]) -> list[Finding]:
    days = (int(klines.open_time[-1]) - int(klines.open_time[0]) + minutes * MINUTE_MS) / DAY_MS
    told["history"] = f"{days:.1f} days (at least {min_days:g})"
    if days >= min_days:
        return []
    value, remedy = f"{days:.1f} days of history, fewer than {min_days:g}", "import more, or leave the asset out"
    return [_of_whole_file(klines, "history", "error", "too little history", value, remedy)]


def _examine_resampling(klines: Klines, minutes: int, told: dict[str, str]) -> list[Finding]:
    grid = on_full_grid(klines, minutes)
    faults, told["resample"] = told_resampling(grid.open_time, grid.close, minutes)
    return [
        _of_whole_file(klines, "resample", "error", "slower bars", *fault.rsplit("; ", maxsplit=1)) for fault in faults
    ]


def _examine_quiet(klines: Klines, told: dict[str, str]) -> list[Finding]:
    quiet = klines.volume == 0
    n_quiet = int(np.count_nonzero(quiet))
    share = n_quiet / klines.n_rows
    told["quiet"] = f"{n_quiet} of {klines.n_rows} bars without volume ({share:.2%})"
    if share <= _QUIET_SHARE:
        return []
    first = int(quiet.argmax())
    remedy = "fills there are guesses: prefer a busier asset or a longer interval"
    finding = _of_whole_file(klines, "quiet", "warning", "bars without volume", told["quiet"], remedy)
    file, row = klines.file_row(first)
    where = f"first in row {row} ({utc_text(int(klines.open_time[first]))})"
    return [replace(finding, row=row, file=file, where=where)]


def _of_whole_file(klines: Klines, check: str, level: Level, what: str, value: str, remedy: str) -> Finding:
    return Finding(
        check=check,
        level=level,
        message=f"{klines.source}: {value}; {remedy}",
        file=klines.source,
        where="the whole file",
        what=what,
        value=value,
        remedy=remedy,
    )


def _told_gaps(gaps: tuple[Gap, ...]) -> str:
    if not gaps:
        return "none"
    return f"{sum(gap.n_bars for gap in gaps)} bars missing in {len(gaps)}: {'; '.join(map(str, gaps[:3]))}" + (
        "; …" if len(gaps) > 3 else ""
    )
