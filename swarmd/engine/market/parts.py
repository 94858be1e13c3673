"""Parts: the bars of an unfinished download, kept as they come, so that a killed one continues where it was.

One folder beside the target, one append-only file in it: a line per settled page, each with its checksum. A kill tears
at most the last line, which is seen and cut off. A lock tells two downloads of one symbol apart. The finished file is
made from these lines alone, so that an interrupted download ends with the same bytes as an undisturbed one.
"""

import fcntl
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.paging import Row, Span

_SCHEMA = "swarmd.download_part/1"


class Parts:
    """The open part of one symbol; held by one process at a time.

    `origin` says what is downloaded from where; a part of another origin is refused, or dropped with `afresh`.
    """

    def __init__(self, folder: Path, origin: str, *, afresh: bool = False) -> None:
        self.folder = folder
        self._path = folder / "pages.jsonl"
        self._file = _locked(self._path)
        try:
            self._kept = self._read(origin, afresh=afresh)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def spans(self) -> tuple[Span, ...]:
        """What is settled; within it a bar that is not there is not at the exchange either."""
        return tuple(span for span, _ in self._kept)

    @property
    def n_bars(self) -> int:
        return sum(len(rows) for _, rows in self._kept)

    def keep(self, span: Span, rows: Sequence[Row]) -> None:
        """Appends one settled span with its bars; after this a kill costs nothing of it."""
        self._file.write(_line({"span": span, "rows": rows}))
        self._file.flush()
        self._kept.append((span, _table(rows)))

    def bars(self) -> FloatArray:
        """All kept bars in order of time, shape (n_bars, 6): open time, prices, volume (ms are exact in float64)."""
        table = np.concatenate([_table(()), *(rows for _, rows in self._kept)])
        return np.ascontiguousarray(table[np.argsort(table[:, 0], kind="stable")])

    def discard(self) -> None:
        """Removes the part: what it held is in the finished file."""
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()

    def _read(self, origin: str, *, afresh: bool) -> list[tuple[Span, FloatArray]]:
        self._file.seek(0)
        lines = self._file.read().splitlines(keepends=True)
        header = _document(lines[0]) if lines else None
        if header is not None and (header.get("schema"), header.get("origin")) == (_SCHEMA, origin):
            return self._whole_lines(lines)
        if header is not None and not afresh:
            raise DataError(
                f"{self.folder}: an unfinished download of {header.get('origin', 'an unknown kind')} is kept there,"
                f" this one is of {origin}; finish that one, remove the folder, or start again with --force"
            )
        self._cut(0)
        self._file.write(_line({"schema": _SCHEMA, "origin": origin}))
        self._file.flush()
        return []

    def _whole_lines(self, lines: list[bytes]) -> list[tuple[Span, FloatArray]]:
        kept = []
        length = len(lines[0])
        for line in lines[1:]:
            document = _document(line)
            if document is None:
                break
            kept.append((Span(*document["span"]), _table(document["rows"])))
            length += len(line)
        self._cut(length)
        return kept

    def _cut(self, length: int) -> None:
        self._file.truncate(length)
        self._file.seek(length)


def _locked(path: Path) -> BinaryIO:
    """The file, locked; made where it is not there."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The holder before us may have finished, and removed the file, between our opening and our locking it.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BlockingIOError:
            file.close()
            raise DataError(f"{path.parent}: another download writes there; wait until it has finished") from None
        file.close()


def _line(document: dict[str, object]) -> bytes:
    body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _document(line: bytes) -> dict[str, Any] | None:
    """What a line holds, or None where it is torn."""
    checksum, _, body = line[:-1].partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
        return None
    document: dict[str, Any] = json.loads(body)
    return document


def _table(rows: Sequence[Sequence[float]]) -> FloatArray:
    return np.array(rows, dtype=np.float64).reshape(-1, len(Row._fields))
