"""Mean and deviation of the last so many values of a stream, batch after batch.

Lines of tick strategies are made of it. A sum that only slides would keep the rounding of everything it ever held, so
values are taken relative to an anchor near them and the sums are made afresh once per window, at a place that depends
on how many values came and never on where a batch ended.
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray

_ANCHOR, _SUM, _SQUARES, _LARGEST = range(4)
_FILLED, _NEXT = range(2)
# What sums of `window` values may be off by, in units of the largest square: below it a variance is rounding.
_NOISE = 2.0 * 2.0**-52


class Trailing:
    """State of one trailing window of at least one value."""

    def __init__(self, window: int) -> None:
        if window < 1:
            raise ValueError(f"a window of {window} values; give at least 1")
        self._ring = np.empty(window)
        self._sums = np.zeros(4)
        self._place = np.zeros(2, np.int64)

    def moments(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(mean, deviation) of the window that ends with each value; NaN until the window is full."""
        mean, deviation = np.empty(values.size), np.empty(values.size)
        trailing_moments(values, self._ring, self._sums, self._place, mean, deviation)
        return mean, deviation


@njit(cache=True, nogil=True)
def trailing_moments(
    values: FloatArray,
    ring: FloatArray,
    sums: FloatArray,
    place: IntArray,
    mean: FloatArray,
    deviation: FloatArray,
) -> None:
    """Mean and population standard deviation (divided by n) of the last `ring.size` values, at each value.

    Parameters
    ----------
    values : shape (n,), finite
    ring : the window's values; `sums` and `place` are what else carries over; all changed in place
    mean, deviation : shape (n,), filled; NaN before the window is full, and a deviation of exactly 0 where all values
        are one, or differ by no more than rounding
    """
    window = ring.size
    filled, following = place[_FILLED], place[_NEXT]
    anchor, total, squares, largest = sums
    for at in range(values.size):
        value = values[at]
        if filled == window:
            gone = ring[following] - anchor
            total -= gone
            squares -= gone * gone
        else:
            if filled == 0:
                anchor = value
            filled += 1
        ring[following] = value
        apart = value - anchor
        total += apart
        squares += apart * apart
        largest = max(largest, apart * apart)
        following += 1
        if following == window:
            following = 0
            anchor, total, squares, largest = value, 0.0, 0.0, 0.0
            for slot in range(window):
                apart = ring[slot] - anchor
                total += apart
                squares += apart * apart
                largest = max(largest, apart * apart)
        if filled < window:
            mean[at] = deviation[at] = np.nan
            continue
        middle = total / window
        variance = squares / window - middle * middle
        mean[at] = anchor + middle
        deviation[at] = np.sqrt(variance) if variance > _NOISE * window * largest else 0.0
    place[_FILLED], place[_NEXT] = filled, following
    sums[_ANCHOR], sums[_SUM], sums[_SQUARES], sums[_LARGEST] = anchor, total, squares, largest
