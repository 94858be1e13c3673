"""What equity grew to, and how fast by the year."""

import numpy as np

from swarmd.engine.arrays import FloatArray

MINUTES_PER_YEAR = 365.0 * 1440.0


def total_return(equity: FloatArray) -> float:
    """Final equity over initial equity (1.0), minus 1: a fraction, -1 after ruin."""
    return float(equity[-1]) - 1.0


def bar_returns(equity: FloatArray) -> FloatArray:
    """Simple return of every bar, the first from the initial equity 1.0; 0 from a ruined bar on."""
    before = np.concatenate(([1.0], equity[:-1]))
    return np.divide(equity, before, out=np.ones(equity.size), where=before > 0.0) - 1.0


def annual_return(total: float, *, n_bars: int, interval_minutes: int) -> float:
    """The constant yearly growth that leads to `total` in the time of the data; compounding, years of 365 days.

    inf where a short stretch of data would extrapolate beyond the floats.
    """
    years = n_bars * interval_minutes / MINUTES_PER_YEAR
    try:
        return float((1.0 + total) ** (1.0 / years)) - 1.0
    except OverflowError:
        return float("inf")


def calmar(annual: float, drawdown: float) -> float:
    """Annual return over the largest drawdown; 0 where nothing was ever lost, as with the other ratios."""
    return annual / drawdown if drawdown > 0.0 else 0.0
