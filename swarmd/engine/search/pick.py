"""Which trial of a refinement stands for it: the middle of the best neighbourhood rather than the single peak.

A peak among hundreds of noisy scores is the luckiest of them; a vector whose neighbours do well too owes less to luck
and moves less when the market does. Called by the refine phase; pure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.guards.clusters import neighbourhood_means
from swarmd.engine.search.space import Space
from swarmd.engine.search.trial import Trial, best_trial
from swarmd.engine.strategies.contract import ParamSpec

# Neighbours differ in no parameter by more than this share of its range: the step of the sensitivity guard.
RADIUS = 0.1
# Fewer neighbours than this tell nothing of a neighbourhood.
LEAST_NEIGHBOURS = 4


@dataclass(frozen=True, slots=True)
class Pick:
    """The trial chosen, the mean score of its neighbourhood, itself included, and how many neighbours it has.

    `peak` is the trial of the highest score; the same one, with no neighbours, where no neighbourhood was to be had,
    and with None of them where nobody looked.
    """

    trial: Trial
    mean: float
    n_neighbours: int | None
    peak: Trial
    radius: float | str = RADIUS

    @property
    def told(self) -> str:
        if self.n_neighbours is None:
            return f"trial {self.trial.number}, the best"
        if not self.n_neighbours:
            return f"trial {self.trial.number}, the best alone: no vector has {LEAST_NEIGHBOURS} neighbours"
        beside = f"; the peak is trial {self.peak.number} with {self.peak.score:.3f}" if self.peak != self.trial else ""
        return f"trial {self.trial.number}, mean {self.mean:.3f} with {self.n_neighbours} neighbours{beside}"

    def document(self) -> dict[str, float | int | str | None]:
        return {
            "trial": self.trial.number,
            "neighbourhood_mean": self.mean,
            "neighbours": self.n_neighbours,
            "radius": self.radius,
            "peak": self.peak.number,
        }


def stable_pick(trials: Sequence[Trial], space: Space, *, is_grid: bool = False) -> Pick | None:
    """The valid trial whose neighbourhood has the highest mean score; None when no trial is valid.

    A neighbourhood is all valid trials within `RADIUS` in every parameter, logarithmic ones by their logarithms; of a
    grid, whose steps a person chose, those at most one step away. One with fewer than `LEAST_NEIGHBOURS` is not asked.
    Ties: the higher own score, then the earlier trial.
    """
    peak = best_trial(trials)
    if peak is None or peak.score is None:
        return None
    valid = [trial for trial in trials if trial.is_valid]
    scores = np.array([trial.score for trial in valid], np.float64)
    if is_grid:
        places = _steps([trial.params for trial in trials], space)[[trial.is_valid for trial in trials]]
    else:
        places = np.array([[_place(spec, trial.params[spec.name]) for spec in space] for trial in valid], np.float64)
    radius = "one step of the grid" if is_grid else RADIUS
    means, counts = neighbourhood_means(places, scores, RADIUS)
    eligible = [at for at in range(len(valid)) if counts[at] > LEAST_NEIGHBOURS]
    if not eligible:
        return Pick(peak, peak.score, 0, peak, radius)
    at = min(eligible, key=lambda at: (-means[at], -scores[at], valid[at].number))
    return Pick(valid[at], float(means[at]), int(counts[at]) - 1, peak, radius)


def picked(
    trials: Sequence[Trial], space: Space, rule: Literal["cluster", "peak"], *, is_grid: bool = False
) -> Pick | None:
    """The trial that stands for a search by that rule; None when no trial is valid."""
    return peak_pick(trials) if rule == "peak" else stable_pick(trials, space, is_grid=is_grid)


def peak_pick(trials: Sequence[Trial]) -> Pick | None:
    """The valid trial of the highest score, whatever its neighbours."""
    peak = best_trial(trials)
    return None if peak is None or peak.score is None else Pick(peak, peak.score, None, peak)


def _steps(vectors: Sequence[Mapping[str, float]], space: Space) -> FloatArray:
    """Each value by its number among those tried, so that one step is one radius."""
    columns = [np.unique([vector[spec.name] for vector in vectors], return_inverse=True)[1] for spec in space]
    return np.asarray(np.column_stack(columns) * RADIUS, np.float64)


def _place(spec: ParamSpec, value: float) -> float:
    """Where a value lies in its range, 0 to 1; 0 for a range of one value."""
    if spec.kind == "choice":
        low, high = float(min(spec.choices)), float(max(spec.choices))
    else:
        low, high = float(spec.low or 0.0), float(spec.high or 0.0)
    if spec.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low) if high > low else 0.0
