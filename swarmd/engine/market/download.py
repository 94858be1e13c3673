"""Download: one symbol's bars from an exchange into its file, continued where a killed one stopped.

The command calls it once a symbol, in threads. Asking is `errand.py`, what is kept meanwhile `parts.py`; here the
stretches that lack are told, and what came is held against the file that is there. Gaps stay gaps, and bars that are
there are never silently replaced.
"""

import contextlib
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.bars import Bars, bars_from_arrays, load_bars
from swarmd.engine.market.bars_file import SUFFIXES
from swarmd.engine.market.errand import Errand, Source, Told
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.formats import read_klines, write_bars
from swarmd.engine.market.gaps import Gap, find_gaps
from swarmd.engine.market.klines import VALUE_COLUMNS
from swarmd.engine.market.paging import Row, Span, remaining, told_values, wanted_spans
from swarmd.engine.market.parts import Parts
from swarmd.engine.market.patience import ExchangeError, Pace, Patience
from swarmd.engine.market.timeframes import MINUTE_MS, interval_name, utc_text

Outcome = Literal["written", "extended", "replaced", "unchanged"]

# Bars asked for again at the seam with a file that is there: enough to tell two markets apart, too few to cost a page.
OVERLAP_BARS = 100

# Gaps are what the exchange has; whoever loads the file judges them.
_ANY_GAPS = 2**62


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: the bars of [since, stop) on the grid, in SYMBOL.parquet, and where they come from in words."""

    symbol: str
    interval_minutes: int
    since_ms: int
    stop_ms: int
    folder: Path
    origin: str
    is_forced: bool = False

    @property
    def step(self) -> int:
        return self.interval_minutes * MINUTE_MS

    @property
    def target(self) -> Path:
        return self.folder / f"{self.symbol}.parquet"

    @property
    def part_folder(self) -> Path:
        return self.folder / f".{self.symbol}.{interval_name(self.interval_minutes)}.part"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What the file holds now, and what it took."""

    outcome: Outcome
    bars: Bars
    n_new: int
    n_resumed: int
    gaps: tuple[Gap, ...]
    n_pages: int
    n_retries: int

    @property
    def n_rows(self) -> int:
        return int((~self.bars.synthetic).sum())


