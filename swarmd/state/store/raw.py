"""A directory of journal segments, read: what its lines come to, and every damage in it named.

Used by the one writer (``journal``) and the many readers (``query``, ``explain``), which must start fast: no pydantic
here. Reading survives whatever lies in the directory and names what it could not use; it changes nothing on disk.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from swarmd.state.errors import OutsideError
from swarmd.state.store.lines import Damage, Line, Said, is_torn, line_of, put, sealed
from swarmd.state.store.segments import LOCK, QUARANTINE, in_order, segments_by_name
from swarmd.state.store.snapshot import BASE, SNAPSHOT, Reach, read_reach, read_snapshot
from swarmd.state.store.tables import Tables

# Who reads a journal names its lines and damages too; those live in ``lines`` because ``snapshot`` needs them as well.
__all__ = [
    "BASE",
    "LOCK",
    "QUARANTINE",
    "SNAPSHOT",
    "Damage",
    "Line",
    "Reading",
    "Said",
    "history",
    "line_of",
    "put",
    "reaches_back_to",
    "read_journal",
    "read_segment",
    "sealed",
    "segment_lines",
    "segments_by_name",
    "walk",
]  # fmt: skip

# More lines than this after the last snapshot are folded as they are read: a year of them does not fit in memory.
_FOLDED_FROM = 20_000
_LOOKS_PAST_CLEANING = 3


@dataclass(slots=True)
class Reading:
    """What a directory yielded. ``tables`` come first, ``lines`` after them, in order.

    ``tables`` are those of the snapshot, with the oldest lines of a long tail folded in; ``versions`` are the kinds and
    versions the segments hold, each with the first seq it was met at.
    """

    tables: Tables[Line] = field(default_factory=Tables)
    lines: list[Line] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    versions: dict[tuple[str, int], int] = field(default_factory=dict)
    snapshot_seq: int = 0
    seq: int = 0
    last_segment: str = ""
    last_length: int = 0
    is_last_sound: bool = True

    def folded(self) -> Tables[Line]:
        """Snapshot and tail as one set of tables."""
        for line in self.lines:
            put(self.tables, line)
        return self.tables

    def take(self, line: Line) -> None:
        self.lines.append(line)
        if (line.kind, line.version) not in self.versions:
            self.versions[line.kind, line.version] = line.seq
        if len(self.lines) >= _FOLDED_FROM:
            self.folded()
            self.lines.clear()


# -- a directory --------------------------------------------------------------------------------------------------


def read_journal(directory: Path) -> Reading:
    """Snapshot and tail of a journal; every segment from its first line where there is no sound snapshot."""
    for _ in range(_LOOKS_PAST_CLEANING):
        with contextlib.suppress(FileNotFoundError):
            return _read(directory)
        # Listed, and removed by `swarmd clean` before we opened it; its base is there now.
    return _read(directory)


def _read(directory: Path) -> Reading:
    reading = Reading()
    paths, order = in_order(directory, read_reach(directory / BASE), reading.damages)
    start = _snapshot(directory, SNAPSHOT, reading)
    position = None if start is None else _position(directory, start)
    if position is not None and position[0] not in {path.name for path in order}:
        position = None
    if start is None and (directory / BASE).exists():
        _snapshot(directory, BASE, reading)
    for path in order:
        if position is not None and path.name != position[0]:
            continue  # before the snapshot's segment: covered by it
        offset = 0 if position is None else position[1]
        position = None
        read_segment(path, offset, path == paths[-1], reading)
    if paths and order[-1] != paths[-1]:
        reading.is_last_sound = False
    return reading


def history(directory: Path) -> tuple[list[Line], list[Damage]]:
    """Every sound line there is, oldest first. Of the time before ``reaches_back_to`` only the newest of each id."""
    damages: list[Damage] = []
    return list(walk(directory, damages)), damages


def walk(directory: Path, damages: list[Damage]) -> Iterator[Line]:
    """``history`` line by line, with one segment in memory at a time: a year of them does not fit.

    What could not be used is added to ``damages`` on the way. Raises OutsideError where history is removed meanwhile.
    """
    reading = Reading(damages=damages)
    paths, order = in_order(directory, read_reach(directory / BASE), damages)
    if (directory / BASE).exists():
        _snapshot(directory, BASE, reading)
        yield from sorted(reading.tables, key=lambda line: line.seq)
    for path in order:
        try:
            yield from segment_lines(path, 0, path == paths[-1], reading)
        except FileNotFoundError:
            raise OutsideError(f"{path} was removed (by `swarmd clean`?) while history was read; ask again") from None


def reaches_back_to(directory: Path) -> str:
    """The instant up to which history was removed by ``swarmd clean``; empty where it reaches back to the beginning.

    States before it cannot be shown (``--at``) and cycles before it cannot be decided again (``replay``).
    """
    base = read_reach(directory / BASE)
    return "" if base is None else base.at


class _Place:
    """Where in a segment we are, told as a line number only when something must be named."""

    def __init__(self, path: Path, offset: int) -> None:
        self._path, self._offset = path, offset
        self.number = 0

    @cached_property
    def _before(self) -> int:
        if not self._offset:
            return 0
        with self._path.open("rb") as file:
            return file.read(self._offset).count(b"\n")

    @property
    def line(self) -> int:
        return self._before + self.number


def read_segment(path: Path, offset: int, is_last: bool, reading: Reading) -> None:
    """Add a segment's lines from that byte on, and name what is wrong with it."""
    for line in segment_lines(path, offset, is_last, reading):
        reading.take(line)


