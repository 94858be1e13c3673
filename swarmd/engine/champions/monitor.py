"""The monitor: do the days since speak against what a champion promised? An e-process that may be looked at any time.

Pure: daily returns in, evidence out. The null hypothesis is that the true Sharpe ratio is at least the promised one; a
champion is dethroned when the evidence against it ever reaches 1/alpha. Looking every hour costs nothing, because the
bound holds for all days at once. Bars and replays are the caller's (`swarmd.engine.phases.standing`).

How it bets. Let s0 be the promise per day, g a scale of the returns known the day before, y = r/g and D = s0 - y. A
stake of lambda = k s0 multiplies the wealth by

    f = exp(x - x^2/6 - lambda^2/3),   x = lambda D.

Since exp(x - x^2/6) <= 1 + x + x^2/3 for every real x (Delyon 2009), E f <= exp(lambda E D + lambda^2 (E D^2 - 1)/3).
Where the day's mean is s0 times its deviation and that deviation is rho g, the exponent is

    k s0^2 (rho - 1) (k (rho + 1 + s0^2 (rho - 1))/3 - 1),

and a higher mean lowers it. It is not positive for 1 <= rho <= 3/k - 1 but for a hair (s0^2 is 0.011 at an annual ratio
of 2). So f is then a fair bet or a bad one whatever the distribution's tails: only two moments are asked for, and one
day multiplies the wealth by at most exp(3/2). The wealth is a nonnegative supermartingale, and by Ville's inequality it
ever reaches 1/alpha with probability at most alpha.

What is assumed, plainly: on every day a Sharpe ratio of at least the promise, and a deviation between g and 2 g (5 g
for the small stake). g is an exponentially weighted root mean square of earlier days, times 0.8 so that it is rather
too low. Where it is off for a while, or days without a position come in long runs, the bound is no theorem; simulations
stand in docs/champions.md and in the tests.

Sources: Ville (1939), Etude critique de la notion de collectif; Delyon (2009), Exponential inequalities for sums of
weakly dependent variables, Electronic Journal of Probability 14; Howard, Ramdas, McAuliffe and Sekhon (2020),
Time-uniform Chernoff bounds via nonnegative supermartingales, Probability Surveys 17; Waudby-Smith and Ramdas (2024),
Estimating means of bounded random variables by betting, JRSS B 86; starts at later days as in Shin, Ramdas and Rinaldo
(2024), E-detectors, New England Journal of Statistics in Data Science 2.
"""

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from swarmd.engine.guards.series import checked_series
from swarmd.engine.metrics.daily import DAYS_PER_YEAR

ALPHA = 0.05
# Fractions of the promise that are staked, and the share of the money on each. The full promise is what wins most
# against an edge of 0; half of it is safe with a deviation that was guessed worse.
_STAKES = ((0.5, 0.2), (1.0, 0.8))
# The money that bets from the first day. The rest begins later, in portions 30 days apart, so that years of kept
# promises do not cover the months after the edge has died.
_FROM_THE_START = 0.8
_LATER_EVERY = 30
_HALF_LIFE_DAYS = 60.0
_SHADE = 0.8
LEAST_DAYS_BEFORE = 30


@dataclass(frozen=True, slots=True)
class PromiseEvidence:
    """Evidence against the promise: `log_e[d]` is the natural logarithm of the wealth after day d + 1, begun with 1."""

    promised_annual_sharpe: float
    log_e: tuple[float, ...]

    @property
    def days(self) -> int:
        return len(self.log_e)

    @property
    def e(self) -> float:
        """The wealth now."""
        return math.exp(self.log_e[-1]) if self.log_e else 1.0

    @property
    def largest_e(self) -> float:
        """The most it ever was: what the bound is about."""
        return max(1.0, math.exp(max(self.log_e))) if self.log_e else 1.0

    def broken_on(self, alpha: float) -> int | None:
        """The day (1 is the first) on which 1/alpha was reached; None while the promise stands."""
        bar = -math.log(alpha)
        return next((day for day, log_e in enumerate(self.log_e, 1) if log_e >= bar), None)


def promise_evidence(returns: ArrayLike, before: ArrayLike, *, promised_annual_sharpe: float) -> PromiseEvidence:
    """How much the returns speak against a true annual Sharpe ratio of at least the promised one.

    Parameters
    ----------
    returns : shape (n_days,), fractions; net daily returns since, flat days included. None give e = 1.
    before : shape (>= 30,); daily returns from before, the last one right before the first of `returns`. They tell the
        scale of the first days and nothing else.
    promised_annual_sharpe : positive; 365 days a year

    Raises
    ------
    ValueError
        For a return that is not finite, fewer than 30 days before, days before that are all 0, or a promise that is not
        positive: nothing can speak against it.
    """
    if not 0.0 < promised_annual_sharpe < math.inf:
        raise ValueError(f"monitor: a promised Sharpe ratio of {promised_annual_sharpe} cannot be broken; give one > 0")
    earlier = checked_series(before, of="monitor").tolist()
    if len(earlier) < LEAST_DAYS_BEFORE:
        raise ValueError(f"monitor: {len(earlier)} days before the first one; give at least {LEAST_DAYS_BEFORE}")
    kept = 0.5 ** (1.0 / _HALF_LIFE_DAYS)
    square = _weighted_square(earlier, kept)
    if square <= 0.0:
        raise ValueError("monitor: every return before the first day is 0, so they have no scale; give days that trade")
    promise = promised_annual_sharpe / math.sqrt(DAYS_PER_YEAR)
    stakes = [k * promise for k, _ in _STAKES]
    small, large = _FROM_THE_START, _FROM_THE_START
    waiting, starts, log_e = 1.0 - _FROM_THE_START, 0, []
    for day, value in enumerate(checked_series(returns, of="monitor").tolist()):
        if day and day % _LATER_EVERY == 0:
            # 1/(1*2) + 1/(2*3) + ... = 1: there is always something left for a later start.
            starts += 1
            portion = (1.0 - _FROM_THE_START) / (starts * (starts + 1))
            small, large, waiting = small + portion, large + portion, waiting - portion
        short_of = promise - value / (_SHADE * math.sqrt(square))
        small *= _factor(stakes[0], short_of)
        large *= _factor(stakes[1], short_of)
        log_e.append(math.log(_STAKES[0][1] * small + _STAKES[1][1] * large + waiting))
        square = kept * square + (1.0 - kept) * value * value
    return PromiseEvidence(promised_annual_sharpe, tuple(log_e))


def _factor(stake: float, short_of: float) -> float:
    """What one unit of money becomes on a day that fell `short_of` the promise, in deviations."""
    x = stake * short_of
    return math.exp(x - x * x / 6.0 - stake * stake / 3.0)


def _weighted_square(returns: list[float], kept: float) -> float:
    weights = [kept**age for age in reversed(range(len(returns)))]
    return math.fsum(w * r * r for w, r in zip(weights, returns, strict=True)) / math.fsum(weights)
