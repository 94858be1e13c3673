"""The worst fall from a peak."""

import numpy as np

from swarmd.engine.arrays import FloatArray


def max_drawdown(equity: FloatArray) -> float:
    """Largest `1 - equity / peak` over bar closes, the initial equity 1.0 being the first peak; a positive fraction.

    Source: Magdon-Ismail and Atiya (2004), Maximum drawdown, Risk 17(10).
    """
    peak = np.maximum.accumulate(np.maximum(equity, 1.0))
    return float(np.max(1.0 - equity / peak, initial=0.0))
