"""What to try next: a list that is known beforehand, or Optuna's TPE on what has come back.

A study numbers its trials and hands over vectors; who evaluates them, where and how often is the runner's business.
Both kinds begin from the trials that an earlier run has finished, and go on as if there had been no break.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import optuna
from optuna.trial import TrialState, create_trial

from swarmd.engine.experiments.trial import Trial
from swarmd.engine.search.canonical import canonical_key
from swarmd.engine.search.sampler import ReproducibleSampler, distributions
from swarmd.engine.search.space import Space
from swarmd.engine.search.vectors import Vector


@dataclass(frozen=True, slots=True)
class Proposal:
    """A vector to evaluate, under the number its trial will have."""

    number: int
    origin: str
    params: Vector


class Study(Protocol):
    """`total` trials in all, of which `found` were finished by an earlier run; no more than `at_once` under way."""

    total: int
    found: tuple[Trial, ...]
    at_once: int

    def ask(self) -> Proposal | None:
        """The next vector, or None where there is none now: all are handed out, or it waits for answers."""
        ...

    def tell(self, trial: Trial) -> None:
        """What came of a proposal."""
        ...


class Listed:
    """Vectors known beforehand. What an earlier run finished keeps its number; the others take the free ones."""

    def __init__(self, origin: str, vectors: Sequence[Vector], finished: Iterable[Trial]) -> None:
        by_key = {trial.key: trial for trial in finished if trial.is_final}
        keys = [canonical_key(vector) for vector in vectors]
        self.total = self.at_once = len(vectors)
        self.found = tuple(by_key[key] for key in keys if key in by_key)
        taken = {trial.number for trial in by_key.values()}
        left = [vector for vector, key in zip(vectors, keys, strict=True) if key not in by_key]
        free = (number for number in range(len(vectors) + len(taken)) if number not in taken)
        self._left = [Proposal(number, origin, vector) for number, vector in zip(free, left, strict=False)]
        self._left.reverse()

    def ask(self) -> Proposal | None:
        return self._left.pop() if self._left else None

    def tell(self, trial: Trial) -> None:
        return


@dataclass(slots=True)
class Tpe:
    """Optuna's TPE, whose every vector is a function of seed, number and the trials finished before it.

    Kept in memory: the trials' files are all the history there is. With one trial at a time the same experiment makes
    the same trials, whatever kills came between; with more at once they depend on which one ends first.
    """

    sampler: ReproducibleSampler
    space: Space
    total: int
    finished: Iterable[Trial]
    at_once: int = 1
    found: tuple[Trial, ...] = ()
    _study: optuna.Study = field(init=False)
    _in_hand: dict[int, optuna.Trial] = field(default_factory=dict)
    _asked_again: list[Proposal] = field(default_factory=list)

    def __post_init__(self) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(sampler=self.sampler, direction="maximize")
        by_number = {trial.number: trial for trial in self.finished if trial.is_final and trial.number < self.total}
        self.found = tuple(by_number[number] for number in sorted(by_number))
        for number in range(max(by_number, default=-1) + 1):
            if number in by_number:
                self._study.add_trial(self._frozen(by_number[number]))
            else:
                # It was under way when the earlier run ended: asked here, it sees the history that it saw then.
                self._asked_again.append(self._ask())
        self._asked_again.reverse()

    def ask(self) -> Proposal | None:
        if self._asked_again:
            return self._asked_again.pop()
        if len(self._in_hand) >= self.at_once or len(self._study.get_trials(deepcopy=False)) >= self.total:
            return None
        return self._ask()

    def tell(self, trial: Trial) -> None:
        asked = self._in_hand.pop(trial.number)
        for name, missed in trial.violations.items():
            asked.set_constraint(name, missed)
        if trial.score is None:
            self._study.tell(asked, state=TrialState.FAIL)
        else:
            self._study.tell(asked, trial.score)

    def _ask(self) -> Proposal:
        number = len(self._study.get_trials(deepcopy=False))
        origin = self.sampler.origin(self._study, number)
        asked = self._study.ask(self._distributions())
        self._in_hand[asked.number] = asked
        return Proposal(asked.number, origin, {spec.name: asked.params[spec.name] for spec in self.space})

    def _distributions(self) -> dict[str, optuna.distributions.BaseDistribution]:
        return distributions(self.space)

    def _frozen(self, trial: Trial) -> optuna.trial.FrozenTrial:
        if trial.score is None:
            return create_trial(state=TrialState.FAIL, params=dict(trial.params), distributions=self._distributions())
        return create_trial(
            value=trial.score,
            params=dict(trial.params),
            distributions=self._distributions(),
            constraints=dict(trial.violations),
        )


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """The valid trial of the highest score, of equals the first; None when none is valid."""
    valid = [trial for trial in trials if trial.status == "valid"]
    return min(valid, key=lambda trial: (-_score(trial), trial.number), default=None)


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """The valid ones, the best first."""
    return sorted(
        (trial for trial in trials if trial.status == "valid"), key=lambda trial: (-_score(trial), trial.number)
    )


def _score(trial: Trial) -> float:
    return -math.inf if trial.score is None else trial.score
