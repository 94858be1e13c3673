"""Columns: which columns of a table are open time, prices and volume, as numbers and instants of one kind.

`formats` calls it. A value that is missing becomes NaN for the checks to name; an open time that is missing, or no
instant, is refused here, for no check could say where it stands.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.klines import VALUE_COLUMNS, Klines

TIME_COLUMNS = ("timestamp", "open_time", "date")

# Integer instants are told apart by size: a second count above 1e11 would lie past the year 5138, a millisecond count
# below it before 1973. Exchanges changed from ms to us in 2025, so one series may well come in two units, file by file.
_UNITS = (("s", 10**11, 1000, 1), ("ms", 10**14, 1, 1), ("us", 10**17, 1, 1000), ("ns", 2**63 - 1, 1, 1_000_000))


def klines_of(path: Path, table: Any, *, symbol: str) -> Klines:
    """The klines of an Arrow table; refuses one that lacks a column or a row, and judges nothing else."""
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
        symbol=symbol,
        open_time=_open_times(path, time_column, by_name[time_column]),
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
    )


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
    elif pa.types.is_boolean(column.type):
        raise DataError(f"{path}: column {name} holds true and false, not numbers; give {name} as numbers")
    elif not pa.types.is_null(column.type):
        column = _parsed_text(path, name, column)
    else:
        return np.full(len(column), np.nan)
    values: FloatArray = _array(column.fill_null(np.nan) if column.null_count else column)
    return values


def _array(column: Any) -> Any:
    """A column of numbers, none missing, as an array. Not by `to_numpy`: it imports pandas where there is one, which
    takes ten times as long as all the rest.
    """
    return np.from_dlpack(column.combine_chunks())


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
        return _instants_from_numbers(path, name, _array(column))
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = _instants_from_text(column)
        # A zone only changes how an instant is shown; without one the text is taken as UTC.
        column = column.cast(pa.timestamp("ms", tz=getattr(column.type, "tz", None)))
    except pa.ArrowException as problem:
        reason = " ".join(str(problem).split())
        raise DataError(f"{path}: column {name} does not hold open times in whole ms ({reason}); convert it") from None
    times: IntArray = _array(column.cast(pa.int64()))
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
