"""The daemon's side of the dashboard: starts it, and again when it dies, within bounds; never waits for it.

The server is another program and may fail as it likes: the work goes on without it. It outlives a daemon that was
killed, and the next one finds it by its lock and keeps it, unless it is of another version.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from swarmd import __version__
from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.address import is_served, served_at
from swarmd.supervisor.logs import log

_LOOK_EVERY_S = 2.0
# Restart intensity: so many starts in a time, then a rest. A port that is taken or a broken install starts no storm.
_STARTS_MAX = 5
_STARTS_WITHIN_S = 60.0
_RESTS_S = 600.0
_LOG_BYTES = 1 << 20


class DashboardKeeper:
    """``is_on`` is False with ``--no-dashboard``; nothing else changes then."""

    def __init__(self, home: Home, *, is_on: bool, port: int | None = None) -> None:
        self.home = home
        self.is_on = is_on
        self._port = port
        self._keeping: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._starts: deque[float] = deque(maxlen=_STARTS_MAX)

    def options(self) -> list[str]:
        """The same as words of ``swarmd start``."""
        if not self.is_on:
            return ["--no-dashboard"]
        return [] if self._port is None else ["--port", str(self._port)]

    def begin(self) -> None:
        if self.is_on:
            self._keeping = asyncio.create_task(self._keep(), name="dashboard")

    async def end(self) -> None:
        """Stop looking. The server stays while somebody looks at it, and leaves by itself when nobody does."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep(self) -> None:
        await asyncio.to_thread(self._replace_other_version)
        while True:
            rest = _LOOK_EVERY_S
            try:
                if self._child is not None and self._child.poll() is not None:
                    log.warning("the dashboard ended with code %s; see logs/dashboard.log", self._child.returncode)
                    self._child = None
                if self._child is None and not is_served(self.home):
                    rest = self._start()
            except OSError as error:
                log.warning("the dashboard could not be started: %s; the work goes on without it", error.strerror)
            await asyncio.sleep(rest)

    def _start(self) -> float:
        """Start it unless it was too often; how long to wait before the next look."""
        now = asyncio.get_running_loop().time()
        if len(self._starts) == _STARTS_MAX and now - self._starts[0] < _STARTS_WITHIN_S:
            log.error(
                "the dashboard ended %d times within %.0f s; it is left alone for %.0f min; see logs/dashboard.log",
                _STARTS_MAX, _STARTS_WITHIN_S, _RESTS_S / 60,
            )  # fmt: skip
            self._starts.clear()
            return _RESTS_S
        self._starts.append(now)
        command = [sys.executable, "-P", "-m", "swarmd", "serve", "--kept", "--home", str(self.home.root)]
        command += [] if self._port is None else ["--port", str(self._port)]
        with log_file(self.home.logs / "dashboard.log") as output:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        return _LOOK_EVERY_S

    def _replace_other_version(self) -> None:
        """One that an older swarmd left behind shows its own pages: it makes room, and an open page reconnects."""
        there = served_at(self.home)
        if there is not None and there.version != __version__:
            with contextlib.suppress(OSError):
                os.kill(there.pid, signal.SIGTERM)


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[int]:
    """Its last words, its owner's alone; begun anew when it is long."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    with contextlib.suppress(OSError):
        if path.stat().st_size > _LOG_BYTES:
            flags |= os.O_TRUNC
    descriptor = os.open(path, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
