"""Writing a batch into the tables of Postgres: entries, terms, links, the counts of terms. One transaction's work.

Called by ``postgres.py`` with the transaction open and the writers' lock held; what takes time was done before.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swarmd.state.knowledge.entry import Changed, Link
from swarmd.state.knowledge.postgres_tables import Connection
from swarmd.state.knowledge.prepared import Columns, Prepared, Standing, counted, difference, prepared
from swarmd.state.knowledge.sqlite_index import ENTRY, entry_of

# What a tsvector can hold of positions; terms beyond are found, and rank as if they stood at the last.
_LAST = 16_383
_MOST_PLACES = 60  # of one term: what counts falls with the square of their number


def standing(connection: Connection, column: str, values: Sequence[Any]) -> dict[str, Standing]:
    """What is there, by id, of the entries with these ids or of these files."""
    asked = f"SELECT id, row, digest, file FROM entry WHERE {column} = ANY(%s)"
    return {id: Standing(row, digest, f) for id, row, digest, f in connection.execute(asked, (list(values),))}


def write(connection: Connection, ready: Sequence[Prepared], files: Mapping[str, int]) -> Changed:
    """Bring these entries in; ``files`` says by id which file said it, where one did."""
    there = standing(connection, "id", [one.entry.id for one in ready])
    writing = difference(ready, there)
    # Before any row goes: the last one may be among those that are written again.
    said = connection.execute("SELECT coalesce(max(row), 0) FROM entry").fetchone()
    # Their vectors stay: what an entry is embedded by may be what it was.
    _unwrite(connection, [row for row, _ in writing.changed])
    written = [*writing.changed, *enumerate(writing.new, (said[0] if said else 0) + 1)]
    _copy(
        connection, f"entry (row, file, hints, digest, {ENTRY})",
        (_row_of(row, one, files.get(one.entry.id)) for row, one in written),
    )  # fmt: skip
    index(connection, written)
    links = ((row, link.relation, link.target) for row, one in written for link in one.links)
    _copy(connection, "link (source, relation, target)", links)
    moved = [(files[id], it.row) for id, it in there.items() if id in files and it.file != files[id]]
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE entry SET file = %s WHERE row = %s", moved)
    return Changed(len(writing.new), len(writing.changed), writing.same)


def index(connection: Connection, written: Sequence[tuple[int, Prepared]]) -> None:
    """Make these rows found by their words."""
    _copy(
        connection, "words (row, titles, terms)",
        ((row, *vectors(one.columns)) for row, one in written),
    )  # fmt: skip
    add_counts(connection, counted(one for _, one in written))


def remove(connection: Connection, rows: Sequence[int]) -> int:
    """Take these rows out of everything."""
    _unwrite(connection, rows)
    if rows:
        connection.execute("DELETE FROM vector WHERE row = ANY(%s)", (list(rows),))
    return len(rows)


def _unwrite(connection: Connection, rows: Sequence[int]) -> None:
    if not rows:
        return
    asked = f"SELECT {ENTRY} FROM entry WHERE row = ANY(%s)"
    before = counted(prepared(entry_of(*said) for said in connection.execute(asked, (list(rows),))))
    add_counts(connection, {term: -n for term, n in before.items()})
    for table, column in (("words", "row"), ("link", "source"), ("entry", "row")):
        connection.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", (list(rows),))


def add_counts(connection: Connection, counts: Mapping[str, int]) -> None:
    some = sorted((term, n) for term, n in counts.items() if n)
    connection.execute(
        "INSERT INTO term SELECT * FROM unnest(%s::text[], %s::bigint[])"
        " ON CONFLICT (term) DO UPDATE SET n = term.n + excluded.n",
        ([term for term, _ in some], [n for _, n in some]),
    )


def links_of(connection: Connection, rows: Sequence[int]) -> dict[int, tuple[Link, ...]]:
    """The links that lead from these rows, by row."""
    found: dict[int, list[Link]] = {}
    asked = (
        "SELECT e.row, e.id, l.relation, l.target FROM link l JOIN entry e ON e.row = l.source"
        ' WHERE l.source = ANY(%s) ORDER BY e.row, l.relation COLLATE "C", l.target'
    )
    for row, id, relation, target in connection.execute(asked, (list(rows),)):
        found.setdefault(row, []).append(Link(id, relation, target))
    return {row: tuple(links) for row, links in found.items()}


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


def _copy(connection: Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _row_of(row: int, one: Prepared, file: int | None) -> tuple[Any, ...]:
    it = one.entry
    return (
        row, file, " ".join(one.hints), one.digest, it.id, it.domain, it.kind, it.title, it.text, it.source,
        json.dumps(it.evidence), it.at, it.strength, it.under,
    )  # fmt: skip
