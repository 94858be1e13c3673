"""The ledgers in files of the home: `state/ledger/<SYMBOL>/<family>.jsonl` and `state/ledger/discoveries.jsonl`.

Several processes of one machine take turns by a file's lock, which goes with whoever dies. What a writer that was
killed has left of a line is cut off by the next one.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import sync_directory, write_whole

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class FileLines:
    """The file in `path`. `check` is asked before a line is written, once nobody else can write: it may refuse."""

    path: Path
    check: Callable[[], None] = field(default=lambda: None)

    @property
    def place(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        try:
            return whole_lines(self.path.read_bytes())
        except FileNotFoundError:
            return b""
        except OSError as cause:
            raise OutsideError(f"cannot read the ledger {self.path}: {cause.strerror}") from cause

    def append(self, seal: Callable[[bytes], bytes | None], *, once: str = "") -> bytes:
        """As the protocol says. A file never loses an answer, so that `once` is not asked for."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self.check()
                content = whole_lines(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
                line = seal(content)
                if line is None:
                    return content
                os.ftruncate(descriptor, len(content))
                try:
                    write_whole(descriptor, line + b"\n")
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
        return content + line + b"\n"


@dataclass(frozen=True, slots=True)
class FileKeeping:
    """The files below `folder`."""

    folder: Path
    check: Callable[[], None] = field(default=lambda: None)

    def names(self) -> tuple[str, ...]:
        paths = sorted([*self.folder.glob("*.jsonl"), *self.folder.glob("*/*.jsonl")])
        return tuple(str(path.relative_to(self.folder).with_suffix("")) for path in paths)

    def lines(self, name: str) -> FileLines:
        # A strategy's name may have a dot, which is no suffix.
        return FileLines(self.folder / f"{name}.jsonl", self.check)

    def saying(self, words: bytes) -> tuple[str, ...]:
        return tuple(name for name in self.names() if words in self.lines(name).read())

    def in_turn(self, scope: str, act: Callable[[], _Result]) -> _Result:
        with turn_in(self.folder / scope):
            return act()

    def close(self) -> None:
        """Nothing is held open."""


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


def whole_lines(content: bytes) -> bytes:
    """Without what a kill has left of one."""
    return content[: content.rfind(b"\n") + 1]
