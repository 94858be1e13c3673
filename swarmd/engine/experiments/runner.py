"""The loop that gets an experiment done: proposals to processes, answers to files, losses tried again after a wait.

Holds no number of its own: what to try is the studies', what it gave the strategy's. It may be stopped, or killed, at
any point: each trial is on the disk before the next thing happens, and the next run goes on from there.

Evaluations are told to the trial ledger before they are made, some hundreds in a line: whatever ends the run, no more
were made than told, and of those told at most one line's were not made.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from swarmd.engine.experiments.order import Order, Reply
from swarmd.engine.experiments.results import Shelf
from swarmd.engine.experiments.settings import TrialLimits
from swarmd.engine.experiments.study import Proposal, Study, best_of
from swarmd.engine.experiments.trial import Answer, Judge, Trial
from swarmd.engine.experiments.workers import Lost, Workers
from swarmd.engine.search.canonical import canonical_key
from swarmd.engine.search.walk_forward import Choice, Walked
from swarmd.engine.search.windows import Window
from swarmd.state.errors import OutsideError

# How long a Ctrl-C may go unheard.
_LISTEN_SECONDS = 0.2
# So many evaluations are told ahead: a line each would make a ledger of a million lines.
_TOLD_AHEAD = 256
# If none of so many first trials can be evaluated the question is wrong, not the luck.
_HOPELESS = 100


@dataclass(slots=True)
class Search:
    """One study on bars [start, stop) of one symbol; with a window, its best is then scored on the window's test."""

    symbol: str
    start: int
    stop: int
    study: Study
    shelf: Shelf
    window: Window | None = None
    trials: dict[int, Trial] = field(default_factory=dict)
    by_key: dict[str, Trial] = field(default_factory=dict)
    walked: Walked | None = None
    is_outside_asked: bool = False
    n_to_make: int = field(init=False)
    n_told: int = 0
    n_given: int = 0

    def __post_init__(self) -> None:
        for trial in self.study.found:
            self.keep(trial)
        self.n_to_make = self.study.total - len(self.trials) + (self.window is not None)

    def keep(self, trial: Trial) -> None:
        self.trials[trial.number] = trial
        self.by_key.setdefault(trial.key, trial)

    @property
    def is_searched(self) -> bool:
        return len(self.trials) >= self.study.total

    @property
    def is_done(self) -> bool:
        return self.is_searched and (self.window is None or self.walked is not None)

    def in_order(self) -> list[Trial]:
        return [self.trials[number] for number in sorted(self.trials)]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A proposal of a search on its way, for the n-th time; None is the window's choice on its test."""

    search: Search
    proposal: Proposal | None
    params: dict[str, float | int]
    count: int = 1


