"""A finished trial as a value: what its study keeps of it, and the best of many.

A trial is told from its number, its vector and its outcome alone, so that it reads the same from a journal, a proxy or
a database. The search itself is `swarmd.engine.search.refine`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from swarmd.engine.search.pruning import Glance

# What a reaper says of a trial in its dead worker's place.
REAPED = "reaped"


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial. `score` and `metrics` are absent where the evaluation failed, and `error` then says why, or
    where it was given up after a `glance` at the first part of the bars."""

    number: int
    origin: str
    params: dict[str, float | int]
    score: float | None
    metrics: dict[str, float | int | None]
    violations: dict[str, float]
    error: str | None
    glance: Glance | None = None

    @property
    def state(self) -> str:
        if self.score is not None:
            return "complete"
        return "pruned" if self.error is None and self.glance is not None else "failed"

    @property
    def is_valid(self) -> bool:
        """Whether it may be ranked: evaluated, finite, within the constraints."""
        return self.score is not None and all(missed <= 0.0 for missed in self.violations.values())

    def document(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "origin": self.origin,
            "state": self.state,
            "valid": self.is_valid,
            "params": self.params,
            "score": self.score,
            "metrics": self.metrics,
            "violations": self.violations,
            "error": self.error,
            # Nothing where nothing is pruned.
            **({} if self.glance is None else {"glance": self.glance.document()}),
        }


def as_trial(frozen: FrozenTrial) -> Trial:
    """A finished trial as its study keeps it."""
    # Of a reaped trial what its reaper said, though its worker may have come to an outcome just before.
    is_reaped = frozen.state == TrialState.FAIL and REAPED in frozen.user_attrs
    told = json.loads(frozen.user_attrs.get(REAPED if is_reaped else "outcome", "{}"))
    return Trial(
        number=frozen.number,
        origin=told.get("origin", ""),
        params=dict(frozen.params),
        score=frozen.value if frozen.state == TrialState.COMPLETE else None,
        metrics=told.get("metrics", {}),
        violations=told.get("violations", {}),
        error=told.get("error"),
        glance=Glance(**told["glance"]) if "glance" in told else None,
    )


def finished_trials(study: optuna.Study) -> tuple[Trial, ...]:
    """The finished trials of a study, by number."""
    return tuple(as_trial(frozen) for frozen in study.get_trials(deepcopy=False) if frozen.state.is_finished())


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The valid trial of the highest score, of equals the first; None when none is valid."""
    valid = [trial for trial in trials if trial.is_valid and trial.score is not None]
    return min(valid, key=lambda trial: (-(trial.score or 0.0), trial.number), default=None)
