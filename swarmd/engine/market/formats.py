"""Formats: Parquet, CSV and Feather in, klines out; bars out again as files that read back to the same digest.

The loader, the preflight and the commands call it. Columns are `timestamp`, `open_time` or `date` (the open time of the
bar) and open, high, low, close, volume; what is in them is not judged here beyond being numbers and instants.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.klines import VALUE_COLUMNS, Klines

if TYPE_CHECKING:  # only the name of the type: bars.py reads files through this module
    from swarmd.engine.market.bars import Bars

SUFFIXES = (".parquet", ".csv", ".feather")
TIME_COLUMNS = ("timestamp", "open_time", "date")

# Integer instants are told apart by size: a second count above 1e11 would lie past the year 5138, a millisecond count
# below it before 1973. Exchanges changed from ms to us in 2025, so one file may well hold two units.
_UNITS = (("s", 10**11, 1000, 1), ("ms", 10**14, 1, 1), ("us", 10**17, 1, 1000), ("ns", 2**63 - 1, 1, 1_000_000))


def read_klines(path: Path, *, symbol: str | None = None) -> Klines:
    """The klines of a file, by its suffix; refuses what cannot be read or lacks a column, and judges nothing else."""
    table = _read_table(path)
    by_name = _columns_by_name(path, table)
    time_column = next((name for name in TIME_COLUMNS if name in by_name), None)
    absent = [name for name in VALUE_COLUMNS if name not in by_name]
    if time_column is None:
        absent.insert(0, "timestamp")
    if absent or time_column is None:
        raise DataError(
            f"{path}: no column {', '.join(absent)}; it has {', '.join(map(str, table.column_names))};"
            " bars need timestamp (or open_time, date), open, high, low, close, volume: rename or add them"
        )
    if table.num_rows == 0:
        raise DataError(f"{path}: it has columns but no rows; download or import the bars again")
    open_, high, low, close, volume = (_numbers(path, name, by_name[name]) for name in VALUE_COLUMNS)
    return Klines(
        source=str(path),
        symbol=symbol if symbol is not None else path.stem,
        open_time=_open_times(path, time_column, by_name[time_column]),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


def write_bars(path: Path, bars: "Bars") -> None:
    """Writes the real bars of a series (synthetic ones are left out: they are not data) by the suffix of `path`."""
    _check_suffix(path)
    real = ~bars.synthetic
    table = pa.table(
        {
            "timestamp": pa.array(bars.open_time[real]).cast(pa.timestamp("ms", tz="UTC")),
            **{name: pa.array(getattr(bars, name)[real]) for name in VALUE_COLUMNS},
        }
    )
    match path.suffix.lower():
        case ".parquet":
            pyarrow.parquet.write_table(table, path, compression="zstd")
        case ".feather":
            pyarrow.feather.write_feather(table, str(path), compression="zstd")
        case _:
            pyarrow.csv.write_csv(table, path)


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: the suffix {path.suffix!r} is not one of {', '.join(SUFFIXES)}; convert the file")


def _read_table(path: Path) -> Any:
    _check_suffix(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file; check the path, or import the bars there first")
    if not path.is_file():
        raise DataError(f"{path}: this is not a file; give the path of one bars file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; download or import the bars again")
    try:
        match path.suffix.lower():
            case ".parquet":
                # Not read_table: it loads the dataset machinery, a second on a cold start. Not memory-mapped either:
                # a file cut short while it is mapped ends the process.
                with pyarrow.parquet.ParquetFile(path) as file:
                    return file.read()
            case ".feather":
                return pyarrow.feather.read_table(path)
            case _:
                return pyarrow.csv.read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        reason = " ".join(str(problem).split())
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]} ({reason}); is it damaged or misnamed?") from None


def _columns_by_name(path: Path, table: Any) -> dict[str, Any]:
    by_name: dict[str, Any] = {}
    for position, written in enumerate(table.column_names):
        name = str(written).strip().lower()
        if name in by_name and name in (*TIME_COLUMNS, *VALUE_COLUMNS):
            raise DataError(f"{path}: column {name} appears twice; remove one of the two")
        by_name.setdefault(name, table.column(position))
    return by_name


def _numbers(path: Path, name: str, column: Any) -> FloatArray:
    """A value column as float64; a missing value becomes NaN, which the checks then name."""
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
        column = column.cast(pa.float64(), safe=False)
    elif not pa.types.is_null(column.type):
        column = _parsed_text(path, name, column)
    values: FloatArray = column.to_numpy().astype(np.float64, copy=False)
    return values


def _parsed_text(path: Path, name: str, column: Any) -> Any:
    try:
        return column.cast(pa.float64())
    except pa.ArrowException:
        row, value = next(((row, text) for row, text in enumerate(column.to_pylist()) if not _is_number(text)), (0, ""))
        raise DataError(f"{path}: row {row}, column {name}: {value!r} is not a number; mend or drop the row") from None


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return value is None
    return True


def _open_times(path: Path, name: str, column: Any) -> IntArray:
    """Open times in ms UTC from an instant, a date, an integer of any unit, or ISO text."""
    if column.null_count:
        row = pc.index(column.is_null(), True).as_py()
        raise DataError(f"{path}: row {row}, column {name}: the open time is missing; mend or drop the row")
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _instants_from_numbers(path, name, column.to_numpy())
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = _instants_from_text(column)
        # A zone only changes how an instant is shown; without one the text is taken as UTC.
        column = column.cast(pa.timestamp("ms", tz=getattr(column.type, "tz", None)))
    except pa.ArrowException as problem:
        reason = " ".join(str(problem).split())
        raise DataError(f"{path}: column {name} does not hold open times in whole ms ({reason}); convert it") from None
    times: IntArray = column.cast(pa.int64()).to_numpy()
    return times


def _instants_from_text(column: Any) -> Any:
    try:
        return column.cast(pa.timestamp("ms"))
    except pa.ArrowException:
        return column.cast(pa.timestamp("ms", tz="UTC"))


def _instants_from_numbers(path: Path, name: str, raw: Any) -> IntArray:
    if raw.dtype.kind == "f":
        broken = np.flatnonzero(~np.isfinite(raw) | (raw != np.floor(raw)) | (np.abs(raw) >= 2.0**63))
        if broken.size:
            row = int(broken[0])
            raise DataError(f"{path}: row {row}, column {name}: {raw[row]} is not an instant; mend or drop the row")
    values: IntArray = raw.astype(np.int64)
    unit_of = np.searchsorted([limit for _, limit, _, _ in _UNITS], np.abs(values), side="right")
    other = np.flatnonzero(unit_of != unit_of[0])
    if other.size:
        row = int(other[0])
        raise DataError(
            f"{path}: row {row}, column {name}: {values[row]} looks like {_UNITS[unit_of[row]][0]} but row 0"
            f" ({values[0]}) like {_UNITS[unit_of[0]][0]}; write all open times in one unit"
        )
    unit, _, times, per_ms = _UNITS[int(unit_of[0])]
    uneven = np.flatnonzero(values % per_ms)
    if uneven.size:
        row = int(uneven[0])
        raise DataError(f"{path}: row {row}, column {name}: {values[row]} {unit} is not a whole ms; mend the row")
    return values * times // per_ms
