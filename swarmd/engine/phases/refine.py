"""Refine: Optuna goes deep where the prescreen found something, on development bars only.

Keeps its study in `study_<question>.journal` beside its artifacts: a run killed at any instant is carried on by the
next one as if nothing had happened. A changed question gets a journal of its own and never meets the old trials.

A search may climb in rungs, one job each: all of them carry on one study, and what stands behind the last trial is what
one run of all trials leaves. A rung writes everything a whole search writes, for it may turn out to be the last.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import Question, digest_of, mode_folder, question_of
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.search.pick import peak_pick, stable_pick
from swarmd.engine.search.refine import (
    SHOWCASES,
    Trial,
    run_trials,
    showcase_trials,
)
from swarmd.engine.search.sampler import ReproducibleSampler
from swarmd.engine.search.space import space_document
from swarmd.engine.search.storage import open_study
from swarmd.engine.search.warm_start import find_seed_file, warm_start_seeds
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder

ALL_TRIALS_FILE = "all_trials.json"
# Failed trials of one run that are told one by one; all of them are in their files.
_MOST_TOLD = 3


def refine(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Run what is left of the trials up to the order's rung; fails where no trial meets the constraints."""
    question = question_of(order, desk)
    settings = order.campaign.search.refine
    folder = mode_folder(order, desk)
    warm = _seeds(question, folder, settings.warm_start)
    identity = _identity(question, settings.seed, warm)
    study_digest = digest_of(identity)[:12]
    sampler = ReproducibleSampler(question.strategy, question.space, seed=settings.seed, warm=warm)
    # Named like the job of the whole search: every rung opens the same study.
    name = job_id(order.campaign.name, order.symbol, order.mode, Phase.REFINE)
    study = open_study(folder / f"study_{study_digest}.journal", name=name, sampler=sampler)
    bars = question.development
    n_trials = order.trials or settings.trials
    desk.expect(n_trials)
    failed: list[int] = []

    def evaluate(params: Mapping[str, Any]) -> Simulation:
        return run_backtest(bars, question.strategy, params, mode=question.mode, costs=question.costs)

    def found(trial: Trial) -> None:
        # Written again: a kill may have come between the study's journal and this file.
        desk.write_json(_trial_path(folder, trial), _trial_document(trial, question, settings.seed))
        desk.advance(1)

    def finished(trial: Trial) -> None:
        found(trial)
        if trial.error is not None:
            failed.append(trial.number)
            if len(failed) <= _MOST_TOLD:
                desk.say(f"{order.job}: trial {trial.number} failed: {trial.error}; the search goes on")
        desk.told_trial(_trial_document(trial, question, settings.seed))

    trials = run_trials(
        study,
        sampler,
        question.space,
        evaluate,
        n_trials=n_trials,
        rule=question.rule,
        constraints=question.constraints,
        finished=finished,
        found=found,
        before=desk.safe_point,
    )[:n_trials]
    _remove_strangers(folder / "trials", len(trials))
    artifacts = _write_showcases(question, trials, evaluate, folder, desk, seed=settings.seed)
    pick = peak_pick(trials) if settings.pick == "peak" else stable_pick(trials, question.space)
    document = {
        "schema": "swarmd.trials/1",
        "symbol": question.symbol,
        **identity,
        **question.origin.document(seed=settings.seed, tried=len(trials)),
        "study": study_digest,
        "finalist": None if pick is None else pick.trial.number,
        "pick": None if pick is None else pick.document(),
        "trials": [trial.document() for trial in trials],
    }
    artifacts = (desk.write_json(folder / ALL_TRIALS_FILE, document, sync=True), *artifacts)
    n_valid = sum(trial.is_valid for trial in trials)
    n_failed = sum(trial.error is not None for trial in trials)
    told_failed = f", {n_failed} failed (first: {_first_error(trials)})" if n_failed else ""
    # What the rungs below have tried is told by their own results.
    tried = len(trials) - max((rung for rung in order.campaign.rungs() if rung < n_trials), default=0)
    rung = f" (rung {n_trials} of {settings.trials})" if n_trials < settings.trials else ""
    if pick is None:
        desk.say(f"{order.job}: no trial meets the constraints, so there are no showcases ({', '.join(SHOWCASES)})")
        return ResultSummary(
            verdict="fail",
            headline=f"{order.symbol} {order.mode}: none of {len(trials)} trials{rung} meets the constraints"
            f"{told_failed}",
            tried=tried,
            figures={"valid": 0, "failed": n_failed},
            artifacts=artifacts,
        )
    return ResultSummary(
        verdict="pass",
        headline=f"{order.symbol} {order.mode}: {n_valid} of {len(trials)} trials valid{rung}, best score "
        f"{pick.peak.score:.3f} (trial {pick.peak.number}, from {pick.peak.origin}); finalist: {pick.told}"
        f"{told_failed}",
        tried=tried,
        figures={
            "score": pick.trial.score,
            "best_annual_sharpe": _best_sharpe(trials),
            "valid": n_valid,
            "failed": n_failed,
            "trial": pick.trial.number,
            **pick.trial.metrics,
        },
        artifacts=artifacts,
    )


