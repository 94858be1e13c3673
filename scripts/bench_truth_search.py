#!/usr/bin/env python3
"""The search of `bench_truth`: the swarm's main strategy on timeframes that fit 4-hour bars.

`mtf_ema` offers timeframes up to six hours, of which 4-hour bars give none but the longest; here it has longer ones,
stops as wide as such holding times need, and shorter lengths: its slowest average spans two months, as on the card.
Everything else of it, and all of the search, is the product's own. Not a command.
"""

from dataclasses import dataclass, replace
from typing import Literal

from bench_truth_markets import COSTS

from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.searched_market import MarketSearch
from swarmd.engine.search.space import search_space
from swarmd.engine.strategies.contract import ModeSpec, ParamSpec
from swarmd.engine.strategies.mtf_ema import MtfEma

FAST, SLOW = (240, 480), (480, 720, 1440)
# The refinement begins with so many of the prescreen's best: enough for a pick by its neighbourhood in most markets.
WARM = 60

Stops = Literal["any", "wide"]


@dataclass(frozen=True)
class _Range:
    low: float
    high: float
    type: Literal["int", "float"] = "float"
    log: bool = False


# The planted rule has neither stop nor target. Who searches from 3 % on, which is less than a day's movement, mostly
# tries other rules than that; wide ones cut short what went very wrong or very right, and leave the rest alone.
_EXITS: dict[Stops, dict[str, _Range]] = {
    "any": {"sl": _Range(0.03, 0.3), "tp": _Range(0.03, 0.6)},
    "wide": {"sl": _Range(0.1, 0.5), "tp": _Range(0.2, 2.0)},
}


def _longer(spec: ParamSpec) -> ParamSpec:
    """The same parameter, its timeframes made of 4-hour bars."""
    timeframes = {"tf_fast": FAST, "tf_slow": SLOW}
    return replace(spec, choices=timeframes[spec.name]) if spec.name in timeframes else spec


class SlowMtfEma(MtfEma):
    """`mtf_ema` on longer timeframes."""

    card = replace(
        MtfEma.card,
        name="mtf_ema_4h",
        data="4h bars",
        params=tuple(map(_longer, MtfEma.card.params)),
        baseline={**MtfEma.card.baseline, "tf_fast": 240, "tf_slow": 720},
        modes={
            name: ModeSpec(mode.direction, tuple(map(_longer, mode.space))) for name, mode in MtfEma.card.modes.items()
        },
    )


STRATEGY = SlowMtfEma()


def search_of(mode: str, *, combos: int, trials: int, stops: Stops = "any") -> MarketSearch:
    """What is searched in every market and in every surrogate of it."""
    ranges = {"L_fast": _Range(5, 30, "int"), "L_slow": _Range(10, 60, "int"), **_EXITS[stops]}
    return MarketSearch(
        strategy=STRATEGY,
        mode=mode,
        space=search_space(STRATEGY.card, mode, ranges),
        costs=COSTS,
        rule=ScoreRule(weights={"max_drawdown": -0.25}),
        constraints=Constraints(30, 0.8),
        combos=combos,
        combos_seed=42,
        trials=trials,
        trials_seed=42,
        warm_start=WARM,
    )
