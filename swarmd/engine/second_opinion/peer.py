"""backtesting.py, driven by a strategy's orders: its broker fills them, keeps the cash and books the trades.

What is decided here is what a strategy decides: which order to give at a close, how many units, and at which prices
stop and target lie. Everything after that is the foreign engine's: when an order fills and at what price, which of two
levels was touched first, what an account is worth, when it is ruined. Whether a position is held is asked of it too.

It reads bars in its own way, and five bridges lead there; each is told on the certificate (`account.explained`):

* It wants stop and target around the close at which an order is given, and a gap would put the fill beyond them. The
  open of every bar with an order is therefore shown as a bar of its own, on which the old position leaves and the new
  order is given; it fills at the open that follows, which is the same. Nothing is looked up ahead.
* It has no slippage when a position is left. Fee and slippage are its commission, at the rate of each side.
* It trades whole units: the account is so large that one unit is a millionth of a millionth of it.
* It looks at its first bar only from the second on, and closes nothing at the last close: one bar more stands before
  the first, and one more, all at the last close, behind the last.
* An exit at an open comes, with it, after the stop of that bar. Brackets are lifted before such an exit.
"""

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events, on_real_bars
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars

ENGINE = "backtesting.py"
EXTRA = "second-opinion"
# Of the account: one unit, at the first price.
_UNIT = 1e-12
# Equity may be sized to the last unit; its own margin check must not refuse what rounding has made a hair larger.
_MARGIN = 0.01


class NotInstalled(Exception):  # noqa: N818  (no error: an extra that is not there)
    """The foreign engine is an extra, and was not installed."""


