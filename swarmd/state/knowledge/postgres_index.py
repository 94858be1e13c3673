"""What a search asks of Postgres: counts of terms, ranked rows, entries, neighbours. Reads only.

Made by ``postgres.py`` around its connection, inside one transaction; what is looked up is decided in ``search.py``.
ts_rank knows no rarity of words, so each word's rank is weighed by its own: log(1 + entries / entries that have it).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swarmd.state.knowledge.entry import Kind
from swarmd.state.knowledge.meaning.vectors import Ask, Meaning, Vectors
from swarmd.state.knowledge.postgres_tables import Connection
from swarmd.state.knowledge.question import Group, Match
from swarmd.state.knowledge.ranking import TEXT, TITLE, UNDER, WEIGHED
from swarmd.state.knowledge.search import Kept
from swarmd.state.knowledge.sqlite_index import BACKWARDS
from swarmd.state.knowledge.writing import ENTRY, entry_of

# For the labels D, C, B, A: text, tags, headings above, title. Tags must be had, and weigh nothing.
_WEIGHTS = f"{{{TEXT / TITLE}, 0, {UNDER / TITLE}, 1}}"
# bm25 of a middling match is some ten; about so large is this, and scores of the two backends look alike.
_SCALE = 20.0
_RECENT = 1_000
_AROUND = """
SELECT l.relation, l.target, false FROM entry e JOIN link l ON l.source = e.row
 WHERE e.id = %(id)s AND l.relation IN ('contains', 'links-to')
UNION ALL SELECT l.relation, o.id, true FROM link l JOIN entry o ON o.row = l.source
 WHERE l.target = %(id)s AND l.relation IN ('contains', 'links-to')
UNION ALL (SELECT l.relation, o.id, false FROM entry e JOIN link l ON l.source = e.row
 JOIN link d ON d.target = l.target AND d.relation = 'defines' JOIN entry o ON o.row = d.source
 WHERE e.id = %(id)s AND l.relation IN ('mentions-symbol', 'imports') AND o.row <> e.row LIMIT 50)
UNION ALL (SELECT m.relation, o.id, true FROM entry e JOIN link d ON d.source = e.row
 JOIN link m ON m.target = d.target AND m.relation IN ('mentions-symbol', 'imports') JOIN entry o ON o.row = m.source
 WHERE e.id = %(id)s AND d.relation = 'defines' AND o.row <> e.row LIMIT 50)
"""


class PostgresIndex:
    """Answers ``search.Index`` from one connection."""

    # Fetching and ranking one row costs some 5 µs.
    many = 2_000

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def size(self) -> int:
        said = self._connection.execute("SELECT coalesce(max(row), 0) FROM entry").fetchone()
        return int(said[0]) if said else 0

    def counts(self, terms: Sequence[str]) -> Mapping[str, int]:
        asked = "SELECT term, n FROM term WHERE term = ANY(%s) AND n > 0"
        return dict(self._connection.execute(asked, (list(terms),)))

    def ranked(self, match: Match, counts: Mapping[str, int], n_entries: int) -> Mapping[int, float]:
        column = "titles" if match.in_titles else "terms"
        terms = [term for term in match.terms() if counts.get(term)]
        figure = " + ".join(["%s * ts_rank(%s, terms, %s::tsquery, 1)"] * len(terms)) or "0"
        values: list[object] = []
        for term in terms:
            values += [_SCALE * math.log(1.0 + n_entries / counts[term]), _WEIGHTS, f"'{term}'"]
        place = f"words WHERE {column} @@ %s::tsquery"
        if not match.is_recent:
            return self._best(figure, place, (*values, written(match)))
        # As many of the last as hold enough of them: sorting all that match would read half of the table.
        share = min(counts.get(term, 0) for term in terms) / max(n_entries, 1) if terms else 1.0
        since = n_entries - int(_RECENT / max(share, 0.01))
        found = self._best(figure, f"{place} AND row > %s", (*values, written(match), since))
        if found or not match.is_last:
            return found
        # Words that were common once, and not of late: the last that have them, wherever they lie. A tenth of a second.
        last = f"(SELECT * FROM {place} ORDER BY row DESC LIMIT {_RECENT}) AS last"
        return self._best(figure, last, (*values, written(match)))

    def _best(self, figure: str, place: str, values: Sequence[object]) -> Mapping[int, float]:
        asked = f"SELECT row, {figure} AS figure FROM {place} ORDER BY figure DESC LIMIT {WEIGHED}"
        return {row: max(float(points), 1e-9) for row, points in self._connection.execute(asked, tuple(values))}

    def nearest(self, meaning: Meaning, *, kind: Kind | None, domain: str | None, limit: int) -> Mapping[int, float]:
        return Vectors(asking(self._connection)).nearest(meaning, kind=kind, domain=domain, limit=limit)

    def kept(self, rows: Sequence[int]) -> Mapping[int, Kept]:
        asked = f"SELECT row, hints, {ENTRY} FROM entry WHERE row = ANY(%s)"
        found = self._connection.execute(asked, (list(rows),))
        return {row: Kept(entry_of(*said), tuple(hints.split())) for row, hints, *said in found}

    def kept_by_id(self, ids: Sequence[str]) -> Mapping[str, Kept]:
        asked = f"SELECT hints, {ENTRY} FROM entry WHERE id = ANY(%s)"
        found = self._connection.execute(asked, (list(ids),))
        return {said[0]: Kept(entry_of(*said), tuple(hints.split())) for hints, *said in found}

    def neighbours(self, ids: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        return {
            id: [
                (BACKWARDS[relation] if is_back else relation, other)
                for relation, other, is_back in self._connection.execute(_AROUND, {"id": id})
            ]
            for id in ids
        }

    def like(self, term: str) -> Mapping[str, int]:
        first, most = term[:1], 1 if len(term) < 6 else 2
        asked = "SELECT term, n FROM term WHERE term >= %s AND term < %s AND n > 0 AND length(term) BETWEEN %s AND %s"
        values = (first, chr(ord(first) + 1), len(term) - most, len(term) + most)
        return dict(self._connection.execute(asked, values))


def asking(connection: Connection) -> Ask:
    """Postgres asked in SQLite's words; vectors come as bytes, not as letters that stand for them."""

    def ask(said: str, values: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        return connection.execute(said.replace("?", "%s"), tuple(values), binary=True)

    return ask


def written(match: Match) -> str:
    """The match as a tsquery: every term within quotes, and no term holds one."""

    def way(terms: tuple[str, ...]) -> str:
        return " & ".join(f"'{term}'" for term in terms)

    def group(ways: Group) -> str:
        return "(" + " | ".join(f"({way(terms)})" for terms in ways) + ")"

    said = (" | " if match.is_any else " & ").join(map(group, match.groups))
    return " & ".join([f"({said})", *(f"'{tag}'" for tag in match.tags)])
