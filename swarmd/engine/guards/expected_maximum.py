"""The Sharpe ratio that the best of many worthless trials is expected to show.

What a search has to beat before its winner means anything. Used by the deflated Sharpe ratio and by the minimum length
of a backtest.
"""

import math
from statistics import NormalDist

EULER_GAMMA = 0.57721566490153286061


def expected_maximum_sharpe(n_trials: float, trial_sd: float = 1.0) -> float:
    """Expected maximum of N independent Normal Sharpe ratios of mean 0.

    sd * ((1 - g) * Q(1 - 1/N) + g * Q(1 - 1/(N*e))), Q the Normal quantile and g Euler's constant 0.5772...

    Parameters
    ----------
    n_trials : N >= 1; an effective number of trials need not be whole
    trial_sd : standard deviation of the Sharpe ratios *across trials*, per period or annual; the result is in its unit

    Returns
    -------
    float
        0 for one trial: there is nothing to choose. Between 1 and 1.28 trials, where the approximation turns
        negative, 0 as well, because no choice among trials makes the best of them worse. Within 2.6 % of the exact
        expectation from 5 trials on.

    Raises
    ------
    ValueError
        For fewer than one trial, a negative deviation, or what is not finite.

    Source: Bailey and López de Prado (2014), The deflated Sharpe ratio, Journal of Portfolio Management 40(5), eq. 1.
    """
    if not 1.0 <= n_trials < math.inf:
        raise ValueError(f"expected maximum Sharpe ratio: {n_trials} trials; give at least 1")
    if not 0.0 <= trial_sd < math.inf:
        raise ValueError(f"expected maximum Sharpe ratio: deviation across trials is {trial_sd}; give 0 or more")
    if n_trials == 1.0:
        return 0.0
    # The lower tail and a minus: 1 - 1/N rounds to 1 from 1e16 trials on.
    quantile = NormalDist().inv_cdf
    in_deviations = -(1.0 - EULER_GAMMA) * quantile(1.0 / n_trials) - EULER_GAMMA * quantile(1.0 / (n_trials * math.e))
    return trial_sd * max(in_deviations, 0.0)
