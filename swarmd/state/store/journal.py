"""The truth: an append-only file of whole lines, with one writer.

The daemon opens it, appends what a cycle saw and decided in one ``write``, and commits with one ``fdatasync`` before
anything is enacted. A full or failing disk leaves the file at its last whole line and everything to be tried again.
Old lines are never changed: a damaged one is copied to quarantine and named, and writing goes on in a fresh segment.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import orjson

from swarmd.state.errors import InvariantError, OperatorError, OutsideError
from swarmd.state.records.record import Record
from swarmd.state.store.codec import refuse_unknown, said_of
from swarmd.state.store.files import atomic_write, lock_file, lock_holder, sync_directory, write_whole
from swarmd.state.store.lines import Damage, Line, said_line, sealed
from swarmd.state.store.raw import BASE, LOCK, QUARANTINE, SNAPSHOT, Reading, read_journal, segments_by_name
from swarmd.state.store.snapshot import Kept, Reach, kept, kept_tables, read_reach, snapshot_bytes
from swarmd.state.store.tables import Tables

__all__ = ["Damage", "Journal"]  # who opens a journal must be able to name what it found

SEGMENT_BYTES = 16 << 20
SNAPSHOT_EVERY = 5_000
_OPEN = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class Journal:
    """Use ``Journal.open``. ``seq`` is that of the last line appended, ``committed_seq`` of the last made durable."""

    def __init__(
        self, directory: Path, lock: int, reading: Reading, *, segment_bytes: int, snapshot_every: int
    ) -> None:
        self.directory = directory
        self.seq = self.committed_seq = reading.seq
        self.snapshot_fault = ""  # why the last automatic snapshot could not be written; it is tried again
        self._lock = lock
        self._segment_bytes, self._snapshot_every = segment_bytes, snapshot_every
        self._snapshot_due = reading.snapshot_seq + snapshot_every
        self._tables: Tables[Kept] = kept_tables(reading.folded())
        self._uncommitted = bytearray()
        self._must_rewrite = False  # the bytes after the last commit are in doubt
        self._is_fresh = True  # nothing committed since it was opened
        self._segment, self._committed_length = reading.last_segment, reading.last_length
        self._descriptor = -1
        self.torn: Damage | None = None  # the line a crash left without its end, cut off here
        try:
            self._take_up(reading)
        except OSError:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            raise
        if self.seq >= self._snapshot_due:
            # Read from far back, because the last snapshot is old or damaged: once is enough.
            self._snapshot_if_possible()

    @classmethod
    def open(
        cls, directory: Path, *, segment_bytes: int = SEGMENT_BYTES, snapshot_every: int = SNAPSHOT_EVERY
    ) -> tuple[Self, tuple[Damage, ...]]:
        """Become the one writer. Raises OperatorError if there is one, or if a later swarmd wrote here.

        What could not be read is put into quarantine and returned. Segments that the snapshot covers are not read
        again; ``raw.history`` reads them all.
        """
        lock = lock_file(directory / LOCK, {"pid": os.getpid()})
        if lock is None:
            holder = lock_holder(directory / LOCK).get("pid", "unknown")
            raise OperatorError(f"the journal {directory} is being written by process {holder}; stop it first")
        try:
            for leftover in directory.glob(f".{SNAPSHOT}.*"):
                leftover.unlink(missing_ok=True)
            reading = read_journal(directory)
            for (kind, version), seq in reading.versions.items():
                refuse_unknown({"kind": kind, "v": version or None}, f"{directory} seq {seq}")
            damages = tuple(_quarantined(directory, damage) for damage in reading.damages)
            journal = cls(directory, lock, reading, segment_bytes=segment_bytes, snapshot_every=snapshot_every)
        except OSError as cause:
            os.close(lock)
            raise OutsideError(f"cannot open the journal {directory}: {cause.strerror}") from cause
        except BaseException:
            os.close(lock)
            raise
        return journal, damages

    # -- writing ------------------------------------------------------------------------------------------------

    def append(self, records: Iterable[Record]) -> None:
        """Write the records as whole lines, in one write; they are durable after ``commit``.

        Raises OutsideError with the file cut back to its last whole line and ``seq`` unmoved: append them again.
        """
        lines = self._lines_of(records)
        if not lines:
            return
        self._mend()
        block = b"".join(line.content + b"\n" for line in lines)
        try:
            # A short write means that the disk is full; write_whole then meets the error that says so.
            write_whole(self._descriptor, block)
        except OSError as cause:
            self._cut_back()
            raise OutsideError(
                f"cannot append to {self._path}: {cause.strerror}; nothing is lost, free space"
            ) from cause
        self._uncommitted += block
        self.seq = lines[-1].seq
        for line in lines:
            self._tables.put(line.kind, line.id, line.status, kept(line))

    def commit(self) -> None:
        """Make everything appended durable. Raises OutsideError; call it again and nothing appended is lost."""
        self._mend()
        if not self._uncommitted:
            return
        try:
            os.fdatasync(self._descriptor)
        except OSError as cause:
            # After a failed sync the kernel may call lost pages clean: only writing them anew can be trusted.
            self._must_rewrite = True
            raise OutsideError(f"cannot make {self._path} durable: {cause.strerror}; it is tried again") from cause
        self._committed_length += len(self._uncommitted)
        self._uncommitted.clear()
        self.committed_seq = self.seq
        if self._is_fresh:
            self._is_fresh = False
            _give_back()
        if self._committed_length >= self._segment_bytes or self._is_gone():
            self._rotate()
        elif self.seq >= self._snapshot_due:
            self._snapshot_if_possible()

    def snapshot(self) -> None:
        """Commit, and write the tables so that the next start reads these and the tail. Raises OutsideError."""
        self.commit()
        self._write_snapshot()

    def close(self) -> None:
        """Commit and let go of the lock, even if the commit fails."""
        if self._lock < 0:
            return
        try:
            self.commit()
        finally:
            for descriptor in (self._descriptor, self._lock):
                if descriptor >= 0:
                    os.close(descriptor)
            self._descriptor = self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- within -------------------------------------------------------------------------------------------------

    def _take_up(self, reading: Reading) -> None:
        """The last segment, cut to its last whole line; a new one where that holds damage."""
        if not self._segment or not reading.is_last_sound:
            self._begin_segment()
            return
        self._descriptor = os.open(self._path, _OPEN, 0o600)
        n_torn = os.fstat(self._descriptor).st_size - self._committed_length
        os.ftruncate(self._descriptor, self._committed_length)
        if n_torn > 0:
            reason = f"the last line was torn: {n_torn} bytes without an end were cut, after seq {self.seq}"
            self.torn = Damage(self._segment, self.seq + 1, reason)

    @property
    def _path(self) -> Path:
        return self.directory / self._segment

    def _lines_of(self, records: Iterable[Record]) -> list[Line]:
        lines = []
        for seq, record in enumerate(records, self.seq + 1):
            said = said_of(record, seq)
            try:
                content = sealed(orjson.dumps(said))[:-1]
            except (TypeError, ValueError) as cause:
                raise InvariantError(f"{record.KIND} {record.id!r} cannot be written as JSON: {cause}") from cause
            lines.append(said_line(said, content))
        return lines

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._committed_length + len(self._uncommitted))
        except OSError:
            self._must_rewrite = True

    def _mend(self) -> None:
        """After a failure: cut to what is durable and write the rest anew, so that no half line can stay between."""
        if self._lock < 0:
            raise InvariantError(f"the journal {self.directory} is closed; open it before writing")
        try:
            if self._descriptor < 0:
                self._begin_segment()
            if self._must_rewrite:
                os.ftruncate(self._descriptor, self._committed_length)
                write_whole(self._descriptor, bytes(self._uncommitted))
                self._must_rewrite = False
        except OSError as cause:
            raise OutsideError(f"cannot mend {self._path}: {cause.strerror}; nothing is lost, free space") from cause

    def _is_gone(self) -> bool:
        """Whether somebody removed the segment (or the directory) while we wrote to it."""
        return os.fstat(self._descriptor).st_nlink == 0

    def _begin_segment(self) -> None:
        """Its name is on the disk before it is written to, else a power cut could take a whole segment with it."""
        name = self._next_segment()
        descriptor = os.open(self.directory / name, _OPEN, 0o600)
        try:
            sync_directory(self.directory)
        except OSError:
            os.close(descriptor)
            raise
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._segment, self._committed_length = descriptor, name, 0

    def _next_segment(self) -> str:
        base = read_reach(self.directory / BASE)
        last = max(int(self._segment.removesuffix(".jsonl") or 0), 0 if base is None else base.number)
        names = segments_by_name(self.directory)
        if names and int(names[-1].stem) > last:
            # Left empty by an attempt that the disk refused half way.
            last = int(names[-1].stem) - (names[-1].stat().st_size == 0)
        return f"{last + 1:06d}.jsonl"

    def _rotate(self) -> None:
        """Go on in a new segment; everything is committed. What fails here is tried again at the next."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._begin_segment()
        except OSError as cause:
            self.snapshot_fault = f"cannot begin a new segment: {cause.strerror}"
            return
        self._snapshot_if_possible()

    def _snapshot_if_possible(self) -> None:
        # A journal without a fresh snapshot is slower to open and no less true: no reason to fail a commit.
        try:
            self._write_snapshot()
        except OutsideError as cause:
            self.snapshot_fault = str(cause)
            self._snapshot_due = self.seq + max(1, self._snapshot_every // 10)

    def _write_snapshot(self) -> None:
        reach = Reach(self.seq, self._segment, self._committed_length)
        data = snapshot_bytes(self._tables, reach)
        atomic_write(self.directory / SNAPSHOT, data, sync=True)
        # A snapshot costs as much as there is to remember: of a hundred thousand jobs one every five thousand lines
        # would be most of the work, and a tail of a quarter of them delays no start.
        remembered = sum(len(table) for table in self._tables.by_kind.values())
        self._snapshot_due = self.seq + max(self._snapshot_every, remembered // 4)
        self.snapshot_fault = ""
        del data
        _give_back()


def _give_back() -> None:
    """Memory that reading or writing many lines took goes back to the system; the C library would keep 10 MiB of it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _quarantined(directory: Path, damage: Damage) -> Damage:
    """Keep a copy of the bytes. ``is_new`` tells whether an earlier start had them already."""
    content = damage.content or f"{damage.segment}: {damage.reason}\n".encode()
    copy = directory / QUARANTINE / f"{damage.name}.txt"
    with contextlib.suppress(OSError, OutsideError):
        if copy.is_file() and copy.read_bytes() == content:
            return Damage(damage.segment, damage.line, damage.reason, damage.content, is_new=False)
        atomic_write(copy, content)
    return damage
