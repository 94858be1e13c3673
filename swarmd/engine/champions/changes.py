"""Who followed whom in every niche, and why: `champions/changes.jsonl`, one plain line a change, only appended to.

Written before the change is made, by whoever makes it (crown phase, `champion set`, `rollback`, `monitor`), under a
lock of its own; read by the loader, the history and the crown phase. A writer killed between the line and the change
leaves a line of something that did not come about: what is in force is what the champion's file says, and
`told_history` tells the difference. Not the journal: that one is the daemon's, and champions change without a daemon.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import sync_directory, write_whole

CHANGES_FILE = "changes.jsonl"
Kind = Literal["crowned", "manual", "rollback", "dethroned"]
_KINDS = ("crowned", "manual", "rollback", "dethroned")


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after` are digests of the niche's file, as backups bear them in their names; None is no file.

    `claim` is what it is all about: the digest of what the one who comes claims, or, of a dethroning, of the one who
    goes. `at` is an ISO instant.
    """

    at: str
    niche: str
    change: Kind
    before: str | None
    after: str | None
    claim: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Told(NamedTuple):
    """A change, whether it came about, and whether the file was exchanged behind our back after it."""

    change: Change
    came_about: bool
    changed_by_hand_since: bool


def append_change(champions: Path, change: Change) -> None:
    """Note what is about to be done; on the disk when this returns. What a killed writer left of a line is cut off.

    Raises
    ------
    OutsideError
        If it cannot be written; the file is as it was, and the change must not be made.
    """
    path = champions / CHANGES_FILE
    line = json.dumps(asdict(change), separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"
    try:
        champions.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            whole = _whole_length(descriptor)
            os.ftruncate(descriptor, whole)
            try:
                write_whole(descriptor, line)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, whole)
                raise
            if not whole:
                sync_directory(champions)
        finally:
            os.close(descriptor)
    except OSError as cause:
        raise OutsideError(f"cannot write {path}: {cause.strerror}; free space or mend the disk") from cause


def read_changes(champions: Path) -> tuple[Change, ...]:
    """Every change, the oldest first; a torn last line is none yet.

    Raises
    ------
    OperatorError
        If a line cannot be read; names it.
    """
    found = []
    for number, line in enumerate(_lines(champions), 1):
        change = _change_of(line)
        if change is None:
            raise OperatorError(
                f"{champions / CHANGES_FILE} line {number} is no change of a champion; put the file back from a copy, "
                "or take the line out: then the history begins anew there"
            )
        found.append(change)
    return tuple(found)


def readable_changes(champions: Path) -> tuple[Change, ...]:
    """The same without the lines that cannot be read, for whoever must go on whatever lies there."""
    try:
        lines = _lines(champions)
    except OutsideError:
        return ()
    return tuple(change for line in lines if (change := _change_of(line)) is not None)


def dethroning_of(changes: Iterable[Change], niche: str, claim: str) -> Change | None:
    """The dethroning of this claim, unless a person or a crowning has put it in force again since."""
    last = None
    for change in changes:
        if change.niche == niche and change.claim == claim:
            last = change
    return last if last is not None and last.change == "dethroned" else None


def told_history(changes: Iterable[Change], niche: str, in_force: str | None) -> tuple[Told, ...]:
    """The niche's changes, the oldest first, each held against what came after it; `in_force` is the file's digest now.

    A line did not come about when the next one begins where it began.
    """
    own = [change for change in changes if change.niche == niche]
    after = [*(change.before for change in own[1:]), in_force]
    return tuple(
        Told(
            change,
            came_about=found != change.before or change.before == change.after,
            changed_by_hand_since=found not in (change.before, change.after),
        )
        for change, found in zip(own, after, strict=True)
    )


def _whole_length(descriptor: int) -> int:
    """Length of the file without a torn last line."""
    content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return content.rfind(b"\n") + 1


def _lines(champions: Path) -> list[bytes]:
    path = champions / CHANGES_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise OutsideError(f"cannot read {path}: {cause.strerror}") from cause
    return content[: content.rfind(b"\n") + 1].splitlines()


def _change_of(line: bytes) -> Change | None:
    try:
        told = json.loads(line)
        change = Change(**told)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (change.at, change.niche, change.claim, change.reason)
    digests = (change.before, change.after)
    is_whole = (
        change.change in _KINDS
        and all(isinstance(text, str) for text in texts)
        and all(digest is None or isinstance(digest, str) for digest in digests)
        and isinstance(change.evidence, dict)
    )
    return change if is_whole else None
