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
_TOKEN, _READY, _PROGRESS, _DONE, _TOTAL, _HEARTBEAT = range(6)


@dataclass(frozen=True, slots=True)
class Pulse:
    """One reading of a slot. ``heartbeat`` is boot-time ms; ``token`` says which attempt wrote it."""

    token: int
    is_ready: bool
    progress: int
    done: int
    total: int
    heartbeat: int


class BeatsPage:
    """The page as either side maps it. The supervisor creates it and clears slots; a run writes only its own."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
        try:
            if create and os.fstat(descriptor).st_size != PAGE_BYTES:
                os.ftruncate(descriptor, PAGE_BYTES)
            self._page = mmap.mmap(descriptor, PAGE_BYTES)
        finally:
            os.close(descriptor)

    def read(self, slot: int) -> Pulse:
        token, ready, progress, done, total, heartbeat, _, _ = _SLOT.unpack_from(self._page, slot * SLOT_BYTES)
        return Pulse(token, bool(ready), progress, done, total, heartbeat)

    def clear(self, slot: int) -> None:
        _SLOT.pack_into(self._page, slot * SLOT_BYTES, *([0] * 8))

    def writer(self, slot: int, token: int) -> "BeatWriter":
        return BeatWriter(self._page, slot * SLOT_BYTES, token)

    def close(self) -> None:
        self._page.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BeatWriter:
    """A run's own slot. ``advance`` is called by the work, ``pulse`` by the run's small thread."""

    def __init__(self, page: mmap.mmap, start: int, token: int) -> None:
        self._page = page
        self._start = start
        self._progress = 0
        self._done = 0
        self._put(_TOKEN, token)

    def _put(self, word: int, value: int) -> None:
        _WORD.pack_into(self._page, self._start + 8 * word, value)

    def ready(self) -> None:
        self._put(_READY, 1)
        self.advance(0)

    def expect(self, total: int) -> None:
        self._put(_TOTAL, total)

    def advance(self, units: int = 1) -> None:
        self._done += units
        self._progress += 1
        self._put(_DONE, self._done)
        self._put(_PROGRESS, self._progress)

    def follow(self, there: Pulse) -> None:
        """As a slot on another machine stands; its heartbeat is by another clock, and the caller's to judge."""
        self._done, self._progress = there.done, there.progress
        for word, value in ((_TOTAL, there.total), (_DONE, there.done), (_PROGRESS, there.progress)):
            self._put(word, value)
        self._put(_READY, int(there.is_ready))

    def pulse(self, boot_ms: int) -> None:
        self._put(_HEARTBEAT, boot_ms)
