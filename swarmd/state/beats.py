"""The shared page of progress counters: one slot of 64 bytes per run, advanced by the work itself.

A beat must be work: ``progress`` is written from the work loop, never from a timer, so that a deadlocked run
stands still here while its pulse goes on. The pulse (``heartbeat``, boot-time ms) comes from a small thread of the run.
Eight aligned 64-bit words a slot; aligned stores of one word are atomic on the machines we run on.
"""

import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SLOT_BYTES = 64
# A lane each, on all nodes of a cluster together; what nobody uses of the file takes no room on the disk.
SLOTS = 16_384
PAGE_BYTES = SLOT_BYTES * SLOTS

_WORD = struct.Struct("=Q")
_SLOT = struct.Struct("=8Q")
_TOKEN, _READY, _PROGRESS, _DONE, _TOTAL, _HEARTBEAT, _SKIPPED, _WAITS = range(8)


@dataclass(frozen=True, slots=True)
class Pulse:
    """One reading of a slot. ``heartbeat`` is boot-time ms; ``token`` says which attempt wrote it; ``skipped`` units of
    ``done`` needed no work of this run; ``waits`` says that its last sign of life came from waiting for somebody else.
    """

    token: int
    is_ready: bool
    progress: int
    done: int
    total: int
    heartbeat: int
    skipped: int = 0
    waits: bool = False


class BeatsPage:
    """The page as either side maps it. The supervisor creates it and clears slots; a run writes only its own."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._path = path
        self._page, self._file = _mapped(path, create=create)
        # Pages whose file was removed under us, oldest first: a run that has mapped one writes there to its end.
        self._former: list[mmap.mmap] = []

    def read(self, slot: int) -> Pulse:
        said = _SLOT.unpack_from(self._page, slot * SLOT_BYTES)
        if self._former and not said[_TOKEN]:
            said = _SLOT.unpack_from(self._page_of(slot), slot * SLOT_BYTES)
        token, ready, progress, done, total, heartbeat, skipped, waits = said
        return Pulse(token, bool(ready), progress, done, total, heartbeat, skipped, bool(waits))

    def copied(self, n_slots: int) -> bytes:
        """The first slots as they stand, each as whoever has it writes it."""
        if not self._former:
            return self._page[: n_slots * SLOT_BYTES]
        places = ((slot, slot * SLOT_BYTES) for slot in range(n_slots))
        return b"".join(self._page_of(slot)[start : start + SLOT_BYTES] for slot, start in places)

    def _page_of(self, slot: int) -> mmap.mmap:
        """The newest page in which somebody has this slot."""
        pages = (self._page, *reversed(self._former))
        return next((page for page in pages if _WORD.unpack_from(page, slot * SLOT_BYTES)[0]), self._page)

    def clear(self, slot: int) -> None:
        for page in (self._page, *self._former):
            _SLOT.pack_into(page, slot * SLOT_BYTES, *([0] * 8))

    def is_seen(self) -> bool:
        """Whether the path still leads to the page: where it does not, a run that begins finds none, or another."""
        try:
            there = self._path.stat()
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == self._file

    def renew(self) -> None:
        """A new page for those that begin from here on. Raises OSError where none can be made."""
        page, self._file = _mapped(self._path, create=True)
        self._former.append(self._page)
        self._page = page

    def writer(self, slot: int, token: int) -> "BeatWriter":
        return BeatWriter(self._page, slot * SLOT_BYTES, token)

    def close(self) -> None:
        for page in (self._page, *self._former):
            page.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _mapped(path: Path, *, create: bool) -> tuple[mmap.mmap, tuple[int, int]]:
    """The file in memory, and which file it is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    try:
        if create and os.fstat(descriptor).st_size != PAGE_BYTES:
            os.ftruncate(descriptor, PAGE_BYTES)
        status = os.fstat(descriptor)
        return mmap.mmap(descriptor, PAGE_BYTES), (status.st_dev, status.st_ino)
    finally:
        os.close(descriptor)


class BeatWriter:
    """A run's own slot. ``advance`` is called by the work, ``pulse`` by the run's small thread."""

    def __init__(self, page: mmap.mmap, start: int, token: int) -> None:
        self._page = page
        self._start = start
        self._progress = 0
        self._done = 0
        self._skipped = 0
        self._put(_TOKEN, token)

    def _put(self, word: int, value: int) -> None:
        _WORD.pack_into(self._page, self._start + 8 * word, value)

    def ready(self) -> None:
        self._put(_READY, 1)
        self._move()

    def expect(self, total: int) -> None:
        self._put(_TOTAL, total)

    def advance(self, units: int = 1) -> None:
        """No unit is the sign of life of one that waits for somebody else, as for a server."""
        self._done += units
        self._put(_DONE, self._done)
        self._put(_WAITS, int(not units))
        self._move()

    def _move(self) -> None:
        self._progress += 1
        self._put(_PROGRESS, self._progress)

    def skip(self, units: int) -> None:
        """Units that are done without work of this run: an earlier one did them, or there is nothing to do."""
        if not units:
            return
        self._skipped += units
        # Before they count as done: who reads in between must not take them for work.
        self._put(_SKIPPED, self._skipped)
        self.advance(units)

    def follow(self, there: Pulse) -> None:
        """As a slot on another machine stands; its heartbeat is by another clock, and the caller's to judge."""
        self._done, self._progress, self._skipped = there.done, there.progress, there.skipped
        self._put(_TOTAL, there.total)
        self._put(_SKIPPED, there.skipped)
        self._put(_DONE, there.done)
        self._put(_WAITS, int(there.waits))
        self._put(_PROGRESS, there.progress)
        self._put(_READY, int(there.is_ready))

    def pulse(self, boot_ms: int) -> None:
        self._put(_HEARTBEAT, boot_ms)
