"""Several processes on one study: the one that starts them, hears of each trial, and replaces what dies.

This process holds the folder and writes all its files; the workers write to the study and nothing else. A trial whose
worker died is reaped and its vector tried again, which is said. Called by the refine phase where more than one worker
is asked for; what a worker does is in `study_worker`. Where the study lies on a server, workers of other machines may
join (`joining`), and this process leads them too.
"""

import time
from collections.abc import Sequence

from swarmd.engine.phases.crew import Crew
from swarmd.engine.phases.desk import Desk, Yielded
from swarmd.engine.phases.joining import invite
from swarmd.engine.phases.study import TRIALS, Clerk, Study, clerk_of, remove_strangers, tell_ahead
from swarmd.engine.search.shared import SharedStudy
from swarmd.engine.search.storage_patience import patiently
from swarmd.engine.search.trial import Trial, finished_trials
from swarmd.state.errors import OutsideError
from swarmd.state.work_order import WorkOrder

# How often the leader looks: a file costs nothing to read, a server's trials are a question each.
_LISTEN_SECONDS, _ASK_SECONDS = 0.05, 0.25
# Of those that work elsewhere nobody hears by the kernel that they died.
_REAP_EVERY_SECONDS = 2.0
# So many workers in a row that die without one finished trial between them, and there is no use in another.
_MOST_FALSE_STARTS = 5


def run_shared_study(study: Study, order: WorkOrder, desk: Desk, n_trials: int) -> tuple[Trial, ...]:
    """Until `n_trials` vectors have an outcome; gives back every trial, reaped ones too, by number.

    Raises
    ------
    OperatorError
        If another already leads the work on this study of a server.
    OutsideError
        If workers die again and again and nothing is finished, or a server stays away.
    Yielded
        If asked to stop: each worker ends the trial in its hand first.
    """
    hearing = _Hearing(clerk_of(study, desk))
    with Crew(study.workers, study.digest, order).working() as crew:
        patiently(
            lambda: _lead(study, order, desk, n_trials, hearing, crew),
            say=lambda text: desk.say(f"{study.name}: {text}"),
            safe_point=desk.wait,
        )
    trials = hearing.trials
    remove_strangers(study.folder / TRIALS, len(trials))
    return trials


def _lead(study: Study, order: WorkOrder, desk: Desk, n_trials: int, hearing: "_Hearing", crew: Crew) -> None:
    place = study.kept()
    opened = place.opened(study.sampler)
    presence = place.presence(opened)
    shared = SharedStudy(opened, presence, study.question.space, n_trials)

    def reap(why: str) -> None:
        for orphan in shared.reap():
            hearing.orphans.add(orphan.number)
            desk.say(f"{study.name}: trial {orphan.number}: {orphan.told} ({why})")
        # A reaped trial and the one in its place are two, whether or not the dead worker came to an outcome.
        tell_ahead(study, opened, order, desk, n_trials + shared.n_replaced)

    with presence.lead(desk.safe_point):
        hearing.take(finished_trials(opened))
        if study.storage.kind != "journal":
            invite(opened, study, order)
        reap("an earlier run left it behind")
        false_starts, looked_at = 0, time.monotonic()
        while not shared.is_done:
            presence.check_leading()
            shared.line_up(study.procedure.listed, study.procedure.origin, n_workers=study.workers)
            if desk.should_yield():
                crew.dismiss()
                hearing.take(finished_trials(opened))
                raise Yielded
            dead = crew.buried()
            finished = hearing.take(finished_trials(opened))
            false_starts = 0 if finished else false_starts + len(dead)
            if dead or time.monotonic() - looked_at > _REAP_EVERY_SECONDS:
                reap("; ".join(dead) or "it gave no sign of life")
                looked_at = time.monotonic()
            if false_starts >= _MOST_FALSE_STARTS:
                raise OutsideError(
                    f"{study.name}: {false_starts} workers died in a row without a finished trial, the last: "
                    f"{dead[-1] if dead else 'unknown'}; what they said stands above"
                )
            crew.staff()
            time.sleep(_LISTEN_SECONDS if study.storage.kind == "journal" else _ASK_SECONDS)
        crew.dismiss()
        hearing.take(finished_trials(opened))
    presence.put_up()


class _Hearing:
    """What was heard of the study: every finished trial once, those of an earlier run told as such."""

    def __init__(self, clerk: Clerk) -> None:
        self._clerk = clerk
        self._kept: dict[int, Trial] = {}
        self._is_begun = False
        self.orphans: set[int] = set()

    def take(self, finished: Sequence[Trial]) -> int:
        """How many of these are new."""
        fresh = [trial for trial in finished if trial.number not in self._kept]
        for trial in fresh:
            self._kept[trial.number] = trial
            if not self._is_begun:
                self._clerk.found(trial)
            else:
                (self._clerk.reaped if trial.number in self.orphans else self._clerk.finished)(trial)
        self._is_begun = True
        return len(fresh)

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(self._kept[number] for number in sorted(self._kept))
