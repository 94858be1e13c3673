"""What is Postgres' own about writing a batch: rows by COPY, words as finished tsvectors."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swarmd.state.knowledge.postgres_index import asking
from swarmd.state.knowledge.postgres_tables import Connection
from swarmd.state.knowledge.prepared import Columns, Prepared
from swarmd.state.knowledge.writing import Writing

# What a tsvector can hold of positions; terms beyond are found, and rank as if they stood at the last.
_LAST = 16_383
_MOST_PLACES = 60  # of one term: what counts falls with the square of their number


class PostgresWriting(Writing):
    def __init__(self, connection: Connection) -> None:
        super().__init__(asking(connection))
        self._connection = connection

    def insert(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def index_words(self, written: Iterable[tuple[int, Prepared]]) -> None:
        self.insert("words", "row, titles, terms", ((row, *vectors(one.columns)) for row, one in written))

    def unindex_words(self, old: Sequence[tuple[int, Prepared]]) -> None:
        self._connection.execute("DELETE FROM words WHERE row = ANY(%s)", ([row for row, _ in old],))

    def add_counts(self, counts: Mapping[str, int]) -> None:
        some = sorted((term, n) for term, n in counts.items() if n)
        self._connection.execute(
            "INSERT INTO term SELECT * FROM unnest(%s::text[], %s::bigint[])"
            " ON CONFLICT (term) DO UPDATE SET n = term.n + excluded.n",
            ([term for term, _ in some], [n for _, n in some]),
        )


def vectors(columns: Columns) -> tuple[str, str]:
    """The tsvectors of titles and of everything, as literals; a term needs its quotes only, it holds none."""
    return _vector(columns.title, columns.under, (), columns.tags), _vector(
        columns.title, columns.under, columns.text, columns.tags
    )


def _vector(title: Sequence[str], under: Sequence[str], text: Sequence[str], tags: Sequence[str]) -> str:
    places: dict[str, list[str]] = {}
    at = 0
    for label, terms in (("A", title), ("B", under), ("C", tags), ("", text)):
        for term in terms:
            at = min(at + 1, _LAST)
            known = places.setdefault(term, [])
            if len(known) < _MOST_PLACES:
                known.append(f"{at}{label}")
    return " ".join(f"'{term}':{','.join(known)}" for term, known in places.items())
