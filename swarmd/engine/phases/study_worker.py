"""One of several processes on a study: takes a trial, evaluates it, tells the study, and takes the next.

`python -m swarmd.engine.phases.study_worker NAME PARENT STUDY [--joined]`, the order on stdin. Shows that it lives for
as long as it does; dies with the process that started it. With `--joined` the study is led on another machine.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from optuna.exceptions import UpdateFinishedTrialError

from swarmd.engine.phases.child import die_with
from swarmd.engine.phases.desk import Yielded, quiet_desk
from swarmd.engine.phases.joining import JOINED, check_invited
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.refine import study_of
from swarmd.engine.phases.reoptimize import second_study_of
from swarmd.engine.phases.study import Study
from swarmd.engine.search.refine import run_one
from swarmd.engine.search.shared import SharedStudy
from swarmd.engine.search.storage_contract import StudyStorage
from swarmd.engine.search.storage_patience import patiently
from swarmd.engine.search.trial import finished_trials
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home, home_from
from swarmd.state.work_order import WorkOrder

# How often one with nothing to do looks whether something waits, in a file and on a server.
_LOOK_AGAIN_SECONDS = 0.05
_ASK_AGAIN_SECONDS = 0.25


def main(name: str, parent: int, digest: str, *, is_joined: bool) -> None:
    """Work until told by TERM to end; the trial in hand is finished first."""
    die_with(parent)
    is_asked_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: is_asked_to_stop.append(number))
    order = WorkOrder.model_validate_json(sys.stdin.buffer.read())
    home = home_from(order.home) if is_joined else Home(Path(order.home))
    desk = quiet_desk(home, lambda: 0)
    search = second_study_of if order.phase is Phase.REOPTIMIZE else study_of
    study = search(order, question_of(order, desk), desk, is_joined=is_joined)
    if not is_joined and study.digest != digest:
        raise OutsideError(
            f"the study is {digest} and here it comes to {study.digest}: code or data changed meanwhile; run it again"
        )
    place = study.kept(digest)

    def safe_point() -> None:
        if is_asked_to_stop:
            raise Yielded

    def attempt() -> None:
        work(study, place, name, lambda: bool(is_asked_to_stop), is_joined=is_joined)

    try:
        patiently(attempt, say=lambda text: print(f"{name}: {text}", file=sys.stderr), safe_point=safe_point)
    except Yielded:
        return


def work(study: Study, place: StudyStorage, name: str, should_stop: Callable[[], bool], *, is_joined: bool) -> None:
    """Trial after trial under this name, until asked to stop."""
    question, pruning, sampler = study.question, study.pruning, study.sampler
    joined = place.joined(sampler)
    if is_joined:
        check_invited(joined, study)
    presence = place.presence(joined)
    shared = SharedStudy(joined, presence, question.space, study.procedure.n_trials)
    rest = _LOOK_AGAIN_SECONDS if study.storage.kind == "journal" else _ASK_AGAIN_SECONDS
    with presence.at_work(name):
        in_hand = shared.under_way(name)
        while in_hand is not None or not should_stop():
            trial, in_hand = in_hand or shared.claim(name), None
            if trial is None:
                time.sleep(rest)
                continue
            origin = trial.user_attrs.get("origin") or sampler.origin(joined, trial.number)
            try:
                run_one(
                    joined, question.space, trial, origin, study.evaluate,
                    pruning=pruning, earlier=() if pruning is None else finished_trials(joined),
                    rule=question.rule, constraints=question.constraints,
                )  # fmt: skip
            except UpdateFinishedTrialError:
                # We were taken for dead, and its vector is another's by now.
                print(f"{name}: trial {trial.number} was given to another meanwhile", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3], is_joined=JOINED in sys.argv[4:])
    except OperatorError as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        os._exit(2)
