"""Bars: a checked, gapless series of one symbol and interval, its digest, and the only doors by which one is made.

Everything that computes on prices is handed `Bars`. A door reads, has the checks examine, refuses at the first error,
and puts accepted gaps on the grid; it never repairs a value. Nothing here knows what bars are used for.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.market.checks import examine, examine_order, interval_of
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.formats import read_klines
from swarmd.engine.market.gaps import on_full_grid
from swarmd.engine.market.klines import VALUE_COLUMNS, Klines
from swarmd.engine.market.timeframes import interval_name, parse_interval, utc_text

ARRAYS = ("open_time", "open", "high", "low", "close", "volume", "synthetic")


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A checked series on its full grid: int64 open times in ms UTC, float64 prices and volume, all of shape (n_bars,).

    The arrays are contiguous and read-only. `synthetic` is True on a flat bar that was put into an accepted gap; no
    order fills there. Make one with `load_bars` or `bars_from_arrays`: this constructor checks shapes only.
    """

    symbol: str
    interval_minutes: int
    open_time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    synthetic: BoolArray
    # The arrays never change, and a phase asks for their digest several times.
    _digest: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ARRAYS:
            wanted = {"open_time": np.int64, "synthetic": np.bool_}.get(name, np.float64)
            values: NDArray[Any] = np.ascontiguousarray(getattr(self, name), dtype=wanted).view()
            if values.shape != (len(self.open_time),):
                raise DataError(f"bars {self.symbol}: {name} has shape {values.shape}, open_time {len(self.open_time)}")
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    @property
    def n_bars(self) -> int:
        return int(self.open_time.shape[0])

    def between(self, start_bar: int, stop_bar: int) -> "Bars":
        """The bars [start_bar, stop_bar), sharing memory with these."""
        if not 0 <= start_bar < stop_bar <= self.n_bars:
            raise DataError(f"bars {self.symbol}: no stretch [{start_bar}, {stop_bar}) in {self.n_bars} bars")
        arrays = {name: getattr(self, name)[start_bar:stop_bar] for name in ARRAYS}
        return Bars(symbol=self.symbol, interval_minutes=self.interval_minutes, **arrays)

    def sha256(self) -> str:
        """Digest of interval and arrays (little-endian), the same whatever the file format; the symbol is left out."""
        if self._digest:
            return self._digest[0]
        digest = hashlib.sha256(f"swarmd.bars/1 {interval_name(self.interval_minutes)} {self.n_bars}\n".encode())
        for name in ARRAYS:
            values = getattr(self, name)
            digest.update(values.astype(values.dtype.newbyteorder("<"), copy=False).data)
        self._digest.append(digest.hexdigest())
        return self._digest[0]

    def snapshot_id(self) -> str:
        """A name for exactly these bars: symbol, interval, first and last day, and the head of the digest."""
        first, last = (_day(int(self.open_time[bar])) for bar in (0, -1))
        return f"{self.symbol}_{interval_name(self.interval_minutes)}_{first}_{last}_{self.sha256()[:12]}"


def load_bars(
    path: str | Path | Sequence[Path],
    *,
    symbol: str | None = None,
    interval: str | int | None = None,
    start_ms: int | None = None,
    end_ms: int | None = None,
    known_gaps: Iterable[str | dt.date] = (),
    allow_gaps: int = 0,
) -> Bars:
    """Bars of a Parquet, CSV or Feather file or of an exchange's zip dumps, checked, or a refusal.

    Parameters
    ----------
    path : path of one file; its stem is the symbol unless `symbol` names another. Or a folder with the dumps of one
        series, or the files of one series: each a stretch of it, in any order, with no row in common.
    interval : such as `5m`, or minutes; told from the open times when absent.
    start_ms, end_ms : first open time wanted, and the first no longer wanted. Rows outside are not examined, except
        for their order.
    known_gaps : UTC days (`2023-12-31`) or instants; a gap is known when its first missing bar falls on that day, or is
        that instant.
    allow_gaps : how many missing bars, in gaps that are not known, are accepted altogether.

    Raises
    ------
    DataError
        At the first error found; one line that names file, row, value, and what to do.
    """
    named = None if interval is None else _minutes(interval)
    klines = read_klines(
        Path(path) if isinstance(path, str) else path,
        symbol=symbol,
        interval=None if named is None else interval_name(named),
    )
    klines = _stretch(klines, start_ms=start_ms, end_ms=end_ms)
    minutes = named if named is not None else interval_of(klines)
    return _checked(klines, minutes, known_gaps=known_gaps, allow_gaps=allow_gaps)


def bars_from_arrays(
    symbol: str,
    interval_minutes: int,
    open_time: ArrayLike,
    open: ArrayLike,
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    volume: ArrayLike,
    *,
    known_gaps: Iterable[str | dt.date] = (),
    allow_gaps: int = 0,
) -> Bars:
    """Bars of arrays (copied), under the same checks as those of a file; `DataError` at the first error."""
    interval_name(interval_minutes)
    klines = Klines(
        source=f"bars {symbol}",
        symbol=symbol,
        open_time=np.array(open_time, dtype=np.int64),
        open=np.array(open, dtype=np.float64),
        high=np.array(high, dtype=np.float64),
        low=np.array(low, dtype=np.float64),
        close=np.array(close, dtype=np.float64),
        volume=np.array(volume, dtype=np.float64),
    )
    for name in VALUE_COLUMNS:
        if klines.column(name).shape != (klines.n_rows,):
            raise DataError(f"bars {symbol}: {name} has {klines.column(name).size} values, open_time {klines.n_rows}")
    if klines.n_rows == 0:
        raise DataError(f"bars {symbol}: no rows; give at least one bar")
    return _checked(klines, interval_minutes, known_gaps=known_gaps, allow_gaps=allow_gaps)


def _checked(klines: Klines, minutes: int, *, known_gaps: Iterable[str | dt.date], allow_gaps: int) -> Bars:
    findings = examine(klines, minutes, known_gaps=known_gaps, allow_gaps=allow_gaps)
    for finding in findings:
        if finding.level == "error":
            raise DataError(finding.message)
    grid = on_full_grid(klines, minutes)
    arrays = {part.name: getattr(grid, part.name) for part in fields(grid)}
    # Adding zero turns a volume of -0.0, which some writers leave and others do not, into one and the same digest.
    arrays["volume"] = arrays["volume"] + 0.0
    return Bars(symbol=klines.symbol, interval_minutes=minutes, **arrays)


def _stretch(klines: Klines, *, start_ms: int | None, end_ms: int | None) -> Klines:
    if start_ms is None and end_ms is None:
        return klines
    # Only rising open times can be cut by instant.
    for finding in examine_order(klines):
        raise DataError(finding.message)
    start = 0 if start_ms is None else int(np.searchsorted(klines.open_time, start_ms))
    stop = klines.n_rows if end_ms is None else int(np.searchsorted(klines.open_time, end_ms))
    if start >= stop:
        first, last = utc_text(int(klines.open_time[0])), utc_text(int(klines.open_time[-1]))
        raise DataError(f"{klines.source}: no bars in the asked stretch; the file has {first} to {last}")
    return klines.rows(start, stop)


def _minutes(interval: str | int) -> int:
    return parse_interval(interval) if isinstance(interval, str) else parse_interval(interval_name(interval))


def _day(open_time_ms: int) -> str:
    return dt.datetime.fromtimestamp(open_time_ms / 1000, tz=dt.UTC).strftime("%Y-%m-%d")
