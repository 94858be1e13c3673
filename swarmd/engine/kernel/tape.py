"""The prices in the layout that screening reads: everything that depends on the data alone, computed once per data set.

Made by `batch`, read by `fold`. A named tuple of arrays, because numba takes it apart without cost.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray, aligned_empty
from swarmd.engine.kernel.passage import PassageTable, block_maxima, block_minima, first_passages
from swarmd.engine.kernel.prices import PriceArrays

SingleArray = NDArray[np.float32]

HIGH, LOW, OPEN, CLOSE = range(4)
# Vectors of sixteen may begin at the last element.
PADDING = 32
# Half a step of float32 is 6e-8 of the value; the smallest float32 covers what is too small for that.
WIDER = 1e-7
SMALLEST = np.float32(1.5e-45)
# Columns of `day_sums`: prefix sums over days of the close-to-close return and of its square, in high and low words.
RETURN_HIGH, RETURN_LOW, SQUARE_HIGH, SQUARE_LOW = range(4)


class Tape(NamedTuple):
    """`bars` (n_bars, 4): high, low, open, close side by side, so that a touched bar costs one cache line.

    The `outer` arrays are float32, rounded outwards and padded to be read sixteen at a time: what does not touch a
    level there touches it nowhere, and what does is looked at in `bars`.
    """

    bars: FloatArray
    outer_low: SingleArray
    outer_high: SingleArray
    outer_block_low: SingleArray
    outer_block_high: SingleArray
    close: FloatArray
    block_low: FloatArray
    block_high: FloatArray
    block_close_low: FloatArray
    block_close_high: FloatArray
    day_of_bar: NDArray[np.int32]
    day_close: FloatArray
    day_sums: FloatArray
    levels: FloatArray
    passages: PassageTable
    row_open: FloatArray  # per row of the passage table: the entry's open; the last one's is the last close
    row_day: NDArray[np.int32]


def tape_of(prices: PriceArrays, *, levels: FloatArray, first_entry: int, entry_stride: int) -> Tape:
    """The tape of these prices, with passages for entries at `first_entry` and every `entry_stride` bars after it."""
    block_low, block_high = block_minima(prices.low), block_maxima(prices.high)
    n_days = prices.day_ends.size
    day_of_bar = np.repeat(np.arange(n_days, dtype=np.int32), np.diff(prices.day_ends, prepend=-1))
    entry_bars = np.arange(first_entry, prices.n_bars, entry_stride)
    return Tape(
        bars=np.stack(
            [prices.high, prices.low, prices.open, prices.close],
            axis=1,
            out=aligned_empty((prices.n_bars, 4), np.float64),
        ),
        outer_low=_below(prices.low),
        outer_high=_above(prices.high),
        outer_block_low=_below(block_low),
        outer_block_high=_above(block_high),
        close=prices.close,
        block_low=block_low,
        block_high=block_high,
        block_close_low=block_minima(prices.close),
        block_close_high=block_maxima(prices.close),
        day_of_bar=day_of_bar,
        day_close=prices.close[prices.day_ends],
        day_sums=_day_sums(prices.close, prices.day_ends),
        levels=levels,
        passages=first_passages(
            prices.open, prices.high, prices.low, block_low, block_high, levels, first_entry, entry_stride
        ),
        row_open=np.append(prices.open[entry_bars], prices.close[-1]),
        row_day=np.append(day_of_bar[entry_bars], day_of_bar[-1]).astype(np.int32),
    )


def _below(x: FloatArray) -> SingleArray:
    """Nothing above x, and NaN behind the end: no comparison with it holds."""
    with np.errstate(over="ignore"):  # beyond float32: infinite, and one step below it the largest number
        rounded = x.astype(np.float32)
    down = np.where(rounded > x, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return np.concatenate((down, np.full(PADDING, np.nan, np.float32))).astype(np.float32)


def _above(x: FloatArray) -> SingleArray:
    return -_below(-x)


@njit(cache=True, inline="always")
def outer_below(x: float) -> np.float32:
    """A float32 not above x: by a relative step wider than the rounding, and an absolute one for the smallest."""
    return np.float32(x - abs(x) * WIDER) - SMALLEST


@njit(cache=True, inline="always")
def outer_above(x: float) -> np.float32:
    """A float32 not below x."""
    return np.float32(x + abs(x) * WIDER) + SMALLEST


@njit(cache=True)
def _day_sums(close: FloatArray, day_ends: IntArray) -> FloatArray:
    """Prefix sums in double-double: a plain one loses the small days behind one wild day, and differences show it."""
    out = np.zeros((day_ends.size, 4), np.float64)
    for day in range(1, day_ends.size):
        r = close[day_ends[day]] / close[day_ends[day - 1]] - 1.0
        for high, x in ((RETURN_HIGH, r), (SQUARE_HIGH, r * r)):
            total = out[day - 1, high] + x
            back = total - out[day - 1, high]
            lost = (out[day - 1, high] - (total - back)) + (x - back)
            out[day, high] = total
            out[day, high + 1] = out[day - 1, high + 1] + lost
    return out