@dataclass(frozen=True, slots=True)
class PeerTrades:
    """Its closed trades in the order of entry, each array of shape (n_trades,), on our bars, at prices before slippage.

    `return_` is net profit per unit of equity committed, as in `kernel.trades`.
    """

    version: str
    entry_bar: IntArray
    exit_bar: IntArray
    side: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    return_: FloatArray
    total_return: float

    def __len__(self) -> int:
        return int(self.entry_bar.size)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What it is shown: one row per bar that traded, one more for each open with an order, one before and one after."""

    prices: dict[str, FloatArray]
    bar: IntArray
    is_open: BoolArray

    @property
    def last(self) -> int:
        return int(self.bar.size) - 1


def replay(bars: Bars, events: Events, plan: ExitPlan, *, direction: Direction, costs: Costs) -> PeerTrades:
    """The foreign engine's run of these orders.

    Raises
    ------
    NotInstalled
        If the extra is not there.
    ValueError
        For a plan that its one stop and one target per trade cannot express (`inexpressible` says why).
    """
    if (why_not := inexpressible(plan)) is not None:
        raise ValueError(f"{ENGINE} cannot be asked: {why_not}")
    library = _library()
    orders = on_real_bars(events.checked(bars.n_bars), bars.synthetic)
    rows = _rows(bars, orders)
    tariff = _Tariff(costs)
    strategy = _strategy(library, rows, orders, plan, shorts=direction is Direction.LONG_SHORT, tariff=tariff)
    pandas = importlib.import_module("pandas")
    times = pandas.date_range("2000-01-01", periods=rows.last + 1, freq="min")
    cash = float(bars.close[0]) / _UNIT
    with _undisturbed(library):
        test = library.Backtest(
            pandas.DataFrame({**rows.prices, "Volume": 1.0}, index=times),
            strategy,
            cash=cash,
            commission=tariff,
            margin=_MARGIN,
            finalize_trades=False,
        )
        stats = test.run()
    return _as_trades(stats, rows, cash, costs, library.__version__)


def inexpressible(plan: ExitPlan) -> str | None:
    """Why a plan cannot be left to it: what it has no order for would be decided by our own code."""
    if plan.legs:
        return (
            f"the position is left in {len(plan.legs)} legs with targets and stops of their own; {ENGINE} has one stop "
            "and one target a trade, and what moves them would be our own code"
        )
    if plan.trailing is not None:
        return f"the stop trails by a fraction of the price; {ENGINE} has no such order, and our own code would move it"
    return None


class _Tariff:
    """Its commission: fee and slippage together, as cash, at the rate of the side and of coming in or going out.

    It is called with the signed units of the trade and a price, and not told which of the two it is; a trade that has
    just been added to the closed ones is going out.
    """

    def __init__(self, costs: Costs) -> None:
        self.costs = costs
        self.long = (costs.long_in - 1.0, 1.0 - costs.long_out)
        self.short = (1.0 - costs.short_in, costs.short_out - 1.0)
        self.n_closed: Callable[[], int] = lambda: 0
        self.n_seen = 0

    def __call__(self, units: float, price: float) -> float:
        closed = self.n_closed()
        goes_out, self.n_seen = closed > self.n_seen, closed
        return float(abs(units) * price * (self.long if units > 0 else self.short)[goes_out])


def _library() -> Any:
    try:
        return importlib.import_module("backtesting")
    except ImportError as cause:
        raise NotInstalled(f"{ENGINE} is not installed: pip install 'swarmd[{EXTRA}]'") from cause


@contextmanager
def _undisturbed(library: Any) -> Iterator[None]:
    """Without its progress bar, for which it has no switch, and without its warnings on the terminal."""
    module = library.backtesting
    drawn, module._tqdm = module._tqdm, lambda rows, **_: rows
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        module._tqdm = drawn


def _rows(bars: Bars, orders: Events) -> _Rows:
    real = np.flatnonzero(~bars.synthetic)
    repeats = 1 + np.isin(real, orders.bar)
    source = np.repeat(np.arange(real.size), repeats)
    is_open = np.append(source[1:] == source[:-1], False)

    def column(prices: FloatArray) -> FloatArray:
        shown = np.where(is_open, bars.open[real][source], prices[real][source])
        return np.concatenate((bars.open[:1], shown, bars.close[-1:]))

    return _Rows(
        prices={
            "Open": column(bars.open),
            "High": column(bars.high),
            "Low": column(bars.low),
            "Close": column(bars.close),
        },
        bar=np.concatenate((real[:1], real[source], [bars.n_bars - 1])),
        is_open=np.concatenate(([False], is_open, [False])),
    )


def _strategy(library: Any, rows: _Rows, orders: Events, plan: ExitPlan, *, shorts: bool, tariff: _Tariff) -> Any:
    """A strategy of its kind that gives our orders; made here: without the extra its base class is not there."""
    number_at = {int(bar): number for number, bar in enumerate(orders.bar.tolist())}
    sides = orders.side.tolist()
    units = None if orders.unit is None else orders.unit.tolist()
    chances = None if orders.chance is None else orders.chance.tolist()
    bar_of, is_open, last = rows.bar.tolist(), rows.is_open.tolist(), rows.last
    paid_in = {1: tariff.costs.long_in, -1: tariff.costs.short_quantity}

    class GivenOrders(library.Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.side = self.side_before = 0
            self.entry_row = 0
            self.chance: int | None = None
            self.set_aside: list[tuple[Any, float | None, float | None]] = []
            tariff.n_closed = lambda: len(self.closed_trades)

        def next(self) -> None:
            row = len(self.data) - 1
            if row >= last:
                return
            if self.side and not self.trades and row >= self.entry_row:
                self.side = 0
            if row == last - 1:
                self.leave()
            elif is_open[row]:
                self.at_open(number_at[bar_of[row]])
            else:
                self.at_close(row + 1)

        def at_open(self, number: int) -> None:
            """The old position has left if it was to; the new order fills at the open that follows, the same."""
            for trade, sl, tp in self.set_aside:
                trade.sl, trade.tp = sl, tp
            self.set_aside = []
            wish = sides[number]
            # A side held until this open is not entered again at it, whatever closed it there.
            if self.side or wish == self.side_before or (wish < 0 and not shorts):
                return
            if chances is not None:
                if chances[number] == self.chance:
                    return
                self.chance = chances[number]
            self.enter(wish, float(self.data.Close[-1]), None if units is None else units[number])

        def enter(self, side: int, price: float, unit: float | None) -> None:
            size = plan.size
            if plan.risk is not None and plan.stop is not None:
                size = min(size, plan.risk * price / (plan.stop * (price if unit is None else unit)))
            quantity = np.floor(self.equity * size / (price * paid_in[side]) * (1.0 - 1e-15))
            if quantity < 1.0:
                return
            self.side, self.entry_row = side, len(self.data)
            order = self.buy if side > 0 else self.sell
            order(size=quantity, sl=_level(price, -side, plan.stop, unit), tp=_level(price, side, plan.target, unit))

        def at_close(self, after: int) -> None:
            """Orders for the next row's open: an exit by signal or by time."""
            held = self.side_before = self.side
            if not held:
                return
            is_due = plan.time_stop_bars is not None and (bar_of[after] >= bar_of[self.entry_row] + plan.time_stop_bars)
            turns = is_open[after] and sides[number_at[bar_of[after]]] == -held and not plan.is_held_through_signals
            if is_due or turns:
                self.leave()
            elif is_open[after]:
                # That row is no bar: whether stop or target comes first is looked at on the bar behind it.
                self.set_aside = [(trade, trade.sl, trade.tp) for trade in self.trades]
                for trade in self.trades:
                    trade.sl = trade.tp = None

        def leave(self) -> None:
            for trade in self.trades:
                trade.sl = trade.tp = None
                trade.close()
            self.side = 0

    return GivenOrders


def _level(entry: float, side: int, distance: float | None, unit: float | None) -> float | None:
    """The price of a stop or target, in the form it accepts: one that no price can reach is none."""
    if distance is None:
        return None
    level = entry * (1.0 + side * distance) if unit is None else entry + side * distance * unit
    return level if 0.0 < level < np.inf else None


def _as_trades(stats: Any, rows: _Rows, cash: float, costs: Costs, version: str) -> PeerTrades:
    table = stats._trades
    units = table.Size.to_numpy(np.float64)
    side = np.sign(units).astype(np.int64)
    entry = table.EntryPrice.to_numpy(np.float64)
    committed = np.abs(units) * entry * np.where(side > 0, costs.long_in, costs.short_quantity)
    entry_bar = rows.bar[table.EntryBar.to_numpy(np.int64)]
    order = np.argsort(entry_bar, kind="stable")
    return PeerTrades(
        version=str(version),
        entry_bar=entry_bar[order],
        exit_bar=rows.bar[table.ExitBar.to_numpy(np.int64)][order],
        side=side[order],
        entry_price=entry[order],
        exit_price=table.ExitPrice.to_numpy(np.float64)[order],
        return_=(table.PnL.to_numpy(np.float64) / committed)[order],
        total_return=float(stats._equity_curve.Equity.iloc[-1]) / cash - 1.0,
    )
