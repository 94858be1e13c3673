"""The Sharpe ratio of a series of returns, per period unless the periods of a year are given.

The number everything else in this folder is about. The kernels have running sums of their own for millions of trials
(`swarmd.engine.metrics.daily` is the yardstick they are held against); this one is for the few that are judged.
"""

import math
from typing import Self

from numpy.typing import ArrayLike

from swarmd.engine.guards.series import checked_series

# The same bound as the metrics': below it a variance is rounding noise.
_LEAST_VARIANCE = 1e-30
# Deviations of a constant are the rounding of its mean, an ulp or less; twenty times that is still no deviation.
_LEAST_RELATIVE_DEVIATION = 20 * 2.0**-52


class SharpeRatio(float):
    """A Sharpe ratio: a float that knows whether it is one. 0.0 with `defined` False where returns do not vary.

    A float, so that it adds, compares and prints as the number it is. Gates and records take `figure`: an undefined 0.0
    would pass every threshold below 0, and orjson writes no float but the plain one.
    """

    defined: bool

    def __new__(cls, value: float, *, defined: bool) -> Self:
        ratio = super().__new__(cls, value if defined else 0.0)
        ratio.defined = defined
        return ratio

    @property
    def figure(self) -> float | None:
        """The number for a gate: None, which fails, where it is undefined."""
        return float(self) if self.defined else None

    def __getnewargs_ex__(self) -> tuple[tuple[float], dict[str, bool]]:
        return (float(self),), {"defined": self.defined}


def sharpe_ratio(returns: ArrayLike, periods_per_year: float | None = None, ddof: int = 1) -> SharpeRatio:
    """Mean over standard deviation of simple net returns, flat periods included.

    Parameters
    ----------
    returns : shape (n,), fractions; already in excess of what they are measured against
    periods_per_year : None for the ratio per period; else the ratio is multiplied by the root of it (365 for days)
    ddof : the deviation's divisor is n - ddof; 1 by convention here, 0 for the other one

    Returns
    -------
    SharpeRatio
        A float. 0.0 and not `defined` when the deviation is 0, when it is the rounding noise of a constant, and for n
        <= ddof; never NaN, never infinite. Sums are exact (`math.fsum`), so the order of the returns does not matter.

    Raises
    ------
    ValueError
        For a return that is not finite (names the first), a shape that is not (n,), periods that are not positive, or
        a negative ddof.

    Source: Sharpe (1994), The Sharpe ratio, Journal of Portfolio Management 21(1).
    """
    if periods_per_year is not None and not 0.0 < periods_per_year < math.inf:
        raise ValueError(f"Sharpe ratio: {periods_per_year} periods per year; give a positive number, or None")
    if ddof < 0:
        raise ValueError(f"Sharpe ratio: ddof is {ddof}; give 0 or 1")
    values = checked_series(returns, of="Sharpe ratio").tolist()
    if len(values) <= ddof or len(values) < 2:
        return SharpeRatio(0.0, defined=False)
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - ddof)
    if variance <= max(_LEAST_VARIANCE, (_LEAST_RELATIVE_DEVIATION * mean) ** 2):
        return SharpeRatio(0.0, defined=False)
    scale = 1.0 if periods_per_year is None else math.sqrt(periods_per_year)
    return SharpeRatio(mean / math.sqrt(variance) * scale, defined=True)