@dataclass(slots=True)
class Runner:
    """`advance` hears of each finished trial, `say` of losses; `should_stop` is asked between any two.

    `tell` hears how many evaluations of a search are about to be made.
    """

    searches: list[Search]
    workers: Workers[Attempt]
    judge: Judge
    limits: TrialLimits
    advance: Callable[[Trial | None], None]
    say: Callable[[str], None]
    should_stop: Callable[[], bool]
    tell: Callable[[Search, int], None]
    _waiting: list[tuple[float, Attempt]] = field(default_factory=list)
    _n_answered: int = 0
    _n_failed: int = 0

    def run(self) -> bool:
        """Until everything is done; False where it was asked to stop before.

        Raises
        ------
        OutsideError
            If no process can be started, the disk refuses, or each of the first hundred trials failed.
        """
        for search in self.searches:
            self._after(search)
        while not all(search.is_done for search in self.searches):
            if self.should_stop():
                return False
            self.workers.staff(self._at_once())
            while self.workers.has_room() and (attempt := self._next()) is not None:
                self._tell_ahead(attempt)
                self.workers.give(attempt, _order(attempt))
            for attempt, said in self.workers.replies(self._patience()):
                self._hear(attempt, said)
        return True

    def _at_once(self) -> int:
        """So much can be under way now; more processes would be idle."""
        return sum(
            min(search.study.at_once, search.study.total - len(search.trials)) or 1
            for search in self.searches
            if not search.is_done
        )

    def _tell_ahead(self, attempt: Attempt) -> None:
        """One that was lost and is tried again was told before."""
        search = attempt.search
        if attempt.count > 1:
            return
        if search.n_given >= search.n_told:
            ahead = max(1, min(_TOLD_AHEAD, search.n_to_make - search.n_told))
            self.tell(search, ahead)
            search.n_told += ahead
        search.n_given += 1

    def _patience(self) -> float:
        due = min((at for at, _ in self._waiting), default=float("inf"))
        return max(0.0, min(_LISTEN_SECONDS, due - time.monotonic()))

    def _next(self) -> Attempt | None:
        now = time.monotonic()
        for index, (due, attempt) in enumerate(self._waiting):
            if due <= now:
                del self._waiting[index]
                return attempt
        for search in self.searches:
            if not search.is_done and (attempt_now := self._next_of(search)) is not None:
                return attempt_now
        return None

    def _next_of(self, search: Search) -> Attempt | None:
        if search.is_searched:
            choice = best_of(search.trials.values())
            if choice is None or search.is_outside_asked:
                return None
            search.is_outside_asked = True
            return Attempt(search, None, choice.params)
        while (proposal := search.study.ask()) is not None:
            same = _repeats(search, proposal)
            if same is None:
                return Attempt(search, proposal, proposal.params)
            # The same vector gives the same numbers: told without being evaluated again.
            answer = Answer(same.answer.metrics, 0.0, 0, same.answer.cause, same.answer.error)
            self._finish(search, proposal, answer, same_as=same.number)
        return None

    def _hear(self, attempt: Attempt, said: Reply | Lost) -> None:
        if said.cause == "lost" and attempt.count <= self.limits.retries:
            wait = backoff_seconds(attempt.count, self.limits.backoff)
            what = "a window's choice" if attempt.proposal is None else f"trial {attempt.proposal.number}"
            self.say(
                f"{attempt.search.symbol}: {what}: {said.error}; attempt {attempt.count + 1} of "
                f"{self.limits.retries + 1} in {wait:g} s"
            )
            again = Attempt(attempt.search, attempt.proposal, attempt.params, attempt.count + 1)
            self._waiting.append((time.monotonic() + wait, again))
            return
        error = said.error
        if said.cause == "lost":
            error = f"{error}, in {attempt.count} of {attempt.count} attempts"
        metrics = said.metrics if isinstance(said, Reply) else None
        answer = Answer(metrics, said.seconds, attempt.count, said.cause, error)
        if attempt.proposal is None:
            self._walked(attempt.search, answer, said)
        else:
            self._finish(attempt.search, attempt.proposal, answer)

    def _finish(self, search: Search, proposal: Proposal, answer: Answer, *, same_as: int | None = None) -> None:
        trial = self.judge.trial(proposal.number, proposal.origin, proposal.params, answer, same_as=same_as)
        search.shelf.write(trial)
        search.keep(trial)
        search.study.tell(trial)
        self.advance(trial)
        self._n_answered += 1
        self._n_failed += trial.status == "failed"
        if self._n_failed == self._n_answered == _HOPELESS:
            raise OutsideError(
                f"the first {_HOPELESS} trials all failed, the last with: {trial.error}; mend that and run it again"
            )
        self._after(search)

    def _after(self, search: Search) -> None:
        """What is due once the last trial of a search is there."""
        if not search.is_searched:
            return
        search.shelf.write_all(search.in_order())
        if search.window is not None and best_of(search.trials.values()) is None and search.walked is None:
            search.walked = _walked(search, search.window, None)
            self.advance(None)

    def _walked(self, search: Search, answer: Answer, said: Reply | Lost) -> None:
        if search.window is not None:
            search.walked = _walked(search, search.window, said if isinstance(said, Reply) else None, answer.error)
            self.advance(None)


def backoff_seconds(attempt: int, bounds: tuple[int, int]) -> float:
    """How long to wait after the n-th loss: the first wait doubled each time, no longer than the longest (ms)."""
    first, longest = bounds
    return float(min(first * 2 ** min(attempt - 1, 40), longest)) / 1000


def _repeats(search: Search, proposal: Proposal) -> Trial | None:
    same = search.by_key.get(canonical_key(proposal.params))
    return same if same is not None and same.is_final else None


def _order(attempt: Attempt) -> Order:
    search = attempt.search
    if attempt.proposal is None and search.window is not None:
        window = search.window
        fit = (window.fit_start, window.fit_stop)
        return Order(search.symbol, attempt.params, window.test_start, window.test_stop, fit)
    return Order(search.symbol, attempt.params, search.start, search.stop)


def _walked(search: Search, window: Window, reply: Reply | None, error: str | None = None) -> Walked:
    trials = search.trials.values()
    best = best_of(trials)
    choice = None if best is None else Choice(best.number, best.params, best.score, best.answer.metrics or {})
    return Walked(
        window=window,
        n_trials=len(trials),
        n_valid=sum(trial.status == "valid" for trial in trials),
        choice=choice,
        metrics=None if reply is None else reply.metrics,
        equity=None if reply is None else reply.equity,
        earned_inside=0.0 if reply is None else reply.earned_inside or 0.0,
        error=error,
    )
