"""Feature cache: what every lane and phase on one data set needs, made once and mapped into memory by all of them.

Kept are the decoded, checked, gap-filled bars: raw little-endian arrays behind a header, read-only, so that eight lanes
hold one copy of the pages. The key is a digest of the source files' bytes, of what was asked (interval, stretch,
accepted gaps) and of the code that makes bars of them; a source that changes underfoot has another key, for its digest
is really computed each time. An entry is believed only after the digest of its arrays is that of its header: one cut
short or damaged is said, and made anew. Entries beyond the limit are dropped, the least recently used first. The cache
decides nothing: where it cannot be read or written, bars come from the source, the same to the last bit.

Measured on 148,592 5-minute bars (a Parquet file of 4.3 MB) on two shared cores: 12.5 ms from the source, 7.0 from
here, of which digesting the source takes 2.7 and verifying the entry of 7.3 MB 4.0; the digest of the bars comes with
it, which a phase would else compute for another 4. The same bars in 17 monthly zip dumps: 84 ms and 6.6. What counts
more: a fresh process, as each run is one, takes 190 to 260 ms for its first file, for Arrow has to be imported and
started, and 25 to 70 for its first entry. Eight processes with these bars took 597 MiB together from the source and
176 from here.

What else could be kept, and is not. Resampled closes: 0.2 ms for all seven slower timeframes together, less than
finding an entry. EMA lines: 84 ms for 195 lengths on each of seven timeframes, but 179 MB, slower to read than to
compute from a cold disk, and which ones are needed depends on the lengths that were drawn. The first-passage table: 25
ms and 3.2 MB, but its levels are taken from the stops and targets that were drawn, so that two phases hardly ever ask
for the same one: keyed by them it would be written often and read never.
"""

import contextlib
import datetime as dt
import functools
import hashlib
import json
import mmap
import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.market.bars import ARRAYS, Bars, load_bars
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.formats import READABLE, files_of
from swarmd.engine.market.gaps import parse_known_gap
from swarmd.engine.market.timeframes import interval_name, parse_interval

SCHEMA = "swarmd.bars_cache/1"
SUFFIX = ".bars"
LIMIT_BYTES = 4 * 2**30

# One page: the arrays behind it begin on a page too.
_HEADER_BYTES = 4096
_ALIGNED = 64
_DTYPES = {"open_time": "<i8", "synthetic": "|b1"}
# A writer that was killed leaves its half file; nobody writes one entry for longer than this.
_ABANDONED_AFTER_S = 3600.0


def cached_bars(
    folder: Path,
    path: Path | Sequence[Path],
    *,
    symbol: str,
    interval: str,
    start_ms: int | None = None,
    end_ms: int | None = None,
    known_gaps: Iterable[str | dt.date] = (),
    allow_gaps: int = 0,
    say: Callable[[str], None] = lambda text: None,
    limit_bytes: int = LIMIT_BYTES,
) -> Bars:
    """What `load_bars` gives for the same arguments, from `folder` where it is there, kept there where it was not.

    Parameters
    ----------
    folder : where entries lie; made when absent. Several processes may use it at once.
    say : told one line when an entry was damaged, dropped for room, or could not be kept.

    Raises
    ------
    DataError
        As `load_bars` does. Nothing is kept of bars that were refused.
    """
    known = tuple(known_gaps)

    def from_source() -> Bars:
        return load_bars(
            path,
            symbol=symbol,
            interval=interval,
            start_ms=start_ms,
            end_ms=end_ms,
            known_gaps=known,
            allow_gaps=allow_gaps,
        )

    question = [
        interval_name(parse_interval(interval)),
        start_ms,
        end_ms,
        sorted({(gap.start_ms, gap.stop_ms) for gap in map(parse_known_gap, known)}),
        allow_gaps,
    ]
    before = source_digest(path, symbol=symbol, interval=interval)
    if before is None:
        return from_source()
    entry = folder / f"{_key(before, question)}{SUFFIX}"
    bars = _read_entry(entry, symbol, say)
    if bars is not None:
        return bars
    bars = from_source()
    # The file may have been replaced between its digest and its reading: then these are the bars of no digest we have.
    if source_digest(path, symbol=symbol, interval=interval) == before:
        _keep(entry, bars, say, limit_bytes)
    return bars


def source_digest(path: Path | Sequence[Path], *, symbol: str | None, interval: str | None) -> str | None:
    """Digest of the names and bytes of the source's files; None where one cannot be read: the loader will tell."""
    digest = hashlib.sha256()
    try:
        for file in files_of(path, symbol=symbol, interval=interval):
            if file.suffix.lower() not in READABLE:
                return None
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            digest.update(f"{file.name}\0{content}\n".encode())
    except (OSError, DataError):
        return None
    return digest.hexdigest()


