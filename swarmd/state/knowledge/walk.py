"""Files below a folder, found and opened so that nothing odd can hold us up: links, pipes, devices, giants, loops.

No symbolic link is followed, whether it leads out or round in a circle; what is no regular file is never opened; no
file is read beyond its limit. Streams: a folder's own names are all that is held at a time.
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from swarmd.state.knowledge.documents import is_binary, reader_for

MEBIBYTE = 1 << 20
MOST_BYTES = 8 * MEBIBYTE
_HEAD = 8_192
_SKIPPED_FOLDERS = frozenset(("__pycache__", "node_modules"))
Skipped = Literal["link", "special", "hidden", "other-kind", "binary", "too-large", "unreadable"]


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read: where, as which document, and what ``stat`` says of it without opening it."""

    path: Path
    reader: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Passed:
    """What was passed over, and why; ``told`` is for a person."""

    path: Path
    why: Skipped
    told: str = ""


def files_below(place: Path, most_bytes: int = MOST_BYTES) -> Iterator[Found | Passed]:
    """In the order of their names. A file given by name is read whatever its ending, if it holds text."""
    try:
        kind = place.lstat()
    except OSError as cause:
        yield Passed(place, "unreadable", cause.strerror or str(cause))
        return
    if not stat.S_ISDIR(kind.st_mode):
        yield _looked_at(place, kind, most_bytes, default="plain")
        return
    stack = [place]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as cause:
            yield Passed(folder, "unreadable", cause.strerror or str(cause))
            continue
        folders = []
        for entry in inside:
            path = folder / entry.name
            if entry.name.startswith(".") or entry.name in _SKIPPED_FOLDERS:
                yield Passed(path, "hidden")
            elif entry.is_symlink():
                yield Passed(path, "link", _where(path))
            elif entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                yield _of_entry(entry, path, most_bytes)
        stack += reversed(folders)


def read(found: Found, most_bytes: int = MOST_BYTES) -> bytes | Passed:
    """The bytes of a file, if it still is one, is text, and is no longer than it may be."""
    try:
        # Not blocked by a pipe that took the file's place, nor led away by a link that did.
        descriptor = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as cause:
        if cause.errno == errno.ELOOP:
            return Passed(found.path, "link", _where(found.path))
        return Passed(found.path, "unreadable", cause.strerror or str(cause))
    try:
        with open(descriptor, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Passed(found.path, "special")
            head = file.read(min(found.size + 1, MEBIBYTE)) or b""
            if is_binary(head[:_HEAD]):
                return Passed(found.path, "binary")
            pieces, size = [head], len(head)
            while size <= most_bytes and (piece := file.read(min(MEBIBYTE, most_bytes + 1 - size))):
                pieces.append(piece)
                size += len(piece)
    except OSError as cause:
        return Passed(found.path, "unreadable", cause.strerror or str(cause))
    if size > most_bytes:
        return Passed(found.path, "too-large", f"more than {most_bytes:,} bytes")
    return b"".join(pieces)


def shown(path: Path | str) -> str:
    """A path as text that every store can keep: bytes that are no UTF-8 are written as \\xNN."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _of_entry(entry: os.DirEntry[str], path: Path, most_bytes: int) -> Found | Passed:
    try:
        return _looked_at(path, entry.stat(follow_symlinks=False), most_bytes, default=None)
    except OSError as cause:
        return Passed(path, "unreadable", cause.strerror or str(cause))


def _looked_at(path: Path, it: os.stat_result, most_bytes: int, *, default: str | None) -> Found | Passed:
    if stat.S_ISLNK(it.st_mode):
        return Passed(path, "link", _where(path))
    if not stat.S_ISREG(it.st_mode):
        return Passed(path, "special")
    reader = reader_for(path.name) or default
    if reader is None:
        return Passed(path, "other-kind")
    if it.st_size > most_bytes:
        return Passed(path, "too-large", f"{it.st_size:,} bytes, the limit is {most_bytes:,}")
    return Found(path, reader, it.st_size, it.st_mtime_ns)


def _where(path: Path) -> str:
    try:
        return f"leads to {os.readlink(path)}"  # noqa: PTH115
    except OSError:
        return ""
