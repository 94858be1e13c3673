"""An Ichimoku regime, a second filter that must agree, a stop in average true ranges, and three targets.

One cloud raises and lowers a flag, the regime; in each run of a regime one position may be opened on its side, on the
first bar on which the second filter agrees and nothing is held. What the filter asks beyond its own cloud is the mode's
matter. Bars of one hour are what it was made for.
"""

import numpy as np

from swarmd.engine.arrays import BoolArray, IntArray
from swarmd.engine.indicators.ichimoku import regimes
from swarmd.engine.indicators.true_range import average_true_range
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan, Leg
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.confirmations import (
    LONGEST_LOOKBACK,
    Vote,
    adaptive_oscillator,
    mesa_and_kaufman,
    regression_cloud,
    spread_of_averages,
    volume_flow,
)
from swarmd.engine.strategies.contract import Columns, ModeSpec, Params, ParamSpec, StrategyCard
from swarmd.engine.strategies.ichimoku_cloud import FAR, bearish, bullish, cloud_of, strictly_bearish
from swarmd.engine.strategies.registry import register_strategy

BASELINE, MODERATE, CONSERVATIVE = "baseline", "moderate", "conservative"
# Lengths of span B that a failed asset is tried with.
DISPLACEMENTS = (26, 39, 52, 65, 78)
ATR_BARS = 14
SHARES = (0.5, 0.3, 0.2)
RISK = 0.005
# Targets nearer to each other than this, in average true ranges, are one target bought twice.
LEAST_GAP = 0.5
_ROUNDING = 1e-9

_MODERATE = (volume_flow, adaptive_oscillator, spread_of_averages, regression_cloud)
_VOTES = {BASELINE: (), MODERATE: _MODERATE, CONSERVATIVE: (*_MODERATE, mesa_and_kaufman)}


def _space(
    *,
    tenkan: tuple[int, int],
    kijun: tuple[int, int],
    displacement: ParamSpec,
    sl: tuple[float, float],
    tps: tuple[tuple[float, float], tuple[float, float], tuple[float, float]],
) -> tuple[ParamSpec, ...]:
    return (
        ParamSpec("tenkan", "int", *tenkan, unit="bars", meaning="conversion line of the regime"),
        ParamSpec("kijun", "int", *kijun, unit="bars", meaning="base line of the regime"),
        ParamSpec("tenkan_5", "int", *tenkan, unit="bars", meaning="conversion line of the second filter"),
        ParamSpec("kijun_5", "int", *kijun, unit="bars", meaning="base line of the second filter"),
        displacement,
        ParamSpec("sl", "float", *sl, unit="ATR", meaning="distance of the stop"),
        *(
            ParamSpec(f"tp{n}", "float", *tp, unit="ATR", meaning=f"distance of target {n}, where {share:.0%} leave")
            for n, (tp, share) in enumerate(zip(tps, SHARES, strict=True), start=1)
        ),
    )


_LIMITS = _space(
    tenkan=(2, 250),
    kijun=(2, 500),
    displacement=ParamSpec("displacement", "int", 2, 500, unit="bars", meaning="length of span B"),
    sl=(0.1, 50.0),
    tps=((0.1, 50.0), (0.1, 100.0), (0.1, 200.0)),
)
_SEARCHED = _space(
    tenkan=(5, 20),
    kijun=(20, 40),
    displacement=ParamSpec("displacement", "choice", choices=DISPLACEMENTS, unit="bars", meaning="length of span B"),
    sl=(1.5, 5.0),
    tps=((1.5, 5.0), (3.0, 8.0), (5.0, 12.0)),
)


