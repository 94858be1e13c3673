"""One study, several workers: who takes which trial, and what becomes of a trial whose worker is dead.

Every worker holds a lock for as long as it lives, and every trial under way bears its worker's name. A trial under way
whose lock nobody holds is an orphan, whatever the clock says: it is reaped, that is told as failed, and its vector goes
back in line. Trials are taken and reaped in turns, so that none is taken twice. What is tried depends on which worker
ends first, so nothing here is reproducible. Called by the refine phase and its workers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from swarmd.engine.search.space import Space
from swarmd.engine.search.storage import lock_of_worker, turn_of
from swarmd.engine.search.vectors import Vector
from swarmd.state.store.files import is_locked

# A vector that took so many workers with it is not tried again.
MOST_ATTEMPTS = 3
_TURN = ".turn"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A reaped trial; its vector is tried again as trial `again`, if at all."""

    number: int
    worker: str
    attempt: int
    again: int | None
    told: str


@dataclass(frozen=True, slots=True)
class SharedStudy:
    """The study in `journal` as its workers share it, until `n_trials` vectors have an outcome."""

    study: optuna.Study
    journal: Path
    space: Space
    n_trials: int

    def line_up(self, listed: Sequence[Vector], origin: str) -> None:
        """Put the vectors that are known beforehand in line, each once, whoever was killed while doing so."""
        with self._turn():
            there = {trial.user_attrs.get("listed") for trial in self._trials()}
            for index, vector in enumerate(listed[: self.n_trials]):
                if index not in there:
                    self._queue(vector, {"listed": index, "origin": origin})

    def claim(self, worker: str) -> optuna.Trial | None:
        """The next trial, under the worker's name: the first in line, else a new one; None where there are enough."""
        with self._turn():
            trials = self._trials()
            if sum(_counts(trial) for trial in trials) >= self.n_trials:
                return None
            storage = self.study._storage
            waiting = next((trial for trial in trials if trial.state == TrialState.WAITING), None)
            if waiting is None:
                trial_id = storage.create_new_trial(self.study._study_id)
            else:
                trial_id = waiting._trial_id
                storage.set_trial_state_values(trial_id, TrialState.RUNNING)
            storage.set_trial_user_attr(trial_id, "worker", worker)
        # The sampler works outside the turn: it takes longer than many an evaluation.
        return optuna.Trial(self.study, trial_id)

    def reap(self) -> tuple[Orphan, ...]:
        """Put away every trial under way whose worker is dead, and put its vector in line again."""
        with self._turn():
            return tuple(
                self._reaped(trial)
                for trial in self._trials()
                # One without a name lost its worker between the two lines of `claim`.
                if trial.state == TrialState.RUNNING and not self._lives(trial.user_attrs.get("worker"))
            )

    @property
    def is_done(self) -> bool:
        trials = self._trials()
        is_busy = any(trial.state == TrialState.RUNNING for trial in trials)
        return not is_busy and sum(_counts(trial) for trial in trials) >= self.n_trials

    @property
    def n_replaced(self) -> int:
        """How many trials were put away for another one in their place."""
        return sum(bool(trial.user_attrs.get("replaced")) for trial in self._trials())

    def put_up(self) -> None:
        """Leave nothing lying about but the journal, once no worker lives."""
        self.journal.with_suffix(_TURN).unlink(missing_ok=True)

    def _reaped(self, trial: FrozenTrial) -> Orphan:
        worker, attempt = trial.user_attrs.get("worker", "nobody"), trial.user_attrs.get("attempt", 1)
        params = trial.system_attrs.get("fixed_params") or trial.params
        is_whole = len(params) == len(self.space)
        again = None
        if is_whole and attempt < MOST_ATTEMPTS:
            again = self._again(trial, {name: params[name] for name in (spec.name for spec in self.space)}, attempt)
        told = f"its worker {worker} died"
        if again is not None:
            told += f"; tried again as trial {again}"
        elif is_whole:
            told += f", as in each of {attempt} attempts; not tried again"
        else:
            told += " before it had a vector; another trial takes its place"
        outcome = {"origin": trial.user_attrs.get("origin", "tpe"), "metrics": {}, "violations": {}, "error": told}
        storage = self.study._storage
        if not is_whole or again is not None:
            storage.set_trial_user_attr(trial._trial_id, "replaced", True)
        storage.set_trial_user_attr(trial._trial_id, "outcome", json.dumps(outcome, sort_keys=True))
        storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        return Orphan(trial.number, worker, attempt, again, told)

    def _again(self, trial: FrozenTrial, params: Vector, attempt: int) -> int:
        """In line before the old one is put away: a kill between the two must not lose the vector, nor double it."""
        there = self._trials()
        for other in there:
            if other.user_attrs.get("again") == trial.number:
                return other.number
        self._queue(params, {"again": trial.number, "attempt": attempt + 1, "origin": "again"})
        return len(there)

    def _queue(self, params: Vector, attributes: dict[str, Any]) -> None:
        self.study.enqueue_trial(dict(params), user_attrs=attributes)

    def _lives(self, worker: str | None) -> bool:
        return worker is not None and is_locked(lock_of_worker(self.journal, worker))

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _turn(self) -> Any:
        return turn_of(self.journal.with_suffix(_TURN))


def _counts(trial: FrozenTrial) -> bool:
    """Whether the trial is one of those asked for: an orphan that another one stands for is not, nor one in line."""
    return trial.state != TrialState.WAITING and not trial.user_attrs.get("replaced")
