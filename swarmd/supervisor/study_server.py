"""The daemon's side of the proxy through which several machines work on the campaign's studies: starts it, and again.

Another program, as the dashboard is: the studies are in its journal, so it may die at any moment and lose nothing, and
runs wait for it. It outlives a daemon that was killed, as runs do; the next one finds it by its lock. It ends with the
session.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

from swarmd.state.records.record import Record
from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.records.storage import StorageSettings
from swarmd.state.storage_address import host_and_port, is_ours, studies_lock
from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.dashboard.keeper import log_file
from swarmd.supervisor.logs import log

SOURCE = "storage/studies"
_LOOK_EVERY_S = 1.0
_FIRST_WAIT_S, _MOST_WAIT_S = 1.0, 60.0
# One that served for so long had a sound start, and its next death is met without waiting.
_SOUND_AFTER_S = 30.0
_END_WITHIN_S = 5.0


class StudyServerKeeper:
    """Of the proxy at ``url``, which is this machine's own address."""

    def __init__(self, home: Home, url: str) -> None:
        self.home = home
        self.url = url
        self._keeping: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._why = ""
        self._wait, self._began = _FIRST_WAIT_S, 0.0

    def begin(self) -> None:
        self._keeping = asyncio.create_task(self._keep(), name="study server")

    async def end(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await asyncio.to_thread(self._stop)

    def serves(self) -> bool:
        """Whether the proxy of this home holds its journal, at the address asked for."""
        lock = studies_lock(self.home)
        return is_locked(lock) and lock_holder(lock).get("url") == self.url

    def observe(self, view: View, *, now: Millis) -> list[Record]:
        """The proxy as a source: what moved since it was last on record."""
        is_there = self.serves()
        status = SourceStatus.FRESH if is_there else SourceStatus.MISSING
        last = view.sources.get(SOURCE)
        if last is not None and last.status is status:
            return []
        if last is None and not is_there and not self._why:
            return []  # it starts
        note = f"the study server answers at {self.url}" if is_there else f"no study server at {self.url}; {self._why}"
        return [Source(id=SOURCE, at=now, caused_by=(SOURCE,) if last else (), status=status, since=now, note=note)]

    async def _keep(self) -> None:
        while True:
            try:
                rest = self._look()
            except OSError as error:  # no descriptor left, a disk that fails: it is looked at again
                self._why = f"it cannot be looked at: {error.strerror}"
                log.warning("the study server at %s: %s", self.url, self._why)
                rest = _LOOK_EVERY_S
            await asyncio.sleep(rest)

    def _look(self) -> float:
        """See to it that one serves; how long to rest until the next look."""
        now = asyncio.get_running_loop().time()
        if self.serves():
            self._why = "see logs/studies.log"
        if self._child is not None and (code := self._child.poll()) is not None:
            self._child = None
            self._wait = _FIRST_WAIT_S if now - self._began > _SOUND_AFTER_S else min(2 * self._wait, _MOST_WAIT_S)
            self._why = f"it ended with code {code}; see logs/studies.log"
            log.warning("the study server at %s: %s; started again in %.0f s", self.url, self._why, self._wait)
            return self._wait
        if self._child is None and not is_locked(studies_lock(self.home)):
            self._began = now
            try:
                self._child = self._started()
            except OSError as error:
                self._why = f"it could not be started: {error.strerror}"
                log.warning("the study server at %s: %s", self.url, self._why)
                self._wait = min(2 * self._wait, _MOST_WAIT_S)
                return self._wait
        elif self._child is None and not self.serves():
            # A former one serves the journal elsewhere, at the address of another campaign.
            self._stop()
        return _LOOK_EVERY_S

    def _started(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-P", "-m", "swarmd", "--home", str(self.home.root)]
        command += ["storage", "serve", "--kept", "--url", self.url]
        with log_file(self.home.logs / "studies.log") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _stop(self) -> None:
        """End the proxy of this home, whoever started it."""
        lock = studies_lock(self.home)
        pid = lock_holder(lock).get("pid") if is_locked(lock) else None
        if isinstance(pid, int):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        if self._child is not None:
            try:
                self._child.terminate()
                self._child.wait(_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None


def keeper_for(home: Home, storage: StorageSettings | None) -> StudyServerKeeper | None:
    """A keeper where the campaign's studies are on a proxy of this machine's own; another's is another's to keep."""
    if storage is None or storage.kind != "grpc" or storage.url is None or not is_ours(host_and_port(storage.url)[0]):
        return None
    return StudyServerKeeper(home, storage.url)
