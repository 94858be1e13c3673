"""The journal as bytes and plain dictionaries: what a sealed line is, and how a directory of them is read.

Shared by the one writer (``journal``) and the many readers (``query``, ``explain``), which must start fast: no pydantic
here. Reading survives whatever lies in the directory and names what it could not use; it changes nothing on disk.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from swarmd.state.store.tables import Tables

SNAPSHOT = "snapshot.jsonl"
QUARANTINE = "quarantine"
LOCK = ".lock"
SNAPSHOT_SCHEMA = "swarmd.snapshot/1"

_SEGMENT = re.compile(r"^\d{6,}\.jsonl$")
_OWN = frozenset({SNAPSHOT, QUARANTINE, LOCK})
_SEAL_BYTES = len(b',"crc":"00000000"}')
_BEGINNING = b'{"seq":'
_NEVER_WRITTEN = re.compile(rb"[\x00-\x1f]")  # JSON escapes them
_OVERRUN = re.compile(rb',"crc":"[0-9a-f]{8}"\}.', re.DOTALL)

Said = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something the journal's directory holds, or lacks, that could not be used. ``line`` 0 means the whole file.

    ``is_new`` is False once the writer has put the bytes into quarantine: the damage was reported at an earlier start.
    """

    segment: str
    line: int
    reason: str
    content: bytes = b""
    is_new: bool = True

    @property
    def name(self) -> str:
        """``000003-17``: the quarantine file's name without its ending, and a subject for an incident."""
        return f"{self.segment.removesuffix('.jsonl')}-{self.line}"


@dataclass(frozen=True, slots=True)
class Line:
    """One sound line: its bytes without the newline, and what they say."""

    seq: int
    content: bytes
    said: Said


@dataclass(slots=True)
class Reading:
    """What a directory yielded. ``tables`` are those of the snapshot alone; ``lines`` come after it, in order."""

    tables: Tables[Line] = field(default_factory=Tables)
    lines: list[Line] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
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


def put(tables: Tables[Line], line: Line) -> str:
    said = line.said
    return tables.put(said["kind"], said["id"], str(said["data"].get("status", "")), line)


# -- one line -----------------------------------------------------------------------------------------------------


def sealed(content: bytes) -> bytes:
    """A JSON object closed with the checksum of its own bytes, and the newline that makes it whole."""
    return content[:-1] + b',"crc":"%08x"}\n' % crc32(content)


def opened(line: bytes) -> Said:
    """What a sealed line (without its newline) says. Raises ValueError naming what is wrong with it."""
    body, seal = line[:-_SEAL_BYTES], line[-_SEAL_BYTES:]
    if seal != b',"crc":"%08x"}' % crc32(b"}", crc32(body)):
        raise ValueError("its checksum is wrong or missing" if line.strip(b"\0 ") else "it is blank")
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError as cause:
        raise ValueError(f"it is not JSON ({cause})") from None
    if not isinstance(said, dict):
        raise ValueError("it is not a JSON object")
    return said


def line_of(content: bytes) -> Line:
    """Raises ValueError as ``opened`` does, or if the line lacks what every record has."""
    said = opened(content)
    if not (
        isinstance(said.get("seq"), int)
        and isinstance(said.get("data"), dict)
        and all(isinstance(said.get(name), str) for name in ("at", "kind", "id"))
    ):
        raise ValueError("it is not a record of a journal")
    return Line(said["seq"], content, said)


def is_torn(tail: bytes) -> bool:
    """Whether a tail without a newline is the beginning of a line, as a crash leaves it, and not something worse."""
    if not _BEGINNING.startswith(tail[: len(_BEGINNING)]) or _NEVER_WRITTEN.search(tail) or _OVERRUN.search(tail):
        return False
    try:
        codecs.utf_8_decode(tail, "strict", False)  # a character cut in its middle is what a torn line may end with
    except UnicodeDecodeError:
        return False
    return True


# -- a directory --------------------------------------------------------------------------------------------------


def read_journal(directory: Path, *, from_start: bool = False) -> Reading:
    """Snapshot and tail of a journal; with ``from_start`` every segment from its first line, without the snapshot."""
    reading = Reading()
    paths, order = _segments(directory, reading)
    start = None if from_start else _read_snapshot(directory, reading)
    position = None if start is None else _position(directory, start, reading.seq)
    for path in order:
        if position is not None and path.name != position[0]:
            continue  # before the snapshot's segment: covered by it
        offset = 0 if position is None else position[1]
        position = None
        _read_segment(path, offset, path == paths[-1], reading)
    if paths and order[-1] != paths[-1]:
        reading.is_last_sound = False
    return reading


def history(directory: Path) -> tuple[list[Line], list[Damage]]:
    """Every sound line there is, oldest first."""
    reading = read_journal(directory, from_start=True)
    return reading.lines, reading.damages


