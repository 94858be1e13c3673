"""A journal without a disk: every record goes through the real codec, and a restart reads what the lines say.

It fails as the real one does (a full disk refuses a line whole), and after a power cut it lacks what was not committed.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

from swarmd.state.errors import OutsideError
from swarmd.state.projection import Projection
from swarmd.state.records.record import Record
from swarmd.state.store.codec import decode, encode
from swarmd.state.store.raw import Line, line_of, put
from swarmd.state.store.tables import Tables

_FOLD_EVERY = 5_000


class CodecBroken(AssertionError):  # noqa: N818
    """A record that does not come back from its line as it was."""


class Ledger:
    """``history`` holds every line ever written where ``keeps_history`` says so, for a replay."""

    def __init__(self, *, keeps_history: bool = False) -> None:
        self.is_full = False
        self.seq = 0
        self.n_bytes = 0
        self.by_kind: Counter[str] = Counter()
        self.history: list[bytes] | None = [] if keeps_history else None
        self._folded: Tables[Line] = Tables()
        self._tail: list[Line] = []
        self._uncommitted: list[Line] = []
        # {seq: the record as its line says it}: read once, for every daemon that opens the ledger
        self._read: dict[int, Record] = {}

    def append(self, records: Sequence[Record]) -> None:
        if self.is_full:
            raise OutsideError("cannot append to the ledger: no space left on device; nothing is lost, free space")
        for number, record in enumerate(records, self.seq + 1):
            content = encode(record, number)
            line = line_of(content[:-1])
            self._read[number] = decode(line.said)
            if self._read[number] != record:
                raise CodecBroken(f"{record.KIND} {record.id} reads differently from its line: {content!r}")
            self._uncommitted.append(line)
            self.n_bytes += len(content)
            self.by_kind[record.KIND] += 1
        self.seq += len(records)

    @property
    def is_behind(self) -> bool:
        return bool(self._uncommitted)

    def commit(self) -> None:
        if not self._uncommitted:
            return
        if self.is_full:
            raise OutsideError("cannot make the ledger durable: no space left on device; it is tried again")
        self._keep(self._uncommitted)
        self._uncommitted = []

    def daemon_died(self) -> None:
        """What was written is written: a killed process takes nothing back from the page cache."""
        self._keep(self._uncommitted)
        self._uncommitted = []

    def power_failed(self, chance: Random) -> None:
        """Of what was not made durable, any whole number of lines may be there; the torn one behind is cut off."""
        self._keep(self._uncommitted[: chance.randint(0, len(self._uncommitted))])
        self._uncommitted = []
        self.seq = self._tail[-1].seq if self._tail else max((line.seq for line in self._folded), default=0)

    def opened(self) -> Projection:
        """The fold a new daemon begins with: the tables as a snapshot would hold them, then the lines behind."""
        projection = Projection()
        for line in (*self._folded, *self._tail):
            projection.apply(self._read[line.seq])
        return projection

    def _keep(self, lines: Sequence[Line]) -> None:
        self._tail += lines
        if self.history is not None:
            self.history += [line.content for line in lines]
        if len(self._tail) >= _FOLD_EVERY:
            for line in self._tail:
                put(self._folded, line)
            self._tail = []
            self._read = {line.seq: self._read[line.seq] for line in self._folded}
