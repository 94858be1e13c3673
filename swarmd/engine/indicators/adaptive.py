"""Averages that hurry where prices go somewhere and rest where they only move to and fro.

Kaufman's efficiency ratio steers them: how far prices came over a stretch, against the way they went.
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray


@njit(cache=True, nogil=True)
def efficiency_ratio(x: FloatArray, length: int) -> FloatArray:
    """`|x - x[length]| / sum of |x - x[1]|` over the last `length` steps.

    Parameters
    ----------
    x : float64, shape (n_bars,)
    length : at least 1, in bars

    Returns
    -------
    float64, shape (n_bars,)
        In [0, 1]; 0 where nothing moved, NaN on the first `length` bars.

    Raises
    ------
    ValueError
        If length is below 1.

    Source: P. J. Kaufman (1995), Smarter Trading, chapter 7.
    """
    if length < 1:
        raise ValueError("efficiency ratio: length is below 1; give the number of bars")
    out = np.full(x.size, np.nan)
    # Differences of one running sum: where nothing moves it stays, so the way is exactly 0 there.
    way = np.zeros(x.size)
    for t in range(1, x.size):
        way[t] = way[t - 1] + abs(x[t] - x[t - 1])
    for t in range(length, x.size):
        went = way[t] - way[t - length]
        out[t] = min(1.0, abs(x[t] - x[t - length]) / went) if went > 0.0 else 0.0
    return out


@njit(cache=True, nogil=True)
def kaufman_average(x: FloatArray, length: int, fastest: float, slowest: float) -> FloatArray:
    """Kaufman's adaptive average with the factor `(ER * (fastest - slowest) + slowest) ** 2`.

    Parameters
    ----------
    x : float64, shape (n_bars,)
    length : of the efficiency ratio, in bars, at least 1
    fastest, slowest : smoothing constants at an efficiency of 1 and of 0

    Returns
    -------
    float64, shape (n_bars,)
        Seeded with the value of the bar at which the ratio is first known (number `length` from 0); NaN before it.

    Source: P. J. Kaufman (1995), Smarter Trading, chapter 7.
    """
    ratio = efficiency_ratio(x, length)
    out = np.full(x.size, np.nan)
    average = 0.0
    for t in range(length, x.size):
        factor = (ratio[t] * (fastest - slowest) + slowest) ** 2
        average = x[t] if t == length else average + factor * (x[t] - average)
        out[t] = average
    return out


@njit(cache=True, nogil=True)
def place_in_range(x: FloatArray, length: int) -> FloatArray:
    """Where a value lies between the least and the greatest of the last `length`, less a half: -0.5 to 0.5.

    NaN where any of them is, and where they are all equal.
    """
    out = np.full(x.size, np.nan)
    for t in range(length - 1, x.size):
        least, greatest, is_known = x[t], x[t], True
        for k in range(t - length + 1, t + 1):
            is_known = is_known and not np.isnan(x[k])
            least, greatest = min(least, x[k]), max(greatest, x[k])
        if is_known and greatest > least:
            out[t] = (x[t] - least) / (greatest - least) - 0.5
    return out
