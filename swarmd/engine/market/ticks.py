"""Ticks: files of quotes and trades, read as Arrow record batches and refused where they cannot be used.

`open_ticks` looks at the columns of a file and says what it holds; `TickFile.batches` reads it once, front to back,
each batch decoded into arrays and checked against the one before. `tick_stream` weaves quotes and trades into one
stream. Nothing is held whole: a file may be larger than the memory. No strategy and no fill may come in here.

**Crossed quotes** (bid above ask) are in real data: two venues that have not yet seen each other. Whoever buys at such
an ask and sells at such a bid makes money that was never there, so the default is to refuse the file at the first one;
`Crossed.DROP` leaves them out and counts them. **Locked quotes** (bid equal to ask) are kept and counted: nobody gains
by them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.tick_batch import REQUIRED, SIDE, TickColumns, TickSchema
from swarmd.engine.market.tick_checks import check_ticks, missing_value

DEFAULT_BATCH_ROWS = 100_000


class Crossed(StrEnum):
    """What becomes of a quote whose bid is above its ask."""

    REFUSE = "refuse"
    DROP = "drop"


@dataclass(slots=True)
class Tally:
    """What one pass over a file has seen so far; `rows` counts what was asked for, dropped rows included.

    `longest_gap_ns` is the longest time between two rows that follow each other, the later of which came at `gap_end`.
    """

    rows: int = 0
    first_ts: int = 0
    last_ts: int = 0
    longest_gap_ns: int = 0
    gap_end: int = 0
    locked: int = 0
    crossed_dropped: int = 0

    def saw(self, ts: NDArray[Any]) -> None:
        """The times of the next rows, of which there is one at least."""
        if not self.rows:
            self.first_ts = self.last_ts = int(ts[0])
        gaps = np.diff(ts, prepend=self.last_ts)
        at = int(gaps.argmax())
        if gaps[at] > self.longest_gap_ns:
            self.longest_gap_ns, self.gap_end = int(gaps[at]), int(ts[at])
        self.rows += ts.size
        self.last_ts = int(ts[-1])


@dataclass(frozen=True, slots=True)
class TickFile:
    """A file whose columns are known to be right; its rows are looked at as they are read."""

    path: Path
    schema: TickSchema
    n_rows: int
    has_side: bool
    crossed: Crossed
    # Rows from the first instant on and before the second, in ns UTC; the others are left out.
    start_ts: int | None = None
    end_ts: int | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read; any others are left alone."""
        return (*REQUIRED[self.schema], *((SIDE,) if self.has_side else ()))

    def batches(self, batch_rows: int, tally: Tally) -> Iterator[TickColumns]:
        """The rows, at most `batch_rows` at a time, as contiguous arrays: `ts` int64 (ns UTC), all else float64.

        Raises
        ------
        DataError
            At the first row that is wrong: file, row counted from 0, column, value, and what to do.
        """
        if batch_rows < 1:
            raise ValueError(f"ticks: batches of {batch_rows} rows; give at least 1, {DEFAULT_BATCH_ROWS} is usual")
        n_read, before = 0, None
        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=batch_rows, columns=list(self.columns)):
                    if not batch.num_rows:
                        continue  # an empty row group
                    columns = self._decoded(batch, first_row=n_read)
                    is_crossed = check_ticks(
                        str(self.path),
                        columns,
                        first_row=n_read,
                        before_ts=before,
                        refuse_crossed=self.crossed is Crossed.REFUSE,
                    )
                    n_read, before = n_read + batch.num_rows, int(columns["ts"][-1])
                    asked = self._asked(columns["ts"])
                    columns = {name: values[asked] for name, values in columns.items()}
                    if columns["ts"].size:
                        tally.saw(columns["ts"])
                        if self.schema is TickSchema.L1_QUOTE:
                            columns = _kept(columns, is_crossed[asked], tally)
                    if columns["ts"].size:
                        yield columns
                    if self.end_ts is not None and before >= self.end_ts:
                        return
        except (pa.ArrowException, OSError) as problem:
            raise _unreadable(self.path, problem) from None

    def _asked(self, ts: NDArray[Any]) -> slice:
        start = 0 if self.start_ts is None else int(np.searchsorted(ts, self.start_ts, side="left"))
        stop = ts.size if self.end_ts is None else int(np.searchsorted(ts, self.end_ts, side="left"))
        return slice(start, stop)

    def sha256(self) -> str:
        """Digest of the file's bytes: two runs on the same digest saw the same ticks."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _decoded(self, batch: Any, *, first_row: int) -> TickColumns:
        columns: TickColumns = {}
        for name in self.columns:
            column = batch.column(name)
            if column.null_count:
                raise missing_value(str(self.path), name, column, first_row=first_row)
            wanted = pa.int64() if name == "ts" else pa.float64()
            if pa.types.is_timestamp(column.type):
                column = column.cast(pa.timestamp("ns", tz=column.type.tz))
            # Not by `to_numpy`: it imports pandas where there is one.
            columns[name] = np.ascontiguousarray(np.from_dlpack(column.cast(wanted)))
        return columns


def open_ticks(
    path: Path, *, crossed: Crossed = Crossed.REFUSE, start_ts: int | None = None, end_ts: int | None = None
) -> TickFile:
    """The file of quotes or of trades, its columns and their types checked; refuses bars and anything else."""
    names = _arrow_schema(path)
    schema = schema_of(path)
    if schema is TickSchema.OHLCV:
        raise DataError(f"{path}: these are bars, not ticks; give quotes or trades, or a strategy that trades on bars")
    for name in REQUIRED[schema]:
        _check_type(path, name, names.field(name).type)
    has_side = SIDE in names.names and schema is TickSchema.TRADES
    if has_side and not pa.types.is_integer(names.field(SIDE).type):
        raise DataError(
            f"{path}: column side is {names.field(SIDE).type}; write it as an integer: 1 bought, -1 sold, 0 not known"
        )
    n_rows = pyarrow.parquet.read_metadata(path).num_rows
    if n_rows == 0:
        raise DataError(f"{path}: it has columns but no rows; fetch the {schema.value} again")
    return TickFile(path, schema, n_rows, has_side, crossed, start_ts, end_ts)


def schema_of(path: Path) -> TickSchema:
    """What the file holds, told by its columns; refuses one that lacks a column, naming what each schema would need."""
    held = set(_arrow_schema(path).names)
    # Bars are read whatever the case of their columns, and under three names of time.
    small = {name.lower() for name in held}
    if small >= {"open", "high", "low", "close", "volume"} and small & {"timestamp", "open_time", "date"}:
        return TickSchema.OHLCV
    for schema, required in REQUIRED.items():
        if held.issuperset(required):
            return schema
    nearest = max(REQUIRED, key=lambda schema: len(small.intersection(REQUIRED[schema])) / len(REQUIRED[schema]))
    absent = ", ".join(name for name in REQUIRED[nearest] if name not in held)
    needs = "; ".join(f"{schema.value}: {', '.join(required)}" for schema, required in REQUIRED.items())
    raise DataError(
        f"{path}: no column {absent}, and it looks most like {nearest.value}; it has {', '.join(sorted(held))};"
        f" rename or add them ({needs})"
    )


def _arrow_schema(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a Parquet file of quotes or trades")
    try:
        return pyarrow.parquet.read_schema(path)
    except (pa.ArrowException, OSError) as problem:
        raise _unreadable(path, problem) from None


def _unreadable(path: Path, problem: BaseException) -> DataError:
    reason = " ".join(str(problem).split())
    return DataError(f"{path}: cannot be read as Parquet ({reason}); ticks are read from Parquet alone")


def _check_type(path: Path, name: str, kind: Any) -> None:
    is_whole = pa.types.is_integer(kind)
    if name == "ts":
        if not (is_whole or pa.types.is_timestamp(kind)):
            raise DataError(f"{path}: column ts is {kind}; write it as int64 nanoseconds UTC, or as an Arrow timestamp")
    elif not (is_whole or pa.types.is_floating(kind)):
        raise DataError(f"{path}: column {name} is {kind}; write it as float64")


def _kept(columns: TickColumns, is_crossed: BoolArray, tally: Tally) -> TickColumns:
    """The quotes without the crossed ones, which only a file that drops them still has."""
    tally.locked += int(np.count_nonzero(columns["bid_px"] == columns["ask_px"]))
    n_crossed = int(np.count_nonzero(is_crossed))
    if not n_crossed:
        return columns
    tally.crossed_dropped += n_crossed
    return {name: values[~is_crossed] for name, values in columns.items()}
