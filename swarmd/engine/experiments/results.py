"""Where an experiment's results lie, what they answer, and what of them is finished already.

```
results/<experiment>/run_meta.json  summary.json
results/<experiment>/<SYMBOL>/<mode>/trials/trial_<n>.json  all_trials.json
results/<experiment>/<SYMBOL>/<mode>/window_<k>/…  walk_forward.json  walk_forward_equity.parquet      of a walk forward
```

Trials of one folder answer one question: other data, code, costs or strategy under the same name are refused, never
mixed.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.experiments.experiment import Experiment
from swarmd.engine.experiments.trial import SCHEMA, Judge, Trial, read_trial, trial_document
from swarmd.engine.phases.desk import json_bytes
from swarmd.engine.search.provenance import Provenance, provenance
from swarmd.engine.search.space import space_document
from swarmd.engine.search.walk_forward import Joined
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import atomic_write

META_FILE = "run_meta.json"
META_SCHEMA = "swarmd.run_meta/1"
SUMMARY_FILE = "summary.json"
ALL_TRIALS_FILE = "all_trials.json"
WALK_FORWARD_FILE = "walk_forward.json"
EQUITY_FILE = "walk_forward_equity.parquet"
TRIALS = "trials"


def origins_of(experiment: Experiment) -> dict[str, Provenance]:
    """Digests of data and code, by symbol."""
    return {
        symbol: provenance(
            snapshot_id=bars.snapshot_id(),
            sha256=bars.sha256(),
            strategy_name=experiment.settings.strategy.reference,
        )
        for symbol, bars in experiment.bars.items()
    }


def question_of(experiment: Experiment, origins: Mapping[str, Provenance]) -> dict[str, Any]:
    """All that a trial's place and metrics depend on.

    A list may be made longer under one name. A guided search may not: what it tries depends on all it was told before.
    """
    settings = experiment.settings
    search: dict[str, Any] = {"kind": "list"}
    guided = {
        "space": [space_document(space) for space in experiment.spaces],
        "seed": settings.seed,
        "sampler": settings.sampler.model_dump(mode="json"),
        "score": settings.score.model_dump(mode="json"),
        "constraints": {bound.name: bound.limit for bound in experiment.bounds},
    }
    if experiment.procedure.method == "tpe":
        search = {"kind": "tpe", **guided}
    if settings.walk_forward is not None:
        search = {"kind": "walk_forward", **settings.walk_forward.model_dump(mode="json"), **guided}
    return {
        "strategy": experiment.strategy.card.name,
        "mode": experiment.mode,
        "costs": settings.costs.model_dump(mode="json"),
        "code_version": next(iter(origins.values())).code_version,
        "data_sha256": {symbol: origin.data_sha256 for symbol, origin in origins.items()},
        "search": search,
    }


def refuse_another_question(folder: Path, question: Mapping[str, Any]) -> None:
    """Raise OperatorError where the folder holds results of another question; names the first field that differs."""
    path = folder / META_FILE
    if not path.exists():
        return
    try:
        there = json.loads(path.read_bytes())["question"]
        differing = _first_difference(there, json.loads(json_bytes(question)))
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise OperatorError(
            f"{path} cannot be read ({cause!r}), so nobody knows what was asked there; add --fresh to put it aside"
        ) from cause
    if differing is not None:
        field, before, now = differing
        raise OperatorError(
            f"{folder}: its trials answer another question ({field} was {before!r}, now {now!r}); "
            "give the experiment another name, or add --fresh to put them aside and begin anew"
        )


def _first_difference(there: Any, here: Any, at: str = "") -> tuple[str, Any, Any] | None:
    if isinstance(there, dict) and isinstance(here, dict):
        # A symbol that was added, or left out, makes no other question of the rest.
        keys = [key for key in here if key in there] if at == "data_sha256" else sorted(set(there) | set(here))
        for key in keys:
            found = _first_difference(there.get(key), here.get(key), f"{at}.{key}" if at else key)
            if found is not None:
                return found
        return None
    return None if there == here else (at, there, here)


def put_aside(folder: Path) -> Path | None:
    """Rename the folder to the first free `<name>.before-<n>`, its lock left behind; None where nothing is there."""
    if not (folder / META_FILE).exists():
        return None
    n = 1
    while (aside := folder.with_name(f"{folder.name}.before-{n}")).exists():
        n += 1
    aside.mkdir(mode=0o700)
    for entry in folder.iterdir():
        if entry.name != ".lock":
            entry.rename(aside / entry.name)
    return aside


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folder of one search's trials; every trial's file names where it comes from."""

    folder: Path
    origin: Provenance
    seed: int
    about: Mapping[str, Any]

    def write(self, trial: Trial) -> None:
        atomic_write(self.folder / TRIALS / f"trial_{trial.number}.json", json_bytes(self.document_of(trial)))

    def document_of(self, trial: Trial) -> dict[str, Any]:
        origin = self.origin.document(seed=self.seed, tried=trial.number + 1)
        return {"schema": SCHEMA, **trial.document(), **self.about, **origin}

    def finished(self, judge: Judge) -> tuple[list[Trial], list[str]]:
        """The trials that count, by number, and a line for each file that does not, which its trial will replace.

        A file whose trial is judged otherwise now (other constraints, another score) is written anew.
        """
        made_of = {"data_sha256": self.origin.data_sha256, "code_version": self.origin.code_version, **self.about}
        by_key: dict[str, Trial] = {}
        strange = []
        for path in sorted((self.folder / TRIALS).glob("trial_*.json"), key=lambda path: (len(path.name), path.name)):
            try:
                trial = read_trial(path, judge, made_of=made_of)
            except ValueError as refusal:
                strange.append(f"{path}: {refusal}; it does not count, and its trial is run again")
                continue
            if not trial.is_final:
                continue
            if _judgement(trial_document(path)) != _judgement(json.loads(json_bytes(trial.document()))):
                self.write(trial)
            # Of one vector the first is the trial; a later one may only repeat it.
            by_key.setdefault(trial.key if trial.same_as is None else f"{trial.key}#{trial.number}", trial)
        return sorted(by_key.values(), key=lambda trial: trial.number), strange

    def write_all(self, trials: Sequence[Trial]) -> None:
        """`all_trials.json`: every trial of the search in one file."""
        document = {
            "schema": "swarmd.trials/1",
            **self.about,
            **self.origin.document(seed=self.seed, tried=len(trials)),
            "trials": [trial.document() for trial in trials],
        }
        atomic_write(self.folder / ALL_TRIALS_FILE, json_bytes(document))


def _judgement(document: Mapping[str, Any]) -> tuple[Any, ...]:
    """What score and constraints made of a trial: the one part of its file that another question of them changes."""
    return tuple(document.get(field) for field in ("status", "score", "violations", "skipped", "error"))


def write_equity(path: Path, whole: Joined) -> None:
    """Open time, window and joined equity of every tested bar."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "open_time": pa.array(whole.open_time, pa.timestamp("ms", tz="UTC")),
            "window": pa.array(whole.window),
            "equity": pa.array(whole.equity),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    atomic_write(path, buffer.getvalue())
