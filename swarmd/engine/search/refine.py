"""The deep phase: Optuna's TPE on development bars, one trial at a time, reproducible across kills.

A trial is three steps, each kept in the study's journal before the next: its number, its vector, its outcome. A trial
that a kill left running is taken up again under its own number, and the sampler looks at nothing but seed, number and
finished trials: after any number of kills the list of trials is what an undisturbed run makes. Called by the refine
phase.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from swarmd.engine.search.pruning import Evaluate, Glance, Pruning, glance_at
from swarmd.engine.search.sampler import ReproducibleSampler, distributions
from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.space import Space
from swarmd.engine.search.trial import Trial, as_trial, finished_trials
from swarmd.engine.strategies.contract import ParamSpec

# If none of so many first trials can be evaluated the question is wrong, not the luck.
_HOPELESS = 100


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
    pruning: Pruning | None = None,
) -> tuple[Trial, ...]:
    """Go on until the study has `n_trials` finished trials; gives back all of them, in order.

    Parameters
    ----------
    evaluate : may raise ValueError or ArithmeticError, which fails this one trial and no other
    finished : told of each trial once its outcome is kept
    found : told first, in order, of each trial that an earlier run has finished
    before : called before each trial; may raise to stop, at a point where nothing is half done
    pruning : how to look at the first part of the bars, and give up what is worse there than most

    Raises
    ------
    ValueError
        If every trial of the first hundred failed: the question is wrong then, not the luck.
    """
    done = list(finished_trials(study))
    for trial in done[:n_trials]:
        found(trial)
    for trial_now in _to_do(study, n_trials):
        before()
        origin = sampler.origin(study, trial_now.number)
        trial = run_one(
            study,
            space,
            trial_now,
            origin,
            evaluate,
            pruning=pruning,
            earlier=done,
            rule=rule,
            constraints=constraints,
        )
        done.append(trial)
        finished(trial)
        _refuse_hopeless(done)
    return tuple(sorted(done, key=lambda trial: trial.number))


def _to_do(study: optuna.Study, n_trials: int) -> Iterator[optuna.Trial]:
    """The trial a killed run left behind, then new ones until there are enough.

    Looked for anew each time: one that a lost server made after all, late, is taken up under its number.
    """
    while True:
        there = study.get_trials(deepcopy=False)
        left = next((frozen for frozen in there if not frozen.state.is_finished()), None)
        if left is None and len(there) >= n_trials:
            return
        yield study.ask() if left is None else optuna.Trial(study, left._trial_id)


def run_one(
    study: optuna.Study,
    space: Space,
    trial: optuna.Trial,
    origin: str,
    evaluate: Evaluate,
    *,
    pruning: Pruning | None,
    earlier: Sequence[Trial],
    rule: ScoreRule,
    constraints: Constraints,
) -> Trial:
    """One trial from its vector to its outcome; `earlier` are the finished ones that pruning holds it against."""
    params = {spec.name: _suggested(trial, space, spec.name) for spec in space}
    glance = None if pruning is None else _glance(pruning, params, rule, earlier)
    if glance is not None:
        _report(study, trial, glance)
    if glance is not None and glance.is_worse:
        _set_outcome(trial, origin, {}, {}, None, glance)
        return as_trial(study.tell(trial, state=TrialState.PRUNED))
    outcome = _evaluated(params, evaluate, rule, constraints)
    _set_outcome(trial, origin, outcome.metrics, outcome.violations, outcome.error, glance)
    for name, missed in outcome.violations.items():
        _set_constraint(trial, name, missed)
    if outcome.error is not None:
        return as_trial(study.tell(trial, state=TrialState.FAIL))
    return as_trial(study.tell(trial, outcome.score))


def add_listed(
    study: optuna.Study,
    space: Space,
    listed: Sequence[Mapping[str, float | int]],
    origin: str,
    evaluate: Evaluate,
    *,
    rule: ScoreRule,
    constraints: Constraints,
    before: Callable[[], None],
) -> None:
    """Evaluate the vectors that a study in memory begins with, and put them into it as finished trials.

    What the study then holds is what asking for each of them leaves, at a tenth of the cost: Optuna's own work on a
    trial takes longer than a backtest of some thousand bars. For searches that are made by the hundred; nothing is
    kept of a trial before all of it is known, so a study on disk goes the long way.
    """
    ranges = distributions(space)
    failed: list[Trial] = []
    for number, vector in enumerate(listed):
        before()
        params = {spec.name: _as_suggested(spec, vector[spec.name]) for spec in space}
        found = _evaluated(params, evaluate, rule, constraints)
        told = {"origin": origin, "metrics": found.metrics, "violations": found.violations, "error": found.error}
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE if found.error is None else TrialState.FAIL,
                value=found.score,
                params=params,
                distributions=ranges,
                user_attrs={"outcome": json.dumps(told, sort_keys=True)},
                constraints=dict(found.violations),
            )
        )
        if number == len(failed) and found.error is not None:
            failed.append(Trial(number, origin, params, None, {}, {}, found.error))
            _refuse_hopeless(failed)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of one vector: its score, or the error instead."""

    score: float | None
    metrics: dict[str, float | int | None]
    violations: dict[str, float]
    error: str | None


