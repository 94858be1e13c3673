"""Writing a batch into SQLite's tables: entries, their terms, their links, the counts of terms. One transaction's work.

Called by ``sqlite.py`` with the transaction open; everything that takes time was done before, in ``prepared.py``.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from swarmd.state.knowledge.entry import Changed, Link
from swarmd.state.knowledge.prepared import Prepared, Standing, counted, difference, prepared
from swarmd.state.knowledge.sqlite_index import ENTRY, entry_of

_Item = TypeVar("_Item")
_MOST_HOLES = 500


def chunks(items: Sequence[_Item], size: int = _MOST_HOLES) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def standing(connection: sqlite3.Connection, column: str, values: Sequence[Any]) -> dict[str, Standing]:
    """What is there, by id, of the entries with these ids or of these files."""
    found: dict[str, Standing] = {}
    for some in chunks(values):
        asked = f"SELECT id, row, digest, file FROM entry WHERE {column} IN ({', '.join('?' * len(some))})"
        found |= {id: Standing(row, digest, file) for id, row, digest, file in connection.execute(asked, some)}
    return found


def write(connection: sqlite3.Connection, ready: Sequence[Prepared], files: Mapping[str, int]) -> Changed:
    """Bring these entries in; ``files`` says by id which file said it, where one did."""
    there = standing(connection, "id", [one.entry.id for one in ready])
    writing = difference(ready, there)
    # Their vectors stay: what an entry is embedded by may be what it was.
    _unwrite(connection, [row for row, _ in writing.changed])
    last = connection.execute("SELECT coalesce(max(row), 0) FROM entry").fetchone()[0]
    written = [*writing.changed, *enumerate(writing.new, last + 1)]
    connection.executemany(
        f"INSERT OR REPLACE INTO entry (row, file, hints, digest, {ENTRY})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_row_of(row, one, files.get(one.entry.id)) for row, one in written),
    )
    index(connection, written)
    connection.executemany(
        "INSERT INTO link VALUES (?, ?, ?)",
        ((row, link.relation, link.target) for row, one in written for link in one.links),
    )
    moved = [(files[id], it.row) for id, it in there.items() if id in files and it.file != files[id]]
    connection.executemany("UPDATE entry SET file = ? WHERE row = ?", moved)
    return Changed(len(writing.new), len(writing.changed), writing.same)


def index(connection: sqlite3.Connection, written: Sequence[tuple[int, Prepared]]) -> None:
    """Make these rows found by their words."""
    connection.executemany("INSERT INTO words (rowid, title, under, text, tags) VALUES (?, ?, ?, ?, ?)", _said(written))
    add_counts(connection, counted(one for _, one in written))


def remove(connection: sqlite3.Connection, rows: Sequence[int]) -> int:
    """Take these rows out of everything."""
    for some in chunks(rows):
        _unwrite(connection, some)
        for table in ("entry", "vector"):
            connection.execute(f"DELETE FROM {table} WHERE row IN ({', '.join('?' * len(some))})", some)
    return len(rows)


def add_counts(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    # In the order of the table: the same pages are touched one after another.
    connection.executemany(
        "INSERT INTO term VALUES (?, ?) ON CONFLICT (term) DO UPDATE SET n = n + excluded.n",
        sorted((term, n) for term, n in counts.items() if n),
    )


def links_of(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, tuple[Link, ...]]:
    """The links that lead from these rows, by row."""
    found: dict[int, list[Link]] = {}
    for some in chunks(rows):
        asked = (
            "SELECT e.row, e.id, l.relation, l.target FROM link l JOIN entry e ON e.row = l.source"
            f" WHERE l.source IN ({', '.join('?' * len(some))})"
        )
        for row, id, relation, target in connection.execute(asked, some):
            found.setdefault(row, []).append(Link(id, relation, target))
    return {row: tuple(links) for row, links in found.items()}


def _row_of(row: int, one: Prepared, file: int | None) -> tuple[Any, ...]:
    it = one.entry
    return (
        row, file, " ".join(one.hints), one.digest, it.id, it.domain, it.kind, it.title, it.text, it.source,
        json.dumps(it.evidence), it.at, it.strength, it.under,
    )  # fmt: skip


def _said(written: Iterable[tuple[int, Prepared]]) -> Iterator[tuple[Any, ...]]:
    """A row of the index for each: its number and the terms of its columns."""
    for row, one in written:
        it = one.columns
        yield (row, *map(" ".join, (it.title, it.under, it.text, it.tags)))


def _unwrite(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    """Take the words and links of these rows away. The index has to be told the terms that it holds of them."""
    for some in chunks(rows):
        holes = ", ".join("?" * len(some))
        found = {
            said[0]: (row, entry_of(*said))
            for row, *said in connection.execute(f"SELECT row, {ENTRY} FROM entry WHERE row IN ({holes})", some)
        }
        old = [(found[one.entry.id][0], one) for one in prepared(entry for _, entry in found.values())]
        connection.executemany(
            "INSERT INTO words (words, rowid, title, under, text, tags) VALUES ('delete', ?, ?, ?, ?, ?)", _said(old)
        )
        add_counts(connection, {term: -n for term, n in counted(one for _, one in old).items()})
        connection.execute(f"DELETE FROM link WHERE source IN ({holes})", some)
