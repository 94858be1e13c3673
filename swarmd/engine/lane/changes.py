"""What a run on a node has written since it last told of it, and the same written into the home that it works for.

The node's side makes a parcel at a safe point, when files and outbox tell of the same trials; the owner's side puts its
files in place first and appends the outbox's lines behind them, as a run of its own would have. A study's journal only
grows, so that its tail alone travels; every other file travels whole and is replaced whole.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from swarmd.engine.lane.parcels import packed, unpacked
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, atomic_write, write_whole
from swarmd.state.work_order import SaidLine

OUTBOX_FILES = ("progress", "trials", "events")
_GROWING = ".journal"
# Locks, and what is being put in place: neither is anybody else's business.
_LOCK_SUFFIXES = (".lock", ".workers")

Seen = tuple[int, int, int]


class ChangesThere:
    """On the node: the files below ``folder`` of the scratch home, and the outbox of its one run."""

    def __init__(self, home: Home, folder: Path, run: str) -> None:
        self._home = home
        self._folder = folder
        self._outbox = home.outbox_of(run)
        self._told_bytes = dict.fromkeys(OUTBOX_FILES, 0)
        # What came with the order is known at the other end.
        self._known = {path: _seen(path) for path in _files_below(folder)}

    def parcel(self) -> bytes | None:
        """What is new, as one parcel; None where nothing is."""
        contents: list[bytes] = []
        files: list[dict[str, str | int]] = []
        there = set()
        for path in _files_below(self._folder):
            there.add(path)
            seen, before = _seen(path), self._known.get(path)
            if seen == before:
                continue
            content = path.read_bytes()
            entry: dict[str, str | int] = {"path": str(path.relative_to(self._folder))}
            if path.suffix == _GROWING:
                begins = 0 if before is None else before[1]
                # A line that is still being written by a worker comes with the next parcel.
                content = content[begins : content.rfind(b"\n") + 1]
                if not content:
                    continue
                entry["from"] = begins
                seen = (seen[0] if begins + len(content) == seen[1] else 0, begins + len(content), seen[2])
            files.append(entry)
            contents.append(content)
            self._known[path] = seen
        gone = [path for path in self._known if path not in there]
        for path in gone:
            del self._known[path]
        lines = [self._new_lines(name) for name in OUTBOX_FILES]
        if not (files or gone or any(lines)):
            return None
        header = {
            "kind": "changes",
            "files": files,
            "gone": [str(path.relative_to(self._folder)) for path in gone],
            "outbox": list(OUTBOX_FILES),
        }
        return packed(header, [*contents, *lines])

    def _new_lines(self, name: str) -> bytes:
        try:
            with (self._outbox / f"{name}.jsonl").open("rb") as file:
                file.seek(self._told_bytes[name])
                content = file.read()
        except FileNotFoundError:
            return b""
        lines = content[: content.rfind(b"\n") + 1]
        self._told_bytes[name] += len(lines)
        return lines


class ChangesHere:
    """On the owner's machine: writes what a parcel tells below ``folder``, which the caller holds alone, and into the
    outbox of the run, lines of this ``token`` only."""

    def __init__(self, folder: Path, outbox: Path, *, token: int) -> None:
        self._folder = folder
        self._token = token
        try:
            outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._outbox = {name: _append(outbox / f"{name}.jsonl") for name in OUTBOX_FILES}
        except OSError as cause:
            raise OutsideError(f"cannot open the outbox {outbox}: {cause.strerror}") from cause

    def apply(self, parcel: bytes, *, before_lines: Callable[[bytes], None] | None = None) -> None:
        """Files first, then ``before_lines`` with the lines of events that follow, then the lines.

        Raises
        ------
        OutsideError
            If something cannot be written, or the parcel is none that a lane of ours would send.
        """
        try:
            header, contents = unpacked(parcel)
            files, names = header["files"], header["outbox"]
            lines = {name: self._own(lines) for name, lines in zip(names, contents[len(files) :], strict=True)}
            is_last = b'"event": "result"' in lines.get("events", b"")
            for entry, content in zip(files, contents, strict=False):
                path = self._inside(entry["path"])
                if "from" in entry:
                    _grow(path, content, at=int(entry["from"]))
                else:
                    atomic_write(path, content, sync=is_last)
            for name in header["gone"]:
                self._inside(name).unlink(missing_ok=True)
        except (ValueError, KeyError, TypeError) as cause:
            raise OutsideError(f"the node sent what is no parcel of a lane: {cause}") from cause
        if before_lines is not None:
            before_lines(lines.get("events", b""))
        for name, told in lines.items():
            if told:
                self._write(name, told)

    def say(self, line: SaidLine) -> None:
        """Of the courier's own."""
        self._write("events", json.dumps(line.model_dump(mode="json")).encode() + b"\n")

    def _write(self, name: str, lines: bytes) -> None:
        try:
            write_whole(self._outbox[name], lines)
            if b'"event": "result"' in lines:
                os.fsync(self._outbox[name])
        except OSError as cause:
            raise OutsideError(f"cannot write the outbox of this run: {cause.strerror}") from cause

    def _own(self, lines: bytes) -> bytes:
        for line in lines.splitlines():
            if json.loads(line)["token"] != self._token:
                raise ValueError(f"a line bears another token than {self._token}")
        return lines

    def _inside(self, name: str) -> Path:
        relative = Path(name)
        path = self._folder / relative
        if (
            relative.is_absolute()
            or ".." in relative.parts
            or not path.resolve().is_relative_to(self._folder.resolve())
        ):
            raise ValueError(f"{name!r} leads out of the run's folder")
        if relative.suffix in _LOCK_SUFFIXES or any(part.startswith(".") for part in relative.parts):
            raise ValueError(f"{name!r} is no file of results")
        return path

    def close(self) -> None:
        for descriptor in self._outbox.values():
            os.close(descriptor)
        self._outbox = {}


def _grow(path: Path, content: bytes, *, at: int) -> None:
    """Append what follows byte ``at``. Not as long as that: the run on the node goes on from another file than ours."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            there = os.fstat(descriptor).st_size
            if there < at:
                raise ValueError(f"{path.name} has {there} bytes here and {at} there")
            # What a kill left torn behind it was cut off before the node got it.
            os.ftruncate(descriptor, at)
            os.lseek(descriptor, at, os.SEEK_SET)
            write_whole(descriptor, content)
        finally:
            os.close(descriptor)
    except OSError as cause:
        raise OutsideError(f"cannot write {path}: {cause.strerror}") from cause


def _files_below(folder: Path) -> Iterator[Path]:
    """Every file of results. What may vanish under our eyes is a file that is being put in place."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith(_LOCK_SUFFIXES):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def _seen(path: Path) -> Seen:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
