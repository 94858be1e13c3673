"""The deep phase: Optuna's TPE on development bars, one trial at a time, reproducible across kills.

A trial is three steps, each kept in the study's journal before the next: its number, its vector, its outcome. A trial
that a kill left running is taken up again under its own number, and the sampler looks at nothing but seed, number and
finished trials: after any number of kills the list of trials is what an undisturbed run makes. Called by the refine
phase.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from swarmd.engine.backtest import Simulation
from swarmd.engine.search.sampler import ReproducibleSampler
from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.space import Space

# What one vector did on the development bars.
Evaluate = Callable[[Mapping[str, Any]], Simulation]


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished trial. `score` and `metrics` are absent where the evaluation failed; `error` then says why."""

    number: int
    origin: str
    params: dict[str, float | int]
    score: float | None
    metrics: dict[str, float | int | None]
    violations: dict[str, float]
    error: str | None

    @property
    def is_valid(self) -> bool:
        """Whether it may be ranked: evaluated, finite, within the constraints."""
        return self.score is not None and all(missed <= 0.0 for missed in self.violations.values())

    def document(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "origin": self.origin,
            "state": "failed" if self.score is None else "complete",
            "valid": self.is_valid,
            "params": self.params,
            "score": self.score,
            "metrics": self.metrics,
            "violations": self.violations,
            "error": self.error,
        }


def run_trials(
    study: optuna.Study,
    sampler: ReproducibleSampler,
    space: Space,
    evaluate: Evaluate,
    *,
    n_trials: int,
    rule: ScoreRule,
    constraints: Constraints,
    finished: Callable[[Trial], None],
    found: Callable[[Trial], None] = lambda trial: None,
    before: Callable[[], None] = lambda: None,
) -> tuple[Trial, ...]:
    """Go on until the study has `n_trials` finished trials; gives back all of them, in order.

    Parameters
    ----------
    evaluate : may raise ValueError or ArithmeticError, which fails this one trial and no other
    finished : told of each trial once its outcome is kept
    found : told first, in order, of each trial that an earlier run has finished
    before : called before each trial; may raise to stop, at a point where nothing is half done

    Raises
    ------
    ValueError
        If every trial of the first hundred failed: the question is wrong then, not the luck.
    """
    for trial in finished_trials(study):
        found(trial)
    while (trial_now := _trial_in_hand(study, n_trials)) is not None:
        before()
        trial = _run(study, sampler, space, trial_now, evaluate, rule=rule, constraints=constraints)
        finished(trial)
        _refuse_hopeless(study)
    return finished_trials(study)


def finished_trials(study: optuna.Study) -> tuple[Trial, ...]:
    """The finished trials of a study, by number."""
    return tuple(_as_trial(frozen) for frozen in study.get_trials(deepcopy=False) if frozen.state.is_finished())


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """The valid trial of the highest score, of equals the first; None when none is valid."""
    valid = [trial for trial in trials if trial.is_valid and trial.score is not None]
    return min(valid, key=lambda trial: (-(trial.score or 0.0), trial.number), default=None)


# The four showcases, each with what it ranks by (larger is better), among valid trials only.
SHOWCASES: Mapping[str, tuple[str, float]] = {
    "best_sharpe": ("annual_sharpe", 1.0),
    "best_returns": ("total_return", 1.0),
    "lowest_drawdown": ("max_drawdown", -1.0),
    "best_winrate": ("win_rate", 1.0),
}


def showcase_trials(trials: Sequence[Trial]) -> dict[str, Trial]:
    """The trial for each showcase; empty when no trial is valid. Ties: better score, then earlier trial."""
    valid = [trial for trial in trials if trial.is_valid and trial.score is not None]
    if not valid:
        return {}

    def order(trial: Trial, metric: str, sign: float) -> tuple[float, float, int]:
        value = trial.metrics[metric]
        return (-sign * float(value) if value is not None else math.inf, -(trial.score or 0.0), trial.number)

    return {
        name: min(valid, key=lambda trial, metric=metric, sign=sign: order(trial, metric, sign))  # type: ignore[misc]
        for name, (metric, sign) in SHOWCASES.items()
    }


def _trial_in_hand(study: optuna.Study, n_trials: int) -> optuna.Trial | None:
    """The trial a killed run left behind, else a new one; None when enough are finished."""
    trials = study.get_trials(deepcopy=False)
    for frozen in trials:
        if not frozen.state.is_finished():
            return optuna.Trial(study, frozen._trial_id)
    return study.ask() if len(trials) < n_trials else None


def _run(
    study: optuna.Study,
    sampler: ReproducibleSampler,
    space: Space,
    trial: optuna.Trial,
    evaluate: Evaluate,
    *,
    rule: ScoreRule,
    constraints: Constraints,
) -> Trial:
    origin = sampler.origin(study, trial.number)
    params = {spec.name: _suggested(trial, space, spec.name) for spec in space}
    error: str | None = None
    score = math.nan
    metrics: dict[str, float | int | None] = {}
    violations: dict[str, float] = {}
    try:
        simulation = evaluate(params)
        metrics = simulation.metrics.as_json()
        violations = constraints.violations(_numbers(metrics))
        score = rule.of(_numbers(metrics))
        if not math.isfinite(score):
            error = f"the score is {score}: one of {', '.join((rule.primary, *rule.weights))} is not finite"
    except (ValueError, ArithmeticError) as cause:
        error = f"{type(cause).__name__}: {cause}"
    # One write: told apart, a kill between two of them would leave an outcome without its story.
    outcome = {"origin": origin, "metrics": metrics, "violations": violations, "error": error}
    trial.set_user_attr("outcome", json.dumps(outcome, sort_keys=True))
    for name, missed in violations.items():
        _set_constraint(trial, name, missed)
    frozen = study.tell(trial, score) if error is None else study.tell(trial, state=TrialState.FAIL)
    return _as_trial(frozen)


def _suggested(trial: optuna.Trial, space: Space, name: str) -> float | int:
    spec = next(spec for spec in space if spec.name == name)
    value: float | int
    if spec.kind == "choice":
        value = trial.suggest_categorical(name, spec.choices)
    elif spec.kind == "int":
        value = trial.suggest_int(name, int(spec.low or 0), int(spec.high or 0), log=spec.log)
    else:
        value = trial.suggest_float(name, float(spec.low or 0.0), float(spec.high or 0.0), log=spec.log)
    return value


def _set_constraint(trial: optuna.Trial, name: str, missed: float) -> None:
    # A trial taken up again may have it already; it is the same number then, and Optuna would warn.
    if name not in trial.constraints:
        trial.set_constraint(name, missed)


def _as_trial(frozen: FrozenTrial) -> Trial:
    told = json.loads(frozen.user_attrs.get("outcome", "{}"))
    return Trial(
        number=frozen.number,
        origin=told.get("origin", ""),
        params=dict(frozen.params),
        score=frozen.value if frozen.state == TrialState.COMPLETE else None,
        metrics=told.get("metrics", {}),
        violations=told.get("violations", {}),
        error=told.get("error"),
    )


def _numbers(metrics: Mapping[str, float | int | None]) -> dict[str, float]:
    """JSON's null back as what it stands for: a profit factor without a loss."""
    return {name: math.inf if value is None else float(value) for name, value in metrics.items()}


def _refuse_hopeless(study: optuna.Study) -> None:
    trials = study.get_trials(deepcopy=False)
    if len(trials) >= 100 and all(frozen.state == TrialState.FAIL for frozen in trials[:100]):
        said = _as_trial(trials[0]).error
        raise ValueError(f"refine: the first 100 trials all failed, the first with: {said}; mend that and run again")
