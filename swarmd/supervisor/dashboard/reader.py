"""The journal as the dashboard holds it: the newest row of everything, folded line by line as the daemon writes.

A look costs what was written since the last one, however long the journal is; ``swarmd query`` reads it anew each time.
Used by ``answers`` from one thread. Changes nothing on disk, and outlives a daemon, a cleaning and a new journal.
"""

from collections import deque
from contextlib import suppress
from typing import Any

from swarmd.state.query import Picture, row_of
from swarmd.state.store.files import Home
from swarmd.state.store.lines import Line, line_of
from swarmd.state.store.raw import read_journal
from swarmd.state.store.tables import Tables
from swarmd.state.store.walks import Follower, backward
from swarmd.state.story import NOISE, event
from swarmd.state.units import millis_of_iso

Row = dict[str, Any]

EVENTS_KEPT = 1_000
# Of a host that is measured every five seconds: an hour.
_SAMPLES_KEPT = 720
_LOOKED_BACK_FOR = 20_000
_SAMPLED = ("host.cpu_util", "host.mem_used")


class Reader:
    """``seq`` is the last line taken in; ``changed`` tells by kind which line was the last of it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.seq = 0
        self.last_at = "1970-01-01T00:00:00.000Z"
        self.changed: dict[str, int] = {}
        self.events: deque[Row] = deque(maxlen=EVENTS_KEPT)
        self.samples: dict[str, deque[tuple[int, float]]] = {}
        self._tables: Tables[Row] = Tables()
        self._follower: Follower | None = None
        self._journal: tuple[int, int] | None = None

    def picture(self) -> Picture:
        return Picture.of_rows(self._tables)

    def look(self) -> bool:
        """Take in what was written since; whether that was anything."""
        try:
            told = self.home.journal.stat()
        except OSError:
            self._journal = None  # what comes into its place is another one
            return False
        if self._follower is None or self._journal != (told.st_dev, told.st_ino):
            self._journal = (told.st_dev, told.st_ino)
            return self._begin()
        before = self.seq
        with suppress(FileNotFoundError):  # a segment cleaned away between listing and reading: the next look sees
            for line in self._follower.fresh():
                if line.seq > self.seq + 1:
                    return self._begin()  # lines we never saw: damaged, or a journal cut and gone on
                if line.seq == self.seq + 1:
                    self._take(line)
                    if line.kind not in NOISE:
                        self.events.append(event(line.said))
        return self.seq != before

    def _begin(self) -> bool:
        """Everything anew. What is written while we read is met again by the follower, and passed over."""
        self._follower = Follower(self.home.journal)
        reading = read_journal(self.home.journal)
        self.seq, self.changed = 0, {}
        self._tables = Tables()
        for line in reading.folded():  # in the order of the tables, which is that of first appearance
            self._take(line)
        self.seq = reading.seq
        self._look_back()
        return True

    def _take(self, line: Line) -> None:
        row = row_of(line)
        self._tables.put(line.kind, line.id, line.status, row)
        self.seq = line.seq
        self.changed[line.kind] = max(line.seq, self.changed.get(line.kind, 0))
        self.last_at = max(self.last_at, row["at"])
        if line.kind == "gauge" and line.id in _SAMPLED:
            self._sample(line.id, row, row["value"])
        elif line.kind == "device":
            self._sample(line.id, row, row.get("util") or 0.0)

    def _sample(self, name: str, row: Row, value: float) -> None:
        kept = self.samples.setdefault(name, deque(maxlen=_SAMPLES_KEPT))
        at = millis_of_iso(row["at"])
        if not kept or at > kept[-1][0]:
            kept.append((at, value))

    def _look_back(self) -> None:
        """The last events and an hour of measures, from the newest line back: a page is not to begin empty."""
        self.events.clear()
        self.samples.clear()
        events: list[Row] = []
        measured: list[Line] = []
        lines = backward(self.home.journal, [])
        for _, (_, content) in zip(range(_LOOKED_BACK_FOR), lines, strict=False):
            if len(events) >= EVENTS_KEPT:
                break
            line = _sound(content)
            if line is None or line.seq > self.seq:
                continue
            if line.kind in ("gauge", "device"):
                measured.append(line)
            if line.kind not in NOISE:
                events.append(event(line.said))
        self.events.extend(reversed(events))
        for line in reversed(measured):
            if line.kind == "device" or line.id in _SAMPLED:
                row = row_of(line)
                self._sample(line.id, row, (row.get("util") or 0.0) if line.kind == "device" else row["value"])


def _sound(content: bytes) -> Line | None:
    try:
        return line_of(content)
    except ValueError:
        return None
