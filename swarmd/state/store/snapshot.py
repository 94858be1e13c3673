"""The tables of a journal in one file, so that a start reads these and the tail instead of a year.

Two files have this form. ``snapshot.jsonl`` reaches to where the daemon last wrote it; ``base.jsonl`` to the end of
the segments that ``swarmd clean`` removed, and stands for them. Header (sealed), index, lines as once written.
The index says of each line what its table asks for, so that nothing is parsed before somebody asks for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import orjson

from swarmd.state.store.lines import Line, line_of, opened
from swarmd.state.store.tables import Tables

SNAPSHOT = "snapshot.jsonl"
BASE = "base.jsonl"
SNAPSHOT_SCHEMA = "swarmd.snapshot/2"
_WITHOUT_INDEX = "swarmd.snapshot/1"


class Kept(NamedTuple):
    """What the writer keeps of a line for its next snapshot: a few hundred bytes instead of a parsed record."""

    seq: int
    version: int
    status: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a snapshot goes: to record ``seq``, which ends at byte ``length`` of ``segment``.

    A base says as well at what instant that record was written.
    """

    seq: int
    segment: str
    length: int
    at: str = ""

    @property
    def number(self) -> int:
        return int(self.segment.removesuffix(".jsonl") or 0)


def kept(line: Line) -> Kept:
    return Kept(line.seq, line.version, line.status, line.content)


def kept_tables(tables: Tables[Line]) -> Tables[Kept]:
    smaller: Tables[Kept] = Tables()
    for line in tables:
        smaller.put(line.kind, line.id, line.status, kept(line))
    return smaller


def snapshot_bytes(tables: Tables[Kept], reach: Reach) -> bytes:
    """The tables as their own lines, under a header that says how far they reach and seals them."""
    index = {
        kind: {
            "id": list(table),
            "seq": [each.seq for each in table.values()],
            "v": [each.version for each in table.values()],
            "status": [each.status for each in table.values()],
            "length": [len(each.content) for each in table.values()],
        }
        for kind, table in tables.by_kind.items()
    }
    parts = [orjson.dumps(index), *(each.content for each in tables), b""]
    body = b"\n".join(parts)
    header = {
        "schema": SNAPSHOT_SCHEMA,
        "seq": reach.seq,
        "segment": reach.segment,
        "length": reach.length,
        "at": reach.at,
        "body": f"{crc32(body):08x}",
    }
    line = orjson.dumps(header)
    return line[:-1] + b',"crc":"%08x"}\n' % crc32(line) + body


def read_snapshot(path: Path) -> tuple[Reach, Tables[Line]] | None:
    """None where there is none. Raises ValueError saying why one that is there cannot be trusted."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as flaw:
        raise ValueError(f"cannot be read ({flaw.strerror})") from None
    begin = data.find(b"\n") + 1
    reach, schema, checksum = _header(data[: begin - 1] if begin else data)
    if checksum != f"{crc32(memoryview(data)[begin:]):08x}":
        raise ValueError("its checksum is wrong")
    try:
        lines = _lines(data, begin) if schema == SNAPSHOT_SCHEMA else _without_index(data, begin)
        tables: Tables[Line] = Tables()
        for line in lines:
            tables.put(line.kind, line.id, line.status, line)
    except (KeyError, TypeError, orjson.JSONDecodeError) as flaw:
        raise ValueError(f"its index does not fit its lines ({flaw})") from None
    return reach, tables


def read_reach(path: Path) -> Reach | None:
    """How far it goes, from its header alone; None where there is none, or none that can be trusted."""
    try:
        with path.open("rb") as file:
            return _header(file.readline().rstrip(b"\n"))[0]
    except (OSError, ValueError):
        return None


def _header(line: bytes) -> tuple[Reach, str, str]:
    header = opened(line)
    schema = header.get("schema")
    if schema not in (SNAPSHOT_SCHEMA, _WITHOUT_INDEX):
        raise ValueError(f"its schema is {schema!r}, not {SNAPSHOT_SCHEMA}")
    try:
        reach = Reach(int(header["seq"]), str(header["segment"]), int(header["length"]), str(header.get("at", "")))
        return reach, str(schema), header["body"]
    except KeyError as missing:
        raise ValueError(f"its header lacks {missing}") from None


def _lines(data: bytes, begin: int) -> Iterator[Line]:
    end = data.index(b"\n", begin)
    index: Mapping[str, Mapping[str, list[int]]] = orjson.loads(memoryview(data)[begin:end])
    start = end + 1
    for kind, columns in index.items():
        for id, seq, version, status, length in zip(
            columns["id"], columns["seq"], columns["v"], columns["status"], columns["length"], strict=True
        ):
            yield Line(seq, kind, version, str(id), str(status), data[start : start + length])
            start += length + 1


def _without_index(data: bytes, begin: int) -> Iterator[Line]:
    for content in data[begin:].split(b"\n")[:-1]:
        yield line_of(content)
