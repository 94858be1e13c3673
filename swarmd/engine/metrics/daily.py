"""Statistics of daily returns: equity marked at the close of the last bar of each UTC day, a year having 365 of them.

Every day of the data counts, partial ones at both ends included, and the first return is measured from the initial
equity 1.0. Sums are exact (`math.fsum`): this is the yardstick the kernels' running sums are held against.
"""

import math
from typing import NamedTuple

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray

DAYS_PER_YEAR = 365.0
# A variance of rounding noise is none: the same bound in every path, or a flat curve would have a Sharpe ratio.
LEAST_VARIANCE = 1e-30


def daily_returns(equity: FloatArray, day_ends: IntArray) -> FloatArray:
    """Simple returns from one day's mark to the next, shape (n_days,); 0 from a ruined mark on."""
    marks = np.concatenate(([1.0], equity[day_ends]))
    before = marks[:-1]
    return np.divide(marks[1:], before, out=np.ones(before.size), where=before > 0.0) - 1.0


class DailyStatistics(NamedTuple):
    """Of daily returns, annualised: what `annual_sharpe`, `annual_volatility` and `annual_sortino` say."""

    annual_sharpe: float
    annual_volatility: float
    annual_sortino: float


def daily_statistics(returns: FloatArray) -> DailyStatistics:
    """All three, each exact sum made once: they are most of what a short backtest costs."""
    total = math.fsum(returns.tolist())
    variance, downside = _variance(returns, total), _downside(returns)
    return DailyStatistics(
        _sharpe(total, returns.size, variance), _volatility(variance), _sortino(total, returns.size, downside)
    )


def annual_sharpe(returns: FloatArray) -> float:
    """Mean over standard deviation (n - 1) of daily returns, times the root of 365; 0 when they do not vary."""
    total = math.fsum(returns.tolist())
    return _sharpe(total, returns.size, _variance(returns, total))


def annual_volatility(returns: FloatArray) -> float:
    """Standard deviation (n - 1) of daily returns times the root of 365, a fraction."""
    return _volatility(_variance(returns, math.fsum(returns.tolist())))


def annual_sortino(returns: FloatArray) -> float:
    """Mean daily return over its downside deviation, the root mean square of min(return, 0) over *all* days,
    annualised.

    0 when no day lost. Source: Sortino and van der Meer (1991), target 0.
    """
    return _sortino(math.fsum(returns.tolist()), returns.size, _downside(returns))


def _sharpe(total: float, n_days: int, variance: float) -> float:
    if variance <= LEAST_VARIANCE:
        return 0.0
    return total / n_days / math.sqrt(variance) * math.sqrt(DAYS_PER_YEAR)


def _volatility(variance: float) -> float:
    return math.sqrt(variance) * math.sqrt(DAYS_PER_YEAR)


def _sortino(total: float, n_days: int, downside: float) -> float:
    if downside <= LEAST_VARIANCE:
        return 0.0
    return total / n_days / math.sqrt(downside / n_days) * math.sqrt(DAYS_PER_YEAR)


def _variance(returns: FloatArray, total: float) -> float:
    if returns.size < 2:
        return 0.0
    off = returns - total / returns.size
    return math.fsum((off * off).tolist()) / (returns.size - 1)


def _downside(returns: FloatArray) -> float:
    """Sum of the squares of losing days."""
    lost = np.minimum(returns, 0.0)
    return math.fsum((lost * lost).tolist())
