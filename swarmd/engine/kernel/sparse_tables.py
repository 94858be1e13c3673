"""The prices in the layout that `sparse` reads: what depends on the data alone, computed once per data set.

Extremes of lows and highs tell which stretches cannot touch a level, extremes of closes what equity can have been
there. They stand for blocks of 16 bars and for pages of 16 blocks. Synthetic bars, on which nothing fills, have an
infinite low and a high of minus infinity here: no level is ever touched on them, and the searches need not ask.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.kernel.events import next_real_bar
from swarmd.engine.kernel.passage import BLOCK_BARS, BLOCK_SHIFT, block_maxima, block_minima
from swarmd.engine.kernel.prices import PriceArrays

PAGE_SHIFT = 2 * BLOCK_SHIFT
PAGE_BARS = 1 << PAGE_SHIFT


HIGH, LOW, OPEN, CLOSE = range(4)
# Columns of `blocks` and `pages`; the first two are those of `bars`.
CLOSE_HIGH, CLOSE_LOW = 2, 3


class SparseTables(NamedTuple):
    """A named tuple of few arrays: numba takes it apart without cost, and a touched bar costs one cache line.

    `bars` (n_bars, 4), `blocks` and `pages` have the extremes side by side, so that long and short are the choice of
    a column and not of an array. `next_real` is empty where every bar is real. `is_bounded` says that each close lies
    within its bar and each synthetic one repeats the close before it, so that levels which were not touched bound the
    closes as well.
    """

    bars: FloatArray
    blocks: FloatArray
    pages: FloatArray
    day_ends: IntArray
    day_close: FloatArray
    synthetic: BoolArray
    next_real: IntArray
    lowest_close: float
    highest_close: float
    is_bounded: bool


def sparse_tables(prices: PriceArrays) -> SparseTables:
    """The tables of these prices, some 35 bytes per bar."""
    synthetic, close = prices.synthetic, prices.close
    has_synthetic = bool(synthetic.any())
    high = np.where(synthetic, -np.inf, prices.high) if has_synthetic else prices.high
    low = np.where(synthetic, np.inf, prices.low) if has_synthetic else prices.low
    blocks = [block_maxima(high), block_minima(low), block_maxima(close), block_minima(close)]
    pages = [block_maxima(blocks[0]), block_minima(blocks[1]), block_maxima(blocks[2]), block_minima(blocks[3])]
    repeats = np.append(False, close[1:] == close[:-1])
    is_bounded = np.where(synthetic, repeats, (prices.low <= close) & (close <= prices.high)).all()
    return SparseTables(
        bars=np.stack([high, low, prices.open, close], axis=1),
        blocks=np.stack(blocks, axis=1),
        pages=np.stack(pages, axis=1),
        # Copies: a read-only array from one caller and a writable one from the next would compile everything twice.
        day_ends=prices.day_ends.copy(),
        day_close=close[prices.day_ends],
        synthetic=synthetic,
        next_real=next_real_bar(synthetic) if has_synthetic else np.empty(0, np.int64),
        lowest_close=float(close.min()),
        highest_close=float(close.max()),
        is_bounded=bool(is_bounded),
    )


@njit(cache=True, inline="always")
def close_range(tables: SparseTables, start: int, stop: int) -> tuple[float, float]:
    """Lowest and highest close of the bars [start, stop), at least one."""
    bars, blocks, pages = tables.bars, tables.blocks, tables.pages
    low = high = bars[start, CLOSE]
    u = start
    while u < stop:
        if u & (BLOCK_BARS - 1) != 0 or u + BLOCK_BARS > stop:
            low = min(low, bars[u, CLOSE])
            high = max(high, bars[u, CLOSE])
            u += 1
        elif u & (PAGE_BARS - 1) != 0 or u + PAGE_BARS > stop:
            low = min(low, blocks[u >> BLOCK_SHIFT, CLOSE_LOW])
            high = max(high, blocks[u >> BLOCK_SHIFT, CLOSE_HIGH])
            u += BLOCK_BARS
        else:
            low = min(low, pages[u >> PAGE_SHIFT, CLOSE_LOW])
            high = max(high, pages[u >> PAGE_SHIFT, CLOSE_HIGH])
            u += PAGE_BARS
    return low, high
