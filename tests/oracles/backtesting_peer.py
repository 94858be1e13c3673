"""backtesting.py as an oracle: its broker, driven by an order book of ours.

It fills at the next open, looks at stops on the entry bar and fills a stop before a target, as we do. What is bridged:
it has no slippage on exits (so there is none on either side), trades whole units (so the account is large), looks at
its first bar only from the second on (so one more stands before it), closes nothing at the last close (so one more
follows, all at that close), and lets the stop of a bar win over an exit at its open (so brackets are cancelled before).
It wants stop and target around the close at which the order is given, which a gap would break: the open of every bar
with an order is shown as a bar of its own, on which the old position leaves and the new order is given. Nothing is
looked up ahead.
"""

import warnings
from typing import Any

import backtesting
import numpy as np
import pandas as pd
from oracles.peer import Orders, PeerRun, equity_on_grid

from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.market.bars import Bars

backtesting.backtesting._tqdm = lambda rows, **_: rows
CASH = 1e13
# It values a short that opens within a bar at the close of that bar, and may find no margin left for its next leg.
MARGIN = 0.01


def run_backtesting(bars: Bars, orders: Orders, plan: ExitPlan, *, direction: Direction, fee: float) -> PeerRun:
    """Its run of these orders, with any exit plan; each leg is a trade of its own there, and is put together again."""
    real = np.flatnonzero(~bars.synthetic)
    shown = np.isin(real, list(orders.side_at))
    repeats = 1 + shown
    source = np.repeat(np.arange(real.size), repeats)
    is_open = np.append(source[1:] == source[:-1], False)

    def column(prices: np.ndarray) -> np.ndarray:
        rows = np.where(is_open, bars.open[real][source], prices[real][source])
        return np.concatenate((bars.open[:1], rows, bars.close[-1:]))

    frame = pd.DataFrame(
        {
            "Open": column(bars.open),
            "High": column(bars.high),
            "Low": column(bars.low),
            "Close": column(bars.close),
            "Volume": 1.0,
        },
        index=pd.date_range("2023-01-01", periods=source.size + 2, freq="5min"),
    )
    bar_of = np.concatenate((real[:1], real[source], [bars.n_bars - 1]))
    due = _due(bars, orders, bar_of, np.concatenate(([False], is_open, [False])))
    last_row = bar_of.size - 1
    shorts = direction is Direction.LONG_SHORT
    legs = plan.legs if plan.legs else (Leg(1.0, plan.target if plan.target is not None else np.inf),)
    if plan.legs and not plan.last_leg_closes_all:
        # What no leg closes.
        legs = (*legs, Leg(1.0 - sum(leg.share for leg in plan.legs), np.inf))

    class FollowOrders(backtesting.Strategy):  # type: ignore[misc,name-defined]
        def init(self) -> None:
            self.side = self.side_before = 0
            self.entry = self.best = self.stop = np.nan
            self.set_aside: list[tuple[Any, float | None, float | None]] = []

        def leave(self) -> None:
            for trade in self.trades:
                trade.sl = None
                trade.tp = None
                trade.close()
            self.side = 0

        def enter(self, side: int, price: float) -> None:
            self.side, self.entry, self.best = side, price, price
            self.entry_row = len(self.data)
            self.stop = price * (1.0 - side * plan.stop) if plan.stop is not None else -side * np.inf
            committed = self.equity * plan.size / (price * (1.0 + fee)) * (1.0 - 1e-13)
            for leg in legs:
                units = np.floor(committed * leg.share)
                target = price * (1.0 + side * leg.target)
                order = self.buy if side > 0 else self.sell
                order(size=units, sl=_price(self.in_force()), tp=_price(target), tag=leg)

        def in_force(self) -> float:
            """The tighter of the fixed and the trailing stop."""
            if plan.trailing is None:
                return float(self.stop)
            trail = self.best * (1.0 - self.side * plan.trailing)
            return float(max(self.stop, trail) if self.side > 0 else min(self.stop, trail))

        def follow(self) -> None:
            """After a bar: legs that have closed move the stop, and the bar's extreme moves the trail."""
            for leg in legs[: len(legs) - len(self.trades)]:
                if leg.stop_to is not None:
                    moved = self.entry * (1.0 + self.side * leg.stop_to)
                    self.stop = max(self.stop, moved) if self.side > 0 else min(self.stop, moved)
            extreme = self.data.High[-1] if self.side > 0 else self.data.Low[-1]
            self.best = max(self.best, extreme) if self.side > 0 else min(self.best, extreme)
            level = _price(self.in_force())
            for trade in self.trades:
                if trade.sl != level:
                    trade.sl = level

        def next(self) -> None:
            row = len(self.data) - 1
            if row >= last_row:
                return
            if self.side and not self.trades and row >= self.entry_row:
                self.side = 0
            # A row that shows an open takes no part in the range of a bar.
            if self.side and row >= self.entry_row and not is_shown[row] and follows:
                self.follow()
            if row == last_row - 1:
                self.leave()
                return
            wish = due.get(row, 0)
            if is_shown[row]:
                for trade, sl, tp in self.set_aside:
                    trade.sl, trade.tp = sl, tp
                self.set_aside = []
                # A side held until this open is not entered again at it, whatever closed it there.
                if wish and not self.side and wish != self.side_before and (wish > 0 or shorts):
                    self.enter(wish, self.data.Close[-1])
                return
            after = row + 1
            held = self.side_before = self.side
            if not held:
                return
            is_due = plan.time_stop_bars is not None and bar_of[after] >= bar_of[self.entry_row] + plan.time_stop_bars
            if is_due or due.get(after) == -held:
                self.leave()
            elif is_shown[after]:
                # Its open belongs to a bar in which a stop goes before a target that was passed at the open.
                self.set_aside = [(trade, trade.sl, trade.tp) for trade in self.trades]
                for trade in self.trades:
                    trade.sl = trade.tp = None

    is_shown = np.concatenate(([False], is_open, [False])).tolist()
    follows = plan.trailing is not None or any(leg.stop_to is not None for leg in legs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = backtesting.Backtest(
            frame, FollowOrders, cash=CASH, commission=fee, margin=MARGIN, finalize_trades=False
        )
        stats = test.run()
    return _as_run(bars, stats, real, bar_of, np.flatnonzero(~np.array(is_shown))[1:-1], one_trade=len(legs) == 1)


def _due(bars: Bars, orders: Orders, bar_of: np.ndarray, is_shown: np.ndarray) -> dict[int, int]:
    """Sides by the row that shows the open of their bar."""
    return {row: orders.side_at[int(bar_of[row])] for row in np.flatnonzero(is_shown).tolist()}


def _price(level: float) -> float | None:
    """A stop or target it accepts; one that no price can reach is none."""
    return float(level) if 0.0 < level < np.inf else None


def _as_run(
    bars: Bars, stats: Any, real: np.ndarray, bar_of: np.ndarray, closes: np.ndarray, *, one_trade: bool
) -> PeerRun:
    """Its table of trades, those of one position put together: last exit, exit price weighted by units."""
    table = stats._trades
    size = table.Size.to_numpy(np.float64)
    parts = {
        "entry": bar_of[table.EntryBar.to_numpy(np.int64)],
        "exit": bar_of[table.ExitBar.to_numpy(np.int64)],
        "side": np.sign(size).astype(np.int64),
        "units": np.abs(size),
        "in": table.EntryPrice.to_numpy(np.float64),
        "out": table.ExitPrice.to_numpy(np.float64),
        "pnl": table.PnL.to_numpy(np.float64) / CASH,
    }
    order = np.lexsort((parts["exit"], parts["entry"]))
    parts = {name: column[order] for name, column in parts.items()}
    if not one_trade:
        _, first, group = np.unique(parts["entry"], return_index=True, return_inverse=True)
        units = np.bincount(group, parts["units"])
        parts = {
            "entry": parts["entry"][first],
            "exit": np.maximum.reduceat(parts["exit"], first) if first.size else parts["exit"],
            "side": parts["side"][first],
            "in": parts["in"][first],
            "out": np.bincount(group, parts["units"] * parts["out"]) / units,
            "pnl": np.bincount(group, parts["pnl"]),
        }
    curve = stats._equity_curve.Equity.to_numpy() / CASH
    return PeerRun(
        entry_bar=parts["entry"],
        exit_bar=parts["exit"],
        side=parts["side"],
        entry_price=parts["in"],
        exit_price=parts["out"],
        pnl=parts["pnl"],
        equity=equity_on_grid(bars, real, curve[closes], curve[-1]),
    )
