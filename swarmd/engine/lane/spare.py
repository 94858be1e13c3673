"""A spare: a lane that has everything behind it but its order, and waits for one.

``swarmd/supervisor/backends/spares.py`` starts it, tells it over a socket what to get ready for, and may one day tell
it which run it is. From then on it is that run's process like any other: same descriptors, same environment, same words
in ``/proc``. Before that it has no lock, no slot and no outbox, uses no processor, and ends with the daemon.
"""

import ctypes
import gc
import os
import signal
import socket
from pathlib import Path

from swarmd.engine.lane.nameplate import show_argument, show_variable
from swarmd.engine.lane.order_file import read_order, settle_threads
from swarmd.state.work_order import (
    LOCK_FD,
    RUN_VARIABLE,
    SPARE_MESSAGE_BYTES,
    SPARE_OPTION,
    SPARE_READY,
    SPARE_TAKEN,
    HandOver,
    WorkOrder,
)

_PR_SET_PDEATHSIG = 1
_STDOUT, _STDERR = 1, 2


def serve(descriptor: int) -> int:
    """Get ready, wait, and carry out the one order that comes; the exit code. 0 when none comes any more."""
    end_with_the_daemon(is_wanted=True)
    with socket.socket(fileno=descriptor) as link:
        try:
            like = read_order(Path(link.recv(SPARE_MESSAGE_BYTES).decode()))
            settle_threads(like)
            # numba reads its number of threads when it is imported, so not before now.
            from swarmd.engine.lane.warm_up import warm_up_for_any
            from swarmd.engine.lane.worker import work

            is_warm = warm_up_for_any(like)
            # What is there by now stays: the collector need not walk through it once there is work.
            gc.collect()
            gc.freeze()
            link.send(SPARE_READY)
            order = _taken(link)
        except (BrokenPipeError, ConnectionResetError):
            return 0
    if order is None:
        return 0
    import numba

    # There are as many as were settled above; what was asked for may be fewer.
    numba.set_num_threads(max(order.threads, 1))
    return work(order, is_warm=is_warm)


def _taken(link: socket.socket) -> WorkOrder | None:
    """Wait for the order, become its run, and say so; None when nobody is left to send one.

    When it is said, everything that tells a run's process from others is in place: a daemon that dies before has
    handed over nothing, or finds this process by lock and mark like any lane.
    """
    order = taken_over(link)
    if order is not None:
        link.send(SPARE_TAKEN)
    return order


def taken_over(link: socket.socket) -> WorkOrder | None:
    """The order, once one comes and we are its run, of which nobody has been told yet; None where none comes."""
    message, descriptors = heard(link)
    if not message:
        return None
    handed = HandOver.model_validate_json(message)
    order = read_order(Path(handed.order))
    become(handed, *descriptors)
    end_with_the_daemon(is_wanted=False)
    return order


def heard(link: socket.socket) -> tuple[bytes, list[int]]:
    """The next message, with its two descriptors; empty when nobody is left to send one."""
    try:
        message, descriptors, _, _ = socket.recv_fds(link, SPARE_MESSAGE_BYTES, 2, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", []
    return message, descriptors


def become(handed: HandOver, lock: int, log: int) -> None:
    """Look like the process of that run from now on, to the kernel and to whoever reads ``/proc``."""
    # The lock's place was kept free by whoever started us: nothing that was opened meanwhile is there.
    for source, place in ((log, _STDOUT), (log, _STDERR), (lock, LOCK_FD)):
        os.dup2(source, place)
    for source in (lock, log):
        os.close(source)
    os.environ.update(handed.environment)
    show_variable(RUN_VARIABLE, handed.environment[RUN_VARIABLE])
    show_argument(SPARE_OPTION, handed.order)


def end_with_the_daemon(*, is_wanted: bool) -> None:
    """The kernel ends us with our parent, even while we compile or are stopped and hear nothing of its end."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if is_wanted else 0, 0, 0, 0)
