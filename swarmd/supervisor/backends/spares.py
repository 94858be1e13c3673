"""Spares: lanes that have imported, loaded and compiled everything, and wait for an order.

A Python lane takes one to two seconds of processor time before its first unit of work, the same for every order of a
campaign. A spare has that behind it. ``LocalBackend`` gives it a run's order, locked descriptor and log over a socket
that nobody else has, and it is that run's process from then on (``swarmd/engine/lane/spare.py`` is the other end).

A spare is a shortcut and nothing else. Where none is ready, none suits, or one does not answer, a lane is started as
ever, and at once. It holds no lock, is on no record, and ends with the daemon, whatever way that ends.
"""

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import swarmd
from swarmd.agents.rules.capacity import memory_is_ample
from swarmd.state.errors import OutsideError
from swarmd.state.records.run import RunAlive
from swarmd.state.store.files import Home
from swarmd.state.view import View
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
from swarmd.supervisor.logs import log
from swarmd.supervisor.processes import Process, hold_child, state_of

_LINK_FD = 4
# A spare that waits answers within some milliseconds, and one that was stopped must not hold up the run. One that is
# running is only short of a processor, as a fresh lane would be, and gets more time.
_LOOKS_FOR_ANSWER_MS = 50
_LOOKS_MAX = 10
_ENDS_WITHIN_MS = 1000
# Bytes left for the name of a run in the spare's mark, and for the path of its order on its command line.
_NAME_ROOM = 240
# So many that ended before they were ready, in a row: what ails them ails the lanes too, and those tell it better. A
# machine that was short of something for three turns is not short of it for a month.
_FAILURES_MAX = 3
_TRIED_AGAIN_AFTER_S = 600.0
_LOG = "spare"


def spares_wanted(view: View) -> int:
    """How many to keep: none where nothing is left to do, or memory is short."""
    if not view.is_working or not (view.open_runs() or view.queued_jobs()) or not memory_is_ample(view):
        return 0
    return min(view.policy.spares, view.policy.max_lanes)


def may_start_spare(view: View) -> bool:
    """Not while lanes begin: they need the processors themselves, and leave compiled what a spare then only loads."""
    runs, beats = view.open_runs(), view.beats
    return all(isinstance(run, RunAlive) and run.id in beats and beats[run.id].is_ready for run in runs)


@dataclass(slots=True)
class Spare:
    """A child that waits, or will. ``like`` is an order of the campaign it made itself ready for."""

    process: Process
    link: socket.socket
    mark: str
    like: WorkOrder
    sources: int
    is_ready: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid

    def look(self) -> bool:
        """Hear whether it is ready by now. False when it has ended."""
        if not self.is_ready:
            with contextlib.suppress(OSError):
                self.is_ready = self.link.recv(SPARE_MESSAGE_BYTES, socket.MSG_DONTWAIT) == SPARE_READY
        return not self.process.has_ended()

    def suits(self, order: WorkOrder) -> bool:
        """What it has loaded is what its campaign runs on a processor, with as many threads as it has, or fewer: a run
        that takes on less at a time, having been lost before, is no stranger to it.
        """
        like = self.like
        return order.threads <= like.threads and (order.engine, order.campaign) == (like.engine, like.campaign)

    def take(self, handed: HandOver, locked: int, log_fd: int) -> bool:
        """Whether it has become the run. When it has not, it must be ended: it may still hold the descriptor."""
        try:
            socket.send_fds(self.link, [handed.model_dump_json().encode()], [locked, log_fd], socket.MSG_DONTWAIT)
            answer = select.poll()
            answer.register(self.link, select.POLLIN)
            looks = 1
            while not answer.poll(_LOOKS_FOR_ANSWER_MS):
                if looks == _LOOKS_MAX or state_of(self.pid) != "R":
                    return False
                looks += 1
            return self.link.recv(SPARE_MESSAGE_BYTES, socket.MSG_DONTWAIT) == SPARE_TAKEN
        except OSError:
            return False

    def let_go(self) -> None:
        self.link.close()
        self.process.close()

    def collect(self, within_ms: int) -> bool:
        """Reap it and let go of it, once it has ended."""
        if not self.process.has_ended(within_ms):
            return False
        self.process.collect()
        self.let_go()
        return True


@dataclass(slots=True)
class Failures:
    """Of what is a shortcut only: after three in a row it is left alone for some minutes."""

    _in_a_row: int = 0
    _last_at_s: float = 0.0

    def note(self) -> None:
        self._in_a_row += 1
        self._last_at_s = time.monotonic()

    def forget(self) -> None:
        self._in_a_row = 0

    @property
    def are_few(self) -> bool:
        return self._in_a_row < _FAILURES_MAX or time.monotonic() - self._last_at_s >= _TRIED_AGAIN_AFTER_S


