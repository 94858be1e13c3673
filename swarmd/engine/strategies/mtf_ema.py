"""EMA crossing over two timeframes: a fast EMA of short bars against a slow EMA of long bars.

Cross up buys, cross down sells (and sells short where the mode allows); a stop and a target leave early. Alignment of
the timeframes is `market.timeframes`' business, resolving trades the kernel's; nothing here looks at a bar that is
not complete.
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

FAST_TIMEFRAMES = (15, 30, 45, 60)
SLOW_TIMEFRAMES = (60, 120, 240, 360)


def _space(
    *,
    tf_fast: tuple[int, ...],
    L_fast: tuple[int, int],
    tf_slow: tuple[int, ...],
    L_slow: tuple[int, int],
    sl: tuple[float, float],
    tp: tuple[float, float],
) -> tuple[ParamSpec, ...]:
    return (
        ParamSpec("tf_fast", "choice", choices=tf_fast, unit="min", meaning="timeframe of the fast EMA"),
        ParamSpec("L_fast", "int", *L_fast, unit="bars of tf_fast", meaning="length of the fast EMA"),
        ParamSpec("tf_slow", "choice", choices=tf_slow, unit="min", meaning="timeframe of the slow EMA, above tf_fast"),
        ParamSpec("L_slow", "int", *L_slow, unit="bars of tf_slow", meaning="length of the slow EMA"),
        ParamSpec("sl", "float", *sl, unit="fraction of entry", meaning="distance of the stop"),
        ParamSpec("tp", "float", *tp, unit="fraction of entry", meaning="distance of the target"),
    )


_ALL = {"tf_fast": FAST_TIMEFRAMES, "tf_slow": SLOW_TIMEFRAMES}


@register_strategy("mtf_ema")
class MtfEma:
    """The swarm's main strategy."""

    card = StrategyCard(
        name="mtf_ema",
        title="EMA crossing over two timeframes, with stop and target",
        data="5m bars (any interval that divides the timeframes)",
        params=_space(**_ALL, L_fast=(1, 1000), L_slow=(1, 2000), sl=(1e-4, 0.95), tp=(1e-4, 10.0)),
        modes={
            "conservative": ModeSpec(
                Direction.LONG,
                _space(
                    tf_fast=(30, 45, 60),
                    tf_slow=(120, 240, 360),
                    L_fast=(10, 50),
                    L_slow=(20, 200),
                    sl=(0.01, 0.03),
                    tp=(0.02, 0.08),
                ),
            ),
            "balanced": ModeSpec(
                Direction.LONG, _space(**_ALL, L_fast=(5, 50), L_slow=(10, 200), sl=(0.0075, 0.04), tp=(0.01, 0.12))
            ),
            "aggressive": ModeSpec(
                Direction.LONG_SHORT,
                _space(**_ALL, L_fast=(5, 50), L_slow=(10, 200), sl=(0.005, 0.05), tp=(0.005, 0.15)),
            ),
        },
        baseline={"tf_fast": 30, "L_fast": 20, "tf_slow": 240, "L_slow": 50, "sl": 0.02, "tp": 0.06},
    )

    def events(self, bars: Bars, params: Params) -> Events:
        fast = ema_line(bars, int(params["tf_fast"]), int(params["L_fast"]))
        slow = ema_line(bars, int(params["tf_slow"]), int(params["L_slow"]))
        return crossing_events(fast, slow, bars.n_bars)

    def plan(self, params: Params) -> ExitPlan:
        return ExitPlan(stop=float(params["sl"]), target=float(params["tp"]))

    def admissible(self, columns: Columns) -> BoolArray:
        """tf_fast is below tf_slow."""
        return np.asarray(columns["tf_fast"] < columns["tf_slow"])

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        # One more bar of each timeframe: a start off its boundary loses the partial first bar.
        minutes = max(int(params[f"tf_{leg}"]) * (int(params[f"L_{leg}"]) + 1) for leg in ("fast", "slow"))
        return minutes // interval_minutes

    def batch(self, bars: Bars) -> CrossingBatch:
        return CrossingBatch(bars, fast=("tf_fast", "L_fast"), slow=("tf_slow", "L_slow"), stop="sl", target="tp")
