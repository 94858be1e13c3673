"""vectorbt as an oracle: its order simulation, shown every bar as two rows.

Used plainly it cannot agree, because it takes one order per row and never looks at stops in the row of an entry. So
each bar has a row for its open, where orders fill and no stop can, and a row for the rest of it, where only stops do;
one last row closes what is open. Its own ratios would see two rows per bar: metrics come from its equity instead.
"""

import warnings

import numba
import numpy as np
from oracles.peer import Orders, PeerRun, equity_on_grid

import swarmd.engine  # noqa: F401  (first: it decides where numba keeps our kernels)
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars

# Its compiled functions stay beside its own sources: in our folder they would be compiled anew with every edit of ours.
_ours, numba.config.CACHE_DIR = numba.config.CACHE_DIR, ""
try:
    import pandas as pd
    import vectorbt
    from vectorbt.portfolio.enums import OppositeEntryMode, SizeType, StopEntryPrice, StopExitPrice
finally:
    numba.config.CACHE_DIR = _ours

# Large, because it takes what is within 1e-12 of nothing for nothing.
CASH = 1e13


def run_vectorbt(bars: Bars, orders: Orders, plan: ExitPlan, *, direction: Direction, costs: Costs) -> PeerRun:
    """Its run of these orders; a stop or a trailing stop (not both), a target, and for longs a size.

    Its trailing stop follows the highs of earlier rows, as ours does those of earlier bars. So that the row of the open
    neither raises the trail nor hides an open below it, that row shows the open, capped at the high before: exact
    unless the open leaps over the high before it and over the trail at once. There a stop precedes an order, so that a
    reversal would be lost: trailing stops are for longs here.
    """
    shorts = direction is Direction.LONG_SHORT
    assert not plan.legs, "it has one target"
    assert plan.time_stop_bars is None, "it has no time stop"
    assert plan.trailing is None or (plan.stop is None and not shorts)
    real = np.flatnonzero(~bars.synthetic)
    row_of = dict(zip(real.tolist(), range(0, 2 * real.size, 2), strict=True))
    n_rows = 2 * real.size + 1
    ups, downs, last = (np.zeros(n_rows, np.bool_) for _ in range(3))
    for bar, side in orders.side_at.items():
        (ups if side > 0 else downs)[row_of[bar]] = True
    last[-1] = True
    shown = _rows(bars, real, trailing=plan.trailing is not None)
    # The same four columns in both modes: another set of arguments would be compiled for seconds.
    exits = last if shorts else downs | last
    signals = {"entries": ups, "exits": exits, "short_entries": downs & shorts, "short_exits": last}
    sized = {"size": np.inf} if plan.size == 1.0 else {"size": plan.size, "size_type": SizeType.Percent}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = vectorbt.Portfolio.from_signals(
            **shown,
            **signals,
            **sized,
            fees=costs.fee,
            slippage=costs.slippage,
            init_cash=CASH,
            min_size=0.0,
            sl_stop=np.nan if plan.stop is plan.trailing is None else plan.stop or plan.trailing,
            sl_trail=plan.trailing is not None,
            tp_stop=np.nan if plan.target is None else plan.target,
            stop_entry_price=StopEntryPrice.Price,
            stop_exit_price=StopExitPrice.StopMarket,
            upon_opposite_entry=OppositeEntryMode.Reverse,
            accumulate=False,
        )
        trades = run.trades.values
        value = run.value().to_numpy()
    side = np.where(trades["direction"] == 0, 1, -1)
    bar_of = np.append(np.repeat(real, 2), bars.n_bars - 1)
    value = value / CASH
    return PeerRun(
        entry_bar=bar_of[trades["entry_idx"]],
        exit_bar=bar_of[trades["exit_idx"]],
        side=side,
        # It tells what was paid, slippage included.
        entry_price=trades["entry_price"] / (1.0 + side * costs.slippage),
        exit_price=trades["exit_price"] / (1.0 - side * costs.slippage),
        pnl=trades["pnl"] / CASH,
        equity=equity_on_grid(bars, real, value[1::2], value[-1]),
    )


def _rows(bars: Bars, real: np.ndarray, *, trailing: bool) -> dict[str, object]:
    open_, high, low, close = (column[real] for column in (bars.open, bars.high, bars.low, bars.close))
    still = np.append(open_[0], close[:-1])
    if trailing:
        still = np.minimum(open_, np.append(open_[0], high[:-1]))

    def woven(at_open: np.ndarray, rest: np.ndarray) -> np.ndarray:
        return np.append(np.stack((at_open, rest), axis=1).ravel(), close[-1])

    return {
        "price": woven(open_, close),
        "open": woven(still, open_),
        "high": woven(still, high),
        "low": woven(still, low),
        "close": pd.Series(woven(open_, close)),
    }
