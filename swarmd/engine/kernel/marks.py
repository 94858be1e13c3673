"""The trades of one vector while it is screened, and what their marks can have been.

Written by `fold` in the order of the trades, read by `drawdown`: working space, reused from vector to vector.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.passage import HORIZON_BARS, N_LEVELS, PassageTable


class TradeList(NamedTuple):
    """Working space for the trades of one vector; reused by the vectors of a group."""

    entry_at: NDArray[np.int32]  # index among the pair's entries, and of the exit
    is_flat_after: NDArray[np.bool_]  # the realised equity is itself the mark of the exit bar
    before: FloatArray  # equity before the trade; one more than there are trades, the last is the final equity
    mark_low: FloatArray  # bounds of all marks of the trade, the realised one included in the lower
    mark_high: FloatArray
    peak_low: FloatArray  # bounds of the peak: known before the trade, possible after it
    peak_high: FloatArray


@njit(cache=True)
def trade_list(n: int) -> TradeList:
    """Space for n trades."""
    return TradeList(
        np.empty(n + 1, np.int32),
        np.empty(n + 1, np.bool_),
        np.empty(n + 1, np.float64),
        np.empty(n + 1, np.float64),
        np.empty(n + 1, np.float64),
        np.empty(n + 1, np.float64),
        np.empty(n + 1, np.float64),
    )


@njit(cache=True, inline="always")
def levels_reached(passages: PassageTable, slot: int, first_column: int, n_bars: int) -> int:
    """How many tabulated levels the first n_bars bars of an entry reach; saturated entries count as reached."""
    within = min(n_bars, HORIZON_BARS + 1)
    n = 0
    while n < N_LEVELS and passages[np.uint32(slot), np.uint32(first_column + n)] < within:
        n += 1
    return n


@njit(cache=True, inline="always")
def mark_of(side: int, equity: float, price: float, paid: float, short_base: float) -> float:
    if side > 0:
        return equity * (price / paid)
    return equity * (short_base - price / paid)
