"""A process the daemon sends on an errand: one of our own commands, started and left alone, its answer waits in a file.

No cycle waits for it, and its lock tells whether it lives, whoever started it. A daemon that dies leaves it to finish.
There is never a second one of the same name.
"""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, is_locked, lock_file
from swarmd.supervisor.processes import hold, read_stat

_LEAST_PRIORITY = 19
# An answer has some hundred bytes a thing it tells of; what is said besides is read from the end.
_ANSWER_MAX = 16 << 20
_WORDS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What it printed, its last words beside that, and its exit code: None where somebody else's child ended."""

    printed: bytes
    last_words: str
    exit_code: int | None


@dataclass(slots=True)
class ErrandProcess:
    """The one there may be of this ``name``, which runs ``swarmd`` with these ``words``; people know it as ``noun``.

    ``_child`` is ours, if this daemon has started it.
    """

    home: Home
    name: str
    words: tuple[str, ...]
    noun: str = "errand"
    _child: subprocess.Popen[bytes] | None = None

    def start(self, order: str) -> tuple[int, int]:
        """Its pid and when it was started. Raises OutsideError where one lives already, or none can be made."""
        lock = self.home.lock_path(self.name)
        locked = lock_file(lock, {"order": order})
        if locked is None:
            raise OutsideError(f"{lock} is held: a {self.noun} lives already, so none was started")
        try:
            self._child = self._spawned(order, locked)
        except OSError as cause:
            raise OutsideError(f"the {self.noun} of {self.name} could not be started: {cause.strerror}") from cause
        finally:
            os.close(locked)  # ours; the child's copy keeps the lock
        pid = self._child.pid
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, _LEAST_PRIORITY)
        seen = read_stat(pid)
        return pid, seen.start_ticks if seen is not None else 0

    def _spawned(self, order: str, locked: int) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, "-P", "-m", "swarmd", "--home", str(self.home.root), *self.words]
        with self._file(order, "json").open("wb") as printed, self._file(order, "err").open("wb") as words:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=words,
                env=environment,
                start_new_session=True,
                pass_fds=(locked,),
            )

    def is_alive(self) -> bool:
        """By our own child where it is one of ours, whatever became of its lock; by the lock where another began it."""
        if self._child is not None and self._child.poll() is None:
            return True
        return is_locked(self.home.lock_path(self.name))

    def kill(self, pid: int, start_ticks: int) -> None:
        """End it with all its group; what it leaves half done is what its command can be killed in the middle of."""
        if self._child is not None:
            if self._child.poll() is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._child.pid, signal.SIGKILL)
            return
        process = hold(pid, start_ticks, is_child=False) if pid else None
        if process is not None:
            process.kill_group()
            process.close()

    def collect(self, order: str) -> Answer:
        """After its end: what it said. Asked twice it says nothing: the files are gone with the first time."""
        child, self._child = self._child, None
        # Its lock is free, so it is at its very end if it is there at all.
        code = None if child is None else child.wait()
        printed, words = self._file(order, "json"), self._file(order, "err")
        answer = Answer(_taken(printed, _ANSWER_MAX), _last_words(_taken(words, _ANSWER_MAX)), code)
        for path in (printed, words):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        return answer

    def let_finish(self, within_s: float) -> None:
        """Wait for our own child, so long at most."""
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(within_s)

    def end(self) -> None:
        """With the session: nothing of ours goes on behind a daemon that was asked to leave."""
        child, self._child = self._child, None
        if child is not None and child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _file(self, order: str, ending: str) -> Path:
        return self.home.run_dir / f"{self.noun}-{order}.{ending}"


def _taken(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError:
        return b""


def _last_words(told: bytes) -> str:
    lines = [line for line in told[-_WORDS_MAX:].decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else ""
