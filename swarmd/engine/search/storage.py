"""The study's journal: Optuna's own append-only file, made fit to open after any crash.

Whoever opens it holds the result folder's lock, so it is the only writer, or it has started all that write; a lock file
beside the journal then belongs to the dead, and a torn line at its end is what a kill left of a write. Both are cleared
here, before Optuna reads.
"""

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import write_whole

log = logging.getLogger(__name__)


class SoleWriterJournal(JournalFileBackend):
    """Optuna's journal file without its lock and its wait for the disk at every line (a dozen a trial).

    We hold the folder's lock, so nobody else appends. What a power cut takes from the end is cut off at the next start
    and comes out the same when run again; a kill takes nothing, since the lines are with the kernel.
    """

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        try:
            with open(self._file_path, "ab", buffering=0) as journal:
                write_whole(journal.fileno(), lines.encode())
        except OSError as cause:
            raise OutsideError(f"cannot write the study {self._file_path}: {cause.strerror}") from cause


class SharedJournal(SoleWriterJournal):
    """The same for several writers: each takes the file's own lock for a line, which goes with it when it dies."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        try:
            with open(self._file_path, "r+b", buffering=0) as journal:
                fcntl.flock(journal.fileno(), fcntl.LOCK_EX)
                _cut_torn_end(journal.fileno())
                super().append_logs(logs)
        except OSError as cause:
            raise OutsideError(f"cannot write the study {self._file_path}: {cause.strerror}") from cause


def _cut_torn_end(descriptor: int) -> None:
    """What a writer killed in the middle of a line has left would spoil the next one. The caller holds the lock."""
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    content = os.pread(descriptor, size, 0)
    os.ftruncate(descriptor, content.rfind(b"\n") + 1)


@contextlib.contextmanager
def turn_of(path: Path) -> Iterator[None]:
    """Alone among those who take turns by this file; the lock of one who dies is free again."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def lock_of_worker(journal: Path, worker: str) -> Path:
    """The lock that a worker of this study holds for as long as it lives."""
    return journal.with_suffix(".workers") / f"{worker}.lock"


def open_study(path: Path, *, name: str, sampler: optuna.samplers.BaseSampler, is_shared: bool = False) -> optuna.Study:
    """The study kept in `path`, made when it is not there. The caller holds the folder's lock, and no worker lives."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_stale_lock(path)
        cut = cut_damage(path)
        if cut:
            log.warning("%s: %s", path, cut)
    except OSError as cause:
        raise OutsideError(f"cannot open the study {path}: {cause.strerror}") from cause
    return join_study(path, name=name, sampler=sampler, is_shared=is_shared)


def join_study(path: Path, *, name: str, sampler: optuna.samplers.BaseSampler, is_shared: bool = True) -> optuna.Study:
    """The same for one who was started to work on it: what is damaged or stale is not its business."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage = JournalStorage(SharedJournal(str(path)) if is_shared else SoleWriterJournal(str(path)))
    except OSError as cause:
        raise OutsideError(f"cannot open the study {path}: {cause.strerror}") from cause
    return optuna.create_study(
        storage=storage, study_name=name, sampler=sampler, direction="maximize", load_if_exists=True
    )


def clear_stale_lock(path: Path) -> None:
    """Remove the journal's lock of a writer that is dead; Optuna would wait half a minute for it."""
    for left in (*path.parent.glob(f"{path.name}.lock"), *path.parent.glob(f"{path.name}.lock*.rename")):
        # It is a symbolic link to the journal itself: unlink, never follow.
        with contextlib.suppress(FileNotFoundError):
            left.unlink()


def cut_damage(path: Path) -> str | None:
    """Cut the journal back to its last whole line; says what was cut, or None.

    A line damaged in the middle takes all after it along (kept beside the journal): later lines build on earlier ones.
    Nothing is lost for good, since the trials that are gone come out the same when they are run again.
    """
    if not path.is_file():
        return None
    content = path.read_bytes()
    good = 0
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n") or not _is_record(line):
            break
        good += len(line)
    if good == len(content):
        return None
    rest = content[good:]
    if rest.count(b"\n") > 1:
        path.with_name(f"{path.name}.damaged").write_bytes(rest)
    with path.open("r+b") as journal:
        journal.truncate(good)
        os.fsync(journal.fileno())
    return f"cut {len(rest)} damaged bytes after byte {good}; the trials they told of are run again"


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