@register_strategy("final_trigger")
class FinalTrigger:
    """`mode` decides what the second filter asks, `enforces_progression` whether targets must rise in their order."""

    card = StrategyCard(
        name="final_trigger",
        title="Ichimoku regime and second filter, stop in average true ranges, three targets",
        data="bars of one hour",
        params=_LIMITS,
        modes={mode: ModeSpec(Direction.LONG_SHORT, _SEARCHED) for mode in (BASELINE, MODERATE, CONSERVATIVE)},
        baseline={
            "tenkan": 9, "kijun": 26, "tenkan_5": 9, "kijun_5": 26, "displacement": 52,
            "sl": 3.0, "tp1": 3.0, "tp2": 5.0, "tp3": 8.0,
        },
    )  # fmt: skip

    def __init__(self, mode: str = BASELINE, *, enforces_progression: bool = True) -> None:
        self.mode = mode
        self.enforces_progression = enforces_progression

    def in_mode(self, mode: str) -> "FinalTrigger":
        return FinalTrigger(mode, enforces_progression=self.enforces_progression)

    def without_tp_progression(self) -> "FinalTrigger":
        return FinalTrigger(self.mode, enforces_progression=False)

    def events(self, bars: Bars, params: Params) -> Events:
        regime, run = self.regime(bars, params)
        agreed = self.agreement(bars, params)
        unit = average_true_range(bars.high, bars.low, bars.close, ATR_BARS)
        decided = np.flatnonzero((regime != 0) & (agreed == regime) & (unit > 0.0))
        decided = decided[decided + 1 < bars.n_bars]
        return Events(decided + 1, regime[decided], unit[decided], run[decided])

    def regime(self, bars: Bars, params: Params) -> tuple[IntArray, IntArray]:
        """+1, -1 or 0 for each bar, decided at its close, and the number of the run it belongs to."""
        cloud = cloud_of(
            bars, conversion=int(params["tenkan"]), base=int(params["kijun"]), span=int(params["displacement"])
        )
        return regimes(bullish(cloud), bearish(cloud))

    def agreement(self, bars: Bars, params: Params) -> IntArray:
        """The second filter: +1 where all its parts are bullish, -1 where all are bearish, 0 elsewhere."""
        cloud = cloud_of(
            bars, conversion=int(params["tenkan_5"]), base=int(params["kijun_5"]), span=int(params["displacement"])
        )
        down = strictly_bearish(cloud) if self.mode == CONSERVATIVE else bearish(cloud)
        votes = [Vote(bullish(cloud), down), *(vote(bars) for vote in _VOTES[self.mode])]
        longs: BoolArray = np.logical_and.reduce([vote.bullish for vote in votes])
        shorts: BoolArray = np.logical_and.reduce([vote.bearish for vote in votes])
        return longs.astype(np.int64) - shorts.astype(np.int64)

    def plan(self, params: Params) -> ExitPlan:
        """Each share leaves at its own target, the nearest first; shares of one target leave together.

        After the first leg the stop moves to entry, after a second to the first one's target.
        """
        shares: dict[float, float] = {}
        for n, share in enumerate(SHARES, start=1):
            target = float(params[f"tp{n}"])
            shares[target] = shares.get(target, 0.0) + share
        targets = sorted(shares)
        stops = (0.0, targets[0])
        moves = (*stops[: len(targets) - 1], None)
        return ExitPlan(
            stop=float(params["sl"]),
            target=None,
            legs=tuple(Leg(shares[target], target, move) for target, move in zip(targets, moves, strict=True)),
            risk=RISK,
            is_held_through_signals=True,
        )

    def admissible(self, columns: Columns) -> BoolArray:
        """Targets rise, tp1 < tp2 < tp3, and are half an average true range (0.5) apart at least."""
        if not self.enforces_progression:
            return np.ones(np.shape(columns["tp1"]), np.bool_)
        gaps = [np.subtract(columns[far], columns[near]) for near, far in (("tp1", "tp2"), ("tp2", "tp3"))]
        return np.asarray(np.logical_and.reduce([gap >= LEAST_GAP - _ROUNDING for gap in gaps]))

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        cloud = int(max(params[name] for name in ("tenkan", "kijun", "tenkan_5", "kijun_5", "displacement"))) + FAR
        return cloud if self.mode == BASELINE else max(cloud, LONGEST_LOOKBACK)
