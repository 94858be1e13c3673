"""The daemon's side of the looker: starts it, reads what it has said without waiting, and starts it again when it ends
or says nothing any more.

``NodeWatch`` keeps the last look, of which ``sensors/nodes`` makes records; no cycle waits for the cluster.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from swarmd.state.cluster import ray_environment, token_path
from swarmd.state.errors import OutsideError
from swarmd.state.records.node import NodeGpu
from swarmd.state.records.record import Shape
from swarmd.state.store.files import Home
from swarmd.supervisor.logs import log

_LOOK_EVERY_S = 2.0
_READ_BYTES = 1 << 20
_LINE_MAX_BYTES = 16 << 20
# Between two starts of the looker: a cluster that is away is asked for at leisure.
_RESTS_S = (1.0, 30.0)
# Connecting takes some seconds; a cluster that has said nothing for so long is not heard.
_SILENT_AFTER_S = 60.0
_ONCE_WITHIN_S = 75.0
_LISTEN_S = 0.5


class NodeSeen(Shape):
    """One node at one look: see ``records/node``. What it did not tell is None."""

    name: str
    address: str
    life: str
    is_alive: bool
    cpus: float
    gpus: float = 0.0
    vram_gb: float = 0.0
    price_per_hour: float | None = None
    trouble: str = ""
    # Of the address that was asked about; None where none was.
    reaches: bool | None = None
    cpu_util: float | None = None
    memory_bytes: int = 0
    mem_used_bytes: int | None = None
    devices: tuple[NodeGpu, ...] = ()


class Look(Shape):
    """All nodes at once; ``trouble`` where the cluster did not answer, ``is_lost`` where nobody could connect to it."""

    nodes: tuple[NodeSeen, ...] = ()
    trouble: str = ""
    is_lost: bool = False


def command(address: str, every_s: float, reach: str = "") -> list[str]:
    words = [reach] if reach else []
    return [sys.executable, "-P", "-m", "swarmd.supervisor.backends.ray.looker", address, f"{every_s:g}", *words]


def environment(home: Home) -> Mapping[str, str]:
    return {**os.environ, **ray_environment(token_path(home)), "CUDA_VISIBLE_DEVICES": ""}


def look_once(home: Home, address: str, *, reach: str = "") -> Look:
    """What the cluster says now, within a bounded time; with ``reach`` (HOST:PORT) each node tries to connect there.
    Raises OutsideError where the cluster does not answer.
    """
    try:
        told = subprocess.run(
            command(address, 0, reach), env=environment(home), capture_output=True, timeout=_ONCE_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as cause:
        raise OutsideError(f"the cluster at {address} has not answered within {_ONCE_WITHIN_S:g} s") from cause
    look = _understood(told.stdout.rpartition(b"\n")[0].rpartition(b"\n")[2])
    if look is None or look.trouble:
        why = look.trouble if look is not None else f"the cluster at {address} does not answer"
        raise OutsideError(f"{why}; look with `swarmd cluster status`")
    return look


@dataclass(slots=True)
class NodeWatch:
    """``address`` is empty where there is no cluster: then there is nothing to watch."""

    home: Home
    address: str = ""
    every_s: float = _LOOK_EVERY_S
    _child: "subprocess.Popen[bytes] | None" = None
    _pending: bytes = b""
    # Of the child that lives: one that ends before it has told of a node could not connect.
    _has_told: bool = False
    # It said nothing for too long, and we ended it: that it ends says nothing of the cluster.
    _is_given_up: bool = False
    _heard_at: float = field(default_factory=time.monotonic)
    _next_start: float = 0.0
    _rest_s: float = _RESTS_S[0]
    _first: Look | None = None

    def begin(self) -> None:
        """Where it has not begun already."""
        if self.address and self._child is None:
            self._start()

    def first(self) -> Look:
        """Begin, and wait for the first look, which ``fresh`` gives once more. Raises OutsideError where none comes
        within a bounded time, or the cluster does not take us; nothing is left running then.
        """
        self.begin()
        until = time.monotonic() + _ONCE_WITHIN_S
        while (look := self._read()) is None and time.monotonic() < until:
            if self._child is None or self._child.poll() is not None:
                look = self._read()
                break
            assert self._child.stdout is not None
            select.select([self._child.stdout], [], [], _LISTEN_S)
        if look is None or look.trouble:
            self.end()
            why = look.trouble if look is not None else f"the cluster at {self.address} does not answer"
            raise OutsideError(f"{why}; look with `swarmd cluster status`")
        self._first = look
        return look

    def fresh(self) -> Look | None:
        """What was not told yet; None where nothing is new."""
        if not self.address:
            return None
        look, self._first = self._read() or self._first, None
        now = time.monotonic()
        if look is not None:
            self._heard_at = now
            if not look.trouble:
                self._rest_s, self._has_told = _RESTS_S[0], True
        if self._child is not None and self._child.poll() is not None:
            log.warning("what watches the nodes ended with code %s; it is started again", self._child.returncode)
            trouble = look.trouble if look is not None else ""
            is_lost = not (self._has_told or self._is_given_up)
            look = Look(trouble=trouble or f"the cluster at {self.address} does not answer", is_lost=is_lost)
            self._end_child()
            self._next_start = now + self._rest_s
            self._rest_s = min(2 * self._rest_s, _RESTS_S[1])
        if self._child is None and now >= self._next_start:
            self._start()
        if look is None and now - self._heard_at > _SILENT_AFTER_S:
            self._heard_at = now
            if self._child is not None:
                log.warning("what watches the nodes has said nothing for %g s; it is ended", _SILENT_AFTER_S)
                self._child.kill()  # and started again once it is gone: nobody waits for it here
                self._is_given_up = True
            return Look(trouble=f"the cluster at {self.address} has not answered for {_SILENT_AFTER_S:g} s")
        return look

    def _start(self) -> None:
        try:
            self._child = subprocess.Popen(
                command(self.address, self.every_s),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environment(),
                start_new_session=True,
            )
        except OSError as cause:
            log.warning("what watches the nodes could not be started: %s", cause.strerror)
            self._next_start = time.monotonic() + self._rest_s
            return
        # Connecting takes longer than the rest between two of them: the silence of the former is none of this one.
        self._heard_at = time.monotonic()
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdout.fileno(), False)

    def _environment(self) -> Mapping[str, str]:
        return environment(self.home)

    def _read(self) -> Look | None:
        """The last whole line there is."""
        if self._child is None or self._child.stdout is None:
            return None
        try:
            while data := os.read(self._child.stdout.fileno(), _READ_BYTES):
                self._pending += data
                if len(self._pending) > _LINE_MAX_BYTES:
                    self._pending = b""
        except BlockingIOError:
            pass
        whole, newline, rest = self._pending.rpartition(b"\n")
        if not newline:
            return None
        self._pending = rest
        return _understood(whole.rpartition(b"\n")[2])

    def end(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
        self._end_child()

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.wait()
            if self._child.stdout is not None:
                self._child.stdout.close()
        self._child, self._pending, self._has_told, self._is_given_up = None, b"", False, False


def _understood(line: bytes) -> Look | None:
    try:
        return Look.model_validate_json(line)
    except ValidationError:
        return None
