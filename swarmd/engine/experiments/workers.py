"""The evaluating processes as the runner sees them: start as many as there is work for, give orders, hear replies.

A process that exceeds its time is killed; the others never notice. Whether another takes its place, and whether its
order is tried again, is the runner's decision.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from swarmd.engine.experiments.order import HELLO, READY, Order, Reply, Setting
from swarmd.engine.experiments.trial import Cause
from swarmd.engine.phases.child import ending
from swarmd.state.errors import OutsideError

Ticket = TypeVar("Ticket")

# Imports and kernels out of the cache take two seconds; on a machine that compiles and is busy, minutes.
_START_SECONDS = 600.0
# So many processes in a row that end before they are ready, and there is no use in another.
_MOST_FALSE_STARTS = 3
_LEAVING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Lost:
    """An order without a reply: its process died, or was killed at its time limit."""

    cause: Cause
    error: str
    seconds: float


@dataclass(slots=True)
class _Process(Generic[Ticket]):
    child: subprocess.Popen[bytes]
    pipe: Connection
    begun: float
    is_ready: bool = False
    ticket: Ticket | None = None


@dataclass(slots=True)
class Workers(Generic[Ticket]):
    """At most `count` processes; `ticket` is whatever the runner wants back with the reply to an order."""

    setting: Setting
    count: int
    trial_seconds: float
    most_at_once: int = 0
    _processes: list[_Process[Ticket]] = field(default_factory=list)
    _false_starts: int = 0

    def __enter__(self) -> "Workers[Ticket]":
        return self

    def __exit__(self, *exception: object) -> None:
        for process in tuple(self._processes):
            self._end(process)

    def staff(self, work: int) -> None:
        """See to it that there are processes for so much work; each costs a second to start."""
        while len(self._processes) < min(self.count, work):
            self._processes.append(self._start())
        self.most_at_once = max(self.most_at_once, len(self._processes))

    def has_room(self) -> bool:
        return any(process.is_ready and process.ticket is None for process in self._processes)

    def give(self, ticket: Ticket, order: Order) -> None:
        """To a process that is ready and idle; there must be one."""
        process = next(each for each in self._processes if each.is_ready and each.ticket is None)
        process.ticket, process.begun = ticket, time.monotonic()
        # One that died meanwhile is found by its end, like any other.
        with contextlib.suppress(OSError):
            process.pipe.send(order)

    def replies(self, timeout: float) -> Iterator[tuple[Ticket, Reply | Lost]]:
        """What came in, waiting at most `timeout` seconds for the first; dead and overdue processes are put away.

        Raises
        ------
        OutsideError
            If processes end again and again before they are ready.
        """
        now = time.monotonic()
        overdue = min((process.begun + self._limit(process) - now for process in self._processes), default=timeout)
        heard = wait([process.pipe for process in self._processes], max(0.0, min(timeout, overdue)))
        for process in tuple(self._processes):
            if process.pipe in heard:
                try:
                    said = process.pipe.recv()
                except (EOFError, OSError):
                    yield from self._died(process)
                    continue
                if said == HELLO:
                    # Only now: a setting of many bars fills the pipe, and nobody reads it before.
                    with contextlib.suppress(OSError):
                        process.pipe.send(self.setting)
                elif said == READY:
                    process.is_ready, process.begun, self._false_starts = True, time.monotonic(), 0
                elif process.ticket is not None:
                    ticket, process.ticket = process.ticket, None
                    yield ticket, said
            elif time.monotonic() - process.begun >= self._limit(process):
                yield from self._overdue(process)

    def _limit(self, process: _Process[Ticket]) -> float:
        if not process.is_ready:
            return _START_SECONDS
        return self.trial_seconds if process.ticket is not None else float("inf")

    def _died(self, process: _Process[Ticket]) -> Iterator[tuple[Ticket, Lost]]:
        seconds = time.monotonic() - process.begun
        # It has closed the pipe and is on its way out: how it ends is told, a kill of ours would hide it.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.child.wait(_LEAVING_SECONDS)
        self._end(process)
        if not process.is_ready:
            self._false_starts += 1
            if self._false_starts >= _MOST_FALSE_STARTS:
                raise OutsideError(
                    f"{self._false_starts} evaluating processes {ending(process.child.returncode)} before they were "
                    "ready; what they said stands above"
                )
        if process.ticket is not None:
            yield process.ticket, Lost("lost", f"its process {ending(process.child.returncode)}", seconds)

    def _overdue(self, process: _Process[Ticket]) -> Iterator[tuple[Ticket, Lost]]:
        seconds = time.monotonic() - process.begun
        self._end(process)
        if process.ticket is None:
            raise OutsideError(f"an evaluating process was not ready after {_START_SECONDS:g} s")
        text = f"took longer than {self.trial_seconds:g} s and was killed; raise limits.trial_timeout"
        yield process.ticket, Lost("timeout", text, seconds)

    def _start(self) -> _Process[Ticket]:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "swarmd.engine.experiments.worker", str(theirs.fileno()), str(os.getpid())]
        with theirs:
            try:
                # A session of its own: a Ctrl-C at the terminal is for the runner, who decides what becomes of it.
                child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True
                )
            except OSError as cause:
                ours.close()
                raise OutsideError(f"cannot start an evaluating process: {cause.strerror}") from cause
        return _Process(child, Connection(ours.detach()), time.monotonic())

    def _end(self, process: _Process[Ticket]) -> None:
        self._processes.remove(process)
        process.pipe.close()
        process.child.kill()
        process.child.wait()