def download(
    request: Request, source: Source, *, patience: Patience, pace: Pace, rng: random.Random, told: Told
) -> Downloaded:
    """Fetches what the file lacks and writes it whole.

    Raises
    ------
    DataError
        If bars are there that differ, that are of another interval, or that cannot be read; if the exchange has none;
        if another download is at work.
    ExchangeError
        If the exchange does not answer, or sends what is no bar, after all attempts. What came is kept.
    StoppedError
        If the pace was stopped. What came is kept.
    """
    stamp = _stamp(request.target)
    held = None if request.is_forced else _held(request)
    wanted = wanted_spans(
        request.since_ms, request.stop_ms, request.step, held=_span_of(held, request.step), overlap_bars=OVERLAP_BARS
    )
    if held is not None and not wanted:
        _drop_leftover(request)
        return _as_it_is(held, request)
    with _naming(request.part_folder), Parts(request.part_folder, request.origin, afresh=request.is_forced) as parts:
        n_resumed = parts.n_bars
        errand = Errand(
            source, parts, origin=request.origin, step=request.step, patience=patience, pace=pace, rng=rng, told=told
        )
        left = remaining(wanted, parts.spans)
        told.expect(sum(span.stop - span.start for span in left) // request.step)
        try:
            for span in left:
                errand.walk(span)
        except ExchangeError as fault:
            raise ExchangeError(
                f"{fault}; {parts.n_bars} bars of {request.symbol} are kept in {parts.folder},"
                " and the same command continues from there",
                is_final=True,
            ) from fault
        table = _of_spans(parts.bars(), wanted)
        bars = _joined(table, held, request)
        outcome = _written(bars, held, request, stamp)
        parts.discard()
    return Downloaded(
        outcome=outcome,
        bars=bars,
        n_new=int((~bars.synthetic).sum()) - (0 if held is None else int((~held.synthetic).sum())),
        n_resumed=n_resumed,
        gaps=find_gaps(bars.open_time[~bars.synthetic], request.interval_minutes),
        n_pages=errand.n_pages,
        n_retries=errand.n_retries,
    )


@contextlib.contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """A disk that is full names no file: the folder that was written to is told in its place."""
    try:
        yield
    except OSError as fault:
        fault.filename = fault.filename or str(folder)
        raise


# -- the file that is there -------------------------------------------------------------------------------------------


def _held(request: Request) -> Bars | None:
    """The bars of the target, or None; refuses what cannot be extended."""
    others = [request.target.with_suffix(suffix) for suffix in SUFFIXES if suffix != request.target.suffix]
    for other in others:
        if other.exists():
            raise DataError(f"{other}: {request.symbol} is there in another format; choose another --out, or move it")
    if not request.target.exists():
        return None
    # One bar alone does not tell its interval.
    named = request.interval_minutes if read_klines(request.target).n_rows == 1 else None
    held = load_bars(request.target, interval=named, allow_gaps=_ANY_GAPS)
    if held.interval_minutes != request.interval_minutes:
        raise DataError(
            f"{request.target}: {interval_name(held.interval_minutes)} bars are there, and"
            f" {interval_name(request.interval_minutes)} were asked for; choose another --out, or replace with --force"
        )
    return held


def _span_of(held: Bars | None, step: int) -> Span | None:
    return None if held is None else Span(int(held.open_time[0]), int(held.open_time[-1]) + step)


def _as_it_is(held: Bars, request: Request) -> Downloaded:
    real = held.open_time[~held.synthetic]
    gaps = find_gaps(real, request.interval_minutes)
    return Downloaded(outcome="unchanged", bars=held, n_new=0, n_resumed=0, gaps=gaps, n_pages=0, n_retries=0)


def _drop_leftover(request: Request) -> None:
    """The part of a download that was killed between writing its file and tidying up."""
    if request.part_folder.is_dir():
        with Parts(request.part_folder, request.origin, afresh=True) as parts:
            parts.discard()


def _of_spans(table: FloatArray, spans: tuple[Span, ...]) -> FloatArray:
    is_wanted = np.zeros(len(table), dtype=np.bool_)
    for start, stop in spans:
        is_wanted |= (table[:, 0] >= start) & (table[:, 0] < stop)
    return table[is_wanted]


def _joined(table: FloatArray, held: Bars | None, request: Request) -> Bars:
    """What came and what was there, as one checked series; refuses when they tell of a bar differently."""
    if held is not None:
        there = _table_of(held)
        _, here, in_held = np.intersect1d(table[:, 0], there[:, 0], assume_unique=True, return_indices=True)
        differing = np.flatnonzero((table[here] != there[in_held]).any(axis=1))
        if differing.size:
            came, was = (
                Row(int(row[0]), *row[1:].tolist()) for row in (table[here][differing[0]], there[in_held][differing[0]])
            )
            raise DataError(
                f"{request.target}: the bar of {utc_text(came.open_time)} is there with {told_values(was)}, and"
                f" {request.origin} has {told_values(came)} ({differing.size} of {here.size} compared bars differ);"
                " choose another --out, or replace the file with --force"
            )
        is_new = ~np.isin(table[:, 0], there[:, 0], assume_unique=True)
        table = np.concatenate([there, table[is_new]])
        table = table[np.argsort(table[:, 0], kind="stable")]
    if not len(table):
        raise DataError(
            f"{request.origin}: the exchange has no bars from {utc_text(request.since_ms)} to"
            f" {utc_text(request.stop_ms)}; choose another stretch"
        )
    columns = (np.ascontiguousarray(column) for column in table[:, 1:].T)
    return bars_from_arrays(
        request.symbol, request.interval_minutes, table[:, 0].astype(np.int64), *columns, allow_gaps=_ANY_GAPS
    )


def _table_of(bars: Bars) -> FloatArray:
    real = ~bars.synthetic
    columns = [bars.open_time[real].astype(np.float64), *(getattr(bars, name)[real] for name in VALUE_COLUMNS)]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Tells whether a file is the one it was."""
    if not path.exists():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


def _written(bars: Bars, held: Bars | None, request: Request, stamp: tuple[int, ...] | None) -> Outcome:
    if held is not None and held.sha256() == bars.sha256():
        return "unchanged"
    outcome: Outcome = "extended" if held is not None else "replaced" if request.target.exists() else "written"
    # In the part's folder, so that a kill leaves no half file where bars are looked for.
    beside = request.part_folder / request.target.name
    write_bars(beside, bars)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    if _stamp(request.target) != stamp:
        raise DataError(f"{request.target}: something else wrote it meanwhile; look at it, then run the command again")
    beside.replace(request.target)
    return outcome
