"""The array types of the engine: what a function asks for says what it may be given.

Axis 0 is time and axis 1 is trials; prices, volumes and returns are float64, bar indices and open times int64.
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
