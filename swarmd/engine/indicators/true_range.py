"""How far prices range within a bar, from the last close: the yardstick for distances that grow with volatility."""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray


@njit(cache=True, nogil=True)
def average_true_range(high: FloatArray, low: FloatArray, close: FloatArray, length: int) -> FloatArray:
    """Wilder's average of the true range: `alpha = 1 / length`, seeded with the first bar's own range.

    Parameters
    ----------
    high, low, close : float64, shape (n_bars,)
    length : at least 1

    Returns
    -------
    float64, shape (n_bars,)
        In units of price, from the first bar on; the first values lean on the seed.

    Raises
    ------
    ValueError
        If length is below 1.

    Source: J. W. Wilder (1978), New Concepts in Technical Trading Systems; the smoothing as an exponential average.
    """
    if length < 1:
        raise ValueError("average true range: length is below 1; give the number of bars")
    out = np.empty(close.size, np.float64)
    alpha = 1.0 / length
    average = 0.0
    for t in range(close.size):
        span = high[t] - low[t]
        if t == 0:
            average = span
        else:
            last = close[t - 1]
            span = max(span, abs(high[t] - last), abs(low[t] - last))
            average = average + alpha * (span - average)
        out[t] = average
    return out
