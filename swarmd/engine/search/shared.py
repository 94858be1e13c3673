"""One study, several workers: who takes which trial, and what becomes of a trial whose worker is dead.

One leads: it lines trials up, a few ahead of the workers, and reaps. Workers take what waits, each trial once, since
the storage lets one of them move it on. A trial under way whose worker is dead is an orphan: it is reaped, that is told
as failed, and its vector goes back in line. How one knows the dead is ``Presence``'s business: by their locks on one
machine, by heartbeats on several. What is tried depends on which worker ends first, so nothing here is reproducible.
Called by the refine phase and its workers.
"""

import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from swarmd.engine.search.space import Space
from swarmd.engine.search.storage_contract import Presence
from swarmd.engine.search.trial import REAPED
from swarmd.engine.search.vectors import Vector

# A vector that took so many workers with it is not tried again.
MOST_ATTEMPTS = 3
# So many trials wait for every worker, and for all of them at least: what they can do until the leader looks again.
# Four for a single one would keep it to sixteen trials a second on a server, however cheap they are.
_AHEAD, _AHEAD_AT_LEAST = 4, 64


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
    """The study as its workers share it, until `n_trials` vectors have an outcome."""

    study: optuna.Study
    presence: Presence
    space: Space
    n_trials: int

    # -- the leader -----------------------------------------------------------------------------------------------

    def line_up(self, listed: Sequence[Vector], origin: str, *, n_workers: int = 1) -> None:
        """See to it that trials wait for all workers, the listed vectors first, each place taken once.

        Only the leader lines up; whatever it was killed in, and whatever it does not know to have come, is made good.
        """
        with self.presence.turn():
            trials = self._trials()
            there = {place for trial in trials if (place := trial.user_attrs.get("place")) is not None}
            replaced = sum(_is_put_away(trial) and not _has_vector(trial, self.space) for trial in trials)
            waiting = sum(trial.state == TrialState.WAITING for trial in trials)
            for place in range(self.n_trials + replaced):
                if waiting >= max(_AHEAD * n_workers, _AHEAD_AT_LEAST):
                    return
                if place in there:
                    continue
                attributes: dict[str, Any] = {"place": place}
                if place < len(listed):
                    attributes["origin"] = origin
                self._queue(listed[place] if place < len(listed) else None, attributes)
                waiting += 1

    def reap(self) -> tuple[Orphan, ...]:
        """Put away every trial under way whose worker is dead, and put its vector in line again."""
        with self.presence.turn():
            self.presence.look()
            trials = self._trials()
            for trial in trials:
                if _is_put_away(trial):
                    self._queue_again(trial, trials)
            orphans = []
            for trial in trials:
                is_under_way = trial.state == TrialState.RUNNING
                if is_under_way and not self.presence.lives(trial.user_attrs.get("worker"), trial.number):
                    with contextlib.suppress(UpdateFinishedTrialError):  # it has come to an outcome after all
                        orphans.append(self._reaped(trial))
            return tuple(orphans)

    @property
    def is_done(self) -> bool:
        trials = self._trials()
        is_busy = any(trial.state == TrialState.RUNNING for trial in trials)
        return not is_busy and sum(_counts(trial) for trial in trials) >= self.n_trials

    @property
    def n_replaced(self) -> int:
        """How many trials were put away for another one in their place."""
        return sum(_is_put_away(trial) for trial in self._trials())

    # -- a worker -------------------------------------------------------------------------------------------------

    def claim(self, worker: str) -> optuna.Trial | None:
        """The first trial in line, or another one where somebody else took that, under the worker's name; None where
        none waits."""
        with self.presence.turn():
            in_line, nth = self._in_line(), 0
            while in_line:
                trial = in_line.pop(nth)
                if self._is_taken(trial):
                    self.study._storage.set_trial_user_attr(trial._trial_id, "worker", worker)
                    break
                # Whoever lost that one as well would go for the next: all of them, one place after the other.
                nth = random.randrange(len(in_line) or 1)
            else:
                return None
        # The sampler works outside the turn: it takes longer than many an evaluation.
        return optuna.Trial(self.study, trial._trial_id)

    def _in_line(self) -> list[FrozenTrial]:
        places: set[int] = set()
        found = []
        for trial in self._trials():
            place = trial.user_attrs.get("place")
            # One that a server made late, after another was made in its place, is nobody's.
            is_doubled = place in places
            places |= set() if place is None else {place}
            if trial.state == TrialState.WAITING and not is_doubled:
                found.append(trial)
        return found

    def under_way(self, worker: str) -> optuna.Trial | None:
        """The trial that the worker had in hand when it lost sight of the study."""
        for trial in self._trials():
            if trial.state == TrialState.RUNNING and trial.user_attrs.get("worker") == worker:
                return optuna.Trial(self.study, trial._trial_id)
        return None

    def _is_taken(self, trial: FrozenTrial) -> bool:
        """Whether it is ours now; the storage gives it to one of all that try."""
        try:
            return bool(self.study._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING))
        except UpdateFinishedTrialError:
            return False

    # -- reaping --------------------------------------------------------------------------------------------------

    def _reaped(self, trial: FrozenTrial) -> Orphan:
        """Said first, then put away, then tried again: a kill between any two of these loses and doubles nothing."""
        worker, attempt = trial.user_attrs.get("worker", "nobody"), trial.user_attrs.get("attempt", 1)
        is_whole = _has_vector(trial, self.space)
        is_again = is_whole and attempt < MOST_ATTEMPTS
        trials = self._trials()
        again = len(trials) if is_again else None
        told = f"its worker {worker} died"
        if again is not None:
            told += f"; tried again as trial {again}"
        elif is_whole:
            told += f", as in each of {attempt} attempts; not tried again"
        else:
            told += " before it had a vector; another trial takes its place"
        outcome = {"origin": trial.user_attrs.get("origin", "tpe"), "metrics": {}, "violations": {}, "error": told}
        storage = self.study._storage
        if not is_whole or is_again:
            storage.set_trial_user_attr(trial._trial_id, "replaced", True)
        storage.set_trial_user_attr(trial._trial_id, REAPED, json.dumps(outcome, sort_keys=True))
        storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        if is_again:
            self._queue_again(trial, trials)
        return Orphan(trial.number, worker, attempt, again, told)

    def _queue_again(self, trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> None:
        """The vector of a trial that was put away, in line once."""
        is_there = any(other.user_attrs.get("again") == trial.number for other in trials)
        if is_there or not _has_vector(trial, self.space):
            return
        params, attempt = _vector_of(trial), trial.user_attrs.get("attempt", 1)
        vector = {spec.name: params[spec.name] for spec in self.space}
        self._queue(vector, {"again": trial.number, "attempt": attempt + 1, "origin": "again"})

    def _queue(self, params: Vector | None, attributes: dict[str, Any]) -> None:
        if params is None:
            self.study.add_trial(optuna.trial.create_trial(state=TrialState.WAITING, user_attrs=attributes))
        else:
            self.study.enqueue_trial(dict(params), user_attrs=attributes)

    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)


def _vector_of(trial: FrozenTrial) -> dict[str, Any]:
    return trial.system_attrs.get("fixed_params") or trial.params


def _has_vector(trial: FrozenTrial, space: Space) -> bool:
    return len(_vector_of(trial)) == len(space)


def _is_put_away(trial: FrozenTrial) -> bool:
    """Whether another trial stands for it; one whose worker came to an outcome just then stands for itself."""
    return trial.state == TrialState.FAIL and bool(trial.user_attrs.get("replaced"))


def _counts(trial: FrozenTrial) -> bool:
    """Whether the trial is one of those asked for: an orphan that another one stands for is not, nor one in line."""
    return trial.state != TrialState.WAITING and not _is_put_away(trial)
