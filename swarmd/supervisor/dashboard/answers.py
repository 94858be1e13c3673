"""What the dashboard answers, worked out once for all who ask: documents and tables from the fold, as fresh as asked.

Everything that follows from the same line of the journal and the same second is made once, however many clients want
it. One thread, one owner: ``app``. Only the past is read in a thread of its own, for it walks the whole journal.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from swarmd.state.errors import OperatorError
from swarmd.state.incident_story import incident_story
from swarmd.state.query import TOPICS, Facts, Picture, head
from swarmd.state.store.files import Home
from swarmd.state.store.raw import reaches_back_to
from swarmd.state.store.segments import segments_by_name
from swarmd.state.store.walks import backward, ids, mentioning
from swarmd.state.story import Index, chain_of, unknown
from swarmd.state.trail import deeds_about, trail
from swarmd.state.units import Millis, iso, millis_of_iso
from swarmd.supervisor.dashboard.bar_files import BarFiles
from swarmd.supervisor.dashboard.inbox import inbox_rows
from swarmd.supervisor.dashboard.lanes import job_table, lane_table
from swarmd.supervisor.dashboard.nodes import node_table, nodes_in_short
from swarmd.supervisor.dashboard.now import now_document
from swarmd.supervisor.dashboard.pages import Asked, in_order, page_of
from swarmd.supervisor.dashboard.reader import Reader
from swarmd.supervisor.dashboard.studies import study_rows
from swarmd.supervisor.dashboard.trial_book import TrialBook
from swarmd.supervisor.notices import ledger
from swarmd.supervisor.recall import facts_now, past

Row = dict[str, Any]
T = TypeVar("T")

# How old an answer may be: a look costs a stat and a read of what is new.
_FRESH_FOR_S = 0.25
# What depends on the clock (ages, back-off) is worked out anew after this time even where nothing was written.
_TABLES_FOR_S = 1.0
_ORDERS_KEPT = 12
_PASTS_KEPT = 16
_MARKS = 400


class Answers:
    """The home as its pages ask for it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.reader = Reader(home)
        self.book = TrialBook(home)
        self.bar_files = BarFiles()
        self.facts = Facts(now=0)
        self.version = 0
        self.n_changes = 0
        self._looked_at = 0.0
        self._read_at = 0.0
        self._n_trials = 0
        self._made_at = 0.0
        self._made: dict[str, Any] = {}
        self._orders: OrderedDict[tuple[str, tuple[str, str]], Sequence[Row]] = OrderedDict()
        self._pasts: OrderedDict[str, Row] = OrderedDict()

    # -- freshness ----------------------------------------------------------------------------------------------

    def look(self) -> bool:
        """Take in what is new, unless that was done just now; whether any answer may differ from before."""
        now = time.monotonic()
        if self.version and now - self._looked_at < _FRESH_FOR_S:
            return False
        self._looked_at = now
        came = self.reader.look() or len(self.book) != self._n_trials
        self._n_trials = len(self.book)
        facts = facts_now(self.home, self.picture, self.reader.last_at)
        is_other = came or facts.is_alive != self.facts.is_alive or not self.version
        self.facts = facts
        is_old = now - self._made_at >= _TABLES_FOR_S
        # Of work that goes on some things are told by the clock alone, as that a job's wait is over: no line says so.
        self.n_changes += is_other or (is_old and facts.is_alive and self._is_at_work())
        if is_other or is_old:
            self._made.clear()
            self._orders.clear()
            self._made_at = now
            self.version += 1
        return is_other

    def _is_at_work(self) -> bool:
        campaign = self.picture.campaign
        return campaign is not None and campaign["status"] == "active"

    def read_trials(self) -> None:
        """A step further in the book of trials, for who asks about them now."""
        now = time.monotonic()
        if now - self._read_at >= _FRESH_FOR_S:
            self._read_at = now
            if self.book.look():
                self._made_at = 0.0  # tables that count trials are made anew

    @property
    def picture(self) -> Picture:
        return self.reader.picture()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        if name not in self._made:
            self._made[name] = make()
        return cast(T, self._made[name])

    # -- documents ----------------------------------------------------------------------------------------------

    def now(self) -> Row:
        return self._once("now", self._now)

    def _now(self) -> Row:
        inbox = self.table("inbox")
        document = now_document(self.picture, self.facts, self.table("jobs"), self.table("lanes"))
        return document | {
            "home": self.home.root.name or str(self.home.root),
            "seq": self.reader.seq,
            "trials": len(self.book),
            "nodes": nodes_in_short(self.picture, self.table("nodes")),
            "changed": self.reader.changed,
            "inbox": [{"id": row["id"], "level": row["level"]} for row in inbox if row["level"] != "look"][:100],
        }

    def table(self, topic: str) -> list[Row]:
        """All rows of a topic, in their own order. Raises OperatorError for one that there is not."""
        makers: dict[str, Callable[[], list[Row]]] = {
            "lanes": lambda: lane_table(self.picture, self.facts, self._job_rows()),
            "jobs": lambda: job_table(self._job_rows(), self.facts),
            "nodes": lambda: node_table(self.picture, self.facts),
            "inbox": lambda: inbox_rows(self.picture, self.facts, ledger.rows(self.home)),
            "events": lambda: [*reversed(self.reader.events)],
            "incidents": lambda: TOPICS["incidents"](self.picture, self.facts)[::-1],
            "actions": lambda: TOPICS["actions"](self.picture, self.facts)[::-1],
            "runs": lambda: TOPICS["runs"](self.picture, self.facts)[::-1],
            "requests": lambda: self.picture.rows("request")[::-1],
            "studies": lambda: study_rows(self.home, self.picture, self.book, self._job_rows()),
        }
        if topic in makers:
            return self._once(f"table {topic}", makers[topic])
        if topic in TOPICS:
            return self._once(f"table {topic}", lambda: TOPICS[topic](self.picture, self.facts))
        raise OperatorError(
            f"there is no table {topic!r}; there are: {', '.join(sorted({*makers, *TOPICS, 'trials'}))}"
        )

    def _job_rows(self) -> list[Row]:
        return self._once("job rows", lambda: TOPICS["jobs"](self.picture, self.facts))

    def page(self, topic: str, asked: Asked) -> Row:
        """One page of a table, under the head every document of ``query`` has."""
        top = head(self.picture, self.facts) | {"topic": topic, "version": self.version}
        if topic == "trials":
            return top | self.book.newest(asked.cursor, asked.limit)
        key = (topic, asked.order)
        if key not in self._orders:
            self._orders[key] = in_order(self.table(topic), asked)
            while len(self._orders) > _ORDERS_KEPT:
                self._orders.popitem(last=False)
        return top | page_of(self._orders[key], asked)

    def history(self) -> Row:
        """An hour of the machine's measures, for the small plots."""
        return {name: [[at, value] for at, value in kept] for name, kept in self.reader.samples.items()}

    # -- why ----------------------------------------------------------------------------------------------------

    def explain(self, id: str) -> Row:
        """The story of an incident, and the chain of causes behind any id. Raises OperatorError for an unknown one."""
        lines = trail(backward(self.home.journal, []), id)
        if not any(line.id == id for line in lines):
            raise OperatorError(unknown(id, ids(self.home.journal)))
        if any(line.kind == "incident" for line in lines if line.id == id):
            known = {line.seq: line for line in lines}
            about = deeds_about(lines, id).encode()
            known |= {line.seq: line for line in mentioning(self.home.journal, about) if line.kind == "action"}
            lines = [known[seq] for seq in sorted(known)]
        index = Index(lines)
        return {"id": id, "incident": incident_story(index, id), "chain": chain_of(index, id)}

    # -- the past -----------------------------------------------------------------------------------------------

    def span(self) -> Row:
        """From when to when there is something to show, and what happened between, to steer by."""
        picture = self.picture
        marks = [
            *({"at": row["opened_at"], "kind": "incident", "text": row["cause"]} for row in picture.rows("incident")),
            *({"at": millis_of_iso(row["at"]), "kind": "session", "text": f"session {row['id']} {row['status']}"}
              for row in picture.rows("session")),
            *({"at": row.get("since") or millis_of_iso(row["at"]), "kind": "champion", "text": f"{row['id']} crowned"}
              for row in picture.rows("champion")),
        ]  # fmt: skip
        begin = reaches_back_to(self.home.journal) or _first_at(self.home)
        last = self.reader.last_at
        return {
            "from": millis_of_iso(begin) if begin else None,
            "to": max(millis_of_iso(last), self.facts.now),
            "marks": sorted(marks, key=lambda mark: mark["at"])[-_MARKS:],
        }

    def known_past(self, at: Millis) -> Row | None:
        return self._pasts.get(iso(at))

    def keep_past(self, at: Millis, document: Row) -> None:
        self._pasts[iso(at)] = document
        while len(self._pasts) > _PASTS_KEPT:
            self._pasts.popitem(last=False)


