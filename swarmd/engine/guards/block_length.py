"""How long the blocks of a bootstrap must be, so that resampled returns keep the memory the real ones have.

Read off the autocorrelations of the series. Returns themselves hardly remember, their squares do: a Sharpe ratio has a
deviation below it, so its bootstrap takes the longer of both lengths (`returns_block_length`).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray
from swarmd.engine.guards.series import checked_series

# So many insignificant autocorrelations in a row end the memory of a series.
_RUN_OF_INSIGNIFICANT = 5
_CRITICAL = 2.0


class BlockLength(NamedTuple):
    """Expected length of the stationary bootstrap's blocks, and length of the circular one's; in periods, not whole."""

    stationary: float
    circular: float


def politis_white_block_length(x: ArrayLike) -> BlockLength:
    """Block lengths that minimise the mean squared error of the bootstrapped variance of the mean of x.

    (2 G^2 / D)^(1/3) * n^(1/3), with G = sum of lambda(k/M) |k| R(k), D = 2 g(0)^2 for the stationary and 4/3 g(0)^2
    for the circular bootstrap (Patton's correction), g(0) = sum of lambda(k/M) R(k), R the autocovariances, lambda the
    flat-top window and M twice the lag from which on 5 autocorrelations in a row are below 2 sqrt(log10(n) / n).

    Parameters
    ----------
    x : shape (n,); one series, used as it is. For a Sharpe ratio see `returns_block_length`

    Returns
    -------
    BlockLength
        `stationary`, `circular`, at least 1 and at most min(3 sqrt(n), n/3). 1 for a constant and for n < 4.

    Raises
    ------
    ValueError
        For a value that is not finite (names the first) or a shape that is not (n,).

    Source: Politis and White (2004), Automatic block-length selection for the dependent bootstrap, Econometric Reviews
    23(1); Patton, Politis and White (2009), Correction, Econometric Reviews 28(4). Significance is judged as the
    package arch does; it caps at the next whole number above, we do not.
    """
    series = checked_series(x, of="block length", noun="value")
    n = series.size
    if n < 4 or float(np.ptp(series)) <= 1e-14 * float(np.abs(series).max()):
        return BlockLength(1.0, 1.0)
    deviations = series - series.mean()
    longest = min(math.ceil(math.sqrt(n)) + _RUN_OF_INSIGNIFICANT, n - 2)
    covariance, correlation = _memory(deviations, longest)
    bandwidth = _bandwidth(correlation, _CRITICAL * math.sqrt(math.log10(n) / n), longest)
    lags = np.arange(1, bandwidth + 1)
    window = np.minimum(1.0, 2.0 * (1.0 - lags / bandwidth))
    slope = 2.0 * float(np.sum(window * lags * covariance[lags]))
    at_zero = float(covariance[0] + 2.0 * np.sum(window * covariance[lags]))
    cap = min(3.0 * math.sqrt(n), n / 3.0)

    def length(factor: float) -> float:
        below = factor * at_zero * at_zero
        # A spectrum of nothing at frequency 0 (an alternating series) asks for blocks without end.
        unbounded = (2.0 * slope * slope * n / below) ** (1.0 / 3.0) if below > 0.0 else math.inf
        return max(1.0, min(unbounded, cap))

    return BlockLength(stationary=length(2.0), circular=length(4.0 / 3.0))


def returns_block_length(returns: ArrayLike) -> BlockLength:
    """The larger of the block lengths of returns and of squared returns, for bootstraps of a Sharpe ratio."""
    series = checked_series(returns, of="block length")
    plain, squared = politis_white_block_length(series), politis_white_block_length(series * series)
    return BlockLength(max(plain.stationary, squared.stationary), max(plain.circular, squared.circular))


def _memory(deviations: FloatArray, longest: int) -> tuple[FloatArray, FloatArray]:
    """Autocovariances (divisor n) and magnitudes of autocorrelations at lags 0 to `longest`."""
    n = deviations.size
    covariance, correlation = np.zeros(longest + 1), np.zeros(longest + 1)
    for lag in range(longest + 1):
        product = float(deviations[lag:] @ deviations[: n - lag])
        # As arch has it: the norms of the two stretches leave out one more value than the product does.
        late, early = deviations[lag + 1 :], deviations[: n - lag - 1]
        norms = math.sqrt(float(late @ late) * float(early @ early))
        covariance[lag] = product / n
        correlation[lag] = abs(product) / norms if norms > 0.0 else 0.0
    return covariance, correlation


def _bandwidth(correlation: FloatArray, critical: float, longest: int) -> int:
    """Twice the first lag of a run of insignificant autocorrelations; the longest lag where there is no such run."""
    for first in range(longest - _RUN_OF_INSIGNIFICANT + 1):
        if np.all(correlation[first : first + _RUN_OF_INSIGNIFICANT] < critical):
            return min(2 * max(first, 1), longest)
    return longest
