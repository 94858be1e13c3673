"""The trial ledger: how many parameter vectors have ever been tried on an asset with a family of strategies.

One append-only file for each of the two, `state/ledger/<SYMBOL>/<family>.jsonl`, one line an evaluation batch. What a
result is deflated by is asked here, so that neither a new campaign nor a restart makes a search look smaller than it
was. Each line holds the digest of the one before it: a line that was changed, dropped or moved breaks the chain, and
nothing is counted before a person has looked. Lines cut off at the end leave no trace in the file; whoever relies on a
count keeps the digest of the last line (`head`) beside it. Several processes may append: they take turns by the lock.
"""

import datetime as dt
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, sync_directory, write_whole
from swarmd.state.units import Millis, iso

FOLDER = "ledger"
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SEAL = re.compile(rb',"digest":"([0-9a-f]{64})"\}$')


@dataclass(frozen=True, slots=True)
class Vintage:
    """A stretch of data by its first and last day, both UTC and both in it; written `2023-01-01_2024-05-31`.

    Of any timeframe: bars of an hour and of five minutes tell of the same days.
    """

    first: str
    last: str

    def __post_init__(self) -> None:
        for day in (self.first, self.last):
            try:
                is_day = dt.date.fromisoformat(day).isoformat() == day
            except ValueError:
                is_day = False
            if not is_day:
                raise OperatorError(f"vintage {self}: {day!r} is no day; write 2023-01-01_2024-05-31")
        if self.last < self.first:
            raise OperatorError(f"vintage {self}: it ends before it begins; exchange the two days")

    def __str__(self) -> str:
        return f"{self.first}_{self.last}"

    @classmethod
    def of(cls, text: str) -> "Vintage":
        first, _, last = text.partition("_")
        return cls(first, last)

    def overlaps(self, other: "Vintage") -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Batch:
    """One evaluation batch: `count` vectors tried by `phase` of `run` on bars of `vintage`, with that code and data."""

    symbol: str
    family: str
    vintage: Vintage
    interval: str
    phase: str
    count: int
    run: str
    code: str
    data: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch as it stands in a ledger: its line from 1 on, when it was written, and the digest it is sealed with."""

    line: int
    at: str
    batch: Batch
    digest: str


def ledger_path(home: Home, symbol: str, family: str) -> Path:
    """The ledger of the two. OperatorError for a name that would lead elsewhere."""
    for name, value in (("symbol", symbol), ("family", family)):
        if not _PLAIN.fullmatch(value):
            raise OperatorError(f"{name} {value!r} cannot be part of a ledger's name; use letters, digits, - and _")
    return home.state / FOLDER / symbol / f"{family}.jsonl"


def ledgers(home: Home) -> tuple[Path, ...]:
    """Every ledger of this home, by name."""
    return tuple(sorted((home.state / FOLDER).glob("*/*.jsonl")))


def append_batch(home: Home, batch: Batch, at: Millis) -> Entry:
    """Seal the batch onto its ledger; it is on the disk when this returns.

    What a writer that was killed has left of a line is cut off first. The whole chain is checked: a count that goes on
    after a broken line would be believed.

    Raises
    ------
    OperatorError
        If the chain is broken; names file and line.
    OutsideError
        If it cannot be written; the ledger is as it was.
    """
    if batch.count < 1:
        raise ValueError(f"ledger: a batch of {batch.count} vectors is none; tell only what was tried")
    path = ledger_path(home, batch.symbol, batch.family)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            content = _whole_lines(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
            entries = _entries(content, path)
            os.ftruncate(descriptor, len(content))
            sealed = _sealed(batch, iso(at), previous=head_of(entries, path))
            try:
                write_whole(descriptor, sealed + b"\n")
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, len(content))
                raise
            if not content:
                sync_directory(path.parent)
        finally:
            os.close(descriptor)
    except OSError as cause:
        raise OutsideError(f"cannot write the ledger {path}: {cause.strerror}; free space or mend the disk") from cause
    return _entry(sealed, len(entries) + 1)


def read_ledger(path: Path) -> tuple[Entry, ...]:
    """Every batch of a ledger, the chain checked; none where there is no such file. A torn last line is no line yet.

    Raises
    ------
    OperatorError
        If the chain is broken; names file and line.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as cause:
        raise OutsideError(f"cannot read the ledger {path}: {cause.strerror}") from cause
    return _entries(_whole_lines(content), path)


def tried(entries: Iterable[Entry], vintage: Vintage | None = None) -> int:
    """How many vectors; of a vintage all that were tried on any day of it, so that a stretch moved by a day is no new
    one."""
    return sum(e.batch.count for e in entries if vintage is None or e.batch.vintage.overlaps(vintage))


def head_of(entries: Sequence[Entry], path: Path) -> str:
    """The digest that the next line must name: the last line's; before the first one that of the ledger's own name, so
    that the lines of one asset are not those of another."""
    return entries[-1].digest if entries else _digest(f"{path.parent.name}/{path.stem}".encode())


# -- the chain --------------------------------------------------------------------------------------------------------


def _whole_lines(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _entries(content: bytes, path: Path) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for number, line in enumerate(content.splitlines(), 1):
        if (wrong := _wrong(line, previous=head_of(entries, path))) is not None:
            raise OperatorError(
                f"{path} line {number}: {wrong}; put the ledger back from a copy, or move it away: then what was tried "
                "before no longer counts, and results that rely on it are to be judged anew"
            )
        entries.append(_entry(line, number))
    return tuple(entries)


def _wrong(line: bytes, *, previous: str) -> str | None:
    seal = _SEAL.search(line)
    if seal is None or _digest(line[: seal.start()]) != seal[1].decode():
        return "it was changed or damaged, for its digest does not hold"
    try:
        told = json.loads(line)
        Vintage.of(told["vintage"])
        is_whole = isinstance(told["count"], int) and isinstance(told["at"], str)
    except (ValueError, KeyError, TypeError, OperatorError):
        is_whole = False
    if not is_whole:
        return "it is sealed and yet no batch of trials"
    if told["previous"] != previous:
        return f"it follows {str(told['previous'])[:12]} and not {previous[:12]}, so a line was dropped or moved"
    return None


def _entry(line: bytes, number: int) -> Entry:
    told: dict[str, Any] = json.loads(line)
    at, digest = told.pop("at"), told.pop("digest")
    del told["previous"]
    return Entry(number, at, Batch(**told | {"vintage": Vintage.of(told["vintage"])}), digest)


def _sealed(batch: Batch, at: str, *, previous: str) -> bytes:
    told = {"at": at, **asdict(batch), "vintage": str(batch.vintage), "previous": previous}
    content = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()[:-1]
    return content + b',"digest":"%s"}' % _digest(content).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
