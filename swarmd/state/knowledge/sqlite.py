"""Knowledge in one SQLite file: entries and links in tables, their terms in an FTS5 index, ranked by its bm25.

The default, opened by ``opening.open_knowledge``. Write-ahead logging: readers never wait, a writer holds the file for
one batch. The index holds the terms that ``words.py`` makes, split at blanks; FTS5's own tokeniser and query syntax
see nothing else.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from swarmd.state.knowledge.asked import Asked
from swarmd.state.knowledge.domains import resolved
from swarmd.state.knowledge.entry import Changed, Entry, FileMark, FileRead, Kind, Link, Totals
from swarmd.state.knowledge.meaning.vectors import Vectors
from swarmd.state.knowledge.prepared import prepared
from swarmd.state.knowledge.sqlite_index import ENTRY, SqliteIndex, entry_of
from swarmd.state.knowledge.sqlite_tables import connect, trouble
from swarmd.state.knowledge.sqlite_writing import chunks, index, links_of, remove, standing, write
from swarmd.state.knowledge.words import VERSION
from swarmd.state.units import SECOND, Millis

# A batch of these takes about a tenth of a second; so long may a daemon have to wait that wants to write a lesson.
BATCH = 500
_FILE = "path, root, size, mtime_ns, digest, how"


def wall_now() -> Millis:
    return time.time_ns() // 1_000_000


class SqliteKnowledge(Asked):
    """The contract over one file. ``patience`` is how long a writer waits for another before it gives up."""

    def __init__(self, path: Path, *, patience: Millis = 20 * SECOND, now: Callable[[], Millis] = wall_now) -> None:
        super().__init__(now)
        self._path = path
        self._connection = connect(path, patience)
        said = self._connection.execute("SELECT value FROM meta WHERE key = 'words'").fetchone()
        if said is None or int(said[0]) < VERSION:
            self._reindex()

    # -- entries --------------------------------------------------------------------------------------------------

    def put(self, entries: Iterable[Entry], *, links: Iterable[Link] = ()) -> Changed:
        changed = Changed()
        for batch in chunks(prepared(entries, links), BATCH):
            with self._transaction("IMMEDIATE") as connection:
                changed += write(connection, batch, {})
        return changed

    def forget(self, ids: Iterable[str]) -> int:
        gone = 0
        for batch in chunks(list(dict.fromkeys(ids)), BATCH):
            with self._transaction("IMMEDIATE") as connection:
                gone += remove(connection, [it.row for it in standing(connection, "id", batch).values()])
        return gone

    def entries(
        self, *, domain: str | None = None, kind: Kind | None = None, limit: int = 100, after: str = ""
    ) -> list[Entry]:
        asked, values = f"SELECT {ENTRY} FROM entry WHERE id > ?", [after]
        for column, value in (("domain", resolved(domain) if domain else None), ("kind", kind)):
            if value:
                asked += f" AND {column} = ?"
                values.append(value)
        with self._transaction() as connection:
            found = connection.execute(f"{asked} ORDER BY id LIMIT ?", (*values, max(limit, 0)))
            return [entry_of(*said) for said in found]

    # -- documents ------------------------------------------------------------------------------------------------

    def known_files(self, below: str | None = None) -> dict[str, FileMark]:
        where, values = "", {"path": below, "folder": f"{(below or '').rstrip('/')}/"}
        if below is not None:
            where = "WHERE path = :path OR substr(path, 1, length(:folder)) = :folder"
        with self._transaction() as connection:
            found = connection.execute(f"SELECT {_FILE} FROM file {where} ORDER BY path", values)
            return {said[0]: FileMark(*said) for said in found}

    def keep_files(self, files: Sequence[FileRead]) -> Changed:
        ready = {file.mark.path: prepared(file.entries, file.links) for file in files}
        with self._transaction("IMMEDIATE") as connection:
            rows = _marked(connection, [file.mark for file in files])
            said = {one.entry.id: rows[path] for path, ones in ready.items() for one in ones}
            before = standing(connection, "file", list(rows.values()))
            gone = remove(connection, [it.row for id, it in before.items() if id not in said])
            latest = {one.entry.id: one for ones in ready.values() for one in ones}
            changed = write(connection, [latest[id] for id in sorted(latest)], said)
        return changed + Changed(gone=gone)

    def mark_files(self, marks: Sequence[FileMark]) -> None:
        with self._transaction("IMMEDIATE") as connection:
            _marked(connection, marks)

    def forget_files(self, paths: Sequence[str]) -> int:
        gone = 0
        for some in chunks(paths, BATCH):
            with self._transaction("IMMEDIATE") as connection:
                holes = ", ".join("?" * len(some))
                files = [row for (row,) in connection.execute(f"SELECT row FROM file WHERE path IN ({holes})", some)]
                gone += remove(connection, [it.row for it in standing(connection, "file", files).values()])
                connection.executemany("DELETE FROM file WHERE row = ?", [(row,) for row in files])
        return gone

    # -- moving ---------------------------------------------------------------------------------------------------

    def contents(self, paths: Sequence[str]) -> list[FileRead]:
        with self._transaction() as connection:
            return [found for path in paths for found in _content(connection, path)]

    def loose(self, *, after: str = "", limit: int = BATCH) -> list[tuple[Entry, tuple[Link, ...]]]:
        with self._transaction() as connection:
            asked = f"SELECT row, {ENTRY} FROM entry WHERE file IS NULL AND id > ? ORDER BY id LIMIT ?"
            found = {row: entry_of(*said) for row, *said in connection.execute(asked, (after, limit))}
            links = links_of(connection, list(found))
        return [(entry, links.get(row, ())) for row, entry in found.items()]

    def totals(self) -> Totals:
        with self._transaction() as connection:
            counts = (connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("entry", "link", "file"))
            return Totals(*counts)

    @contextlib.contextmanager
    def vectors(self, *, is_writing: bool = False) -> Iterator[Vectors]:
        with self._transaction("IMMEDIATE" if is_writing else "DEFERRED") as connection:
            yield Vectors(connection.execute)

    # -- the store ------------------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        from swarmd.state.knowledge.sqlite_health import health

        return health(self._connection, self._path)

    def close(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _index(self) -> Iterator[SqliteIndex]:
        with self._transaction() as connection:
            yield SqliteIndex(connection)

    @contextlib.contextmanager
    def _transaction(self, how: str = "DEFERRED") -> Iterator[sqlite3.Connection]:
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

    def _reindex(self) -> None:
        """The terms are made otherwise than when this was written: make them all again."""
        with self._transaction("IMMEDIATE") as connection:
            connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
            connection.execute("DELETE FROM term")
            rows = [row for (row,) in connection.execute("SELECT row FROM entry ORDER BY row")]
            for some in chunks(rows):
                asked = f"SELECT row, {ENTRY} FROM entry WHERE row IN ({', '.join('?' * len(some))})"
                found = {id: row for row, id, *_ in connection.execute(asked, some)}
                ready = prepared(entry_of(*said) for _, *said in connection.execute(asked, some))
                index(connection, [(found[one.entry.id], one) for one in ready])
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('words', ?)", (str(VERSION),))


def _marked(connection: sqlite3.Connection, marks: Sequence[FileMark]) -> dict[str, int]:
    """Write down how these files were found; their rows by path."""
    connection.executemany(
        f"INSERT INTO file ({_FILE}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET root = excluded.root,"
        " size = excluded.size, mtime_ns = excluded.mtime_ns, digest = excluded.digest, how = excluded.how",
        [(mark.path, mark.root, mark.size, mark.mtime_ns, mark.digest, mark.how) for mark in marks],
    )
    rows: dict[str, int] = {}
    for some in chunks([mark.path for mark in marks]):
        asked = f"SELECT path, row FROM file WHERE path IN ({', '.join('?' * len(some))})"
        rows |= dict(connection.execute(asked, some).fetchall())
    return rows


def _content(connection: sqlite3.Connection, path: str) -> Iterator[FileRead]:
    for file, *said in connection.execute(f"SELECT row, {_FILE} FROM file WHERE path = ?", (path,)).fetchall():
        asked = f"SELECT row, {ENTRY} FROM entry WHERE file = ? ORDER BY id"
        found = {row: entry_of(*them) for row, *them in connection.execute(asked, (file,))}
        links = links_of(connection, list(found))
        yield FileRead(
            FileMark(*said), tuple(found.values()), tuple(one for row in found for one in links.get(row, ()))
        )
