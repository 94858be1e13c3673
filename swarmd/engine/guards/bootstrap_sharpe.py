"""How far a Sharpe ratio would scatter if history were replayed in blocks: a percentile interval.

The stationary bootstrap keeps volatility clusters, which the formula behind the probabilistic Sharpe ratio does not
know. It resamples one finished series of returns and cannot know how many others were tried.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.guards.block_length import returns_block_length
from swarmd.engine.guards.resampling import batches, checked_resamples
from swarmd.engine.guards.series import checked_series
from swarmd.engine.guards.sharpe import sharpe_ratio

LEAST_RESAMPLES = 2000


class SharpeInterval(NamedTuple):
    """Lower and upper bound of the Sharpe ratio, per period unless periods of a year were given."""

    lower: float
    upper: float


def stationary_bootstrap_sharpe_ci(
    returns: ArrayLike,
    confidence: float = 0.95,
    *,
    n_resamples: int = LEAST_RESAMPLES,
    block_length: float | None = None,
    periods_per_year: float | None = None,
    seed: int = 0,
) -> SharpeInterval:
    """Two-sided percentile interval of the Sharpe ratio under the stationary bootstrap.

    Blocks begin anywhere with equal chance, last geometrically many periods, and run around the end to the beginning.

    Parameters
    ----------
    returns : shape (n,), simple net returns, flat periods included
    confidence : in (0, 1); of 0.95, the lower bound is the quantile 0.025 of the resampled ratios
    n_resamples : B, at least 2000
    block_length : expected length of a block in periods, at least 1; None for `returns_block_length`
    periods_per_year : None for bounds per period, 365 for annual ones from daily returns
    seed : of the draws; the same seed gives the same interval, whatever the machine's memory

    Returns
    -------
    SharpeInterval
        `lower`, `upper`. Resamples that do not vary count with 0; both bounds are 0 where the returns do not vary, so
        that a gate on the lower one fails.

    Raises
    ------
    ValueError
        For fewer than 2000 resamples, a confidence outside (0, 1), a block shorter than 1, and as `sharpe_ratio` does.

    Source: Politis and Romano (1994), The stationary bootstrap, JASA 89(428); Ledoit and Wolf (2008), Robust
    performance hypothesis testing with the Sharpe ratio.
    """
    of = "bootstrapped Sharpe ratio"
    checked_resamples(n_resamples, of=of, least=LEAST_RESAMPLES)
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"{of}: confidence {confidence} is not within (0, 1); give 0.95 for a level of 5 %")
    series = checked_series(returns, of=of)
    if not sharpe_ratio(series, periods_per_year).defined:
        return SharpeInterval(0.0, 0.0)
    expected_length = returns_block_length(series).stationary if block_length is None else block_length
    if not 1.0 <= expected_length < math.inf:
        raise ValueError(f"{of}: block length {expected_length}; give at least 1 period")
    generator = np.random.default_rng(seed)
    ratios = np.concatenate(
        [
            _sharpe_of_resamples(series, stationary_indices(generator, n_batch, series.size, expected_length))
            for n_batch in batches(n_resamples, series.size)
        ]
    )
    scale = 1.0 if periods_per_year is None else math.sqrt(periods_per_year)
    outside = (1.0 - confidence) / 2.0
    lower, upper = np.quantile(ratios, [outside, 1.0 - outside]) * scale
    return SharpeInterval(float(lower), float(upper))


def stationary_indices(
    generator: np.random.Generator, n_resamples: int, n_periods: int, expected_length: float
) -> IntArray:
    """Which period stands at each place of each resample, shape (n_resamples, n_periods)."""
    shape = (n_resamples, n_periods)
    place = np.arange(n_periods)
    begins = generator.random(shape) < 1.0 / expected_length
    begins[:, 0] = True
    start = generator.integers(0, n_periods, size=shape)
    # The place at which the block around each place began.
    began = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    indices: IntArray = (np.take_along_axis(start, began, axis=1) + place - began) % n_periods
    return indices


def _sharpe_of_resamples(series: FloatArray, indices: IntArray) -> FloatArray:
    n = series.size
    mean = float(series.mean())
    # Centred first: the variance from sums of squares would cancel where the mean is large against it.
    resampled = (series - mean)[indices]
    sums = resampled.sum(axis=1)
    variance = (np.einsum("ij,ij->i", resampled, resampled) - sums * sums / n) / (n - 1)
    varies = variance > 1e-12 * float(np.var(series))
    deviation = np.sqrt(variance, out=np.ones_like(variance), where=varies)
    ratios: FloatArray = np.where(varies, (mean + sums / n) / deviation, 0.0)
    return ratios
