"""Surrogate markets: the same moves as a real one, with a coin tossed for the direction of each.

What the whole-search test searches again: every return keeps its size and its place, so volatility, its clustering and
its season stay, and whatever could be timed is gone. `swarmd validate` calls it with development bars. Nothing here
knows what a search is; a surrogate is a `Bars` of the same symbol, and whoever writes one down must say what it is.
"""

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.market.bars import Bars

# In front of the seed, so that no generator of a search with the same seed tosses the same coins.
_COINS = 1991


def surrogate_market(bars: Bars, *, seed: int, number: int, drift: float = 0.0) -> Bars:
    """The surrogate of that number: `r* = m + s (r - m)` in log returns, s = +1 or -1 by a fair coin for each bar.

    A bar is flipped whole. Measured in logarithms from the close before it, its open, high, low and close change sign,
    so that its high becomes its low; a jump to the open is flipped with it. The drift is what the bar gains from open
    to close whatever the coin says. A flipped bar thus gains twice the drift, and its extremes, whose instant nobody
    knows, half of that.

    Parameters
    ----------
    bars : what the search may see, and nothing later
    seed, number : the same two give the same bits, and surrogates of one seed can be made in any order
    drift : m, a mean log return per bar: 0 where the search may go short, `sample_drift(bars)` where it may only buy

    Returns
    -------
    Bars
        Open times, volume and synthetic bars are those of `bars`; the first open is too. A synthetic bar stays flat at
        the close before it: no market was there to be flipped.

    Source: the weights of +1 and -1 are those of Davidson and Flachaire (2008), The wild bootstrap, tamed at last,
    Journal of Econometrics 146(1); docs/surrogates.md says what they test.
    """
    is_flipped = np.random.default_rng((_COINS, seed, number)).integers(0, 2, bars.n_bars, dtype=np.int8) == 1
    return flipped_market(bars, np.asarray(is_flipped), drift=drift)


def flipped_market(bars: Bars, is_flipped: BoolArray, *, drift: float = 0.0) -> Bars:
    """The market in which those bars are mirrored, shape (n_bars,), and the others are as they were."""
    if is_flipped.shape != (bars.n_bars,):
        raise ValueError(f"surrogate of {bars.symbol}: {is_flipped.shape} coins for {bars.n_bars} bars; toss one a bar")
    before = _close_before(bars)
    # Each price of a bar by its logarithm above the close before it.
    jump, reach_up, reach_down, step = (
        np.log(price / before) for price in (bars.open, bars.high, bars.low, bars.close)
    )
    mirrored = is_flipped & ~bars.synthetic
    jump_now = np.where(mirrored, -jump, jump)
    step_now = np.where(mirrored, 2.0 * drift - step, step)
    high_now = np.where(mirrored, drift - reach_down, reach_up)
    low_now = np.where(mirrored, drift - reach_up, reach_down)
    # What each bar starts from: the closes of the surrogate, the first open in front.
    level = np.log(bars.open[0]) + np.concatenate((np.zeros(1), np.cumsum(step_now)))
    start = np.exp(level[:-1])
    # A step of exactly 0 must leave the price where it was, to the bit: a flat bar is flat, an open at the close before
    # is at it. Multiplying by exp(0) does that; exponentials of two sums need not agree.
    close = np.concatenate((start[1:], np.exp(level[-1:])))
    open_ = np.where(jump_now == 0.0, start, start * np.exp(jump_now))
    # The drift moves a close a little beyond what half of it moved the extremes, and rounding does so too.
    high = np.maximum(start * np.exp(high_now), np.maximum(open_, close))
    low = np.minimum(start * np.exp(low_now), np.minimum(open_, close))
    return Bars(
        symbol=bars.symbol,
        interval_minutes=bars.interval_minutes,
        open_time=bars.open_time,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=bars.volume,
        synthetic=bars.synthetic,
    )


def sample_drift(bars: Bars) -> float:
    """Mean log return per bar, from close to close; synthetic bars, on which nothing was traded, do not count."""
    return float(_log_returns(bars)[~bars.synthetic].mean())


def _log_returns(bars: Bars) -> FloatArray:
    return np.asarray(np.log(bars.close / _close_before(bars)))


def _close_before(bars: Bars) -> FloatArray:
    """The close before each bar; before the first one, its own open."""
    return np.concatenate((bars.open[:1], bars.close[:-1]))
