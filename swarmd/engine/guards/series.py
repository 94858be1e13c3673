"""A series as the guards take it: one float a period, finite, in the order of time.

Every statistic refuses a hole by its place instead of passing a NaN on: NaN compares false with any threshold, and a
gate written the other way round would let it pass.
"""

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray

# Returns beyond are no returns, and the squares of larger ones overflow.
LARGEST = 1e100


def checked_series(values: ArrayLike, *, of: str, noun: str = "return") -> FloatArray:
    """The values as contiguous float64, shape (n,); refuses other shapes and values that are not finite.

    Parameters
    ----------
    of : the statistic that asks, the first words of the message
    noun : what one value is
    """
    series = np.ascontiguousarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise ValueError(f"{of}: the {noun}s have shape {series.shape}; give one series, shape (n,)")
    # A comparison and not `isfinite`: it finds NaN, both infinities and what would overflow at once.
    wrong = ~(np.abs(series) <= LARGEST)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"{of}: {noun} {at} is {series[at]}; leave no hole in the series")
    return series