def past_document(home: Home, at: Millis) -> Row:
    """What was known at that instant, as the first page would have shown it. Slow: it walks the journal from its begin.

    Raises OperatorError for an instant that was cleaned away or is still to come.
    """
    read = past(home, at, with_lines=False)
    return whole_document(read.picture, read.facts, read.note)


def whole_document(picture: Picture, facts: Facts, note: str = "") -> Row:
    """The first page and the tables below it in one."""
    jobs = job_table(TOPICS["jobs"](picture, facts), facts)
    lanes = lane_table(picture, facts, jobs)
    nodes = node_table(picture, facts)
    return now_document(picture, facts, jobs, lanes) | {
        "note": note,
        "lane_rows": lanes[:200],
        "nodes": nodes_in_short(picture, nodes),
        "node_rows": nodes[:200],
        "tracker": TOPICS["tracker"](picture, facts)[:200],
        "actions": TOPICS["actions"](picture, facts)[-20:][::-1],
        "champion_rows": TOPICS["champions"](picture, facts),
    }


def _first_at(home: Home) -> str:
    """When the first line was written."""
    for path in segments_by_name(home.journal)[:1]:
        try:
            with path.open("rb") as file:
                line = file.readline(4096)
        except OSError:
            return ""
        begin = line.find(b'"at":"') + 6
        return line[begin : line.find(b'"', begin)].decode(errors="replace") if begin > 5 else ""
    return ""