@dataclass(slots=True)
class Spares:
    """The stock of one daemon. ``program`` is the command line of a lane; what is added makes a spare of it."""

    home: Home
    program: tuple[str, ...]
    _waiting: list[Spare] = field(default_factory=list)
    _ending: list[Spare] = field(default_factory=list)
    _n_started: int = 0
    _failures: Failures = field(default_factory=Failures)

    def keep(self, wanted: int, like: WorkOrder | None, environment: Mapping[str, str], *, may_start: bool) -> None:
        """Bring the stock nearer to what is wanted; starts one at most, for others wait for this turn to end."""
        self._ending = [spare for spare in self._ending if not spare.collect(0)]
        for spare in list(self._waiting):
            is_there = spare.look()
            if spare.is_ready:
                self._failures.forget()
            elif not is_there:
                self._failures.note()
            if not is_there:
                log.warning("spare %d ended by itself%s", spare.pid, "" if spare.is_ready else f"; see {self._log()}")
                self._end(spare)
            elif like is None or not spare.suits(like):
                self._end(spare)
        for spare in self._waiting[wanted:]:
            self._end(spare)
        is_lacking = like is not None and like.engine == "cpu" and len(self._waiting) < wanted
        if is_lacking and may_start and self._failures.are_few:
            assert like is not None
            try:
                self._waiting.append(self._started(like, environment))
            except (OSError, OutsideError) as error:
                self._failures.note()
                log.warning("no spare could be started: %s", error)

    def hand_over(self, order: WorkOrder, variables: Mapping[str, str], locked: int, log_fd: int) -> int | None:
        """The pid of the spare that has become the order's run, or None: start a lane as ever.

        Raises OutsideError where a spare that did not answer cannot be ended either: it may hold the run's lock still.
        """
        spare = self._ready_for(order)
        if spare is None:
            return None
        path = str(self.home.order_path(order.run))
        if spare.take(HandOver(order=path, environment=dict(variables)), locked, log_fd):
            self._waiting.remove(spare)
            spare.let_go()
            self._failures.forget()
            log.info("run %s: begun by spare %d", order.run, spare.pid)
            return spare.pid
        log.warning("spare %d (state %s) did not take run %s: ended", spare.pid, state_of(spare.pid), order.run)
        self._end(spare)
        if not spare.collect(_ENDS_WITHIN_MS):
            raise OutsideError(f"spare {spare.pid} was given run {order.run}, does not answer and cannot be ended")
        self._ending.remove(spare)
        return None

    def _ready_for(self, order: WorkOrder) -> Spare | None:
        if len(order.run.encode()) > _NAME_ROOM:
            return None
        sources = -1
        for spare in list(self._waiting):
            if not spare.look() or not spare.is_ready or not spare.suits(order):
                continue
            sources = newest_source() if sources < 0 else sources
            if spare.sources == sources:
                return spare
            log.info("spare %d has imported code that has changed since: ended", spare.pid)
            self._end(spare)
        return None

    def _started(self, like: WorkOrder, environment: Mapping[str, str]) -> Spare:
        def begin(mark: str, theirs: socket.socket) -> int:
            return self._spawned(mark, theirs, environment)

        return self._made(like, begin, first=os.fsencode(self.home.order_path(like.run)))

    def _made(self, like: WorkOrder, begin: Callable[[str, socket.socket], int], *, first: bytes) -> Spare:
        """``begin`` starts it with a mark and its end of the link, where ``first`` waits for it."""
        self._n_started += 1
        mark = mark_of(f"spare-{self._n_started}", self.home)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                if first:
                    ours.send(first)
                sources = newest_source()
                pid = begin(mark, theirs)
                process = hold_child(pid)
                if process is None:
                    raise OutsideError(f"pid {pid} could not be held by a pidfd, and was ended at once")
                return Spare(process, ours, mark, like, sources)
            except (OSError, OutsideError):
                ours.close()
                raise

    def _spawned(self, mark: str, theirs: socket.socket, environment: Mapping[str, str]) -> int:
        return spawned_to_wait(self.program, SPARE_OPTION, mark, theirs, environment, home=self.home, log=self._log())

    def _log(self) -> Path:
        return self.home.log_path(_LOG)

    def _end(self, spare: Spare) -> None:
        self._waiting.remove(spare)
        self._ending.append(spare)
        spare.process.kill_group()

    def pids(self) -> frozenset[int]:
        return frozenset(spare.pid for spare in (*self._waiting, *self._ending))

    def marks(self) -> frozenset[str]:
        return frozenset(spare.mark for spare in (*self._waiting, *self._ending))

    def close(self) -> None:
        """End them all, and wait for it: nothing of them outlives the daemon."""
        for spare in list(self._waiting):
            self._end(spare)
        self._ending = [spare for spare in self._ending if not spare.collect(_ENDS_WITHIN_MS)]


def mark_of(name: str, home: Home) -> str:
    """What a process carries until it is some run's, with room for the mark of any."""
    return f"{f'{name}-':-<{_NAME_ROOM}}@{home.run_dir}"


def spawned_to_wait(
    program: Sequence[str],
    option: str,
    mark: str,
    theirs: socket.socket,
    environment: Mapping[str, str],
    *,
    home: Home,
    log: Path,
) -> int:
    """The pid of a process that is told over ``theirs`` what to become, with room on its command line for an order."""
    room = "-" * (len(os.fsencode(home.order_path("-" * _NAME_ROOM))) + 1)
    return os.posix_spawn(
        program[0],
        [*program, option, str(_LINK_FD), room],
        {**environment, RUN_VARIABLE: mark},
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, theirs.fileno(), _LINK_FD),
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            # The last words of one that fails; the log of a run comes with its order.
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            # Where the lock will be, nothing else may come to lie.
            (os.POSIX_SPAWN_OPEN, LOCK_FD, os.devnull, os.O_RDONLY, 0),
        ],
    )


def newest_source() -> int:
    """When a file that a lane imports was last changed: older imports are not the code that results would name."""
    package = Path(swarmd.__file__).parent
    return max(_newest_in(os.fspath(package / part)) for part in ("engine", "state"))


def _newest_in(folder: str) -> int:
    newest = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                newest = max(newest, entry.stat().st_mtime_ns)
            elif entry.name != "__pycache__" and entry.is_dir():
                newest = max(newest, _newest_in(entry.path))
    return newest
