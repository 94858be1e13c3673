"""Reoptimize: the second search, of an asset that passed the screen, on all development bars and with more trials.

It begins with the best vectors of the first search, whose last third of the bars was kept for the screen. In a branch
one displacement is held fast, or the mode is the conservative one. The vault stays shut. Writes `all_trials.json` and
its study into a folder of its own, so that the first search keeps what it has found; taken up again like it.
"""

from pathlib import Path
from typing import Any

from swarmd.engine.phases.desk import Desk, read_document
from swarmd.engine.phases.question import Question, mode_folder, question_of
from swarmd.engine.phases.refine import ALL_TRIALS_FILE
from swarmd.engine.phases.shared_study import run_shared_study
from swarmd.engine.phases.study import Study, run_study
from swarmd.engine.search.canonical import canonical_key
from swarmd.engine.search.methods import procedure_of
from swarmd.engine.search.pick import picked
from swarmd.engine.search.space import in_space, is_admissible
from swarmd.engine.search.vectors import Vector
from swarmd.state.errors import OperatorError
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder


def reoptimize(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Run what is left of the trials; fails where none meets the constraints.

    Raises
    ------
    OperatorError
        If there is no first search of this very data.
    """
    question = question_of(order, desk)
    settings = order.campaign.search.refine
    study = second_study_of(order, question, desk)
    n_trials = study.procedure.n_trials
    desk.expect(n_trials)
    if settings.workers > 1:
        trials = run_shared_study(study, order, desk, n_trials)
    else:
        trials = run_study(study, order, desk, n_trials)
    pick = picked(trials, question.space, settings.pick, is_grid=study.procedure.method == "grid")
    document = {
        "schema": "swarmd.trials/1",
        "symbol": question.symbol,
        "branch": order.branch,
        **study.identity,
        **question.origin.document(seed=settings.seed, tried=len(trials)),
        "search": study.procedure.method,
        "workers": settings.workers,
        "study": study.digest,
        "finalist": None if pick is None else pick.trial.number,
        "pick": None if pick is None else pick.document(),
        "trials": [trial.document() for trial in trials],
    }
    artifacts = (desk.write_json(study.folder / ALL_TRIALS_FILE, document, sync=True),)
    n_valid, n_failed = sum(trial.is_valid for trial in trials), sum(trial.error is not None for trial in trials)
    where = f"{order.symbol} {order.mode}{'' if order.branch is None else f', branch {order.branch}'}"
    if pick is None:
        return ResultSummary(
            verdict="fail",
            headline=f"{where}: none of {len(trials)} trials on all development bars meets the constraints",
            tried=len(trials),
            figures={"valid": 0, "failed": n_failed},
            artifacts=artifacts,
        )
    return ResultSummary(
        verdict="pass",
        headline=f"{where}: {n_valid} of {len(trials)} trials valid on all development bars{_begun_with(study)}, "
        f"best score {pick.peak.score:.3f}; finalist: {pick.told}",
        tried=len(trials),
        figures={
            "score": pick.trial.score,
            "valid": n_valid,
            "failed": n_failed,
            "trial": pick.trial.number,
            **pick.trial.metrics,
        },
        artifacts=artifacts,
    )


def _begun_with(study: Study) -> str:
    """Only TPE begins with what the first search found: the others' lists follow from space and seed."""
    procedure = study.procedure
    return f" (it began with {len(procedure.listed)} of the first search)" if procedure.method == "tpe" else ""


def search_folder(mode: Path, branch: str | None) -> Path:
    """Where the second search of a mode, or of a branch of it, is kept."""
    return mode / (Phase.REOPTIMIZE.value if branch is None else f"{Phase.REOPTIMIZE.value}-{branch}")


def second_study_of(order: WorkOrder, question: Question, desk: Desk, *, is_joined: bool = False) -> Study:
    """The order's search on all development bars; its workers make the same of it, as those of the first do."""
    search, folder = order.campaign.search, mode_folder(order, desk)
    procedure = procedure_of(
        search.procedure,
        question.strategy,
        question.space,
        trials=search.reoptimize.trials,
        seed=search.refine.seed,
        warm=_best_of_the_first(order, question, folder) if search.procedure == "tpe" and not is_joined else (),
        warm_from=Phase.REFINE.value,
    )
    return Study(
        name=job_id(order.campaign.name, order.symbol, order.mode, Phase.REOPTIMIZE, branch=order.branch),
        question=question,
        procedure=procedure,
        bars=question.development,
        folder=search_folder(folder, order.branch),
        home=desk.home,
        prunes=search.refine.prune == "median",
        workers=search.refine.workers,
        storage=order.campaign.storage,
    )


def _best_of_the_first(order: WorkOrder, question: Question, folder: Path) -> tuple[Vector, ...]:
    """Its valid vectors, the best first, as they are in this space: what a branch holds fast is put in its place."""
    path = folder / ALL_TRIALS_FILE
    first = read_document(path, made_by=Phase.REFINE.value)
    if first.get("data_sha256") != question.origin.data_sha256 or first.get("mode") != order.mode:
        raise OperatorError(f"{path} answers another question; run {Phase.REFINE.value} again")
    fixed = {spec.name: spec.choices[0] for spec in question.space if spec.kind == "choice" and len(spec.choices) == 1}
    valid: list[dict[str, Any]] = [trial for trial in first["trials"] if trial["valid"]]
    found: dict[str, Vector] = {}
    for trial in sorted(valid, key=lambda each: (-each["score"], each["number"])):
        vector: Vector = {**trial["params"], **fixed}
        if in_space(question.space, vector) and is_admissible(question.strategy, vector):
            found.setdefault(canonical_key(vector), vector)
    return tuple(found.values())[: order.campaign.search.refine.warm_start]
