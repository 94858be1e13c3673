"""`python -m swarmd.engine.lane.courier ORDER`: a run whose work is done on a node of a cluster.

To the supervisor it is a lane like any other: it holds the run's lock, pulses in its slot, fills its outbox, holds the
result folder and ends by exit code. The work itself is a lane on a node; what that writes is put in place here, by the
one process that holds the folder and the current token, so that a node that was given up can do no harm.

Two processes: the library of the cluster ends its process by itself when the cluster is lost, so it lives in a child,
and the parent keeps the last word.
"""

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable

from swarmd.engine.lane.changes import ChangesHere
from swarmd.engine.lane.identity import claim_lock, identity
from swarmd.engine.lane.order_file import named_order
from swarmd.engine.phases.child import die_with, ending
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, home_from
from swarmd.state.work_order import LOCK_FD_VARIABLE, ExitCode, SaidLine, WorkOrder

log = logging.getLogger(__name__)

_STAGE_BYTES = 1 << 16


def main(arguments: list[str]) -> int:
    order = named_order(arguments, program="swarmd.engine.lane.courier")
    if order is None:
        return ExitCode.BAD_ORDER
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    home = home_from(order.home)
    is_supervised = claim_lock(order, os.environ.get(LOCK_FD_VARIABLE))
    who = identity(order)
    ours, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        die_with(parent)
        os.close(ours)
        # Imported here: the parent needs none of it, and waits in a few megabytes.
        from swarmd.engine.lane.relay import relayed

        code = relayed(order, home, who, tell_stage=_teller(theirs))
        sys.stdout.flush()
        sys.stderr.flush()
        # The library's own threads and its farewell at exit are none of a run's business.
        os._exit(code)
    os.close(theirs)
    return _waited(order, home, child, ours, is_supervised=is_supervised)


def _teller(pipe: int) -> Callable[[str], None]:
    """How the child says where it stands: the last line is what it was at when it died."""

    def tell(stage: str) -> None:
        os.write(pipe, f"{stage}\n".encode())

    return tell


def _waited(order: WorkOrder, home: Home, child: int, stages: int, *, is_supervised: bool) -> int:
    """The child's end, and the last word where it could not say one itself."""
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(child, signal.SIGTERM))
    if is_supervised:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    told = os.read(stages, _STAGE_BYTES).decode().splitlines() if _is_readable(stages) else []
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
    return ExitCode.NODE_LOST


def _is_readable(pipe: int) -> bool:
    return bool(select.select([pipe], [], [], 0)[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