def _segments(directory: Path, reading: Reading) -> tuple[list[Path], list[Path]]:
    """The segments by name, and in the order of what they contain; strangers, gaps and copies are named."""
    paths: list[Path] = []
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        if _SEGMENT.match(path.name) and path.is_file():
            paths.append(path)
        elif path.name not in _OWN and not path.name.startswith(f".{SNAPSHOT}."):
            reading.damages.append(Damage(path.name, 0, "a foreign file; it is left alone and not read"))
    numbers = [0, *(int(path.stem) for path in paths)]
    for before, after in pairwise(numbers):
        for missing in range(before + 1, after):
            reading.damages.append(Damage(f"{missing:06d}.jsonl", 0, "the segment is missing"))
    firsts: dict[Path, int] = {}
    beginning = 0
    for path in paths:
        beginning = firsts[path] = _first_seq(path) or beginning
    order = sorted(paths, key=lambda path: (firsts[path], path.name))
    for one, other in pairwise(order):
        if firsts[one] == firsts[other] > 0 and _first_seq(other):
            reading.damages.append(Damage(other.name, 0, f"begins with seq {firsts[other]} as {one.name} does: a copy"))
    return paths, order


def _first_seq(path: Path) -> int:
    """The seq of the first sound line; 0 where there is none."""
    with path.open("rb") as file:
        for content in file:
            try:
                return line_of(content.rstrip(b"\n")).seq
            except ValueError:
                continue
    return 0


def _read_segment(path: Path, offset: int, is_last: bool, reading: Reading) -> None:
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    known, repeats = len(reading.damages), 0
    number = data.count(b"\n", 0, offset)
    unplaced = -1  # index of the damage that may explain a hole found at the next sound line
    for content in data[offset:whole].split(b"\n")[:-1]:
        number += 1
        try:
            line = line_of(content)
        except ValueError as flaw:
            unplaced = len(reading.damages)
            reading.damages.append(Damage(path.name, number, str(flaw), content))
            continue
        if line.seq <= reading.seq:
            repeats += line.seq > reading.snapshot_seq
            continue
        if line.seq > reading.seq + 1:
            _name_hole(reading, path.name, number, line.seq, unplaced)
        unplaced = -1
        reading.seq = line.seq
        reading.lines.append(line)
    tail = data[whole:]
    if repeats:
        reading.damages.append(Damage(path.name, 0, f"repeats {repeats} records read before; they count once"))
    # A torn end is cut off when the segment is written on; one with other damage is left as it is, its end included.
    is_cut = is_last and len(reading.damages) == known
    if tail and not (is_cut and is_torn(tail)):
        reading.damages.append(Damage(path.name, number + 1, "it has no end", tail))
    if not data and not is_last:
        reading.damages.append(Damage(path.name, 0, "the segment is empty"))
    if is_last:
        reading.last_segment, reading.last_length = path.name, whole
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


def snapshot_bytes(tables: Tables[Line], *, seq: int, segment: str, length: int) -> bytes:
    """The tables as their own lines, under a header that says how far they reach and seals them."""
    body = b"".join(line.content + b"\n" for line in tables)
    header = {"schema": SNAPSHOT_SCHEMA, "seq": seq, "segment": segment, "length": length, "body": f"{crc32(body):08x}"}
    return sealed(orjson.dumps(header)) + body


def _read_snapshot(directory: Path, reading: Reading) -> Said | None:
    """The header, with the tables in ``reading``; None and a named damage where the snapshot cannot be trusted."""
    try:
        first, _, body = (directory / SNAPSHOT).read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as flaw:
        reading.damages.append(Damage(SNAPSHOT, 0, f"cannot be read ({flaw.strerror}); the segments are used"))
        return None
    try:
        header = opened(first)
        if header.get("schema") != SNAPSHOT_SCHEMA:
            raise ValueError(f"its schema is {header.get('schema')!r}, not {SNAPSHOT_SCHEMA}")
        if header["body"] != f"{crc32(body):08x}":
            raise ValueError("its checksum is wrong")
        for content in body.split(b"\n")[:-1]:
            put(reading.tables, line_of(content))
    except (ValueError, KeyError) as flaw:
        reading.tables = Tables()
        reading.damages.append(Damage(SNAPSHOT, 0, f"{flaw}; the segments are used instead"))
        return None
    reading.seq = reading.snapshot_seq = header["seq"]
    return header


def _position(directory: Path, header: Said, seq: int) -> tuple[str, int] | None:
    """Where the tail begins, if the segment still agrees with the header; None means: read everything."""
    path, length = directory / header["segment"], header["length"]
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
        return (path.name, length) if not following or line_of(following).seq == seq + 1 else None
    except ValueError:
        return None


# -- as it grows --------------------------------------------------------------------------------------------------


class Follower:
    """New lines of a journal as they are written, from where it stands now. ``fresh`` returns what came since."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segment = ""
        self._length = 0
        for _ in self.fresh():
            pass

    def fresh(self) -> Iterator[Line]:
        names = sorted(path.name for path in self._directory.glob("*.jsonl") if _SEGMENT.match(path.name))
        for name in names:
            if name < self._segment:
                continue
            start = self._length if name == self._segment else 0
            with (self._directory / name).open("rb") as file:
                file.seek(start)
                data = file.read()
            whole = data.rfind(b"\n") + 1
            self._segment, self._length = name, start + whole
            for content in data[:whole].split(b"\n")[:-1]:
                try:
                    yield line_of(content)
                except ValueError:
                    continue  # named by whoever reads the whole journal
