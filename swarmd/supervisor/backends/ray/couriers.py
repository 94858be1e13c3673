"""Couriers that wait: connected already, each with a lane that waits on a node; or else forked from the zygote, bare,
for an order that is there now.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.state.errors import OutsideError
from swarmd.state.work_order import WorkOrder
from swarmd.supervisor.backends.ray.zygotes import Zygote
from swarmd.supervisor.backends.spares import Spares
from swarmd.supervisor.logs import log


@dataclass(slots=True)
class SpareCouriers(Spares):
    """The stock of one daemon, and the process that they are forked from."""

    zygote: Zygote = field(init=False)

    def __post_init__(self) -> None:
        self.zygote = Zygote(self.home, self.program)

    def hand_over(self, order: WorkOrder, variables: Mapping[str, str], locked: int, log_fd: int) -> int | None:
        """Where no courier waits that suits, one is forked for this order."""
        pid = Spares.hand_over(self, order, variables, locked, log_fd)
        if pid is None and self.zygote.is_ready and self._has_bare(order):
            pid = Spares.hand_over(self, order, variables, locked, log_fd)
        return pid

    def _has_bare(self, order: WorkOrder) -> bool:
        def begin(mark: str, theirs: socket.socket) -> int:
            with self._opened_log() as log_fd:
                pid = self.zygote.fork(mark, theirs, log_fd=log_fd, is_bare=True)
            if pid is None:
                raise OutsideError("the zygote does not answer")
            return pid

        try:
            bare = self._made(order, begin, first=b"")
        except (OSError, OutsideError) as error:
            log.warning("no courier could be forked: %s", error)
            return False
        bare.is_ready = True
        self._waiting.append(bare)
        return True

    def _spawned(self, mark: str, theirs: socket.socket, environment: Mapping[str, str]) -> int:
        with self._opened_log() as log_fd:
            pid = self.zygote.fork(mark, theirs, log_fd=log_fd, is_bare=False)
        return Spares._spawned(self, mark, theirs, environment) if pid is None else pid

    @contextmanager
    def _opened_log(self) -> Iterator[int]:
        descriptor = os.open(self._log(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _log(self) -> Path:
        return self.home.log_path("spare-courier")

    def pids(self) -> frozenset[int]:
        return Spares.pids(self) | self.zygote.pids()

    def marks(self) -> frozenset[str]:
        return Spares.marks(self) | {self.zygote.mark}

    def close(self) -> None:
        Spares.close(self)
        self.zygote.close()
