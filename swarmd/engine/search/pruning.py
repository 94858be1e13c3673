"""Giving a trial up early: what it scores on the first part of the bars, held against the trials before it.

A trial worse there than the median of earlier trials at the same step is not evaluated on the rest. The step is counted
in bars and the trials held against are finished ones, so a search taken up again after a kill decides as one that was
not. Called by the refinement; pure but for the evaluation it is given.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swarmd.engine.backtest import Simulation

# What one vector did on the bars somebody chose.
Evaluate = Callable[[Mapping[str, Any]], Simulation]

# The part of the development bars that a trial is looked at first.
FIRST_PART = 1 / 3
# A median of fewer trials is chance. As many as TPE draws at random before it begins.
LEAST_EARLIER = 10


@dataclass(frozen=True, slots=True)
class Pruning:
    """How to look at the first `bars` bars, and how many trials must have been looked at before one is given up."""

    evaluate: Evaluate
    bars: int
    least_earlier: int = LEAST_EARLIER


@dataclass(frozen=True, slots=True)
class Glance:
    """The score at the step, and the median of the `earlier` trials it was held against; None where too few were."""

    bars: int
    score: float
    median: float | None
    earlier: int

    @property
    def is_worse(self) -> bool:
        return self.median is not None and self.score < self.median

    def document(self) -> dict[str, float | int | None]:
        return {"bars": self.bars, "score": self.score, "median": self.median, "earlier": self.earlier}


def glance_at(pruning: Pruning, score: float, earlier: Sequence[float]) -> Glance | None:
    """What the score on the first part says; nothing where it is not finite."""
    if not math.isfinite(score):
        return None
    is_enough = len(earlier) >= pruning.least_earlier
    return Glance(pruning.bars, score, statistics.median(earlier) if is_enough else None, len(earlier))
