"""Vectors that their strategy cannot answer: each costs itself its place, and the search goes on.

Used by the prescreen for strategies that are asked one vector at a time; those that screen all vectors at once fail at
once. Where the first vectors fail one and all, the question is wrong and not the luck, and it ends there.
"""

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.events import Events, no_events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import BarStrategy, BatchStrategy, Columns, Params, in_mode

HOPELESS = 100


def failing_alone(strategy: BarStrategy, mode: str) -> BarStrategy:
    """The strategy as it decides in this mode, tolerant where it is asked for one vector at a time."""
    asked = in_mode(strategy, mode)
    return asked if isinstance(asked, BatchStrategy) else Tolerant(asked)


class Tolerant:
    """A strategy whose failures are kept by the number of the vector, counted from 0 in the order they are asked."""

    def __init__(self, strategy: BarStrategy) -> None:
        self.card = strategy.card
        self.failures: dict[int, str] = {}
        self._strategy = strategy
        self._asked = 0

    def events(self, bars: Bars, params: Params) -> Events:
        row, self._asked = self._asked, self._asked + 1
        try:
            return self._strategy.events(bars, params).checked(bars.n_bars)
        except (ValueError, ArithmeticError) as cause:
            self._keep(row, cause)
        return no_events()

    def plan(self, params: Params) -> ExitPlan:
        """Asked after the events of the same vector."""
        try:
            return self._strategy.plan(params)
        except (ValueError, ArithmeticError) as cause:
            self._keep(self._asked - 1, cause)
        return ExitPlan(stop=None, target=None)

    def admissible(self, columns: Columns) -> BoolArray:
        return self._strategy.admissible(columns)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return self._strategy.lookback_bars(params, interval_minutes)

    def refuse_if_all_failed(self) -> None:
        """Raise ValueError where nothing but failures has come of what was asked."""
        if self._asked and len(self.failures) == self._asked:
            raise ValueError(
                f"prescreen: the first {self._asked} combinations all failed, the first with: {self.failures[0]}; mend "
                "that and run again"
            )

    def _keep(self, row: int, cause: Exception) -> None:
        self.failures.setdefault(row, f"{type(cause).__name__}: {cause}")
        if self._asked == HOPELESS:
            self.refuse_if_all_failed()
