"""What is SQLite's own about writing a batch: rows many at a time, and an index that holds no copy of its terms."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from swarmd.state.knowledge.prepared import Prepared
from swarmd.state.knowledge.writing import Writing


class SqliteWriting(Writing):
    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection.execute)
        self._connection = connection

    def insert(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        places = ", ".join("?" * (columns.count(",") + 1))
        self._connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)

    def index_words(self, written: Iterable[tuple[int, Prepared]]) -> None:
        self._connection.executemany(
            "INSERT INTO words (rowid, title, under, text, tags) VALUES (?, ?, ?, ?, ?)", _said(written)
        )

    def unindex_words(self, old: Sequence[tuple[int, Prepared]]) -> None:
        # The index has to be told the terms that it holds of them.
        self._connection.executemany(
            "INSERT INTO words (words, rowid, title, under, text, tags) VALUES ('delete', ?, ?, ?, ?, ?)", _said(old)
        )

    def add_counts(self, counts: Mapping[str, int]) -> None:
        # In the order of the table: the same pages are touched one after another.
        self._connection.executemany(
            "INSERT INTO term VALUES (?, ?) ON CONFLICT (term) DO UPDATE SET n = n + excluded.n",
            sorted((term, n) for term, n in counts.items() if n),
        )


def _said(written: Iterable[tuple[int, Prepared]]) -> Iterator[tuple[Any, ...]]:
    """A row of the index for each: its number and the terms of its columns."""
    for row, one in written:
        it = one.columns
        yield (row, *map(" ".join, (it.title, it.under, it.text, it.tags)))
