"""The deflated Sharpe ratio: how sure one may be of a winner, given how many trials it won against.

The probabilistic Sharpe ratio with the benchmark a worthless search is expected to reach. All ratios are *per period*
of the returns. It needs the spread of the trials' own ratios, all of them, the failed ones too.
"""

import math
from typing import NamedTuple

from swarmd.engine.guards.expected_maximum import expected_maximum_sharpe
from swarmd.engine.guards.probabilistic_sharpe import Variance, probabilistic_sharpe_ratio


class DeflatedSharpe(NamedTuple):
    """The probability that the winner is better than the best of worthless trials, and that benchmark per period."""

    dsr: float
    sr0: float


def deflated_sharpe_ratio(
    sr: float,
    trial_variance: float,
    n_trials: float,
    n_obs: int,
    skew: float,
    kurtosis: float,
    *,
    ar1: float = 0.0,
    variance: Variance = "observed",
) -> DeflatedSharpe:
    """Probabilistic Sharpe ratio against SR0 = sqrt(trial_variance) * E[max of N].

    Parameters
    ----------
    sr : the winner's Sharpe ratio per period
    trial_variance : variance of the Sharpe ratios per period across trials; an annual one, divided by 365 for days
    n_trials : number of independent trials, at least 1; `effective_number_of_trials` estimates it
    n_obs : number of the winner's returns, at least 2, in the same periods
    skew, kurtosis : of the winner's returns; kurtosis is not excess (Normal = 3)
    ar1, variance : as for `probabilistic_sharpe_ratio`

    Returns
    -------
    DeflatedSharpe
        `dsr` in [0, 1] and `sr0` per period. With one trial, or trials that are all alike (variance 0), `sr0` is 0 and
        nothing is deflated.

    Raises
    ------
    ValueError
        For a negative variance across trials, and as `expected_maximum_sharpe` and `probabilistic_sharpe_ratio` do.

    Source: Bailey and López de Prado (2014), The deflated Sharpe ratio, Journal of Portfolio Management 40(5), 94-107.
    """
    if not 0.0 <= trial_variance < math.inf:
        raise ValueError(f"deflated Sharpe ratio: variance across trials is {trial_variance}; give 0 or more")
    sr0 = expected_maximum_sharpe(n_trials, math.sqrt(trial_variance))
    return DeflatedSharpe(probabilistic_sharpe_ratio(sr, sr0, n_obs, skew, kurtosis, ar1=ar1, variance=variance), sr0)
