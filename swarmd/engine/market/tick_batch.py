"""Tick batches: what files of ticks hold, and the rows of their stream as strategies see them.

`ticks` reads the files, `tick_stream` makes the batches of them. Strategies and their contract import this alone: Arrow
is 46 MB of memory, and a lane that trades on bars looks its strategy up among those on ticks as well.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray

DAY_NS = 86_400 * 10**9
# The columns of a batch that are numbers, in the order in which they are woven.
TABLE = ("bid_px", "ask_px", "bid_sz", "ask_sz", "price", "qty", "side", "buy_px", "sell_px")

TickColumns = dict[str, NDArray[Any]]


class TickSchema(StrEnum):
    """What a file of market data holds; told by its columns."""

    OHLCV = "ohlcv"
    L1_QUOTE = "l1_quote"
    TRADES = "trades"


REQUIRED = {
    TickSchema.OHLCV: ("timestamp", "open", "high", "low", "close", "volume"),
    TickSchema.L1_QUOTE: ("ts", "bid_px", "ask_px", "bid_sz", "ask_sz"),
    TickSchema.TRADES: ("ts", "price", "qty"),
}
# Trades may say who was the aggressor: +1 bought, -1 sold, 0 not known.
SIDE = "side"


@dataclass(frozen=True)
class TickBatch:
    """Consecutive rows of the stream, decoded once; shape (n_rows,) each, read-only.

    `bid_px` to `ask_sz` are the quote in force after the row (NaN before the first one); `price`, `qty`, `side` are the
    trade's, NaN, 0 and 0 on a quote. `buy_px` and `sell_px` are what one would pay and get on this row: ask and bid in
    force, or the trade's price where no quote has been seen.
    """

    first_row: int
    ts: IntArray
    is_trade: BoolArray
    bid_px: FloatArray
    ask_px: FloatArray
    bid_sz: FloatArray
    ask_sz: FloatArray
    price: FloatArray
    qty: FloatArray
    side: FloatArray
    buy_px: FloatArray
    sell_px: FloatArray

    def __post_init__(self) -> None:
        # For the instances' sake, who share it; and because to the compiler memory that may be written to is a type of
        # its own, and it would compile everything a second time.
        for name in ("ts", "is_trade", *TABLE):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return int(self.ts.size)

    @cached_property
    def trade_rows(self) -> IntArray:
        """Which rows are trades."""
        return np.flatnonzero(self.is_trade)

    @cached_property
    def quote_rows(self) -> IntArray:
        """Which rows are quotes."""
        return np.flatnonzero(~self.is_trade)

    @cached_property
    def days(self) -> tuple[tuple[int, int, int], ...]:
        """Stretches of one UTC day: its number since 1970, the first row, and the row after the last."""
        day = self.ts // DAY_NS
        starts = [0, *(np.flatnonzero(np.diff(day)) + 1).tolist()]
        return tuple(
            (int(day[start]), start, stop) for start, stop in zip(starts, [*starts[1:], len(self)], strict=True)
        )

    @cached_property
    def arrow(self) -> Any:
        """The rows as an Arrow record batch over the same memory."""
        import pyarrow as pa

        values = {"ts": self.ts, **{name: getattr(self, name) for name in TABLE}}
        columns = [
            pa.Array.from_buffers(pa.from_numpy_dtype(column.dtype), column.size, [None, pa.py_buffer(column)])
            for column in values.values()
        ]
        bits = pa.py_buffer(np.packbits(self.is_trade, bitorder="little"))
        columns.append(pa.Array.from_buffers(pa.bool_(), len(self), [None, bits]))
        return pa.RecordBatch.from_arrays(columns, names=[*values, "is_trade"])


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view of the same memory that refuses to be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
