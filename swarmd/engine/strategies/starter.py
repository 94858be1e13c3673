"""A channel breakout: buys when a close leaves the range of the last bars upwards, sells when it leaves it downwards.

Small, whole, and meant to be changed. Try it with `swarmd strategies check`, `swarmd backtest`, `swarmd optimize`, each
with `--strategy path/to/this_file.py:Starter`; nothing else has to know of it.
"""

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.kernel.events import Events, no_events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import Columns, ModeSpec, Params, ParamSpec, StrategyCard

# Where a search looks. Every parameter has a kind ("int", "float", or "choice" with choices=(...)), both ends of its
# range, a unit and a meaning; log=True draws small values as often as large ones.
SEARCHED = (
    ParamSpec("entry", "int", 10, 200, unit="bars", meaning="length of the channel whose break opens a position"),
    ParamSpec("leave", "int", 5, 100, unit="bars", meaning="length of the channel whose break closes a long"),
    ParamSpec("sl", "float", 0.005, 0.08, log=True, unit="fraction of entry", meaning="distance of the stop"),
)


class Starter:
    """The class that --strategy names. It is made once, without arguments, and remembers nothing between calls."""

    card = StrategyCard(
        name="starter",
        title="break of a channel of highs and lows, with a stop",
        data="bars of any interval",
        # The limits of sense: nothing outside is ever run. The spaces of the modes below lie within them.
        params=(
            ParamSpec("entry", "int", 2, 5000, unit="bars", meaning="length of the channel that opens a position"),
            ParamSpec("leave", "int", 2, 5000, unit="bars", meaning="length of the channel that closes it"),
            ParamSpec("sl", "float", 1e-4, 0.95, unit="fraction of entry", meaning="distance of the stop"),
        ),
        modes={
            # LONG: a sell only closes. LONG_SHORT: a sell also opens a short.
            "long": ModeSpec(Direction.LONG, SEARCHED),
            "long_short": ModeSpec(Direction.LONG_SHORT, SEARCHED),
        },
        # Runs where nobody gives parameters: every one must be here.
        baseline={"entry": 50, "leave": 25, "sl": 0.03},
    )

    def events(self, bars: Bars, params: Params) -> Events:
        """When it wishes to buy (+1) or to sell (-1).

        bars.open, .high, .low, .close and .volume are arrays of one number a bar. What is decided at the close of bar
        t fills at the open of bar t + 1, and t + 1 is what stands in an event.
        """
        entry, leave = int(params["entry"]), int(params["leave"])
        if bars.n_bars <= max(entry, leave):
            return no_events()
        # The channel is that of the bars before: with its own high in it, no close could ever be above.
        rises = bars.close > _highest_before(bars.high, entry)
        falls = bars.close < -_highest_before(-bars.low, leave)
        # The close of the last bar decides nothing any more: there is no next open. A wish for the side already held
        # is no order, so there is no need to find out here what is held.
        decided = np.flatnonzero((rises | falls)[:-1])
        return Events(decided + 1, np.where(rises[decided], 1, -1).astype(np.int64))

    def plan(self, params: Params) -> ExitPlan:
        """How a position is left besides by the opposite event; see ExitPlan for targets, legs and trailing stops."""
        return ExitPlan(stop=float(params["sl"]), target=None)

    def admissible(self, columns: Columns) -> BoolArray:
        """leave is no longer than entry."""
        # One True or False per row, each column being an array. The line above is told where the answer is False.
        return np.asarray(columns["leave"] <= columns["entry"])

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        """How many bars must be complete before there can be a first event."""
        return int(max(params["entry"], params["leave"])) + 1


def _highest_before(x: FloatArray, length: int) -> FloatArray:
    """For each bar the highest of the `length` bars before it; NaN, which is above and below nothing, at the start."""
    highest = np.full(x.size, np.nan)
    highest[length:] = np.lib.stride_tricks.sliding_window_view(x[:-1], length).max(axis=1)
    return highest
