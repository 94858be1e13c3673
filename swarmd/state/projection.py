"""Records in, View out: a fold, pure and total.

The daemon applies each record it has journalled and asks for the View; a restart folds snapshot and tail to the same.
An illegal move of a status is not applied but told in ``refused_moves``; nothing here decides or writes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from swarmd.state.errors import InvariantError
from swarmd.state.records.job import Job, JobStatus
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered
from swarmd.state.store.codec import decode
from swarmd.state.store.raw import Line, read_journal
from swarmd.state.store.tables import Tables
from swarmd.state.units import Millis
from swarmd.state.view import View

_TABLES: Mapping[str, str] = {
    "campaign": "campaigns", "job": "jobs", "lane": "lanes", "run": "runs", "beat": "beats", "result": "results",
    "champion": "champions", "incident": "incidents", "session": "sessions", "request": "requests",
    "source": "sources", "step": "steps", "gauge": "gauges", "finding": "findings", "document": "documents",
    "action": "actions", "refusal": "refusals", "throughput": "throughputs", "fastest": "fastest",
    "failure": "failures", "device": "devices",
    "hypothesis": "hypotheses",
}  # fmt: skip


class Projection:
    """The fold and what it noticed on the way. ``last_at`` is the latest instant of any record."""

    def __init__(self) -> None:
        self.last_at: Millis = 0
        self.refused_moves: list[str] = []
        self.unreadable: list[str] = []
        self._tables: Tables[Record] = Tables()
        self._frozen: dict[str, Mapping[str, Any]] = {}
        # What agents ask for hundreds of times a cycle, kept as it comes: few among thousands that are over.
        self._current: Tables[Record] = Tables()
        self._current.by_kind = {"run": {}, "job": {}}

    @classmethod
    def from_journal(cls, directory: Path) -> Self:
        """Snapshot and tail, or all segments where there is no sound snapshot. Damage is named by ``Journal.open``."""
        reading = read_journal(directory)
        projection = cls()
        projection.apply_lines([*reading.tables, *reading.lines])
        return projection

    def apply_lines(self, lines: Iterable[Line]) -> None:
        """Raises OperatorError for lines of a later swarmd; a line that does not fit its shape is told and left out."""
        for line in lines:
            try:
                record = decode(line.said)
            except InvariantError as flaw:
                self.unreadable.append(str(flaw))
                continue
            self.apply(record)

    def apply(self, record: Record) -> None:
        kind = record.KIND
        if self._frozen.pop(kind, None) is not None:
            self._tables.part(kind)
        refused = self._tables.put(kind, record.id, str(getattr(record, "status", "")), record)
        if refused:
            self.refused_moves.append(refused)
            return
        self.last_at = max(self.last_at, record.at)
        if isinstance(record, Job | RunOrdered | RunAlive | RunEnded):
            self._current.part(kind)
            if isinstance(record, RunEnded) or (isinstance(record, Job) and record.status is not JobStatus.QUEUED):
                self._current.by_kind[kind].pop(record.id, None)
            else:
                self._current.by_kind[kind][record.id] = record

    def take_refused_moves(self) -> list[str]:
        """What was refused since this was last asked; forgotten here, so that it cannot grow for ever."""
        taken, self.refused_moves = self.refused_moves, []
        return taken

    def view(self) -> View:
        """The picture now. It stays as it is, whatever is applied afterwards; unchanged tables are shared.

        Nothing is copied here: a table that somebody still holds is copied before the next record goes into it.
        """
        tables: dict[str, Any] = {field: self._table(kind) for kind, field in _TABLES.items()}
        view = View(
            policy=self._single("policy") or Policy(at=0),
            scores=self._single("scores"),
            cycle=self._single("cycle"),
            **tables,
        )
        # Two of its answers are known already; in a View made by hand they are worked out from the tables.
        vars(view).update(_open_by_id=self._current.by_kind["run"], _unsettled_by_id=self._current.by_kind["job"])
        return view

    def _single(self, kind: str) -> Any:
        return next(iter(self._tables.table(kind).values()), None)

    def _table(self, kind: str) -> Mapping[str, Any]:
        if kind not in self._frozen:
            self._frozen[kind] = MappingProxyType(self._tables.table(kind))
        return self._frozen[kind]
