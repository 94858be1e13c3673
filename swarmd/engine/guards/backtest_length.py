"""How many years of data a search needs, so that its best worthless trial is not expected to look good.

A search of more trials over fewer years than this finds its target Sharpe ratio in noise, on average, always.
"""

import math
from typing import NamedTuple

from swarmd.engine.guards.expected_maximum import expected_maximum_sharpe


class MinimumBacktestLength(NamedTuple):
    """Years: by the expected maximum itself, and by its simple upper bound."""

    exact_years: float
    upper_bound_years: float


def minimum_backtest_length(n_trials: float, target_annual_sharpe: float) -> MinimumBacktestLength:
    """Years under which the best of N worthless trials is expected to show the target annual Sharpe ratio.

    (E[max_N] / SR)^2, and the bound 2 ln N / SR^2 above it. Over y years the annual Sharpe ratio of a worthless trial
    has a standard deviation of 1/sqrt(y), whence the square.

    Parameters
    ----------
    n_trials : N >= 1 independent trials; an effective number need not be whole
    target_annual_sharpe : *annual*, positive

    Returns
    -------
    MinimumBacktestLength
        `exact_years`, `upper_bound_years`; both 0 for one trial, which no choice has flattered.

    Raises
    ------
    ValueError
        For fewer than one trial or a target that is not positive and finite.

    Source: Bailey, Borwein, López de Prado and Zhu (2014), Pseudo-mathematics and financial charlatanism, Notices of
    the AMS 61(5), theorem 2.
    """
    if not 0.0 < target_annual_sharpe < math.inf:
        raise ValueError(f"minimum backtest length: target Sharpe ratio {target_annual_sharpe}; give a positive one")
    exact = (expected_maximum_sharpe(n_trials) / target_annual_sharpe) ** 2
    return MinimumBacktestLength(exact, 2.0 * math.log(n_trials) / target_annual_sharpe**2)
