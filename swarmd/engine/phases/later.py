"""A strategy that acts one bar late: what the second stress asks whether a result hangs on the very next open."""

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import BarStrategy, Columns, Params, StrategyCard, in_mode


class Later:
    """The strategy with each of its events some bars later; stops and targets are left as soon as they are met.

    An event that enters one side leaves the other, so a signal's exit comes later too. The distances an event counts
    by stay those of the bar it was decided at.
    """

    card: StrategyCard

    def __init__(self, strategy: BarStrategy, bars: int = 1) -> None:
        self.card = strategy.card
        self.strategy = strategy
        self.bars = bars

    def in_mode(self, mode: str) -> "Later":
        return Later(in_mode(self.strategy, mode), self.bars)

    def events(self, bars: Bars, params: Params) -> Events:
        events = self.strategy.events(bars, params)
        bar = events.bar + self.bars
        return events.at(bar, bar < bars.n_bars)

    def plan(self, params: Params) -> ExitPlan:
        return self.strategy.plan(params)

    def admissible(self, columns: Columns) -> BoolArray:
        return self.strategy.admissible(columns)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return self.strategy.lookback_bars(params, interval_minutes) + self.bars
