"""A zygote: a courier that has imported what couriers need, and is forked for each of them instead of becoming one.

The library of the cluster takes half a second of a processor to import and some 60 MB of memory, for every courier
anew. Forked from here a courier has it at once, and shares the memory. The library is imported and never connected:
there is one thread, or a fork would not be safe.

`swarmd/supervisor/backends/ray/zygotes.py` is the other end. A child is forked twice, so that it comes to the daemon,
which takes orphans in: it is waited for there, lives as long as it likes, and has no more to do with this process.
"""

import gc
import os
import socket
import time
from typing import NoReturn

from swarmd.engine.lane.nameplate import show_argument, show_variable
from swarmd.engine.lane.spare import end_with_the_daemon, heard
from swarmd.state.errors import OutsideError
from swarmd.state.work_order import (
    RUN_VARIABLE,
    SPARE_OPTION,
    SPARE_READY,
    ZYGOTE_OPTION,
    Birth,
)

_STDOUT, _STDERR = 1, 2
_LOOK_S = 0.001


def serve(descriptor: int) -> int:
    """Fork whoever is asked for until nobody asks any more; the exit code of whoever comes out of here."""
    end_with_the_daemon(is_wanted=True)
    with socket.socket(fileno=descriptor) as link:
        _import_all()
        link.send(SPARE_READY)
        while True:
            message, descriptors = heard(link)
            if not message:
                return 0
            birth = Birth.model_validate_json(message)
            pid = _forked_away()
            if pid == 0:
                break
            for each in descriptors:
                os.close(each)
            link.send(str(pid).encode())
    return _lived(birth, *descriptors)


def _import_all() -> None:
    import ray  # noqa: F401  (what takes the time)

    import swarmd.engine.lane.relay  # noqa: F401

    if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - the kernel's list, and no path is needed of any
        raise OutsideError("the library of the cluster starts threads as it is imported: it cannot be forked")
    # A collector that walks through what is there by now would copy it, page by page, in every child.
    gc.collect()
    gc.freeze()


def _forked_away() -> int:
    """The new process's number here, 0 in it. When this returns here it is the daemon's child already."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    middle = os.fork()
    if middle == 0:
        _begotten(reader, writer)
        return 0
    os.close(writer)
    os.waitpid(middle, 0)
    told = os.read(reader, 32)
    os.close(reader)
    return int(told)


def _begotten(reader: int, writer: int) -> None:
    """In the middle process, which ends at once, and in its child, which returns once it is nobody's here."""
    middle = os.getpid()
    pid = os.fork()
    if pid:
        _tell_and_end(writer, pid)
    os.close(reader)
    os.close(writer)
    # What ends us with our parent is asked for later, and must not be asked of this one.
    while os.getppid() == middle:
        time.sleep(_LOOK_S)


def _tell_and_end(writer: int, pid: int) -> NoReturn:
    os.write(writer, str(pid).encode())
    os._exit(0)


def _lived(birth: Birth, link: int, log: int) -> int:
    """As a spare courier that was started by itself, from its first line on."""
    os.setsid()
    for place in (_STDOUT, _STDERR):
        os.dup2(log, place)
    os.close(log)
    os.environ[RUN_VARIABLE] = birth.mark
    show_variable(RUN_VARIABLE, birth.mark)
    show_argument(ZYGOTE_OPTION, f"{SPARE_OPTION}\0{link}")
    from swarmd.engine.lane.spare_courier import serve, serve_bare

    return serve_bare(link) if birth.is_bare else serve(link)
