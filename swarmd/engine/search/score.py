"""What makes one vector better than another: a primary metric, weights of others, and constraints that come first.

Used alike for the columns of a prescreen and the single trials of a refinement, so that both mean the same by "best".
A value that is not finite never ranks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.search.space import nearest

MIN_TRADES = 30


@dataclass(frozen=True, slots=True)
class Constraints:
    """Below so many trades a statistic says nothing; above so deep a drawdown nobody stays in."""

    min_trades: int = MIN_TRADES
    max_drawdown: float = 0.35

    def __post_init__(self) -> None:
        if self.min_trades < 1:
            raise ValueError(f"constraints: min_trades is {self.min_trades}; give at least 1")
        if not 0.0 <= self.max_drawdown <= 1.0:
            raise ValueError(f"constraints: max_drawdown is {self.max_drawdown}; give a fraction, 0.35 means 35 %")

    def violations(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """How far each constraint is missed, in its own unit; zero or less where it holds."""
        return {
            "min_trades": float(self.min_trades - metrics["total_trades"]),
            "max_drawdown": float(metrics["max_drawdown"] - self.max_drawdown),
        }

    def holds(self, metrics: Mapping[str, Any]) -> bool:
        return all(missed <= 0.0 for missed in self.violations(metrics).values())


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """`score = primary + sum of weight times metric`, larger is better; a drawdown's weight is thus negative."""

    primary: str = "annual_sharpe"
    weights: Mapping[str, float] = field(default_factory=dict)

    def check(self, available: Sequence[str]) -> None:
        """Raise ValueError for a metric that the screen does not compute; names the nearest."""
        for name in (self.primary, *self.weights):
            if name not in available:
                raise ValueError(f"score: no metric {name!r} to rank by; {nearest(name, available)}")
        for name, weight in self.weights.items():
            if not math.isfinite(weight):
                raise ValueError(f"score: the weight of {name} is {weight}; give a finite number")

    def of(self, metrics: Mapping[str, Any]) -> float:
        """The score of one set of metrics; not finite where one of them is not."""
        # In the order of `score_columns`, so that a trial and its row of the prescreen differ by no more than their
        # metrics.
        score = float(metrics[self.primary])
        for name, weight in self.weights.items():
            score += weight * float(metrics[name])
        return score


def score_columns(metrics: Mapping[str, NDArray[Any]], rule: ScoreRule) -> FloatArray:
    """The score of every row, shape (n_combos,)."""
    score = np.array(metrics[rule.primary], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        for name, weight in rule.weights.items():
            score += weight * np.asarray(metrics[name], dtype=np.float64)
    return score


def meets(metrics: Mapping[str, NDArray[Any]], constraints: Constraints) -> BoolArray:
    """Which rows keep to the constraints, shape (n_combos,)."""
    return np.asarray(
        (metrics["total_trades"] >= constraints.min_trades) & (metrics["max_drawdown"] <= constraints.max_drawdown)
    )


def ranking(score: FloatArray, is_valid: BoolArray, top: int) -> IntArray:
    """Rows from the best on, at most `top`: by score, then by row, so that a tie is settled by the draw alone."""
    rows = np.flatnonzero(is_valid & np.isfinite(score))
    if rows.size > top:
        # Only the head is sorted; everything equal to its last score stays in until the tie is settled.
        cut = np.partition(score[rows], rows.size - top)[rows.size - top]
        rows = rows[score[rows] >= cut]
    return rows[np.lexsort((rows, -score[rows]))][:top].astype(np.int64)
