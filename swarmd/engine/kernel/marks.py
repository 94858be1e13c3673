"""The trades of one vector while it is screened, and what their marks can have been.

Written by `fold` in the order of the trades, read by `drawdown`: working space, reused from vector to vector.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.passage import HORIZON_BARS, N_LEVELS
from swarmd.engine.kernel.tape import Tape


class TradeList(NamedTuple):
    """Working space for the trades of one vector; reused by the vectors of a group."""

    entry_bar: NDArray[np.int32]
    exit_bar: NDArray[np.int32]  # bars entry..exit-1 end with the position open
    slot: NDArray[np.int32]
    side: NDArray[np.int8]
    by_stop: NDArray[np.bool_]
    is_flat_after: NDArray[np.bool_]  # the realised equity is itself the mark of the exit bar
    entry: FloatArray
    paid: FloatArray  # entry price times the entry factor: what marks are divided by
    before: FloatArray
    after: FloatArray
    mark_low: FloatArray  # bounds of all marks of the trade, the realised one included in the lower
    mark_high: FloatArray
    peak_low: FloatArray  # bounds of the peak: known before the trade, possible after it
    peak_high: FloatArray


@njit(cache=True)
def trade_list(n: int) -> TradeList:
    """Space for n trades."""
    return TradeList(
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.int8),
        np.empty(n, np.bool_),
        np.empty(n, np.bool_),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
    )


@njit(cache=True, inline="always")
def levels_reached(tape: Tape, slot: int, first_column: int, n_bars: int) -> int:
    """How many tabulated levels the first n_bars bars of an entry reach; saturated entries count as reached."""
    within = min(n_bars, HORIZON_BARS + 1)
    n = 0
    while n < N_LEVELS and tape.passages[slot, first_column + n] < within:
        n += 1
    return n


@njit(cache=True, inline="always")
def mark_of(side: int, equity: float, price: float, paid: float, short_base: float) -> float:
    if side > 0:
        return equity * (price / paid)
    return equity * (short_base - price / paid)
