"""How many returns it takes before a Sharpe ratio can be believed to lie above a benchmark.

The probabilistic Sharpe ratio turned round: given the confidence, the number of observations at which it is reached.
"""

import math
from statistics import NormalDist

from swarmd.engine.guards.probabilistic_sharpe import LOST_OBSERVATIONS, Variance, scaled_sharpe_variance


def minimum_track_record_length(
    sr: float,
    sr_benchmark: float,
    skew: float,
    kurtosis: float,
    confidence: float = 0.95,
    *,
    ar1: float = 0.0,
    variance: Variance = "observed",
) -> float:
    """Observations at which the probabilistic Sharpe ratio of these figures equals `confidence`.

    "observed": 1 + [1 - skew*SR + (kurtosis - 1)/4 * SR^2] * (z / (SR - SR*))^2, z the Normal quantile of the
    confidence. "null": the variance at the benchmark, with autocorrelation, and without the leading 1, because its
    divisor is n; see `scaled_sharpe_variance`.

    Parameters
    ----------
    sr, sr_benchmark : Sharpe ratios per period; the length is in the same periods
    skew, kurtosis : of the returns; kurtosis is not excess (Normal = 3)
    confidence : in [0.5, 1), 0.95 for a significance level of 5 %
    ar1, variance : as for `probabilistic_sharpe_ratio`

    Returns
    -------
    float
        Not rounded: the first whole number above is the first count that suffices. inf when SR <= SR*.

    Raises
    ------
    ValueError
        For a confidence outside [0.5, 1) (a significance level given in its place is the usual reason), and as
        `probabilistic_sharpe_ratio` does.

    Source: Bailey and López de Prado (2012), The Sharpe ratio efficient frontier, Journal of Risk 15(2).
    """
    if not 0.5 <= confidence < 1.0:
        raise ValueError(
            f"minimum track record length: confidence {confidence} is not within [0.5, 1); "
            "give 0.95 for a significance level of 0.05"
        )
    scaled = scaled_sharpe_variance(sr, sr_benchmark, skew, kurtosis, ar1=ar1, variance=variance)
    if sr <= sr_benchmark:
        return math.inf
    z = NormalDist().inv_cdf(confidence)
    try:
        return LOST_OBSERVATIONS[variance] + scaled * (z / (sr - sr_benchmark)) ** 2
    except OverflowError:
        return math.inf
