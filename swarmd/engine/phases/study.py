"""One search on one stretch of bars: its study's journal, a file for each trial, and the desk that hears of them.

The refinement has one on its development bars, and a walk forward one for each window. Whatever a trial depends on is
in the study's identity, whose digest names the journal: a changed question never meets the old trials.

Trials are told to the trial ledger before they are made, in one line for all that are still missing, and the journal
remembers how many were told. So a run that is killed at any instant has told what it made, and the next one tells
nothing twice; where the journal is gone the trials are made again, and told again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.market.bars import Bars
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import Question, digest_of
from swarmd.engine.phases.tried import note_tried
from swarmd.engine.search.methods import Procedure
from swarmd.engine.search.pruning import FIRST_PART, Pruning
from swarmd.engine.search.refine import run_trials
from swarmd.engine.search.sampler import ReproducibleSampler
from swarmd.engine.search.space import space_document
from swarmd.engine.search.storage_contract import StudyStorage
from swarmd.engine.search.storage_patience import patiently
from swarmd.engine.search.storages import storage_of
from swarmd.engine.search.trial import Trial
from swarmd.engine.search.windows import Window
from swarmd.state.records.storage import StorageSettings
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder

TRIALS = "trials"
# How many of the study's trials stand in the trial ledger: an attribute of the study.
_TOLD = "told_to_the_ledger"
# Failed trials of one run that are told one by one; all of them are in their files.
_MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Study:
    """What is searched how, and where it is kept. `name` is the job's, `window` the one it is fitted for, if any.

    Its results lie in `folder`; so does its journal, unless `storage` is a server's.
    """

    name: str
    question: Question
    procedure: Procedure
    bars: Bars
    folder: Path
    prunes: bool
    home: Home
    workers: int = 1
    window: Window | None = None
    storage: StorageSettings = field(default_factory=StorageSettings)

    @property
    def identity(self) -> dict[str, Any]:
        """All that the trials depend on: two studies with equal identities, of one worker each, make equal trials."""
        question, procedure = self.question, self.procedure
        window = self.window
        return {
            "strategy": question.strategy_name,
            "mode": question.mode,
            "method": procedure.method,
            "space": space_document(question.space),
            "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
            "score": {"primary": question.rule.primary, "weights": dict(question.rule.weights)},
            "constraints": {
                "min_trades": question.constraints.min_trades,
                "max_drawdown": question.constraints.max_drawdown,
                "enforce_tp_progression": question.enforces_tp_progression,
            },
            "development_bars": question.vault_bar,
            # A longer draw begins as a shorter one does: the list of the other methods follows from space and seed.
            "warm_start": digest_of(procedure.listed)[:12] if procedure.listed and procedure.method == "tpe" else None,
            "prune": "median" if self.prunes else "off",
            # Of several workers the trials depend on which ends first, and such a study is one of its own.
            "reproducible": self.workers == 1,
            **({} if window is None else {"fit": [window.fit_start, window.fit_stop]}),
            "data_sha256": question.origin.data_sha256,
            "code_version": question.origin.code_version,
            "seed": procedure.seed,
        }

    @property
    def digest(self) -> str:
        return digest_of(self.identity)[:12]

    @property
    def journal(self) -> Path:
        return self.folder / f"study_{self.digest}.journal"

    @property
    def sampler(self) -> ReproducibleSampler:
        choose = self.procedure.sampler if self.workers == 1 else self.procedure.shared_sampler
        return choose(self.question.strategy, self.question.space)

    def kept(self, digest: str | None = None) -> StudyStorage:
        """Where its trials are kept; one who joins another's study names it by the other's digest."""
        return storage_of(
            self.storage, self.home, journal=self.journal, name=self.name, digest=digest or self.digest,
            parameters=tuple(spec.name for spec in self.question.space), is_shared=self.workers > 1,
        )  # fmt: skip

    def evaluate(self, params: Mapping[str, Any]) -> Simulation:
        return self._run(self.bars, params)

    @property
    def pruning(self) -> Pruning | None:
        if not self.prunes:
            return None
        first = self.bars.between(0, round(self.bars.n_bars * FIRST_PART))
        return Pruning(lambda params: self._run(first, params), first.n_bars)

    def _run(self, bars: Bars, params: Mapping[str, Any]) -> Simulation:
        question = self.question
        return run_backtest(bars, question.strategy, params, mode=question.mode, costs=question.costs)


@dataclass(frozen=True, slots=True)
class Clerk:
    """Keeps the trials of a study: `found` those that were there already, `finished` the new ones, and `reaped` those
    of dead workers, of which more has been said than that they failed; only the new ones are work of this run."""

    found: Callable[[Trial], None]
    finished: Callable[[Trial], None]
    reaped: Callable[[Trial], None]


def clerk_of(study: Study, desk: Desk) -> Clerk:
    """Writes each trial's file, counts it at the desk, and tells of the new ones."""
    failed: list[int] = []

    def document(trial: Trial) -> dict[str, Any]:
        origin = study.question.origin.document(seed=study.procedure.seed, tried=trial.number + 1)
        window = {} if study.window is None else {"window": study.window.number}
        return {"schema": "swarmd.trial/1", **trial.document(), **window, **origin}

    def write(trial: Trial) -> None:
        desk.write_json(study.folder / TRIALS / f"trial_{trial.number}.json", document(trial))

    def found(trial: Trial) -> None:
        write(trial)  # again: a kill may have come between the study's journal and this file
        desk.skip(1)

    def reaped(trial: Trial) -> None:
        found(trial)
        desk.told_trial(document(trial))

    def finished(trial: Trial) -> None:
        if trial.error is not None:
            failed.append(trial.number)
            if len(failed) <= _MOST_TOLD:
                desk.say(f"{study.name}: trial {trial.number} failed: {trial.error}; the search goes on")
        write(trial)
        desk.advance(1)
        desk.told_trial(document(trial))

    return Clerk(found, finished, reaped)


