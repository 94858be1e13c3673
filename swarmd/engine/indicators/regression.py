"""Straight lines through the last values: their mean and their slope, by least squares."""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray


@njit(cache=True, nogil=True)
def line_fit(x: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """Mean and slope per bar of the least-squares line through the last `length` values.

    Parameters
    ----------
    x : float64, shape (n_bars,)
    length : at least 2

    Returns
    -------
    (float64, float64), each of shape (n_bars,)
        NaN before the `length`-th value.

    Raises
    ------
    ValueError
        If length is below 2.
    """
    if length < 2:
        raise ValueError("line fit: length is below 2; give the number of bars")
    mean, slope = np.full(x.size, np.nan), np.full(x.size, np.nan)
    middle = (length - 1) / 2.0
    spread = length * (length * length - 1.0) / 12.0  # sum of squared distances from the middle
    total = moment = 0.0
    for t in range(length - 1, x.size):
        # Sums that only ever slide gather rounding for as long as the series is: they are made anew once a length.
        if (t + 1) % length == 0 or t == length - 1:
            total = moment = 0.0
            for k in range(length):
                total += x[t - length + 1 + k]
                moment += k * x[t - length + 1 + k]
        else:
            gone = x[t - length]
            moment += (length - 1) * x[t] - (total - gone)
            total += x[t] - gone
        mean[t] = total / length
        slope[t] = (moment - middle * total) / spread
    return mean, slope
