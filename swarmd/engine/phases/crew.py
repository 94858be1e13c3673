"""The processes that work on one study for the one that started them (`study_worker` is what each of them does)."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from swarmd.engine.phases.child import ending
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.work_order import ExitCode, WorkOrder


@dataclass(slots=True)
class _Worker:
    name: str
    child: subprocess.Popen[bytes]


class Crew:
    """The worker processes: each has a name of its own, which no other of this run bears."""

    def __init__(self, size: int, study: str, order: WorkOrder, *options: str) -> None:
        self._size = size
        self._arguments = (str(os.getpid()), study, *options)
        self._order = order.model_dump_json().encode()
        self._workers: list[_Worker] = []
        self._n_started = 0

    @contextlib.contextmanager
    def working(self) -> "Iterator[Crew]":
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
        """How those ended that died since the last look; the places of all that ended are free.

        Raises
        ------
        OperatorError
            If one refused its order, as the next would: what it said stands above.
        """
        told = []
        for worker in tuple(self._workers):
            code = worker.child.poll()
            if code is None:
                continue
            self._workers.remove(worker)
            if code == ExitCode.BAD_ORDER:
                raise OperatorError(f"worker {worker.name} refused its order; what it said stands above")
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
        name = f"{socket.gethostname()}-{os.getpid()}-{self._n_started}"
        self._n_started += 1
        command = [sys.executable, "-m", "swarmd.engine.phases.study_worker", name, *self._arguments]
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