@functools.cache
def code_digest() -> str:
    """Digest of the sources that make bars of a file, and of the versions of what decodes it."""
    from importlib.metadata import version

    digest = hashlib.sha256(f"numpy {np.__version__} pyarrow {version('pyarrow')}\n".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


def _key(source: str, question: Sequence[object]) -> str:
    asked = json.dumps([SCHEMA, source, question, code_digest()], separators=(",", ":"))
    return hashlib.sha256(asked.encode()).hexdigest()[:40]


def _offsets(n_bars: int) -> tuple[dict[str, int], int]:
    """Where each array begins in an entry, and how long the entry is."""
    offsets, at = {}, _HEADER_BYTES
    for name in ARRAYS:
        offsets[name] = at
        size = n_bars * np.dtype(_DTYPES.get(name, "<f8")).itemsize
        at += -(-size // _ALIGNED) * _ALIGNED
    return offsets, at


def _read_entry(entry: Path, symbol: str, say: Callable[[str], None]) -> Bars | None:
    try:
        with entry.open("rb") as file:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:  # an empty file cannot be mapped
        say(f"cache: {entry.name} cannot be read ({problem}); it is made anew from the source")
        return None
    try:
        bars = _mapped(pages, symbol)
    except (ValueError, KeyError, TypeError, OverflowError) as problem:
        say(f"cache: {entry.name} is damaged ({problem}); it is made anew from the source")
        return None
    # Its age is the time of its last use; whoever may not change that still may read.
    with contextlib.suppress(OSError):
        os.utime(entry)
    return bars


def _mapped(pages: mmap.mmap, symbol: str) -> Bars:
    """The bars in mapped pages, verified; ValueError says what is wrong with them."""
    header = json.loads(pages[:_HEADER_BYTES].rstrip(b"\0"))
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise ValueError("its header is none")
    n_bars = int(header["n_bars"])
    offsets, size = _offsets(n_bars)
    if n_bars < 1 or len(pages) != size:
        raise ValueError(f"{len(pages)} bytes, not {size}")
    arrays: dict[str, NDArray[Any]] = {
        name: np.frombuffer(pages, _DTYPES.get(name, "<f8"), n_bars, at) for name, at in offsets.items()
    }
    bars = Bars(symbol=symbol, interval_minutes=int(header["interval_minutes"]), **arrays)
    if bars.sha256() != header["sha256"]:
        raise ValueError("its arrays are not those of its digest")
    return bars


def _keep(entry: Path, bars: Bars, say: Callable[[str], None], limit_bytes: int) -> None:
    """Writes an entry beside its place and moves it there; a reader sees all of it or nothing."""
    offsets, size = _offsets(bars.n_bars)
    if size > limit_bytes:
        say(f"cache: {bars.symbol} takes {_mib(size)}, more than the {_mib(limit_bytes)} allowed; it is not kept")
        return
    header = {
        "schema": SCHEMA,
        "n_bars": bars.n_bars,
        "interval_minutes": bars.interval_minutes,
        "sha256": bars.sha256(),
    }
    content = bytearray(size)
    written = json.dumps(header).encode()
    content[: len(written)] = written
    for name, at in offsets.items():
        raw = getattr(bars, name).astype(_DTYPES.get(name, "<f8"), copy=False).tobytes()
        content[at : at + len(raw)] = raw
    beside = entry.with_name(f".{entry.stem}.{os.getpid()}-{time.monotonic_ns():x}.tmp")
    try:
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        beside.replace(entry)
    except OSError as problem:
        with contextlib.suppress(OSError):
            beside.unlink()
        say(f"cache: {entry} cannot be written ({problem.strerror}); the bars are read from their source each time")
        return
    _drop_oldest(entry, say, limit_bytes)


def _drop_oldest(kept: Path, say: Callable[[str], None], limit_bytes: int) -> None:
    """Drops what was not used for longest until the rest fits; whoever has an entry mapped keeps its pages."""
    entries: list[tuple[float, int, Path]] = []
    for file in kept.parent.iterdir():
        with contextlib.suppress(OSError):
            seen = file.stat()
            if file.suffix == ".tmp" and time.time() - seen.st_mtime > _ABANDONED_AFTER_S:
                file.unlink()
            elif file.suffix == SUFFIX and file != kept:
                entries.append((seen.st_mtime, seen.st_size, file))
    total = kept.stat().st_size + sum(size for _, size, _ in entries)
    dropped = 0
    for _, size, file in sorted(entries):
        if total <= limit_bytes:
            break
        with contextlib.suppress(OSError):
            file.unlink()
            dropped += 1
            total -= size
    if dropped:
        say(
            f"cache: {dropped} {'entry' if dropped == 1 else 'entries'} not used for longest dropped,"
            f" to stay within {_mib(limit_bytes)}"
        )


def _mib(n_bytes: int) -> str:
    return f"{n_bytes / 2**20:.1f} MiB"
