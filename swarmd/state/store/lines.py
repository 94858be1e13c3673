"""One line of a journal: sealed with the checksum of its own bytes, and read without parsing what nobody asks for.

Shared by the one writer (``journal``) and the many readers. A year of lines is read by start-ups and commands that must
be quick: the head of a line is matched, not parsed, and ``said`` parses when asked. No pydantic, no files here.
"""

import codecs
import re
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from swarmd.state.store.tables import MOVES, Tables

Said = dict[str, Any]

_SEAL_BYTES = len(b',"crc":"00000000"}')
_BEGINNING = b'{"seq":'
_NEVER_WRITTEN = re.compile(rb"[\x00-\x1f]")  # JSON escapes them
_OVERRUN = re.compile(rb',"crc":"[0-9a-f]{8}"\}.', re.DOTALL)
# What ``codec`` writes before the data. An id that needed an escape does not match and is parsed.
_HEAD = re.compile(
    rb'\{"seq":(\d+),"at":"[^"\\]*","kind":"([^"\\]+)","v":(\d+),"id":"([^"\\]*)","caused_by":\[[^\]]*\],"data":\{'
)


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
        """``000003-17``: the quarantine file's name without its ending. Of a whole file there may be much to say."""
        place = f"{self.segment.removesuffix('.jsonl')}-{self.line}"
        return place if self.line else f"{place}-{crc32(self.reason.encode()):08x}"


class Line(NamedTuple):
    """One sound line: its bytes without the newline, and of its head what the tables ask for.

    ``version`` is 0 where it is no number, ``status`` empty for kinds without a lifecycle.
    """

    seq: int
    kind: str
    version: int
    id: str
    status: str
    content: bytes

    @property
    def said(self) -> Said:
        """The whole line, parsed anew at each call: a picture of thousands must not hold them all twice."""
        parsed: Said = orjson.loads(self.content)
        return parsed

    @property
    def at(self) -> str:
        """Its instant as written; one fixed format, so texts compare as instants do."""
        begin = self.content.find(b'"at":"', 0, 40) + 6
        if begin > 5:
            return self.content[begin : self.content.index(b'"', begin)].decode()
        return str(self.said["at"])


def put(tables: Tables[Line], line: Line) -> str:
    return tables.put(line.kind, line.id, line.status, line)


def sealed(content: bytes) -> bytes:
    """A JSON object closed with the checksum of its own bytes, and the newline that makes it whole."""
    return content[:-1] + b',"crc":"%08x"}\n' % crc32(content)


def is_sealed(line: bytes) -> bool:
    return line[-_SEAL_BYTES:] == b',"crc":"%08x"}' % crc32(b"}", crc32(line[:-_SEAL_BYTES]))


def opened(line: bytes) -> Said:
    """What a sealed line (without its newline) says. Raises ValueError naming what is wrong with it."""
    if not is_sealed(line):
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
    head = _HEAD.match(content)
    if head is not None and is_sealed(content):
        seq, kind, version, id = head.groups()
        name = kind.decode()
        if name not in MOVES:
            return Line(int(seq), name, int(version), id.decode(), "", content)
    return said_line(opened(content), content)


def said_line(said: Said, content: bytes) -> Line:
    """The line of what is parsed already. Raises ValueError if it lacks what every record has."""
    if not (
        isinstance(said.get("seq"), int)
        and isinstance(said.get("data"), dict)
        and all(isinstance(said.get(name), str) for name in ("at", "kind", "id"))
    ):
        raise ValueError("it is not a record of a journal")
    version = said.get("v")
    return Line(
        said["seq"],
        said["kind"],
        version if isinstance(version, int) else 0,
        said["id"],
        str(said["data"].get("status", "")),
        content,
    )


def is_torn(tail: bytes) -> bool:
    """Whether a tail without a newline is the beginning of a line, as a crash leaves it, and not something worse."""
    if not _BEGINNING.startswith(tail[: len(_BEGINNING)]) or _NEVER_WRITTEN.search(tail) or _OVERRUN.search(tail):
        return False
    try:
        codecs.utf_8_decode(tail, "strict", False)  # a character cut in its middle is what a torn line may end with
    except UnicodeDecodeError:
        return False
    return True
