"""Refine: Optuna goes deep where the prescreen found something, on development bars only.

Keeps its study in `study_<question>.journal` beside its artifacts: a run killed at any instant is carried on by the
next one as if nothing had happened. A changed question gets a journal of its own and never meets the old trials.

A search may climb in rungs, one job each: all of them carry on one study, and what stands behind the last trial is what
one run of all trials leaves. A rung writes everything a whole search writes, for it may turn out to be the last.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from swarmd.engine.backtest import Simulation
from swarmd.engine.guards.soft_screen import LEAST_OOS_TRADES
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import Question, mode_folder, question_of
from swarmd.engine.phases.shared_study import run_shared_study
from swarmd.engine.phases.study import Study, run_study
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.phases.walk import told_walk, walk, walk_figures, windows_for
from swarmd.engine.search.methods import procedure_of
from swarmd.engine.search.pick import picked
from swarmd.engine.search.showcases import SHOWCASES, showcase_trials
from swarmd.engine.search.trial import Trial
from swarmd.engine.search.warm_start import find_seed_file, warm_start_seeds
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder

ALL_TRIALS_FILE = "all_trials.json"


def refine(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Run what is left of the trials up to the order's rung; fails where no trial meets the constraints."""
    question = question_of(order, desk)
    search = order.campaign.search
    settings = search.refine
    folder = mode_folder(order, desk)
    study = study_of(order, question, desk)
    n_all = study.procedure.n_trials
    n_trials = min(order.trials or n_all, n_all)
    # A rung is not walked: what it would tell of the procedure is told behind the last trial.
    walks = search.method == "walk_forward" and n_trials == n_all
    windows = windows_for(question, search) if walks else ()
    desk.expect(n_trials + len(windows) * (n_all + 1))
    walked: dict[str, Any] | None = None
    artifacts: tuple[str, ...] = ()
    if walks:
        walked, written = walk(question, search, study.procedure, windows, folder, order, desk, name=study.name)
        artifacts = (written,)
    if settings.workers > 1:
        trials = run_shared_study(study, order, desk, n_trials)
    else:
        trials = run_study(study, order, desk, n_trials)
    artifacts = (*_write_showcases(question, trials, study.evaluate, folder, desk, seed=settings.seed), *artifacts)
    pick = picked(trials, question.space, settings.pick, is_grid=study.procedure.method == "grid")
    n_tried = len(trials) + (0 if walked is None else int(walked["tried"]))
    document = {
        "schema": "swarmd.trials/1",
        "symbol": question.symbol,
        **study.identity,
        **question.origin.document(seed=settings.seed, tried=n_tried),
        "search": search.method,
        "workers": settings.workers,
        "study": study.digest,
        "finalist": None if pick is None else pick.trial.number,
        "pick": None if pick is None else pick.document(),
        "trials": [trial.document() for trial in trials],
    }
    artifacts = (desk.write_json(folder / ALL_TRIALS_FILE, document, sync=True), *artifacts)
    n_valid = sum(trial.is_valid for trial in trials)
    n_failed = sum(trial.error is not None for trial in trials)
    n_pruned = sum(trial.state == "pruned" for trial in trials)
    told = f", {n_failed} failed (first: {_first_error(trials)})" if n_failed else ""
    told += f", {n_pruned} given up on the first third of the bars" if n_pruned else ""
    told += f"; {told_walk(walked)}" if walked is not None else ""
    counts = {"failed": n_failed, "pruned": n_pruned} if study.prunes else {"failed": n_failed}
    # What the rungs below have tried is told by their own results.
    tried = n_tried - max((rung for rung in order.campaign.rungs() if rung < n_trials), default=0)
    rung = f" (rung {n_trials} of {n_all})" if n_trials < n_all else ""
    if pick is None:
        desk.say(f"{order.job}: no trial meets the constraints, so there are no showcases ({', '.join(SHOWCASES)})")
        return ResultSummary(
            verdict="fail",
            headline=f"{order.symbol} {order.mode}: none of {len(trials)} trials{rung} meets the constraints{told}",
            tried=tried,
            figures={"valid": 0, **counts, **({} if walked is None else walk_figures(walked))},
            artifacts=artifacts,
        )
    return ResultSummary(
        verdict="pass",
        headline=f"{order.symbol} {order.mode}: {n_valid} of {len(trials)} trials valid{rung}, best score "
        f"{pick.peak.score:.3f} (trial {pick.peak.number}, from {pick.peak.origin}); finalist: {pick.told}"
        f"{told}",
        tried=tried,
        figures={
            "score": pick.trial.score,
            "best_annual_sharpe": _best_sharpe(trials),
            "paced_annual_sharpe": _best_sharpe([each for each in trials if _is_on_pace(each, question)]),
            "valid": n_valid,
            **counts,
            "trial": pick.trial.number,
            **pick.trial.metrics,
            **({} if walked is None else walk_figures(walked)),
        },
        artifacts=artifacts,
    )


def study_of(order: WorkOrder, question: Question, desk: Desk, *, is_joined: bool = False) -> Study:
    """The order's search on its development bars; its workers make the same of it, one that has joined from another
    machine without the list, which is handed out through the study."""
    search = order.campaign.search
    settings, folder = search.refine, mode_folder(order, desk)
    # What is walked forward does without seeds in its windows, and is searched alike at the end.
    is_warm = search.method == "tpe" and not is_joined
    procedure = procedure_of(
        search.procedure,
        question.strategy,
        question.space,
        trials=settings.trials,
        seed=settings.seed,
        warm=_seeds(question, folder, settings.warm_start) if is_warm else (),
    )
    return Study(
        # Named like the job of the whole search: every rung opens the same study.
        name=job_id(order.campaign.name, order.symbol, order.mode, Phase.REFINE),
        question=question,
        procedure=procedure,
        bars=question.development,
        folder=folder,
        home=desk.home,
        prunes=settings.prune == "median",
        workers=settings.workers,
        storage=order.campaign.storage,
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


def _is_on_pace(trial: Trial, question: Question) -> bool:
    """Whether it trades so often that the screen would see enough of it: as often per bar, in the vault."""
    trades = trial.metrics.get("total_trades")
    vault_bars = question.bars.n_bars - question.vault_bar
    return trades is not None and trades * vault_bars > LEAST_OOS_TRADES * question.vault_bar


def _best_sharpe(trials: Sequence[Trial]) -> float | None:
    """The highest annual Sharpe ratio of a valid trial: what the search can do, whichever trial it picks."""
    sharpes = [trial.metrics.get("annual_sharpe") for trial in trials if trial.is_valid]
    return max((float(sharpe) for sharpe in sharpes if sharpe is not None), default=None)


def _first_error(trials: tuple[Trial, ...]) -> str:
    return next(f"trial {trial.number}: {trial.error}" for trial in trials if trial.error is not None)


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
