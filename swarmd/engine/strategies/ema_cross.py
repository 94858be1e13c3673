"""Two EMAs of the same bars: the baseline that a slower idea has to beat.

Cross up buys, cross down sells (and sells short where the mode allows), on bars of any interval. Lines and crossings
are those of `mtf_ema` with one timeframe.
"""

import numpy as np

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.crossings import crossing_events
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import Columns, ModeSpec, Params, ParamSpec, StrategyCard
from swarmd.engine.strategies.crossing_batch import CrossingBatch
from swarmd.engine.strategies.ema_line import ema_line
from swarmd.engine.strategies.registry import register_strategy


def _space(
    *, L_fast: tuple[int, int], L_slow: tuple[int, int], sl: tuple[float, float], tp: tuple[float, float]
) -> tuple[ParamSpec, ...]:
    return (
        ParamSpec("L_fast", "int", *L_fast, unit="bars", meaning="length of the fast EMA"),
        ParamSpec("L_slow", "int", *L_slow, unit="bars", meaning="length of the slow EMA, above L_fast"),
        ParamSpec("sl", "float", *sl, unit="fraction of entry", meaning="distance of the stop"),
        ParamSpec("tp", "float", *tp, unit="fraction of entry", meaning="distance of the target"),
    )


@register_strategy("ema_cross")
class EmaCross:
    """Fast against slow on one timeframe."""

    card = StrategyCard(
        name="ema_cross",
        title="EMA crossing on one timeframe, with stop and target",
        data="bars of any interval",
        params=_space(L_fast=(1, 1000), L_slow=(2, 5000), sl=(1e-4, 0.95), tp=(1e-4, 10.0)),
        modes={
            "long": ModeSpec(
                Direction.LONG, _space(L_fast=(5, 100), L_slow=(20, 400), sl=(0.005, 0.05), tp=(0.005, 0.15))
            ),
            "long_short": ModeSpec(
                Direction.LONG_SHORT, _space(L_fast=(5, 100), L_slow=(20, 400), sl=(0.005, 0.05), tp=(0.005, 0.15))
            ),
        },
        baseline={"L_fast": 20, "L_slow": 100, "sl": 0.02, "tp": 0.06},
    )

    def events(self, bars: Bars, params: Params) -> Events:
        fast = ema_line(bars, bars.interval_minutes, int(params["L_fast"]))
        slow = ema_line(bars, bars.interval_minutes, int(params["L_slow"]))
        return crossing_events(fast, slow, bars.n_bars)

    def plan(self, params: Params) -> ExitPlan:
        return ExitPlan(stop=float(params["sl"]), target=float(params["tp"]))

    def admissible(self, columns: Columns) -> BoolArray:
        """L_fast is below L_slow."""
        return np.asarray(columns["L_fast"] < columns["L_slow"])

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return int(max(params["L_fast"], params["L_slow"]))

    def batch(self, bars: Bars) -> CrossingBatch:
        return CrossingBatch(bars, fast=(None, "L_fast"), slow=(None, "L_slow"), stop="sl", target="tp")
