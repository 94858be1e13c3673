"""The probabilistic Sharpe ratio: how sure one may be that the true Sharpe ratio lies above a benchmark.

It asks for the shape of the returns, because few, skewed and fat-tailed observations make a Sharpe ratio worth less.
All ratios here are *per period* of the returns; an annualised one with daily counts is the classic mistake.
"""

import math
from dataclasses import dataclass
from typing import Literal

from numpy.typing import ArrayLike

from swarmd.engine.guards.series import checked_series
from swarmd.engine.guards.sharpe import sharpe_ratio

Variance = Literal["observed", "null"]

# The observed variance has the divisor n - 1 (2012), the one under the null hypothesis n (the later revision).
LOST_OBSERVATIONS = {"observed": 1, "null": 0}


def scaled_sharpe_variance(
    sr: float, sr_benchmark: float, skew: float, kurtosis: float, *, ar1: float = 0.0, variance: Variance = "observed"
) -> float:
    """Variance of an estimated Sharpe ratio times its divisor: what remains when the number of returns is taken out.

    "observed": 1 - skew*SR + (kurtosis - 1)/4 * SR^2, at the estimate. "null", at the benchmark SR* and with
    autocorrelation rho: a - b*skew*SR* + c*(kurtosis - 1)/4 * SR*^2 with a = (1 + rho)/(1 - rho),
    b = 1 + rho/(1 - rho) + rho^2/(1 - rho^2), c = (1 + rho^2)/(1 - rho^2).

    Raises
    ------
    ValueError
        As `probabilistic_sharpe_ratio` does, which explains the arguments.
    """
    if variance not in LOST_OBSERVATIONS:
        known = ", ".join(LOST_OBSERVATIONS)
        raise ValueError(f"probabilistic Sharpe ratio: no variance {variance!r}; give one of {known}")
    if not all(map(math.isfinite, (sr, sr_benchmark, skew, kurtosis, ar1))):
        raise ValueError(f"probabilistic Sharpe ratio: {(sr, sr_benchmark, skew, kurtosis, ar1)} must all be finite")
    if kurtosis < 1.0 + skew * skew - 1e-9:
        raise ValueError(
            f"probabilistic Sharpe ratio: kurtosis {kurtosis} below 1 + skew^2 = {1 + skew * skew}; "
            "give the plain kurtosis (Normal = 3), not the excess"
        )
    if not -1.0 < ar1 < 1.0:
        raise ValueError(f"probabilistic Sharpe ratio: autocorrelation {ar1} is not within (-1, 1)")
    if variance == "observed":
        scaled = 1.0 - skew * sr + (kurtosis - 1.0) / 4.0 * sr * sr
    else:
        a = (1.0 + ar1) / (1.0 - ar1)
        b = 1.0 + ar1 / (1.0 - ar1) + ar1 * ar1 / (1.0 - ar1 * ar1)
        c = (1.0 + ar1 * ar1) / (1.0 - ar1 * ar1)
        scaled = a - b * skew * sr_benchmark + c * (kurtosis - 1.0) / 4.0 * sr_benchmark * sr_benchmark
    if scaled <= 0.0:
        raise ValueError(f"probabilistic Sharpe ratio: the estimator's variance is {scaled}; it must be positive")
    return scaled


def probabilistic_sharpe_ratio(
    sr: float,
    sr_benchmark: float,
    n_obs: int,
    skew: float,
    kurtosis: float,
    *,
    ar1: float = 0.0,
    variance: Variance = "observed",
) -> float:
    """Probability that the true Sharpe ratio exceeds the benchmark, given an estimate.

    Parameters
    ----------
    sr, sr_benchmark : Sharpe ratios per period
    n_obs : number of returns, at least 2
    skew, kurtosis : of the returns; kurtosis is not excess (Normal = 3)
    ar1 : first-order autocorrelation of the returns, used by the "null" variance only, in (-1, 1)
    variance : "observed" takes the estimator's variance at the estimate (2012), "null" at the benchmark with divisor
        n and autocorrelation (the later revision).

    Returns
    -------
    float in [0, 1]
        1/2 when both ratios are equal.

    Raises
    ------
    ValueError
        For fewer than two observations, a value that is not finite, moments no distribution has
        (kurtosis < 1 + skew^2), or a variance of zero.

    Source: Bailey and López de Prado (2012), The Sharpe ratio efficient frontier, Journal of Risk 15(2); "null": López
    de Prado, Lipton and Zoonekynd (2025), How to use the Sharpe ratio.
    """
    # Written so that a count which is not a number is refused too.
    if not n_obs >= 2:
        raise ValueError(f"probabilistic Sharpe ratio: {n_obs} observations; give at least 2")
    scaled = scaled_sharpe_variance(sr, sr_benchmark, skew, kurtosis, ar1=ar1, variance=variance)
    z = (sr - sr_benchmark) * math.sqrt((n_obs - LOST_OBSERVATIONS[variance]) / scaled)
    # erfc keeps its precision in the lower tail, where 1 + erf would round to zero.
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@dataclass(frozen=True, slots=True)
class SharpeEvidence:
    """A Sharpe ratio per period with what is needed to judge it. `is_defined` is False where returns do not vary."""

    sr: float
    n_obs: int
    skew: float
    kurtosis: float
    is_defined: bool

    def psr(self, sr_benchmark: float = 0.0) -> float:
        """Probability that the true ratio exceeds the benchmark; 0 where undefined, so that a gate on it fails."""
        if not self.is_defined:
            return 0.0
        return probabilistic_sharpe_ratio(self.sr, sr_benchmark, self.n_obs, self.skew, self.kurtosis)

    def p_value(self, sr_benchmark: float = 0.0) -> float:
        """1 - psr of the true ratio at most the benchmark, to be combined with others; 1 where undefined.

        By the mirror image of the returns: subtracted from 1, everything beyond eight deviations would be 0.
        """
        if not self.is_defined:
            return 1.0
        return probabilistic_sharpe_ratio(-self.sr, -sr_benchmark, self.n_obs, -self.skew, self.kurtosis)


def sharpe_evidence(returns: ArrayLike) -> SharpeEvidence:
    """Sharpe ratio (n - 1 in the deviation) and moments (n, as the source has them) of returns per period, flat ones
    included.

    Raises
    ------
    ValueError
        If a return is not finite; names the first.
    """
    series = checked_series(returns, of="Sharpe ratio")
    ratio = sharpe_ratio(series)
    if not ratio.defined:
        return SharpeEvidence(0.0, series.size, 0.0, 3.0, is_defined=False)
    sr = float(ratio)
    values = series.tolist()
    mean = math.fsum(values) / series.size
    deviations = [value - mean for value in values]
    second, third, fourth = (math.fsum(d**power for d in deviations) / series.size for power in (2, 3, 4))
    kurtosis = fourth / second**2
    skew = third / second**1.5
    # Two values only, one of them rare: kurtosis is exactly 1 + skew^2, and the variance may vanish.
    is_defined = 1.0 - skew * sr + (kurtosis - 1.0) / 4.0 * sr * sr > 0.0
    return SharpeEvidence(sr, series.size, skew, kurtosis, is_defined)
