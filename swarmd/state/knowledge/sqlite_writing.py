"""Writing a batch into SQLite's tables: entries, their terms, their links, the counts of terms. One transaction's work.

Called by ``sqlite.py`` with the transaction open; everything that takes time was done before, in ``prepared.py``.
"""

import json
import sqlite3
from collections import Counter
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
    old = [row for row, _ in writing.changed]
    add_counts(connection, _less(_counts_of(connection, old)))
    _unlink(connection, old)
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
    connection.executemany(
        "INSERT INTO words (rowid, title, under, text, tags) VALUES (?, ?, ?, ?, ?)",
        ((row, *map(" ".join, (c.title, c.under, c.text, c.tags))) for row, c in ((r, o.columns) for r, o in written)),
    )
    add_counts(connection, counted(one for _, one in written))


def remove(connection: sqlite3.Connection, rows: Sequence[int]) -> int:
    """Take these rows out of everything."""
    for some in chunks(rows):
        add_counts(connection, _less(_counts_of(connection, some)))
        _unlink(connection, some)
        connection.execute(f"DELETE FROM entry WHERE row IN ({', '.join('?' * len(some))})", some)
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


def _counts_of(connection: sqlite3.Connection, rows: Iterable[int]) -> Counter[str]:
    """What these rows add to the counts of terms."""
    counts: Counter[str] = Counter()
    for some in chunks(list(rows)):
        asked = f"SELECT {ENTRY} FROM entry WHERE row IN ({', '.join('?' * len(some))})"
        counts += counted(prepared(entry_of(*said) for said in connection.execute(asked, some)))
    return counts


def _less(counts: Mapping[str, int]) -> dict[str, int]:
    return {term: -n for term, n in counts.items()}


def _unlink(connection: sqlite3.Connection, rows: Sequence[int]) -> None:
    for some in chunks(rows):
        holes = ", ".join("?" * len(some))
        connection.execute(f"DELETE FROM words WHERE rowid IN ({holes})", some)
        connection.execute(f"DELETE FROM link WHERE source IN ({holes})", some)
