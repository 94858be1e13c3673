"""Several processes on one study: the one that starts them, hears of each trial, and replaces what dies.

This process holds the folder and writes all its files; the workers write to the study's journal and nothing else. A
trial whose worker died is reaped and its vector tried again, which is said. Called by the refine phase where more than
one worker is asked for; what a worker does is in `study_worker`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from swarmd.engine.phases.child import ending
from swarmd.engine.phases.desk import Desk, Yielded
from swarmd.engine.phases.study import TRIALS, Study, clerk_of, remove_strangers, tell_ahead
from swarmd.engine.search.refine import Trial, finished_trials
from swarmd.engine.search.shared import SharedStudy
from swarmd.engine.search.storage import lock_of_worker
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import is_locked
from swarmd.state.work_order import WorkOrder

_LISTEN_SECONDS = 0.05
# So many workers in a row that die without one finished trial between them, and there is no use in another.
_MOST_FALSE_STARTS = 5


@dataclass(slots=True)
class _Worker:
    name: str
    child: subprocess.Popen[bytes]


def run_shared_study(study: Study, order: WorkOrder, desk: Desk, n_trials: int) -> tuple[Trial, ...]:
    """Until `n_trials` vectors have an outcome; gives back every trial, reaped ones too, by number.

    Raises
    ------
    OutsideError
        If workers die again and again and nothing is finished.
    Yielded
        If asked to stop: each worker ends the trial in its hand first.
    """
    locks = lock_of_worker(study.journal, "").parent
    # A worker dies with its parent, but not in the same instant, and until then it may write.
    while any(is_locked(lock) for lock in locks.glob("*.lock")):
        desk.safe_point()
        time.sleep(_LISTEN_SECONDS)
    shutil.rmtree(locks, ignore_errors=True)
    opened, _ = study.opened()
    shared = SharedStudy(opened, study.journal, study.question.space, n_trials)
    clerk = clerk_of(study, desk)
    kept = {trial.number: trial for trial in finished_trials(opened)}
    for trial in kept.values():
        clerk.found(trial)
    orphans: set[int] = set()

    def reap(why: str) -> None:
        for orphan in shared.reap():
            orphans.add(orphan.number)
            desk.say(f"{study.name}: trial {orphan.number}: {orphan.told} ({why})")
        # A reaped trial and the one in its place are two, whether or not the dead worker came to an outcome.
        tell_ahead(study, opened, order, desk, n_trials + shared.n_replaced)

    reap("an earlier run left it behind")
    shared.line_up(study.procedure.listed, study.procedure.origin)

    def hear() -> int:
        fresh = [trial for trial in finished_trials(opened) if trial.number not in kept]
        for trial in fresh:
            kept[trial.number] = trial
            (clerk.reaped if trial.number in orphans else clerk.finished)(trial)
        return len(fresh)

    with _Crew(study, order).working() as crew:
        false_starts = 0
        while not shared.is_done:
            if desk.should_yield():
                crew.dismiss()
                hear()
                raise Yielded
            dead = crew.buried()
            finished = hear()
            false_starts = 0 if finished else false_starts + len(dead)
            if dead:
                reap("; ".join(dead))
            if false_starts >= _MOST_FALSE_STARTS:
                raise OutsideError(
                    f"{study.name}: {false_starts} workers died in a row without a finished trial, the last: "
                    f"{dead[-1] if dead else 'unknown'}; what they said stands above"
                )
            crew.staff()
            time.sleep(_LISTEN_SECONDS)
        crew.dismiss()
        hear()
    shutil.rmtree(locks, ignore_errors=True)
    shared.put_up()
    trials = tuple(kept[number] for number in sorted(kept))
    remove_strangers(study.folder / TRIALS, len(trials))
    return trials


class _Crew:
    """The worker processes: each has a name of its own, which no other of this run bears."""

    def __init__(self, study: Study, order: WorkOrder) -> None:
        self._size = study.workers
        self._study = study.digest
        self._order = order.model_dump_json().encode()
        self._workers: list[_Worker] = []
        self._n_started = 0

    @contextlib.contextmanager
    def working(self) -> "Iterator[_Crew]":
        try:
            yield self
        finally:
            for worker in self._workers:
                worker.child.kill()
                worker.child.wait()

    def staff(self) -> None:
        """As many as there should be. They stay until they are dismissed: who has nothing to do waits for orphans."""
        while len(self._workers) < self._size:
            self._workers.append(self._started())

    def buried(self) -> list[str]:
        """How those ended that died since the last look; the places of all that ended are free."""
        told = []
        for worker in tuple(self._workers):
            code = worker.child.poll()
            if code is None:
                continue
            self._workers.remove(worker)
            if code:
                told.append(f"worker {worker.name} (pid {worker.child.pid}) {ending(code)}")
        return told

    def dismiss(self) -> None:
        """Ask all to end after the trial in their hands, and wait for it."""
        for worker in self._workers:
            with contextlib.suppress(ProcessLookupError):
                worker.child.send_signal(signal.SIGTERM)
        for worker in self._workers:
            worker.child.wait()

    def _started(self) -> _Worker:
        name = f"{os.getpid()}-{self._n_started}"
        self._n_started += 1
        command = [sys.executable, "-m", "swarmd.engine.phases.study_worker", name, str(os.getpid()), self._study]
        try:
            # A session of its own: a Ctrl-C at the terminal is for the one who started it.
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
        except OSError as cause:
            raise OutsideError(f"cannot start a worker of the study: {cause.strerror}") from cause
        assert child.stdin is not None
        # One that is dead already is found by its end.
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(self._order)
        return _Worker(name, child)
