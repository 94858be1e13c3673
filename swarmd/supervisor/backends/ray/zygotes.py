"""The daemon's zygote: a process that has imported the library of the cluster, from which couriers are forked.

A shortcut and nothing else, as spares are: where it is not ready, does not answer or has ended, a courier is started as
ever. It is forked for a courier that waits, never for one that works, so that an answer too late costs a process that
nobody talks to, which ends by that. It ends with the daemon, whatever way that ends.
"""

import contextlib
import select
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home
from swarmd.state.work_order import SPARE_MESSAGE_BYTES, SPARE_READY, ZYGOTE_OPTION, Birth
from swarmd.supervisor.backends.spares import Failures, mark_of, newest_source, spawned_to_wait
from swarmd.supervisor.logs import log
from swarmd.supervisor.processes import Process, hold_child, state_of, takes_orphans

# A fork takes some milliseconds, and a busy machine some tenths of a second more.
_LOOKS_FOR_ANSWER_MS = 100
_LOOKS_MAX = 10
_ENDS_WITHIN_MS = 1000
_LOG = "courier-zygote"
_STOPPED = frozenset("Tt")


@dataclass(slots=True)
class Zygote:
    """None or one, of one daemon. ``program`` is the command line of a courier."""

    home: Home
    program: Sequence[str]
    mark: str = field(init=False)
    _process: Process | None = None
    _link: socket.socket | None = None
    _sources: int = 0
    _is_ready: bool = False
    _failures: Failures = field(default_factory=Failures)

    def __post_init__(self) -> None:
        self.mark = mark_of("zygote", self.home)

    def keep(self, environment: Mapping[str, str], *, is_wanted: bool) -> None:
        """Start it where it is wanted and is not there; hear whether it is ready; end it where it is not wanted."""
        if self._process is not None and self._look():
            if not is_wanted:
                self.close()
        elif is_wanted and self._failures.are_few and takes_orphans():
            try:
                self._start(environment)
            except (OSError, OutsideError) as error:
                self._failures.note()
                log.warning("no zygote could be started: %s", error)

    def fork(self, mark: str, theirs: socket.socket, *, log_fd: int, is_bare: bool) -> int | None:
        """The pid of a new child of ours, a courier that waits at the other end of ``theirs``; None where none is to be
        had: start one as ever.
        """
        if not self.is_ready or self._link is None:
            return None
        if newest_source() != self._sources:
            log.info("the zygote has imported code that has changed since: ended")
            self.close()
            return None
        wish = Birth(mark=mark, is_bare=is_bare).model_dump_json().encode()
        try:
            socket.send_fds(self._link, [wish], [theirs.fileno(), log_fd], socket.MSG_DONTWAIT)
            if self._answers():
                pid = int(self._link.recv(SPARE_MESSAGE_BYTES, socket.MSG_DONTWAIT))
                self._failures.forget()
                return pid
        except (OSError, ValueError) as error:
            log.warning("the zygote cannot be asked: %s", error)
        self._failures.note()
        self.close()
        return None

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked now."""
        return self._process is not None and self._look() and self._is_ready

    def pids(self) -> frozenset[int]:
        return frozenset() if self._process is None else frozenset({self._process.pid})

    def close(self) -> None:
        """End it, and wait for that: nothing of it outlives the daemon."""
        if self._process is not None:
            self._process.kill_group()
            if self._process.has_ended(_ENDS_WITHIN_MS):
                self._process.collect()
            self._process.close()
        if self._link is not None:
            self._link.close()
        self._process, self._link, self._is_ready = None, None, False

    def _look(self) -> bool:
        """False when it has ended."""
        assert self._process is not None
        if not self._is_ready and self._link is not None:
            with contextlib.suppress(OSError):
                self._is_ready = self._link.recv(SPARE_MESSAGE_BYTES, socket.MSG_DONTWAIT) == SPARE_READY
        if not self._process.has_ended():
            return True
        log.warning("zygote %d ended by itself; see %s", self._process.pid, self._log())
        if self._is_ready:
            self._failures.forget()
        else:
            self._failures.note()
        self.close()
        return False

    def _answers(self) -> bool:
        assert self._link is not None
        assert self._process is not None
        answer = select.poll()
        answer.register(self._link, select.POLLIN)
        return any(
            answer.poll(_LOOKS_FOR_ANSWER_MS) for _ in range(_LOOKS_MAX) if state_of(self._process.pid) not in _STOPPED
        )

    def _start(self, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._sources = newest_source()
                pid = spawned_to_wait(
                    self.program, ZYGOTE_OPTION, self.mark, theirs, environment, home=self.home, log=self._log()
                )
                self._process = hold_child(pid)
                if self._process is None:
                    raise OutsideError(f"pid {pid} could not be held by a pidfd, and was ended at once")
            except (OSError, OutsideError):
                ours.close()
                raise
        self._link, self._is_ready = ours, False

    def _log(self) -> Path:
        return self.home.log_path(_LOG)
