"""What a search asks of SQLite: counts of terms, ranked rows, entries, neighbours. Reads only.

Made by ``sqlite.py`` around its connection, inside one transaction; what is looked up is decided in ``search.py``.
"""

import sqlite3
from collections.abc import Mapping, Sequence

from swarmd.state.knowledge.entry import Kind
from swarmd.state.knowledge.meaning.vectors import Meaning, Vectors
from swarmd.state.knowledge.question import Group, Match
from swarmd.state.knowledge.ranking import TEXT, TITLE, UNDER, WEIGHED
from swarmd.state.knowledge.search import Kept
from swarmd.state.knowledge.writing import ENTRY, entry_of

_RANK = f"bm25(words, {TITLE}, {UNDER}, {TEXT}, 0.0)"
_AROUND = """
SELECT e.id, l.relation, l.target, 0 FROM entry e JOIN link l ON l.source = e.row
 WHERE e.id = ?1 AND l.relation IN ('contains', 'links-to')
UNION ALL SELECT ?1, l.relation, o.id, 1 FROM link l JOIN entry o ON o.row = l.source
 WHERE l.target = ?1 AND l.relation IN ('contains', 'links-to')
UNION ALL SELECT * FROM (SELECT e.id, l.relation, o.id, 0 FROM entry e JOIN link l ON l.source = e.row
 JOIN link d ON d.target = l.target AND d.relation = 'defines' JOIN entry o ON o.row = d.source
 WHERE e.id = ?1 AND l.relation IN ('mentions-symbol', 'imports') AND o.row <> e.row LIMIT 50)
UNION ALL SELECT * FROM (SELECT e.id, m.relation, o.id, 1 FROM entry e JOIN link d ON d.source = e.row
 JOIN link m ON m.target = d.target AND m.relation IN ('mentions-symbol', 'imports') JOIN entry o ON o.row = m.source
 WHERE e.id = ?1 AND d.relation = 'defines' AND o.row <> e.row LIMIT 50)
"""
_RECENT = 1_500
BACKWARDS = {
    "contains": "contained-in", "links-to": "linked-from", "mentions-symbol": "mentioned-in", "imports": "imported-by",
}  # fmt: skip


class SqliteIndex:
    """Answers ``search.Index`` from one connection."""

    # Ranking one entry costs bm25 0.7 µs.
    many = 5_000

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def size(self) -> int:
        # Rows are given out in order; counting them all would cost as much as a search. Removed ones count a little.
        return int(self._connection.execute("SELECT coalesce(max(row), 0) FROM entry").fetchone()[0])

    def counts(self, terms: Sequence[str]) -> Mapping[str, int]:
        holes = ", ".join("?" * len(terms))
        return dict(self._connection.execute(f"SELECT term, n FROM term WHERE term IN ({holes}) AND n > 0", terms))

    def ranked(self, match: Match, counts: Mapping[str, int], n_entries: int) -> Mapping[int, float]:
        order = f"rowid DESC LIMIT {_RECENT}" if match.is_recent else f"figure LIMIT {WEIGHED}"
        found = self._connection.execute(
            f"SELECT rowid, {_RANK} AS figure FROM words WHERE words MATCH ? ORDER BY {order}", (written(match),)
        ).fetchall()
        found.sort(key=lambda one: one[1])
        # Against bm25's habit of being negative; a word in over half of all entries it counts as next to nothing.
        return {row: max(-figure, 1e-9) for row, figure in found[:WEIGHED]}

    def nearest(self, meaning: Meaning, *, kind: Kind | None, domain: str | None, limit: int) -> Mapping[int, float]:
        return Vectors(self._connection.execute).nearest(meaning, kind=kind, domain=domain, limit=limit)

    def kept(self, rows: Sequence[int]) -> Mapping[int, Kept]:
        holes = ", ".join("?" * len(rows))
        asked = f"SELECT row, hints, {ENTRY} FROM entry WHERE row IN ({holes})"
        return {row: Kept(entry_of(*said), tuple(h.split())) for row, h, *said in self._connection.execute(asked, rows)}

    def kept_by_id(self, ids: Sequence[str]) -> Mapping[str, Kept]:
        holes = ", ".join("?" * len(ids))
        asked = f"SELECT hints, {ENTRY} FROM entry WHERE id IN ({holes})"
        found = (Kept(entry_of(*said), tuple(h.split())) for h, *said in self._connection.execute(asked, ids))
        return {kept.entry.id: kept for kept in found}

    def neighbours(self, ids: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {
            id: [
                (BACKWARDS[relation] if is_back else relation, other)
                for _, relation, other, is_back in self._connection.execute(_AROUND, (id,))
            ]
            for id in ids
        }

    def like(self, term: str) -> Mapping[str, int]:
        first, most = term[:1], 1 if len(term) < 6 else 2
        asked = "SELECT term, n FROM term WHERE term >= ? AND term < ? AND n > 0 AND length(term) BETWEEN ? AND ?"
        return dict(
            self._connection.execute(asked, (first, chr(ord(first) + 1), len(term) - most, len(term) + most)).fetchall()
        )


def written(match: Match) -> str:
    """The match in FTS5's syntax: every term within quotes, and no term holds one."""

    def way(terms: tuple[str, ...]) -> str:
        return " AND ".join(f'"{term}"' for term in terms)

    def group(ways: Group) -> str:
        return "(" + " OR ".join(f"({way(terms)})" for terms in ways) + ")"

    said = (" OR " if match.is_any else " AND ").join(map(group, match.groups))
    columns = "{title under}" if match.in_titles else "{title under text}"
    return " AND ".join([f"{columns}: ({said})", *(f'tags: "{tag}"' for tag in match.tags)])
