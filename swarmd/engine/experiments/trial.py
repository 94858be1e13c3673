"""One trial of an experiment: what was tried, what came of it, and what it cost, as its file tells it.

The file is the truth: a run that is taken up again reads it, `swarmd summarize` counts by it. What depends on the
question of the day (score, constraints) is judged from the metrics each time, so that it may be asked anew.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from swarmd.engine.experiments.bounds import Bound
from swarmd.engine.metrics.summary import METRIC_NAMES
from swarmd.engine.search.canonical import canonical_key
from swarmd.engine.search.score import ScoreRule

SCHEMA = "swarmd.experiment_trial/1"
Status = Literal["valid", "skipped", "failed"]
# Why a trial failed: the strategy's own doing comes out the same every time, the others may not.
Cause = Literal["strategy", "timeout", "lost"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an evaluation gave: metrics, or why there are none. `seconds` of the last attempt, in its process."""

    metrics: Mapping[str, float | int | None] | None
    seconds: float
    attempts: int = 1
    cause: Cause | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """`skipped` says which constraints it broke, `error` why it could not be evaluated; a valid one has neither.
    `same_as` is the trial whose vector it repeats, where nothing was evaluated again."""

    number: int
    origin: str
    params: dict[str, float | int]
    answer: Answer
    score: float | None
    violations: dict[str, float]
    skipped: str | None
    error: str | None
    same_as: int | None = None

    @property
    def key(self) -> str:
        return canonical_key(self.params)

    @property
    def status(self) -> Status:
        return "failed" if self.error is not None else "skipped" if self.skipped is not None else "valid"

    @property
    def is_valid(self) -> bool:
        return self.status == "valid"

    @property
    def metrics(self) -> Mapping[str, float | int | None]:
        """What was measured; nothing where it could not be evaluated."""
        return self.answer.metrics or {}

    @property
    def is_final(self) -> bool:
        """Whether another try would come to the same: not where a process was lost, or time ran out."""
        return self.answer.cause in (None, "strategy")

    def document(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "key": self.key,
            "origin": self.origin,
            "status": self.status,
            "state": "failed" if self.error is not None else "complete",
            "valid": self.status == "valid",
            "params": self.params,
            "score": self.score,
            "metrics": dict(self.answer.metrics or {}),
            "violations": self.violations,
            "skipped": self.skipped,
            "error": self.error,
            "cause": self.answer.cause,
            "attempts": self.answer.attempts,
            "seconds": round(self.answer.seconds, 6),
            "same_as": self.same_as,
        }


@dataclass(frozen=True, slots=True)
class Judge:
    """Score and constraints in force."""

    rule: ScoreRule
    bounds: tuple[Bound, ...]

    def trial(
        self,
        number: int,
        origin: str,
        params: Mapping[str, float | int],
        answer: Answer,
        *,
        same_as: int | None = None,
    ) -> Trial:
        """The trial that this answer makes."""
        score: float | None = None
        violations: dict[str, float] = {}
        skipped, error = None, answer.error
        if answer.metrics is not None:
            # JSON's null back as what it stands for: a profit factor without a loss.
            metrics = {name: math.inf if value is None else float(value) for name, value in answer.metrics.items()}
            violations = {bound.name: bound.missed_by(metrics) for bound in self.bounds}
            broken = [bound.told(metrics) for bound in self.bounds if violations[bound.name] > 0.0]
            skipped = "; ".join(broken) or None
            score = self.rule.of(metrics)
            if not math.isfinite(score):
                named = ", ".join((self.rule.primary, *self.rule.weights))
                error, score = f"the score is {score}: one of {named} is not finite", None
        finite = {name: missed for name, missed in violations.items() if math.isfinite(missed)}
        return Trial(number, origin, dict(params), answer, score, finite, skipped, error, same_as)


def read_trial(path: Path, judge: Judge, *, made_of: Mapping[str, Any]) -> Trial:
    """The trial in a file, judged anew.

    Parameters
    ----------
    made_of : fields that must be equal in the file (digests of data and code): numbers of other data do not count.

    Raises
    ------
    ValueError
        If the file cannot be read or is of other data or code; says what is wrong, not where.
    """
    document = trial_document(path)
    for field, wanted in made_of.items():
        if document.get(field) != wanted:
            raise ValueError(f"made with {field} {document.get(field)!r}, and now it is {wanted!r}")
    metrics = document["metrics"] or None
    if metrics is None and not document["error"]:
        raise ValueError("it has neither metrics nor an error")
    answer = Answer(
        metrics=metrics,
        seconds=float(document["seconds"]),
        attempts=int(document["attempts"]),
        cause=document["cause"],
        error=document["error"] if metrics is None else None,
    )
    return judge.trial(
        int(document["number"]), document["origin"], document["params"], answer, same_as=document["same_as"]
    )


def trial_document(path: Path) -> dict[str, Any]:
    """The document in a trial's file. ValueError where it is no whole trial of an experiment."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as cause:
        raise ValueError(f"cannot be read: {cause.strerror}") from cause
    except ValueError as cause:
        raise ValueError(f"is not JSON: {cause}") from cause
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    wanted: dict[str, type | tuple[type, ...]] = {
        "number": int, "origin": str, "status": str, "params": dict, "metrics": dict, "seconds": (int, float),
        "attempts": int, "cause": (str, type(None)), "error": (str, type(None)), "same_as": (int, type(None)),
    }  # fmt: skip
    for field, kind in wanted.items():
        if field not in document or not isinstance(document[field], kind):
            raise ValueError(f"its {field} is {document.get(field)!r}")
    if path.name != f"trial_{document['number']}.json":
        raise ValueError(f"it tells of trial {document['number']}")
    numbers = [*document["params"].values(), *(value for value in document["metrics"].values() if value is not None)]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in numbers):
        raise ValueError("a parameter or metric is not a number")
    if document["metrics"] and set(document["metrics"]) != set(METRIC_NAMES):
        raise ValueError("its metrics are not those of this version")
    return document
