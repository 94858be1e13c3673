"""Statistics of daily returns: equity marked at the close of the last bar of each UTC day, a year having 365 of them.

Every day of the data counts, partial ones at both ends included, and the first return is measured from the initial
equity 1.0. Sums are exact (`math.fsum`): this is the yardstick the kernels' running sums are held against.
"""

import math

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


def annual_sharpe(returns: FloatArray) -> float:
    """Mean over standard deviation (n - 1) of daily returns, times the root of 365; 0 when they do not vary."""
    variance = _variance(returns)
    if variance <= LEAST_VARIANCE:
        return 0.0
    return math.fsum(returns.tolist()) / returns.size / math.sqrt(variance) * math.sqrt(DAYS_PER_YEAR)


def annual_volatility(returns: FloatArray) -> float:
    """Standard deviation (n - 1) of daily returns times the root of 365, a fraction."""
    return math.sqrt(_variance(returns)) * math.sqrt(DAYS_PER_YEAR)


def annual_sortino(returns: FloatArray) -> float:
    """Mean daily return over its downside deviation, the root mean square of min(return, 0) over *all* days,
    annualised.

    0 when no day lost. Source: Sortino and van der Meer (1991), target 0.
    """
    downside = math.fsum(min(r, 0.0) ** 2 for r in returns.tolist())
    if downside <= LEAST_VARIANCE:
        return 0.0
    mean = math.fsum(returns.tolist()) / returns.size
    return mean / math.sqrt(downside / returns.size) * math.sqrt(DAYS_PER_YEAR)


def _variance(returns: FloatArray) -> float:
    if returns.size < 2:
        return 0.0
    mean = math.fsum(returns.tolist()) / returns.size
    return math.fsum((r - mean) ** 2 for r in returns.tolist()) / (returns.size - 1)
