"""The courier and its child: how they part, how the child says where it stands, and who speaks when it cannot.

What asks the run to stop is kept back from both until each has said how it hears it: else a run that is stopped as it
begins would end as one that was lost.
"""

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from swarmd.engine.lane.changes import ChangesHere
from swarmd.engine.phases.child import die_with, ending
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home
from swarmd.state.work_order import ExitCode, SaidLine, WorkOrder

log = logging.getLogger(__name__)

_STAGE_BYTES = 1 << 16
_STOPS = (signal.SIGTERM,)
# How the library of the cluster ends the process it lives in, and how one ends that waits for it too long.
_OF_THE_LIBRARY = (1, -signal.SIGALRM)


@dataclass(frozen=True, slots=True)
class Child:
    """``pid`` is 0 in the child itself; ``stages`` is where the parent reads how far it came."""

    pid: int
    stages: int

    def has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def apart() -> tuple[Child, Callable[[str], None]]:
    """Fork: the child dies with the parent, and its last word to ``tell_stage`` is what it was at when it died."""
    ours, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    parent = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    pid = os.fork()
    if pid == 0:
        die_with(parent)
        os.close(ours)
    else:
        os.close(theirs)

    def tell(stage: str) -> None:
        os.write(theirs, f"{stage}\n".encode())

    return Child(pid, ours), tell


def hear_stops() -> None:
    """From now on; whoever calls this has said what is to be done about it."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def hear_for(child: Child, *, is_supervised: bool) -> None:
    """In the parent: what is meant for the run goes on to the child."""
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child.pid, signal.SIGTERM))
    if is_supervised:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    hear_stops()


def waited(order: WorkOrder, home: Home, child: Child) -> int:
    """The child's end, and the last word where it could not say one itself."""
    _, status = os.waitpid(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    told = os.read(child.stages, _STAGE_BYTES).decode().splitlines() if _is_readable(child.stages) else []
    stage = told[-1] if told else "it had begun"
    if stage == "":
        return code
    text = f"the cluster was lost while {stage}: the courier's link {ending(code)}"
    log.error("%s", text)
    try:
        outbox = ChangesHere(home.results, home.outbox_of(order.run), token=order.token)
        line = SaidLine(token=order.token, text=text, wall=time.time_ns() // 1_000_000)
        outbox.say(line)
        outbox.close()
    except OutsideError as cause:
        log.error("%s", cause)
    return ExitCode.CLUSTER_LOST if code in _OF_THE_LIBRARY else ExitCode.NODE_LOST


def _is_readable(pipe: int) -> bool:
    return bool(select.select([pipe], [], [], 0)[0])
