"""What volume says beside the price."""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray


@njit(cache=True, nogil=True)
def accumulation_distribution(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> FloatArray:
    """Running sum of volume, each bar's weighted by where its close lies in its range: +1 at the high, -1 at the low.

    Parameters
    ----------
    high, low, close, volume : float64, shape (n_bars,)

    Returns
    -------
    float64, shape (n_bars,)
        In units of volume, counted from the first bar; a bar without a range adds nothing.

    Source: M. Chaikin's line as given in S. B. Achelis (2000), Technical Analysis from A to Z.
    """
    out = np.empty(close.size, np.float64)
    total = 0.0
    for t in range(close.size):
        span = high[t] - low[t]
        if span > 0.0:
            total += ((close[t] - low[t]) - (high[t] - close[t])) / span * volume[t]
        out[t] = total
    return out
