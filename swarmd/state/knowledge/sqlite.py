"""Knowledge in one SQLite file: entries and links in tables, their terms in an FTS5 index, ranked by its bm25.

The default, opened by ``opening.open_knowledge``. Write-ahead logging: readers never wait, a writer holds the file for
one batch. The index holds the terms that ``words.py`` makes, split at blanks; FTS5's own tokeniser and query syntax
see nothing else.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from swarmd.state.knowledge.meaning.vectors import Ask
from swarmd.state.knowledge.sqlite_index import SqliteIndex
from swarmd.state.knowledge.sqlite_tables import connect, trouble
from swarmd.state.knowledge.sqlite_writing import SqliteWriting
from swarmd.state.knowledge.stored import Stored
from swarmd.state.knowledge.writing import Writing
from swarmd.state.units import SECOND, Millis


def wall_now() -> Millis:
    return time.time_ns() // 1_000_000


class SqliteKnowledge(Stored):
    """The contract over one file. ``patience`` is how long a writer waits for another before it gives up.

    One thread at a time may use it, and need not be the one that made it.
    """

    def __init__(self, path: Path, *, patience: Millis = 20 * SECOND, now: Callable[[], Millis] = wall_now) -> None:
        super().__init__(now)
        self._path = path
        self._connection = connect(path, patience)
        self._reindex_if_stale()

    def health(self) -> dict[str, Any]:
        from swarmd.state.knowledge.sqlite_health import health

        return health(self._connection, self._path)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _index(self) -> Iterator[SqliteIndex]:
        with self._transaction("DEFERRED") as connection:
            yield SqliteIndex(connection)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Ask]:
        with self._transaction("DEFERRED") as connection:
            yield connection.execute

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Writing]:
        with self._transaction("IMMEDIATE") as connection:
            yield SqliteWriting(connection)

    def _empty_index(self, writing: Writing) -> None:
        writing.ask("INSERT INTO words (words) VALUES ('delete-all')", ())
        writing.ask("DELETE FROM term", ())

    @contextlib.contextmanager
    def _transaction(self, how: str) -> Iterator[sqlite3.Connection]:
        """One picture of the store, or one change of it that is whole or never was."""
        try:
            self._connection.execute(f"BEGIN {how}")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except sqlite3.Error as cause:
            raise trouble(self._path, cause) from None
