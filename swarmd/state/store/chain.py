"""Append-only files of sealed lines: what was written once is neither changed nor taken out unseen.

Each line is one JSON object that names the digest of the line before it and bears its own. A line that was changed,
dropped or moved breaks the chain: readers and writers alike refuse, with its number, until a person has looked. Lines
cut off at the end leave no trace in the file; whoever relies on what stood there keeps a line's digest elsewhere and
asks for it again. The trial ledger and the discoveries are kept so; what the lines mean is not known here.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import sync_directory, write_whole

_SEAL = re.compile(rb',"digest":"([0-9a-f]{64})"\}$')


@dataclass(frozen=True, slots=True)
class Link:
    """A sealed line: its number from 1 on, what it tells, and the digest it is sealed with."""

    line: int
    told: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Chain:
    """The file in `path`. Its first line names the digest of `name`, so that the lines of one file are not another's.

    `is_sound` says whether a line tells what it should (any exception of a wrong shape means no), `of` what a line is
    in words, and `without` what it costs to go on without the file.
    """

    path: Path
    name: str
    of: str
    without: str
    is_sound: Callable[[Mapping[str, Any]], bool]

    def read(self) -> tuple[Link, ...]:
        """Every line, the chain checked; none where there is no such file. A torn last line is no line yet.

        Raises
        ------
        OperatorError
            If the chain is broken; names file and line.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as cause:
            raise OutsideError(f"cannot read the ledger {self.path}: {cause.strerror}") from cause
        return self._links(_whole_lines(content))

    def append(self, decide: Callable[[Sequence[Link]], Mapping[str, Any] | None]) -> tuple[Link, ...]:
        """Seal one more line, which `decide` makes of those that are there; all lines, the new one last.

        It is on the disk when this returns; nothing is written where `decide` gives None. Several processes take turns
        by the file's lock, which is held meanwhile. What a writer that was killed has left of a line is cut off first,
        and the whole chain is checked: a count that goes on after a broken line would be believed.

        Raises
        ------
        OperatorError
            If the chain is broken; names file and line.
        OutsideError
            If it cannot be written; the file is as it was.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                content = _whole_lines(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
                links = self._links(content)
                told = decide(links)
                if told is None:
                    return links
                os.ftruncate(descriptor, len(content))
                sealed, digest = _sealed({**told, "previous": self.head(links)})
                try:
                    write_whole(descriptor, sealed + b"\n")
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, len(content))
                    raise
                if not content:
                    sync_directory(self.path.parent)
            finally:
                os.close(descriptor)
        except OSError as cause:
            raise OutsideError(
                f"cannot write the ledger {self.path}: {cause.strerror}; free space or mend the disk"
            ) from cause
        return (*links, Link(len(links) + 1, told, digest))

    def head(self, links: Sequence[Link]) -> str:
        """The digest that the next line must name: the last line's, before the first one that of the name."""
        return links[-1].digest if links else self.root

    @property
    def root(self) -> str:
        return _digest(self.name.encode())

    def _links(self, content: bytes) -> tuple[Link, ...]:
        links: list[Link] = []
        for number, line in enumerate(content.splitlines(), 1):
            told, digest = self._told(line, number)
            previous = self.head(links)
            if (named := told.pop("previous", None)) != previous:
                raise self._broken(
                    number, f"it follows {str(named)[:12]} and not {previous[:12]}, so a line was dropped or moved"
                )
            links.append(Link(number, told, digest))
        return tuple(links)

    def _told(self, line: bytes, number: int) -> tuple[dict[str, Any], str]:
        seal = _SEAL.search(line)
        if seal is None or _digest(line[: seal.start()]) != seal[1].decode():
            raise self._broken(number, "it was changed or damaged, for its digest does not hold")
        try:
            told = json.loads(line)
            digest = told.pop("digest")
            is_sound = self.is_sound(told)
        except (ValueError, KeyError, TypeError, AttributeError, OperatorError):
            is_sound = False
        if not is_sound:
            raise self._broken(number, f"it is sealed and yet no {self.of}")
        return told, digest

    def _broken(self, number: int, wrong: str) -> OperatorError:
        return OperatorError(
            f"{self.path} line {number}: {wrong}; put the ledger back from a copy, or move it away: then "
            f"{self.without}, and results that rely on it are to be judged anew"
        )


@contextmanager
def turn_in(folder: Path) -> Iterator[None]:
    """Alone among those who take turns in this folder, where one decision looks at several files of it; the turn of one
    who dies is free again."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / ".turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as cause:
        raise OutsideError(f"cannot take a turn in {folder}: {cause.strerror}; free space or mend the disk") from cause
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _sealed(told: Mapping[str, Any]) -> tuple[bytes, str]:
    content = json.dumps(told, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()[:-1]
    digest = _digest(content)
    return content + b',"digest":"%s"}' % digest.encode(), digest


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