def _evaluated(
    params: Mapping[str, float | int], evaluate: Evaluate, rule: ScoreRule, constraints: Constraints
) -> _Outcome:
    metrics: dict[str, float | int | None] = {}
    violations: dict[str, float] = {}
    try:
        metrics = evaluate(params).metrics.as_json()
        violations = constraints.violations(_numbers(metrics))
        score = rule.of(_numbers(metrics))
        if math.isfinite(score):
            return _Outcome(score, metrics, violations, None)
        error = f"the score is {score}: one of {', '.join((rule.primary, *rule.weights))} is not finite"
    except (ValueError, ArithmeticError) as cause:
        error = f"{type(cause).__name__}: {cause}"
    return _Outcome(None, metrics, violations, error)


def _as_suggested(spec: ParamSpec, value: float | int) -> float | int:
    """The value as a suggestion gives it back: 20.0 of whole numbers is 20, and of listed ones the listed."""
    if spec.kind == "choice":
        return next(choice for choice in spec.choices if choice == value)
    return int(value) if spec.kind == "int" else float(value)


def _glance(
    pruning: Pruning, params: Mapping[str, float | int], rule: ScoreRule, earlier: Sequence[Trial]
) -> Glance | None:
    """None where the first part gives no number; all the bars then decide, and tell what is wrong."""
    try:
        metrics = pruning.evaluate(params).metrics.as_json()
    except (ValueError, ArithmeticError):
        return None
    scores = [trial.glance.score for trial in earlier if trial.glance is not None]
    return glance_at(pruning, rule.of(_numbers(metrics)), scores)


def _report(study: optuna.Study, trial: optuna.Trial, glance: Glance) -> None:
    # A trial taken up again may have told it already; it is the same number then, and Optuna would warn.
    known = study.get_trials(deepcopy=False)[trial.number]
    if glance.bars not in known.intermediate_values:
        trial.report(glance.score, glance.bars)


def _set_outcome(
    trial: optuna.Trial,
    origin: str,
    metrics: Mapping[str, float | int | None],
    violations: Mapping[str, float],
    error: str | None,
    glance: Glance | None,
) -> None:
    # One write: told apart, a kill between two of them would leave an outcome without its story.
    outcome = {"origin": origin, "metrics": metrics, "violations": violations, "error": error}
    if glance is not None:
        outcome["glance"] = glance.document()
    trial.set_user_attr("outcome", json.dumps(outcome, sort_keys=True))


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


def _numbers(metrics: Mapping[str, float | int | None]) -> dict[str, float]:
    """JSON's null back as what it stands for: a profit factor without a loss."""
    return {name: math.inf if value is None else float(value) for name, value in metrics.items()}


def _refuse_hopeless(done: Sequence[Trial]) -> None:
    if len(done) >= _HOPELESS and all(trial.error is not None for trial in done[:_HOPELESS]):
        raise ValueError(
            f"refine: the first {_HOPELESS} trials all failed, the first with: {done[0].error}; mend that and run again"
        )
