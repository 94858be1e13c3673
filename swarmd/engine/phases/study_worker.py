"""One of several processes on a study: takes a trial, evaluates it, tells the study, and takes the next.

`python -m swarmd.engine.phases.study_worker NAME PARENT STUDY`, the order on stdin. Holds the lock of its name for as
long as it lives, which is how the others know; dies with the process that started it.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from swarmd.engine.phases.child import die_with
from swarmd.engine.phases.desk import quiet_desk
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.refine import study_of
from swarmd.engine.phases.reoptimize import second_study_of
from swarmd.engine.phases.study import Study
from swarmd.engine.search.refine import finished_trials, run_one
from swarmd.engine.search.shared import SharedStudy
from swarmd.engine.search.storage import join_study, lock_of_worker
from swarmd.state.errors import OutsideError
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home, lock_file
from swarmd.state.work_order import WorkOrder

# How often one with nothing to do looks whether another has died and left its trial.
_LOOK_AGAIN_SECONDS = 0.05


def main(name: str, parent: int, digest: str) -> None:
    """Work until the study has all its trials, or TERM is heard; the trial in hand is finished first."""
    die_with(parent)
    is_asked_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: is_asked_to_stop.append(number))
    order = WorkOrder.model_validate_json(sys.stdin.buffer.read())
    desk = quiet_desk(Home(Path(order.home)), lambda: 0)
    search = second_study_of if order.phase is Phase.REOPTIMIZE else study_of
    study = search(order, question_of(order, desk), desk)
    if study.digest != digest:
        raise OutsideError(
            f"the study is {digest} and here it comes to {study.digest}: code or data changed meanwhile; run it again"
        )
    lock = lock_of_worker(study.journal, name)
    if lock_file(lock, {"run": order.run, "pid": os.getpid()}) is None:
        raise OutsideError(f"{lock} is held by another; two workers must not bear one name")
    try:
        n_all = study.procedure.n_trials
        work(study, min(order.trials or n_all, n_all), name, lambda: bool(is_asked_to_stop))
    finally:
        lock.unlink(missing_ok=True)


def work(study: Study, n_trials: int, name: str, should_stop: Callable[[], bool]) -> None:
    """Trial after trial under this name, until asked to stop."""
    question, pruning = study.question, study.pruning
    sampler = study.procedure.shared_sampler(question.strategy, question.space)
    joined = join_study(study.journal, name=study.name, sampler=sampler)
    shared = SharedStudy(joined, study.journal, question.space, n_trials)
    while not should_stop():
        trial = shared.claim(name)
        if trial is None:
            time.sleep(_LOOK_AGAIN_SECONDS)
            continue
        origin = trial.user_attrs.get("origin") or sampler.origin(joined, trial.number)
        run_one(
            joined, question.space, trial, origin, study.evaluate,
            pruning=pruning, earlier=() if pruning is None else finished_trials(joined),
            rule=question.rule, constraints=question.constraints,
        )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
