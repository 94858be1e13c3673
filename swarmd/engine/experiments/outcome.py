"""What an experiment came to, as one document: written beside its results and printed by `swarmd run --json`.

Pure but for the files it is given to write; counts and bests are those of the trials that the experiment asks for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.experiments.experiment import Experiment
from swarmd.engine.experiments.plan import Plan, symbol_folder
from swarmd.engine.experiments.results import (
    EQUITY_FILE,
    META_FILE,
    META_SCHEMA,
    SUMMARY_FILE,
    WALK_FORWARD_FILE,
    write_equity,
)
from swarmd.engine.experiments.runner import Search
from swarmd.engine.experiments.study import best_of
from swarmd.engine.experiments.trial import Trial
from swarmd.engine.phases.desk import json_bytes
from swarmd.engine.search.provenance import Provenance
from swarmd.engine.search.showcases import showcase_trials
from swarmd.engine.search.space import space_document
from swarmd.engine.search.walk_forward import joined, walk_forward_document
from swarmd.state.store.files import atomic_write

SCHEMA = "swarmd.experiment/1"


@dataclass(frozen=True, slots=True)
class Took:
    """What this run of the command took: `evaluated` trials in `seconds`, on so many processes."""

    evaluated: int
    seconds: float
    processes: int


def write_meta(
    folder: Path, experiment: Experiment, question: Mapping[str, Any], origins: Mapping[str, Provenance]
) -> None:
    """`run_meta.json`: the configuration to the last default, and the question that every trial here answers."""
    document = {
        "schema": META_SCHEMA,
        "kind": "experiment",
        "experiment": experiment.settings.model_dump(mode="json"),
        "file": str(experiment.path.absolute()),
        "mode": experiment.mode,
        "constraints": {bound.name: bound.limit for bound in experiment.bounds},
        "spaces": [space_document(space) for space in experiment.spaces],
        "question": question,
        "data": {symbol: origin.document(seed=experiment.settings.seed, tried=0) for symbol, origin in origins.items()},
    }
    atomic_write(folder / META_FILE, json_bytes(document), sync=True)


def write_outcome(folder: Path, experiment: Experiment, plan: Plan, took: Took, *, is_done: bool) -> dict[str, Any]:
    """Writes `summary.json`, and what was walked forward; gives back the summary."""
    symbols = []
    for symbol, bars in experiment.bars.items():
        searches = [search for search in plan.searches if search.symbol == symbol]
        entry = {"symbol": symbol, **_counts(searches), "best": _best(searches), "bests": _bests(searches)}
        walked = [search.walked for search in searches if search.walked is not None]
        if searches[0].window is not None and len(walked) == len(searches):
            told = walk_forward_document(walked, bars)
            place = symbol_folder(folder, symbol, experiment.mode)
            about = {**searches[0].shelf.about, "seed": experiment.settings.seed}
            about = {key: value for key, value in about.items() if key not in ("bars", "window")}
            atomic_write(
                place / WALK_FORWARD_FILE, json_bytes({"schema": "swarmd.walk_forward/1", **about, **told}), sync=True
            )
            write_equity(place / EQUITY_FILE, joined(walked, bars))
            entry["walk_forward"] = told
        symbols.append(entry)
    document = {
        "schema": SCHEMA,
        "name": experiment.settings.name,
        "status": "done" if is_done else "interrupted",
        "results": str(folder),
        "method": experiment.settings.method,
        "strategy": experiment.strategy.card.name,
        "mode": experiment.mode,
        # Of several trials at once TPE learns in the order in which they end.
        "reproducible": experiment.procedure.method != "tpe" or experiment.settings.sampler.at_once == 1,
        "totals": {**_counts(plan.searches), "windows": plan.n_windows},
        "this_run": {
            "found_finished": plan.n_found,
            "evaluated": took.evaluated,
            "seconds": round(took.seconds, 3),
            "trials_per_second": round(took.evaluated / took.seconds, 3) if took.seconds > 0 else None,
            "processes": took.processes,
        },
        "unreadable": plan.strange,
        "symbols": symbols,
    }
    atomic_write(folder / SUMMARY_FILE, json_bytes(document), sync=True)
    return document


def _counts(searches: Iterable[Search]) -> dict[str, Any]:
    trials = [trial for search in searches for trial in search.trials.values()]
    by_status = Counter(trial.status for trial in trials)
    first = next((trial for trial in sorted(trials, key=lambda each: each.number) if trial.error is not None), None)
    causes = Counter(trial.answer.cause for trial in trials if trial.answer.cause is not None)
    return {
        "asked": sum(search.study.total for search in searches),
        "trials": len(trials),
        "valid": by_status["valid"],
        "skipped": by_status["skipped"],
        "failed": by_status["failed"],
        "failed_by": dict(sorted(causes.items())),
        "first_error": None if first is None else first.error,
    }


def _best(searches: list[Search]) -> dict[str, Any] | None:
    """The best trial; of a walk forward none, since its windows' bests are of different stretches."""
    if searches[0].window is not None:
        return None
    best = best_of(searches[0].trials.values())
    return None if best is None else _told(best)


def _bests(searches: list[Search]) -> dict[str, dict[str, Any]]:
    """The best by each of the four measures of a refinement's showcases; none where nothing is valid, or is walked."""
    if searches[0].window is not None:
        return {}
    return {name: _told(trial) for name, trial in showcase_trials(searches[0].trials.values()).items()}


def _told(trial: Trial) -> dict[str, Any]:
    told = trial.document()
    return {key: told[key] for key in ("number", "origin", "score", "params", "metrics")}