def run_study(study: Study, order: WorkOrder, desk: Desk, n_trials: int) -> tuple[Trial, ...]:
    """Run what is left of the first `n_trials` trials, one after the other in this process; all of them, by number.

    A server that goes away is waited for, and the search goes on as it does after a kill.

    Raises
    ------
    OperatorError
        If another already works on this study of a server.
    OutsideError
        If the server stays away.
    """
    clerk, sampler = clerk_of(study, desk), study.sampler
    kept: set[int] = set()
    lost: list[str] = []

    def found(trial: Trial) -> None:
        # What came to its outcome while the server was lost to us is news as well.
        if trial.number not in kept:
            (clerk.finished if lost else clerk.found)(trial)
            kept.add(trial.number)

    def finished(trial: Trial) -> None:
        clerk.finished(trial)
        kept.add(trial.number)

    def attempt() -> tuple[Trial, ...]:
        place = study.kept()
        opened = place.opened(sampler)
        presence = place.presence(opened)

        def before() -> None:
            desk.safe_point()
            presence.check_leading()

        with presence.lead(desk.safe_point):
            # A window's pick is tried on its test as well.
            tell_ahead(study, opened, order, desk, n_trials + (study.window is not None))
            trials = run_trials(
                opened,
                sampler,
                study.question.space,
                study.evaluate,
                n_trials=n_trials,
                rule=study.question.rule,
                constraints=study.question.constraints,
                finished=finished,
                found=found,
                before=before,
                pruning=study.pruning,
            )[:n_trials]
        presence.put_up()
        return trials

    def say(text: str) -> None:
        lost.append(text)
        desk.say(f"{study.name}: {text}")

    trials = patiently(attempt, say=say, safe_point=desk.wait)
    remove_strangers(study.folder / TRIALS, len(trials))
    return trials


def tell_ahead(study: Study, opened: optuna.Study, order: WorkOrder, desk: Desk, n_trials: int) -> None:
    """So many trials of the study stand in the trial ledger when this returns; called before the last of them is made.

    A kill between the ledger's line and the journal's has the same trials told once more, never once less.
    """
    told = int(opened.user_attrs.get(_TOLD, 0))
    if n_trials <= told:
        return
    note_tried(
        study.question,
        desk.home,
        phase=order.phase.value,
        count=n_trials - told,
        run=order.run,
        at=desk.now(),
        folder=study.folder,
        tell=desk.tell_ledger,
    )
    opened.set_user_attr(_TOLD, n_trials)


def remove_strangers(folder: Path, n_trials: int) -> None:
    """Trial files of an earlier, longer study would be counted among these."""
    mine = {f"trial_{number}.json" for number in range(n_trials)}
    for path in folder.glob("trial_*.json"):
        if path.name not in mine:
            path.unlink()
