"""The study's journal: Optuna's own append-only file, made fit to open after any crash.

Whoever opens it holds the result folder's lock, so it is the only writer; a lock file beside the journal then belongs
to the dead, and a torn line at its end is what a kill left of a write. Both are cleared here, before Optuna reads.
"""

import contextlib
import json
import logging
import os
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


def open_study(path: Path, *, name: str, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    """The study kept in `path`, made when it is not there. The caller holds the folder's lock."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_stale_lock(path)
        cut = cut_damage(path)
        if cut:
            log.warning("%s: %s", path, cut)
        storage = JournalStorage(SoleWriterJournal(str(path)))
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