def segment_lines(path: Path, offset: int, is_last: bool, reading: Reading) -> Iterator[Line]:
    """A segment's lines from that byte on that come after what was read; what is wrong with it goes to ``reading``."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data.rfind(b"\n") + 1
    known, repeats, covered = len(reading.damages), 0, reading.snapshot_seq
    place = _Place(path, offset)
    unplaced = -1  # index of the damage that may explain a hole found at the next sound line
    for content in data[:whole].split(b"\n")[:-1]:
        place.number += 1
        try:
            line = line_of(content)
        except ValueError as flaw:
            unplaced = len(reading.damages)
            reading.damages.append(Damage(path.name, place.line, str(flaw), content))
            continue
        if line.seq <= reading.seq:
            repeats += line.seq > covered
            continue
        if line.seq > reading.seq + 1:
            _name_hole(reading, path.name, place.line, line.seq, unplaced)
        unplaced = -1
        reading.seq = line.seq
        yield line
    tail = data[whole:]
    if repeats:
        reading.damages.append(Damage(path.name, 0, f"repeats {repeats} records read before; they count once"))
    # A torn end is cut off when the segment is written on; one with other damage is left as it is, its end included.
    is_cut = is_last and len(reading.damages) == known
    if tail and not (is_cut and is_torn(tail)):
        reading.damages.append(Damage(path.name, place.line + 1, "it has no end", tail))
    if not data and not offset and not is_last:
        reading.damages.append(Damage(path.name, 0, "the segment is empty"))
    if is_last:
        reading.last_segment, reading.last_length = path.name, offset + whole
        reading.is_last_sound = len(reading.damages) == known


def _name_hole(reading: Reading, segment: str, number: int, seq: int, unplaced: int) -> None:
    lost = f"seq {reading.seq + 1}" + (f" to {seq - 1}" if seq - 1 > reading.seq + 1 else "")
    if unplaced >= 0:
        flaw = reading.damages[unplaced]
        reason = f"{flaw.reason}; {lost} lost"
        reading.damages[unplaced] = Damage(flaw.segment, flaw.line, reason, flaw.content)
    else:
        note = f"{lost} missing before seq {seq}"
        reading.damages.append(Damage(segment, number, note, note.encode()))


# -- the snapshot -------------------------------------------------------------------------------------------------


def _snapshot(directory: Path, name: str, reading: Reading) -> Reach | None:
    """How far it reaches, with its tables in ``reading``; None, and a named damage, where it cannot be trusted."""
    try:
        found = read_snapshot(directory / name)
    except ValueError as flaw:
        reading.damages.append(Damage(name, 0, f"{flaw}; the segments are used instead"))
        return None
    if found is None:
        return None
    reach, reading.tables = found
    reading.seq = reading.snapshot_seq = reach.seq
    return reach


def _position(directory: Path, reach: Reach) -> tuple[str, int] | None:
    """Where the tail begins, if the segment still agrees with the snapshot; None means: read everything."""
    path, length = directory / reach.segment, reach.length
    try:
        with path.open("rb") as file:
            if length:
                file.seek(length - 1)
                if file.read(1) != b"\n":
                    return None
            following = file.readline().rstrip(b"\n")
    except OSError:
        return None
    try:
        return (path.name, length) if not following or line_of(following).seq == reach.seq + 1 else None
    except ValueError:
        return None
