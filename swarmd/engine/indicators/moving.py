"""Moving averages.

The exponential one is written as `e += alpha * (x - e)`, so that a constant price is an exact fixed point; the
algebraically equal `alpha * x + (1 - alpha) * e` drifts by rounding and makes crossings on flat markets.
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray


@njit(cache=True)
def ema(x: FloatArray, length: int) -> FloatArray:
    """Exponential moving average with `alpha = 2 / (length + 1)`, seeded with the first value.

    Parameters
    ----------
    x : float64, shape (n_bars,)
    length : at least 1

    Returns
    -------
    float64, shape (n_bars,)
        By our convention valid from the `length`-th value on; the earlier ones lean on the seed and must not be traded.

    Raises
    ------
    ValueError
        If length is below 1.
    """
    if length < 1:
        raise ValueError("ema: length is below 1; give the number of bars")
    out = np.empty(x.size, np.float64)
    if x.size == 0:
        return out
    alpha = 2.0 / (length + 1.0)
    e = x[0]
    out[0] = e
    for k in range(1, x.size):
        e = e + alpha * (x[k] - e)
        out[k] = e
    return out


@njit(cache=True, nogil=True)
def ema_rows(x: FloatArray, lengths: IntArray) -> FloatArray:
    """`ema` of several lengths in one walk over x: shape (lengths.size, x.size), each row the same bits as `ema`.

    Four lengths advance together: one chain alone waits for its own last sum at every step.
    """
    n = x.size
    out = np.empty((lengths.size, n), np.float64)
    if n == 0:
        return out
    for first in range(0, lengths.size, 4):
        rows = min(4, lengths.size - first)
        i1 = first + min(1, rows - 1)
        i2 = first + min(2, rows - 1)
        i3 = first + min(3, rows - 1)
        a0 = 2.0 / (lengths[first] + 1.0)
        a1 = 2.0 / (lengths[i1] + 1.0)
        a2 = 2.0 / (lengths[i2] + 1.0)
        a3 = 2.0 / (lengths[i3] + 1.0)
        e0 = e1 = e2 = e3 = x[0]
        out[first, 0] = out[i1, 0] = out[i2, 0] = out[i3, 0] = x[0]
        for k in range(1, n):
            v = x[k]
            e0 = e0 + a0 * (v - e0)
            e1 = e1 + a1 * (v - e1)
            e2 = e2 + a2 * (v - e2)
            e3 = e3 + a3 * (v - e3)
            out[first, k] = e0
            out[i1, k] = e1
            out[i2, k] = e2
            out[i3, k] = e3
    return out
