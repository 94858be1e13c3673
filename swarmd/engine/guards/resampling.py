"""What the tests by resampling share: how a p-value is counted, and when all arrangements are visited instead of drawn.

p = (1 + b) / (B + 1), with B arrangements beside the observed one and b of them at least as good. It counts the
observed arrangement among its peers, so it is never 0 and its error rate is never above the nominal one; leaving the 1s
out is the classic mistake.
"""

import math

import numpy as np

from swarmd.engine.arrays import FloatArray

# Up to here every arrangement is visited: no seed then matters, and the visit costs less than the usual draw.
EXACT_ARRANGEMENTS = 2**16
# Resamples are handled in batches of this many numbers (8 MB), whatever the length of the series.
BATCH_NUMBERS = 2**20
# Sums of the same numbers in another order differ by rounding; within this much of the sum of magnitudes they tie.
_TIE = 1e-12


def resampling_p_value(as_good: int, drawn: int) -> float:
    """(1 + as_good) / (drawn + 1)."""
    return (1 + as_good) / (drawn + 1)


def tie_tolerance(numbers: FloatArray) -> float:
    """How far two sums of these numbers, differently ordered or signed, may differ and still be called equal."""
    return _TIE * math.fsum(np.abs(numbers).tolist())


def batches(total: int, size: int) -> list[int]:
    """Numbers of resamples of `size` numbers each, batch by batch, that add up to `total`."""
    largest = max(1, BATCH_NUMBERS // max(size, 1))
    return [min(largest, total - done) for done in range(0, total, largest)]


def checked_resamples(n_resamples: int, *, of: str, least: int = 99) -> int:
    """The number of resamples; too few cannot show what they are asked for."""
    if n_resamples < least:
        raise ValueError(f"{of}: {n_resamples} resamples; give at least {least}")
    return n_resamples
