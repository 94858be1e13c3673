"""The trade simulator in its slow, obvious form: one bar after the other, in plain Python.

It is what the words of the execution semantics mean; the fast kernels are held against it, trade by trade. Clarity
rules here and speed does not. Within a bar things happen in this order:

1. **Open**: the order decided at the last close fills. An event against the position closes it (`signal`) and, where
   the direction allows, opens the other side at the same price; an event for the side already held is no order. A due
   time stop closes what is left (`time`); an event for the side it closes does not open it again at the same open.
2. **Range**: the stop, then the targets. Long: the stop is touched when the low is at or below it and fills at the
   worse of open and stop; a target when the high is at or above it, at the better of open and target. Shorts mirror.
3. **Close**: at the last bar an open position closes at the close, with costs (`end_of_data`). Then equity is marked.

Where events bring a unit with them, the plan's distances count in it: a long's stop is `entry - stop * unit`. An event
whose chance an earlier one has taken is no order; nor is any event during a position that is held through signals.

Nothing fills on a synthetic bar: events move to the next real open (`events.on_real_bars`), stops and targets are not
looked at, a due time stop waits. Only the end of the data does not wait: there is no later bar.

**Ruin**: a closed trade that leaves nothing, or a mark at a bar close at or below zero (a short without a near stop),
ends the run: equity is 0 from there on and the trade that did it is called `ruin`, whatever closed it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel import trades as kinds
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events, on_real_bars
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.kernel.prices import PriceArrays
from swarmd.engine.kernel.trades import Outcome, round_trips

# Entry bar, exit bar, side, entry price, exit price, equity before and after, growth, reason, size.
_Row = tuple[int, int, int, float, float, float, float, float, int, float]
# What an event says besides its bar: side, unit and chance.
_Order = tuple[int, float | None, int | None]
_NO_ORDER: _Order = (0, None, None)


@dataclass(slots=True)
class _Position:
    side: int
    bar: int
    entry: float
    stop: float | None
    best: float  # best price of earlier bars, for the trailing stop
    legs: list[Leg]
    size: float  # share of equity it took
    unit: float | None = None  # price distance of one in the plan's numbers; None where they are fractions of the entry
    rest: float = 1.0  # share of the entry quantity still open
    growth: float = 0.0  # what the closed shares made of their part of the committed equity
    paid: float = 0.0  # share-weighted sum of exit prices


@dataclass(slots=True)
class _Account:
    """Equity, the position, and the books. `grown` is what a unit of equity becomes at a price, exit costs included."""

    costs: Costs
    equity: float = 1.0
    position: _Position | None = None
    ruined: bool = False
    chance_taken: int | None = None
    rows: list[_Row] = field(default_factory=list)

    def grown(self, position: _Position, price: float) -> float:
        costs = self.costs
        if position.side > 0:
            return (price * costs.long_out) / (position.entry * costs.long_in)
        return costs.short_base - (price * costs.short_out) / (position.entry * costs.short_quantity)

    def marked(self, price: float) -> float:
        """Equity with the open part of the position at a price, before exit costs."""
        position = self.position
        if position is None:
            return self.equity
        if position.side > 0:
            open_part = price / (position.entry * self.costs.long_in)
        else:
            open_part = self.costs.short_base - price / (position.entry * self.costs.short_quantity)
        size = position.size
        return self.equity * ((1.0 - size) + size * (position.growth + position.rest * open_part))

    def close_share(self, share: float, price: float) -> None:
        position = self.position
        assert position is not None
        position.growth += share * self.grown(position, price)
        position.paid += share * price
        position.rest -= share

    def close_rest(self, bar: int, price: float, reason: int) -> None:
        position = self.position
        assert position is not None
        self.close_share(position.rest, price)
        self.settle(bar, reason)

    def settle(self, bar: int, reason: int) -> None:
        """Books the trade whose last share has closed."""
        position = self.position
        assert position is not None
        before = self.equity
        after = before * ((1.0 - position.size) + position.size * position.growth)
        if reason == kinds.RUIN or not after > 0.0:
            after, reason, self.ruined = 0.0, kinds.RUIN, True
        self.equity, self.position = after, None
        self.rows.append(
            (position.bar, bar, position.side, position.entry, position.paid, before, after, position.growth, reason,
             position.size)
        )  # fmt: skip


def simulate_reference(
    prices: PriceArrays, events: Events, *, plan: ExitPlan, direction: Direction, costs: Costs
) -> Outcome:
    """Every trade of one run and the equity at every bar close; see the module for the rules."""
    settled = on_real_bars(events.checked(prices.n_bars), prices.synthetic)
    due = dict(zip(settled.bar.tolist(), _orders(settled), strict=True))
    opens, highs, lows, closes = (column.tolist() for column in (prices.open, prices.high, prices.low, prices.close))
    synthetic = prices.synthetic.tolist()
    last = prices.n_bars - 1
    account = _Account(costs)
    equity: list[float] = []
    for bar in range(prices.n_bars):
        if not synthetic[bar]:
            at_open(account, bar, opens[bar], due.get(bar, _NO_ORDER), plan, direction)
            in_range(account, bar, opens[bar], highs[bar], lows[bar], plan)
        if account.position is not None and bar == last:
            account.close_rest(bar, closes[bar], kinds.END_OF_DATA)
        if account.position is not None and not account.marked(closes[bar]) > 0.0:
            account.close_rest(bar, closes[bar], kinds.RUIN)
        equity.append(account.marked(closes[bar]))
    return Outcome(_trades(account.rows, costs), np.array(equity))


def _orders(events: Events) -> list[_Order]:
    nothing = [None] * len(events)
    units = nothing if events.unit is None else events.unit.tolist()
    chances = nothing if events.chance is None else events.chance.tolist()
    return list(zip(events.side.tolist(), units, chances, strict=True))


def at_open(account: _Account, bar: int, price: float, order: _Order, plan: ExitPlan, direction: Direction) -> None:
    """Orders decided at the last close, and the time stop."""
    event, unit, chance = order
    held = account.position
    if held is not None:
        if event == -held.side and not plan.is_held_through_signals:
            account.close_rest(bar, price, kinds.SIGNAL)
        elif plan.time_stop_bars is not None and bar >= held.bar + plan.time_stop_bars:
            account.close_rest(bar, price, kinds.TIME)
        if event == held.side:
            return
    if event == 0 or account.position is not None or account.ruined or (event < 0 and direction is Direction.LONG):
        return
    if chance is not None and chance == account.chance_taken:
        return
    account.chance_taken = chance
    stop = None if plan.stop is None else away(price, -event * plan.stop, unit)
    legs = list(plan.legs) if plan.target is None else [Leg(1.0, plan.target)]
    account.position = _Position(event, bar, price, stop, price, legs, size_of(price, unit, plan), unit)


def away(price: float, distance: float, unit: float | None) -> float:
    """The price that lies so far above (below, for a negative distance)."""
    return price * (1.0 + distance) if unit is None else price + distance * unit


def size_of(entry: float, unit: float | None, plan: ExitPlan) -> float:
    """The share of equity a position takes."""
    if plan.risk is None or plan.stop is None:
        return plan.size
    return min(plan.size, plan.risk * entry / (plan.stop * (entry if unit is None else unit)))


def in_range(account: _Account, bar: int, open_: float, high: float, low: float, plan: ExitPlan) -> None:
    """Stop, then targets, of the position held through this bar."""
    position = account.position
    if position is None:
        return
    level, reason = stop_level(position, plan)
    if level is not None and (low <= level if position.side > 0 else high >= level):
        account.close_rest(bar, min(open_, level) if position.side > 0 else max(open_, level), reason)
        return
    for leg in list(position.legs):
        target = away(position.entry, position.side * leg.target, position.unit)
        if not (high >= target if position.side > 0 else low <= target):
            break
        position.legs.remove(leg)
        closes_all = not position.legs and plan.last_leg_closes_all
        share = position.rest if closes_all else leg.share
        account.close_share(share, max(open_, target) if position.side > 0 else min(open_, target))
        if closes_all:
            account.settle(bar, kinds.TARGET)
            return
        if leg.stop_to is not None:
            moved = away(position.entry, position.side * leg.stop_to, position.unit)
            position.stop = tighter(position.side, position.stop, moved)
    position.best = max(position.best, high) if position.side > 0 else min(position.best, low)


def stop_level(position: _Position, plan: ExitPlan) -> tuple[float | None, int]:
    """The stop in force in this bar and its name; None where there is none."""
    if plan.trailing is None:
        return position.stop, kinds.STOP
    trail = away(position.best, -position.side * plan.trailing, position.unit)
    if position.stop is None or (trail > position.stop if position.side > 0 else trail < position.stop):
        return trail, kinds.TRAILING
    return position.stop, kinds.STOP


def tighter(side: int, stop: float | None, moved: float) -> float:
    """A stop moves towards the price and never back."""
    if stop is None:
        return moved
    return max(stop, moved) if side > 0 else min(stop, moved)


def _trades(rows: Iterable[_Row], costs: Costs) -> kinds.Trades:
    table = list(rows)

    def whole(at: int) -> IntArray:
        return np.array([row[at] for row in table], np.int64)

    def real(at: int) -> FloatArray:
        return np.array([row[at] for row in table], np.float64)

    return round_trips(
        entry_bar=whole(0),
        exit_bar=whole(1),
        side=whole(2),
        entry_price=real(3),
        exit_price=real(4),
        equity_before=real(5),
        equity_after=real(6),
        growth=real(7),
        reason=whole(8),
        size=real(9),
        costs=costs,
    )
