"""Checks of ticks: what makes a row of quotes or trades unusable, told by row, column and value.

`ticks` calls it for every batch it decodes. Whole-column comparisons, so that clean data costs little; the first fault
of a batch is refused, the earliest row first. Crossed quotes alone may be let through, to be dropped by the caller.
"""

from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray
from swarmd.engine.market.faults import DataError

# 1990 to 2100 in nanoseconds: an instant outside is one in another unit.
_EARLIEST_NS, _LATEST_NS = 631_152_000 * 10**9, 4_102_444_800 * 10**9
_MEND = "mend or drop the row"


def check_ticks(
    source: str,
    columns: dict[str, NDArray[Any]],
    *,
    first_row: int,
    before_ts: int | None,
    refuse_crossed: bool,
) -> BoolArray:
    """Refuses the earliest row that is wrong; gives back which quotes are crossed (none, where they are refused).

    `first_row` is the batch's first row in its file, `before_ts` the time of the row above it.
    """
    faults = [_time_fault(columns["ts"], before_ts)]
    faults += [_value_fault(name, values) for name, values in columns.items() if name not in ("ts", "side")]
    if "side" in columns:
        faults.append(_side_fault(columns["side"]))
    is_crossed = np.zeros(columns["ts"].size, dtype=np.bool_)
    if "bid_px" in columns:
        is_crossed = columns["bid_px"] > columns["ask_px"]
        if refuse_crossed:
            faults.append(_crossed_fault(columns["bid_px"], columns["ask_px"], is_crossed))
    found = [fault for fault in faults if fault is not None]
    if found:
        row, told = min(found)
        raise DataError(f"{source}: row {first_row + row}, {told}")
    return is_crossed


def missing_value(source: str, name: str, column: Any, *, first_row: int) -> DataError:
    """The refusal of a column that has a value missing."""
    row = pc.index(column.is_null(), True).as_py()
    return DataError(f"{source}: row {first_row + row}, column {name}: the value is missing; {_MEND}")


# A fault is the row in the batch, and what is to be told of it.
_Fault = tuple[int, str] | None


def _time_fault(ts: NDArray[Any], before_ts: int | None) -> _Fault:
    strange = _first((ts < _EARLIEST_NS) | (ts >= _LATEST_NS))
    above = np.concatenate(([ts[0] if before_ts is None else before_ts], ts[:-1]))
    falls = _first(ts < above)
    if strange is not None and (falls is None or strange <= falls):
        return strange, (
            f"column ts: {ts[strange]} is no instant of 1990 to 2100 in nanoseconds since 1970 UTC;"
            " write ts in nanoseconds"
        )
    if falls is not None:
        return falls, (
            f"column ts: time goes back by {above[falls] - ts[falls]} ns, from {above[falls]} in the row above to"
            f" {ts[falls]}; sort the file by ts, rows of one instant in the order in which they came"
        )
    return None


def _value_fault(name: str, values: NDArray[Any]) -> _Fault:
    row = _first(~(np.isfinite(values) & (values > 0.0)))
    if row is None:
        return None
    what = "is not positive" if np.isfinite(values[row]) else "is not a finite number"
    return row, f"column {name}: {values[row]} {what}; {_MEND}"


def _side_fault(side: NDArray[Any]) -> _Fault:
    row = _first(~np.isin(side, (-1.0, 0.0, 1.0)))
    if row is None:
        return None
    return row, f"column side: {side[row]:g} is no side; write 1 (bought), -1 (sold) or 0 (not known)"


def _crossed_fault(bid: NDArray[Any], ask: NDArray[Any], is_crossed: BoolArray) -> _Fault:
    row = _first(is_crossed)
    if row is None:
        return None
    n = int(np.count_nonzero(is_crossed))
    count = f"{n} crossed {'quote' if n == 1 else 'quotes'} in this batch of {bid.size}"
    return row, (
        f"column bid_px: the quote is crossed, bid {bid[row]} above ask {ask[row]} ({count});"
        " mend the file, or leave crossed quotes out and have them counted with --crossed drop"
    )


def _first(is_wrong: NDArray[Any]) -> int | None:
    return int(is_wrong.argmax()) if is_wrong.any() else None
