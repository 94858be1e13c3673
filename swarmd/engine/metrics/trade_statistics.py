"""Statistics of closed trades: how often they win, by how much, for how long, and how few of them carry the result."""

import math

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray


def win_rate(trade_return: FloatArray) -> float:
    """Trades with a net profit above 0 over trades; 0 without trades.

    Judged by growth, not by the difference of two equities: that is rounding noise when costs are 0.
    """
    return float(np.count_nonzero(trade_return > 0.0) / trade_return.size) if trade_return.size else 0.0


def profit_factor(trade_pnl: FloatArray, trade_return: FloatArray) -> float:
    """Gross net profits over gross net losses; inf when there is no loss (null in JSON).

    Summed in the order of the trades, because the kernels do and results are compared to the last bit.
    """
    won, lost = 0.0, 0.0
    for pnl, growth in zip(trade_pnl.tolist(), trade_return.tolist(), strict=True):
        if growth > 0.0:
            won += pnl
        else:
            lost -= pnl
    return won / lost if lost > 0.0 else math.inf


def avg_trade_return(trade_return: FloatArray) -> float:
    """Mean net return of a trade on the equity it committed, a fraction; 0 without trades."""
    return math.fsum(trade_return.tolist()) / trade_return.size if trade_return.size else 0.0


def bars_held(entry_bar: IntArray, exit_bar: IntArray) -> IntArray:
    """Bars from the entry bar to the exit bar: 0 when a trade leaves in the bar it entered."""
    return exit_bar - entry_bar


def avg_bars_held(entry_bar: IntArray, exit_bar: IntArray) -> float:
    """Mean of `bars_held`; 0 without trades."""
    return float(np.mean(bars_held(entry_bar, exit_bar))) if entry_bar.size else 0.0


def exposure(entry_bar: IntArray, exit_bar: IntArray, left_at_open: BoolArray, n_bars: int) -> float:
    """Bars in which a position was open, for a part at least, over all bars; an exit at the open leaves its bar out."""
    held = bars_held(entry_bar, exit_bar) + np.where(left_at_open, 0, 1)
    return float(held.sum() / n_bars)


def top10_share(trade_pnl: FloatArray) -> float:
    """Part of the gross net profits that the ten best trades made; 0 without a profit, 1 with ten winners or fewer."""
    profits = np.sort(trade_pnl[trade_pnl > 0.0])[::-1].tolist()
    total = math.fsum(profits)
    return math.fsum(profits[:10]) / total if total > 0.0 else 0.0