def _seeds(question: Question, folder: Path, count: int) -> tuple[dict[str, float | int], ...]:
    path = find_seed_file(folder)
    if path is None or count == 0:
        return ()
    expected = {
        "data_sha256": question.origin.data_sha256,
        "strategy": question.strategy_name,
        "mode": question.mode,
        "symbol": question.symbol,
        # A prescreen that saw more bars has seen the vault.
        "evaluated_bars": question.vault_bar,
    }
    return warm_start_seeds(path, question.strategy, question.space, count=count, expected=expected)


def _identity(question: Question, seed: int, warm: tuple[dict[str, float | int], ...]) -> dict[str, Any]:
    """All that the trials depend on: two studies with equal identities make equal trials."""
    return {
        "strategy": question.strategy_name,
        "mode": question.mode,
        "space": space_document(question.space),
        "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
        "score": {"primary": question.rule.primary, "weights": dict(question.rule.weights)},
        "constraints": {
            "min_trades": question.constraints.min_trades,
            "max_drawdown": question.constraints.max_drawdown,
        },
        "development_bars": question.vault_bar,
        "warm_start": digest_of(warm)[:12] if warm else None,
        "data_sha256": question.origin.data_sha256,
        "code_version": question.origin.code_version,
        "seed": seed,
    }


def _best_sharpe(trials: tuple[Trial, ...]) -> float | None:
    """The highest annual Sharpe ratio of a valid trial: what the search can do, whichever trial it picks."""
    sharpes = [trial.metrics.get("annual_sharpe") for trial in trials if trial.is_valid]
    return max((float(sharpe) for sharpe in sharpes if sharpe is not None), default=None)


def _first_error(trials: tuple[Trial, ...]) -> str:
    return next(f"trial {trial.number}: {trial.error}" for trial in trials if trial.error is not None)


def _trial_path(folder: Path, trial: Trial) -> Path:
    return folder / "trials" / f"trial_{trial.number}.json"


def _trial_document(trial: Trial, question: Question, seed: int) -> dict[str, Any]:
    return {
        "schema": "swarmd.trial/1",
        **trial.document(),
        **question.origin.document(seed=seed, tried=trial.number + 1),
    }


def _write_showcases(
    question: Question, trials: tuple[Trial, ...], evaluate: Any, folder: Path, desk: Desk, *, seed: int
) -> tuple[str, ...]:
    artifacts: list[str] = []
    for name, trial in showcase_trials(trials).items():
        simulation: Simulation = evaluate(trial.params)
        config = {
            "schema": "swarmd.config/1",
            "showcase": name,
            "symbol": question.symbol,
            "strategy": question.strategy_name,
            "mode": question.mode,
            "trial": trial.number,
            "params": trial.params,
            "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
            **question.origin.document(seed=seed, tried=len(trials)),
        }
        metrics = {
            "schema": "swarmd.metrics/1",
            "trial": trial.number,
            "score": trial.score,
            "stretch": "development",
            "metrics": simulation.metrics.as_json(),
            **question.origin.document(seed=seed, tried=len(trials)),
        }
        artifacts += [
            desk.write_json(folder / name / "config.json", config),
            desk.write_json(folder / name / "metrics.json", metrics),
            desk.write(folder / name / "trades.csv", trades_csv(simulation.trades, question.development)),
        ]
    return tuple(artifacts)


def _remove_strangers(folder: Path, n_trials: int) -> None:
    """Trial files of an earlier, longer study would be counted among these."""
    mine = {f"trial_{number}.json" for number in range(n_trials)}
    for path in folder.glob("trial_*.json"):
        if path.name not in mine:
            path.unlink()
