"""Records in, View out: a fold, pure and total.

The daemon applies each record it has journalled and asks for the View; a restart folds snapshot and tail to the same.
An illegal move of a status is not applied but told in ``refused_moves``; nothing here decides or writes.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, cast

from swarmd.state.errors import InvariantError
from swarmd.state.index import Index
from swarmd.state.records.job import Job
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
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
    "failure": "failures", "device": "devices", "node": "nodes",
    "hypothesis": "hypotheses", "lesson": "lessons", "monitoring": "monitorings", "errand": "errands",
}  # fmt: skip


class Projection:
    """The fold and what it noticed on the way. ``last_at`` is the latest instant of any record."""

    def __init__(self) -> None:
        self.last_at: Millis = 0
        self.refused_moves: list[str] = []
        self.unreadable: list[str] = []
        self._tables: Tables[Record] = Tables()
        self._lent: dict[str, Mapping[str, Any]] = {}
        self._index = Index()
        self._last: View | None = None  # the picture as long as nothing was applied since
        self._kept: dict[Any, Any] = {}  # answers that outlive a picture: see ``while_same``

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
        kind, tables = record.KIND, self._tables
        self._last = None
        if self._lent.pop(kind, None) is not None:
            tables.part(kind)
        before = tables.table(kind).get(record.id)
        refused = tables.put(kind, record.id, str(vars(record).get("status", "")), record)
        if refused:
            self.refused_moves.append(refused)
            return
        self.last_at = max(self.last_at, record.at)
        self._index.follow(record, before, cast(Mapping[str, Job], tables.table("job")), tables.gone)

    def take_refused_moves(self) -> list[str]:
        """What was refused since this was last asked; forgotten here, so that it cannot grow for ever."""
        taken, self.refused_moves = self.refused_moves, []
        return taken

    def view(self) -> View:
        """The picture now. It stays as it is, whatever is applied afterwards; unchanged tables are shared.

        Nothing is copied here: a table that was lent is copied before the next record goes into it.
        """
        if self._last is None:
            for kind in _TABLES:
                if kind not in self._lent:
                    self._lent[kind] = MappingProxyType(self._tables.table(kind))
            self._last = self._seen({field: self._lent[kind] for kind, field in _TABLES.items()}, for_good=True)
            vars(self._last)["_kept"] = self._kept
        return self._last

    def glimpse(self) -> View:
        """The picture until the next record is applied: nothing is copied for its sake.

        For who asks between two records, as for what follows from each action: a thousand runs ordered in one cycle
        would copy thousands of jobs and runs a thousand times.
        """
        return self._seen({field: self._tables.table(kind) for kind, field in _TABLES.items()}, for_good=False)

    def _seen(self, tables: dict[str, Any], *, for_good: bool) -> View:
        view = View(
            policy=self._single("policy") or Policy(at=0),
            scores=self._single("scores"),
            cycle=self._single("cycle"),
            **tables,
        )
        # Some of its answers are known already; in a View made by hand they are worked out from the tables.
        vars(view).update(self._index.lend(for_good=for_good))
        return view

    def _single(self, kind: str) -> Any:
        return next(iter(self._tables.table(kind).values()), None)
