"""What a trial must keep to, as the experiment file says it: `min_` or `max_` before the name of a metric.

`min_trades` stands for `min_total_trades`, the name that every other command uses. Whoever breaks a bound is told which
one, by how much, and does not rank.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from swarmd.engine.metrics.summary import METRIC_NAMES
from swarmd.engine.search.score import MIN_TRADES
from swarmd.state.settings_file import nearest

DEFAULTS: Mapping[str, float] = {"min_trades": MIN_TRADES, "max_drawdown": 0.35}
_SHORT = {"trades": "total_trades", "drawdown": "max_drawdown"}
_FRACTIONS = ("max_drawdown", "win_rate", "exposure", "top10_share")


@dataclass(frozen=True, slots=True)
class Bound:
    """One constraint: `metric` no lower (or no higher) than `limit`."""

    name: str
    metric: str
    side: Literal["min", "max"]
    limit: float

    def missed_by(self, metrics: Mapping[str, float]) -> float:
        """How far it is missed, in its own unit; zero or less where it holds, infinite where nothing can be said."""
        value = metrics[self.metric]
        missed = self.limit - value if self.side == "min" else value - self.limit
        return math.inf if math.isnan(missed) else missed

    def told(self, metrics: Mapping[str, float]) -> str:
        beyond = "below" if self.side == "min" else "above"
        return f"{self.metric} {metrics[self.metric]:g} is {beyond} {self.limit:g} ({self.name})"


def bound_of(name: str, limit: float) -> Bound:
    """The bound a line of `constraints` means. ValueError where the metric is unknown, or the limit senseless."""
    side, _, rest = name.partition("_")
    metric = name if name == "max_drawdown" else _SHORT.get(rest, rest)
    if side not in ("min", "max") or metric not in METRIC_NAMES:
        known = ("min_trades", "max_drawdown", *(f"min_{each}" for each in METRIC_NAMES if each not in _SHORT.values()))
        raise ValueError(f"is not a constraint (min_ or max_ and a metric); {nearest(name, known)}")
    if not math.isfinite(limit):
        raise ValueError(f"is {limit}; give a finite number")
    if metric in _FRACTIONS and not 0.0 <= limit <= 1.0:
        raise ValueError(f"is {limit:g}; {metric} is a fraction, 0.35 means 35 %")
    return Bound(name, metric, "min" if side == "min" else "max", limit)


def bounds_of(constraints: Mapping[str, float]) -> tuple[Bound, ...]:
    """All of them, the defaults included where the file says nothing else."""
    return tuple(bound_of(name, limit) for name, limit in {**DEFAULTS, **constraints}.items())
