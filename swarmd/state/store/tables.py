"""One fold for both readers: the newest record of each kind and id, whatever form the reader keeps it in.

``Projection`` folds records, the journal folds bytes for its snapshot, ``query`` folds plain dictionaries: all three
must agree on which move of a status counts and on what is forgotten, so that is decided here, once. No pydantic, no
files: ``swarmd query`` starts with this.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, TypeVar

V = TypeVar("V")

_RUN_ENDS = frozenset({"done", "failed", "lost"})
_JOB_ENDS = frozenset({"done", "failed", "quarantined", "skipped"})
_SOURCE = frozenset({"fresh", "stale", "missing", "damaged"})
_CHAMPION = frozenset({"in_force", "dethroned", "gone", "damaged"})
_NONE: frozenset[str] = frozenset()

# The lifecycles of ``state/records`` in plain text: those modules cost 100 ms of imports. A test holds both equal.
MOVES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "campaign": {
        "active": frozenset({"paused", "stopped", "done", "cancelled"}),
        "paused": frozenset({"active", "stopped", "cancelled"}),
        "stopped": frozenset({"active", "cancelled"}),
        "done": frozenset({"active"}),
        "cancelled": _NONE,
    },
    "champion": {status: _CHAMPION - {status} for status in _CHAMPION},
    "errand": {
        "running": frozenset({"done", "failed"}),
        "done": frozenset({"running"}),
        "failed": frozenset({"running"}),
    },
    "hypothesis": {
        "stated": frozenset({"supported", "not_supported", "not_judged"}),
        "supported": _NONE,
        "not_supported": _NONE,
        "not_judged": _NONE,
    },
    "incident": {
        "open": frozenset({"acknowledged", "closed"}),
        "acknowledged": frozenset({"closed"}),
        "closed": _NONE,
    },
    "job": {"queued": _JOB_ENDS, **dict.fromkeys(_JOB_ENDS - {"done"}, frozenset({"queued"})), "done": _NONE},
    "lane": {"open": frozenset({"held"}), "held": frozenset({"open"})},
    "monitoring": {
        "running": frozenset({"done", "failed"}),
        "done": frozenset({"running"}),
        "failed": frozenset({"running"}),
    },
    "request": {"pending": frozenset({"answered"}), "answered": _NONE},
    "run": {
        "starting": frozenset({"running", "stopping"}) | _RUN_ENDS,
        "running": frozenset({"stopping"}) | _RUN_ENDS,
        "stopping": _RUN_ENDS,
        **dict.fromkeys(_RUN_ENDS, _NONE),
    },
    "session": {"open": frozenset({"closed", "lost"}), "closed": _NONE, "lost": _NONE},
    "source": {status: _SOURCE - {status} for status in _SOURCE},
    "step": {"pending": frozenset({"met", "missed"}), "met": _NONE, "missed": frozenset({"met"})},
}


@dataclass(frozen=True, slots=True)
class Keep:
    """How many of a kind the tables remember; with ``only``, just those in such a status are ever forgotten.

    ``by_end``: who came into such a status last is forgotten last, however long ago it first appeared.
    """

    last: int
    only: frozenset[str] = _NONE
    by_end: bool = False


# What the tables forget, oldest first. The segments keep everything; kinds not named here are bounded by their ids.
RETENTION: Mapping[str, Keep] = {
    "action": Keep(1000),
    "beat": Keep(1024),  # of runs that are over; never one whose run is open, see `_put_beat`
    "cycle": Keep(1),
    "document": Keep(200),
    "fastest": Keep(200),
    # Twice the lanes there can be: all of them lost with the daemon must not push out that this was told already.
    "incident": Keep(2000, frozenset({"closed"})),
    "refusal": Keep(300),
    "request": Keep(200, frozenset({"answered"})),
    # A finalist is judged by results of shares that may lie thousands of others back; a job has few.
    "result": Keep(50_000),
    # A run of days must not be forgotten in the moment it ends, because thousands of short ones began after it.
    "run": Keep(5000, _RUN_ENDS, by_end=True),
    "session": Keep(100, frozenset({"closed", "lost"})),
    "step": Keep(1000, frozenset({"met", "missed"})),
    "throughput": Keep(300),
}


class Tables(Generic[V]):
    """{kind: {id: newest}}; the order of a table is that of first appearance, but for runs, which go to the end of it
    when they end. ``put`` never fails.

    ``gone`` is the id that was forgotten for the last one put, or empty.
    """

    def __init__(self) -> None:
        self.by_kind: dict[str, dict[str, V]] = {}
        self.gone = ""
        self._status: dict[str, dict[str, str]] = {}
        self._n_over: dict[str, int] = {}  # per kind, how many are in a status that may be forgotten
        # Of kinds kept by their end, ids in that order: the first is found without a walk past ten thousand open ones.
        self._by_end: dict[str, deque[str]] = {}
        # Beats of runs that are over, by the place of the beat in its table: which goes first is known without a walk
        # past those of ten thousand open ones.
        self._n_beats = 0
        self._beat_places: dict[str, int] = {}
        self._beats_over: list[tuple[int, str]] = []

    def put(self, kind: str, id: str, status: str, value: V) -> str:
        """Take the newest of a kind and id. Returns why it was not taken, or nothing."""
        self.gone = ""
        if kind == "beat":
            self._put_beat(id, value)
            return ""
        moves = MOVES.get(kind)
        if moves is not None:
            standing = self._status.setdefault(kind, {})
            before = standing.get(id, status)
            # A line of before its kind had a status says nothing that could forbid the next.
            if before and before != status and status not in moves.get(before, _NONE):
                return f"{kind} {id}: {before} may not become {status}; it stays {before}"
            standing[id] = status
            if kind == "run" and status in _RUN_ENDS and id in self._beat_places:
                heappush(self._beats_over, (self._beat_places[id], id))
        table = self.by_kind.setdefault(kind, {})
        keep = RETENTION.get(kind)
        if keep is None:
            table[id] = value
            return ""
        if keep.only:
            was_over, is_over = id in table and before in keep.only, status in keep.only
            self._n_over[kind] = self._n_over.get(kind, 0) + is_over - was_over
            if keep.by_end and is_over and not was_over:
                table.pop(id, None)
                self._by_end.setdefault(kind, deque()).append(id)
        table[id] = value
        # One comes, so one goes at most: counting them anew for each of a full table's records took longer than the
        # record itself.
        if (self._n_over[kind] if keep.only else len(table)) > keep.last:
            self._forget_oldest(kind, keep)
        return ""

    def _put_beat(self, id: str, value: V) -> None:
        """A beat bears the id of its run. Those of open runs stay however old they are: who seems never to have beaten
        is taken for hung."""
        table, runs = self.by_kind.setdefault("beat", {}), self._status.get("run", {})
        is_new = id not in table
        table[id] = value
        if not is_new:
            return
        self._n_beats += 1
        self._beat_places[id] = self._n_beats
        if len(table) > RETENTION["beat"].last:
            self._forget_beat(table, runs)
        if runs.get(id, "lost") in _RUN_ENDS:
            heappush(self._beats_over, (self._n_beats, id))

    def _forget_beat(self, table: dict[str, V], runs: Mapping[str, str]) -> None:
        """The one that came first of those whose run is over."""
        while self._beats_over:
            place, run = heappop(self._beats_over)
            if self._beat_places.get(run) == place and runs.get(run, "lost") in _RUN_ENDS:
                del table[run], self._beat_places[run]
                return

    def _forget_oldest(self, kind: str, keep: Keep) -> None:
        table, standing = self.by_kind[kind], self._status.get(kind, {})
        if keep.by_end:
            oldest = self._by_end[kind].popleft()
        else:
            oldest = next(id for id in table if not keep.only or standing[id] in keep.only)
        del table[oldest]
        self.gone = oldest
        standing.pop(oldest, None)
        if keep.only:
            self._n_over[kind] -= 1

    def part(self, kind: str) -> None:
        """Go on in a copy of the table: what somebody holds of it stays as it is."""
        self.by_kind[kind] = dict(self.table(kind))

    def table(self, kind: str) -> dict[str, V]:
        return self.by_kind.get(kind, {})

    def __iter__(self) -> Iterator[V]:
        for table in self.by_kind.values():
            yield from table.values()
