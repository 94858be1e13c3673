"""The array types of the engine: what a function asks for says what it may be given.

Axis 0 is time and axis 1 is trials; prices, volumes and returns are float64, bar indices and open times int64.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

CACHE_LINE_BYTES = 64


def aligned_empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """`np.empty` beginning at a cache line: rows that divide a line lie in one, rows of a line's size fill one."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(n_bytes + CACHE_LINE_BYTES, np.uint8)
    start = -room.ctypes.data % CACHE_LINE_BYTES
    aligned: NDArray[Any] = room[start : start + n_bytes].view(dtype).reshape(shape)
    return aligned
