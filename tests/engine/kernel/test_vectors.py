"""The vector instructions against numpy, at lengths around their width and at every offset of a cache line."""

import numpy as np
import pytest
from numba import njit

from swarmd.engine.arrays import CACHE_LINE_BYTES, aligned_empty
from swarmd.engine.kernel.vectors import extremes


@njit
def least_and_greatest(lows, highs, start, stop):
    return extremes(lows, highs, start, stop)


@pytest.mark.parametrize("length", [16, 17, 31, 32, 33, 47, 64, 1000])
def test_extremes_are_numpys_wherever_they_stand(length):
    rng = np.random.default_rng(length)
    lows, highs = rng.normal(size=(2, length + 16))
    for start in range(17):
        found = least_and_greatest(lows, highs, start, start + length)
        assert found == (lows[start : start + length].min(), highs[start : start + length].max())


@pytest.mark.parametrize("at", range(16, 64))
def test_the_extreme_is_found_in_every_place(at):
    lows, highs = np.zeros(80), np.zeros(80)
    lows[at], highs[at] = -1.0, 1.0
    # Just outside of the range there is a greater one, which must not be seen.
    lows[15] = lows[64] = -9.0
    highs[15] = highs[64] = 9.0
    assert least_and_greatest(lows, highs, 16, 64) == (-1.0, 1.0)


@pytest.mark.parametrize(("shape", "dtype"), [((3, 4), np.float64), ((1, 32), np.uint16), ((0, 4), np.float64)])
def test_aligned_arrays_begin_at_a_cache_line(shape, dtype):
    for _ in range(20):
        array = aligned_empty(shape, dtype)
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.size == 0 or array.ctypes.data % CACHE_LINE_BYTES == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable
