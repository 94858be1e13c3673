"""Whether a candidate is in the market only in regimes in which it has proved itself.

A regime is a cell of trend x volatility, each in terciles. The boundaries are fitted on the bars in sample, and a bar
is labelled by the bars before it, so the label is known when an entry on it fills. The figure is the share of bars in
the market out of sample that lie in regimes without proof. It is *not* a distance between the regime shares of the two
stretches: for one and the same process that is 12 % at the median, and says nothing of the candidate.
"""

from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray

LOOKBACK_BARS = 100
LEAST_TRADES = 20
UNKNOWN = -1
N_REGIMES = 9
_TREND = ("falling", "level", "rising")
_VOLATILITY = ("calm", "usual", "wild")
# By regime number: 3 * tercile of the trend + tercile of the volatility.
REGIME_NAMES = tuple(f"{trend}, {volatility}" for trend in _TREND for volatility in _VOLATILITY)


@dataclass(frozen=True, slots=True)
class RegimeBounds:
    """The two boundaries of each measure's terciles in sample; a value on a boundary belongs to the upper cell."""

    trend: tuple[float, float]
    volatility: tuple[float, float]
    lookback: int


def fitted_regimes(close: FloatArray, *, is_stop: int, lookback: int = LOOKBACK_BARS) -> RegimeBounds:
    """Boundaries of the regimes, from the bars [0, is_stop) alone.

    Parameters
    ----------
    close : shape (n_bars,), positive; what follows `is_stop` is not looked at
    lookback : how many log returns trend and volatility are of

    Raises
    ------
    ValueError
        If a close is not positive and finite, or fewer than 3 bars in sample have a label to come.
    """
    trend, volatility = _measures(close[:is_stop], lookback)
    known = np.isfinite(trend)
    if np.count_nonzero(known) < 3:
        raise ValueError(
            f"regimes: {close[:is_stop].size} bars in sample leave {np.count_nonzero(known)} behind a lookback of "
            f"{lookback}; give at least {lookback + 4} bars"
        )
    low_trend, high_trend = np.quantile(trend[known], (1 / 3, 2 / 3)).tolist()
    low_volatility, high_volatility = np.quantile(volatility[known], (1 / 3, 2 / 3)).tolist()
    return RegimeBounds((low_trend, high_trend), (low_volatility, high_volatility), lookback)


def regime_labels(close: FloatArray, bounds: RegimeBounds) -> IntArray:
    """Regime of every bar, 0 to 8 (`REGIME_NAMES`), from the closes of the bars before it; -1 where these do not reach.

    Parameters
    ----------
    close : shape (n_bars,), in and out of sample in one, so that the latter begins with a label

    Returns
    -------
    int64, shape (n_bars,)
        That of bar t rests on closes up to t - 1: it is known at the open of t, where an entry fills.
    """
    trend, volatility = _measures(close, bounds.lookback)
    cells = 3 * np.searchsorted(bounds.trend, trend, side="right") + np.searchsorted(
        bounds.volatility, volatility, side="right"
    )
    return np.where(np.isfinite(trend), cells, UNKNOWN).astype(np.int64)


def trend_of(labels: IntArray) -> IntArray:
    """Trend of every regime, 0 falling to 2 rising, whatever the volatility; -1 stays unknown."""
    return np.where(labels >= 0, labels // 3, UNKNOWN).astype(np.int64)


@dataclass(frozen=True, slots=True)
class RegimeMismatch:
    """`share` of the bars in the market that lie in regimes not approved; None (a gate fails) where none is in it.

    `bars` : bars in the market out of sample of each regime met there
    """

    share: float | None
    approved: tuple[int, ...]
    bars: dict[int, int]
    n_bars: int


def regime_mismatch(
    is_labels: IntArray,
    is_pnl: FloatArray,
    oos_labels: IntArray,
    oos_in_market: BoolArray,
    *,
    least_trades: int = LEAST_TRADES,
) -> RegimeMismatch:
    """Share of out-of-sample bars in the market in regimes that the candidate has not earned.

    A regime is approved where at least `least_trades` trades in sample were entered, and their net profits sum to more
    than 0.

    Parameters
    ----------
    is_labels : shape (n_trades,), regime in which each trade in sample was entered (`labels[entry_bar]`)
    is_pnl : shape (n_trades,), its net profit or loss, in any one unit
    oos_labels : shape (n_bars,), regime of every bar out of sample
    oos_in_market : shape (n_bars,), whether a position was open in it
    least_trades : with fewer a profit is an anecdote

    Labels may be of any regimes, as long as both stretches use the same; a negative one is unknown, and never
    approved.

    Raises
    ------
    ValueError
        If labels and their trades or bars differ in number, or a profit is not finite.
    """
    labels, pnl = np.asarray(is_labels, np.int64).ravel(), np.asarray(is_pnl, np.float64).ravel()
    met, in_market = np.asarray(oos_labels, np.int64).ravel(), np.asarray(oos_in_market, np.bool_).ravel()
    if labels.size != pnl.size or met.size != in_market.size:
        raise ValueError(
            f"regime mismatch: {labels.size} labels of {pnl.size} trades in sample, {met.size} of {in_market.size} "
            "bars out of sample; give one label each"
        )
    if not np.isfinite(pnl).all():
        at = int(np.argmin(np.isfinite(pnl)))
        raise ValueError(f"regime mismatch: trade {at} in sample is {pnl[at]}; give finite profits of closed trades")
    approved = tuple(
        int(regime)
        for regime in np.unique(labels[labels >= 0])
        if np.count_nonzero(labels == regime) >= least_trades and pnl[labels == regime].sum() > 0.0
    )
    held = met[in_market]
    regimes, counts = np.unique(held, return_counts=True)
    share = float(np.count_nonzero(~np.isin(held, approved)) / held.size) if held.size else None
    return RegimeMismatch(
        share=share,
        approved=approved,
        bars=dict(zip(regimes.tolist(), counts.tolist(), strict=True)),
        n_bars=int(held.size),
    )


def _measures(close: FloatArray, lookback: int) -> tuple[FloatArray, FloatArray]:
    """Trend (sum of the last log returns over their root sum of squares) and volatility (their root mean square) as
    known at the open of every bar; NaN where the closes before do not reach. Shape (n_bars,) each."""
    if lookback < 1:
        raise ValueError(f"regimes: a lookback of {lookback} bars; give at least 1")
    wrong = ~((close > 0.0) & np.isfinite(close))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"regimes: close {at} is {close[at]}; give positive prices")
    trend, volatility = np.full((2, close.size), np.nan)
    if close.size > lookback + 1:
        returns = np.diff(np.log(close))
        # Each window summed by itself: running sums would leave rounding noise in the ties of a market at rest.
        windows = np.lib.stride_tricks.sliding_window_view(returns, lookback)[:-1]
        squares = np.einsum("ij,ij->i", windows, windows)
        root = np.sqrt(squares)
        moved = windows.sum(axis=1)
        trend[lookback + 1 :] = np.divide(moved, root, out=np.zeros_like(moved), where=root > 0.0)
        volatility[lookback + 1 :] = np.sqrt(squares / lookback)
    return trend, volatility
