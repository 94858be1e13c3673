"""Knowledge in Postgres, for a team: entries and links in tables, their terms in tsvectors under a GIN index.

Opened by ``opening.open_knowledge`` where an address is given; needs the extra `postgres`. Writers take turns by an
advisory lock, a batch each; readers see one picture of the store and never wait.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge.asked import Asked
from swarmd.state.knowledge.domains import resolved
from swarmd.state.knowledge.entry import Changed, Entry, FileMark, FileRead, Kind, Link, Totals
from swarmd.state.knowledge.meaning.vectors import Vectors
from swarmd.state.knowledge.prepared import prepared
from swarmd.state.knowledge.sqlite import BATCH, wall_now
from swarmd.state.knowledge.sqlite_index import ENTRY, entry_of
from swarmd.state.knowledge.sqlite_writing import chunks
from swarmd.state.knowledge.words import VERSION
from swarmd.state.units import Millis

try:
    import psycopg

    from swarmd.state.knowledge.postgres_index import PostgresIndex, asking
    from swarmd.state.knowledge.postgres_tables import WRITING, Connection, connect, trouble
    from swarmd.state.knowledge.postgres_writing import index, links_of, remove, standing, write
except ImportError:
    raise OperatorError("a knowledge base in Postgres needs the extra: pip install 'swarmd[postgres]'") from None

_FILE = "path, root, size, mtime_ns, digest, how"


class PostgresKnowledge(Asked):
    """The contract over one connection. ``place`` is the address as people may see it."""

    def __init__(self, url: str, place: str, *, now: Callable[[], Millis] = wall_now) -> None:
        super().__init__(now)
        self._url, self._place = url, place
        self._connection = connect(url, place)
        with self._reading() as connection:
            said = connection.execute("SELECT value FROM meta WHERE key = 'words'").fetchone()
        if said is None or int(said[0]) < VERSION:
            self._reindex()

    # -- entries --------------------------------------------------------------------------------------------------

    def put(self, entries: Iterable[Entry], *, links: Iterable[Link] = ()) -> Changed:
        changed = Changed()
        for batch in chunks(prepared(entries, links), BATCH):
            with self._writing() as connection:
                changed += write(connection, batch, {})
        return changed

    def forget(self, ids: Iterable[str]) -> int:
        gone = 0
        for batch in chunks(list(dict.fromkeys(ids)), BATCH):
            with self._writing() as connection:
                gone += remove(connection, [it.row for it in standing(connection, "id", batch).values()])
        return gone

    def entries(
        self, *, domain: str | None = None, kind: Kind | None = None, limit: int = 100, after: str = ""
    ) -> list[Entry]:
        asked, values = f"SELECT {ENTRY} FROM entry WHERE id > %s", [after]
        for column, value in (("domain", resolved(domain) if domain else None), ("kind", kind)):
            if value:
                asked += f" AND {column} = %s"
                values.append(value)
        with self._reading() as connection:
            found = connection.execute(f"{asked} ORDER BY id LIMIT %s", (*values, max(limit, 0)))
            return [entry_of(*said) for said in found]

    # -- documents ------------------------------------------------------------------------------------------------

    def known_files(self, below: str | None = None) -> dict[str, FileMark]:
        where, values = "", {"path": below, "folder": f"{(below or '').rstrip('/')}/"}
        if below is not None:
            where = "WHERE path = %(path)s OR starts_with(path, %(folder)s)"
        with self._reading() as connection:
            found = connection.execute(f"SELECT {_FILE} FROM file {where} ORDER BY path", values)
            return {said[0]: FileMark(*said) for said in found}

    def keep_files(self, files: Sequence[FileRead]) -> Changed:
        ready = {file.mark.path: prepared(file.entries, file.links) for file in files}
        with self._writing() as connection:
            rows = _marked(connection, [file.mark for file in files])
            said = {one.entry.id: rows[path] for path, ones in ready.items() for one in ones}
            before = standing(connection, "file", list(rows.values()))
            gone = remove(connection, [it.row for id, it in before.items() if id not in said])
            latest = {one.entry.id: one for ones in ready.values() for one in ones}
            changed = write(connection, [latest[id] for id in sorted(latest)], said)
        return changed + Changed(gone=gone)

    def mark_files(self, marks: Sequence[FileMark]) -> None:
        with self._writing() as connection:
            _marked(connection, marks)

    def forget_files(self, paths: Sequence[str]) -> int:
        gone = 0
        for some in chunks(paths, BATCH):
            with self._writing() as connection:
                files = [
                    row for (row,) in connection.execute("SELECT row FROM file WHERE path = ANY(%s)", (list(some),))
                ]
                gone += remove(connection, [it.row for it in standing(connection, "file", files).values()])
                connection.execute("DELETE FROM file WHERE row = ANY(%s)", (files,))
        return gone

    # -- moving ---------------------------------------------------------------------------------------------------

    def contents(self, paths: Sequence[str]) -> list[FileRead]:
        with self._reading() as connection:
            return [found for path in paths for found in _content(connection, path)]

    def loose(self, *, after: str = "", limit: int = BATCH) -> list[tuple[Entry, tuple[Link, ...]]]:
        with self._reading() as connection:
            asked = f"SELECT row, {ENTRY} FROM entry WHERE file IS NULL AND id > %s ORDER BY id LIMIT %s"
            found = {row: entry_of(*said) for row, *said in connection.execute(asked, (after, limit))}
            links = links_of(connection, list(found))
        return [(entry, links.get(row, ())) for row, entry in found.items()]

    def totals(self) -> Totals:
        with self._reading() as connection:
            asked = "SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM link), (SELECT count(*) FROM file)"
            return Totals(*(connection.execute(asked).fetchone() or (0, 0, 0)))

    @contextlib.contextmanager
    def vectors(self, *, is_writing: bool = False) -> Iterator[Vectors]:
        with self._writing() if is_writing else self._reading() as connection:
            yield Vectors(asking(connection))

    # -- the store ------------------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        from swarmd.state.knowledge.postgres_health import health

        return health(self._connection, self._place)

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _index(self) -> Iterator[PostgresIndex]:
        with self._reading() as connection:
            yield PostgresIndex(connection)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._connection.transaction():
                self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                yield self._connection
        except psycopg.Error as cause:
            raise trouble(self._place, self._url, cause) from None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._connection.transaction():
                self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING,))
                yield self._connection
        except psycopg.Error as cause:
            raise trouble(self._place, self._url, cause) from None

    def _reindex(self) -> None:
        """The terms are made otherwise than when this was written: make them all again."""
        with self._writing() as connection:
            connection.execute("TRUNCATE words, term")
            rows = [row for (row,) in connection.execute("SELECT row FROM entry ORDER BY row")]
            for some in chunks(rows):
                asked = f"SELECT row, {ENTRY} FROM entry WHERE row = ANY(%s)"
                found = {said[1]: said for said in connection.execute(asked, (list(some),))}
                ready = prepared(entry_of(*said[1:]) for said in found.values())
                index(connection, [(found[one.entry.id][0], one) for one in ready])
            connection.execute(
                "INSERT INTO meta VALUES ('words', %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (str(VERSION),),
            )


def _marked(connection: Connection, marks: Sequence[FileMark]) -> dict[str, int]:
    """Write down how these files were found; their rows by path."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO file ({_FILE}) VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (path) DO UPDATE SET"
            " root = excluded.root, size = excluded.size, mtime_ns = excluded.mtime_ns, digest = excluded.digest,"
            " how = excluded.how",
            [(mark.path, mark.root, mark.size, mark.mtime_ns, mark.digest, mark.how) for mark in marks],
        )
    asked = "SELECT path, row FROM file WHERE path = ANY(%s)"
    return dict(connection.execute(asked, ([mark.path for mark in marks],)))


def _content(connection: Connection, path: str) -> Iterator[FileRead]:
    for file, *said in connection.execute(f"SELECT row, {_FILE} FROM file WHERE path = %s", (path,)).fetchall():
        asked = f"SELECT row, {ENTRY} FROM entry WHERE file = %s ORDER BY id"
        found = {row: entry_of(*them) for row, *them in connection.execute(asked, (file,))}
        links = links_of(connection, list(found))
        leading = tuple(one for row in found for one in links.get(row, ()))
        yield FileRead(FileMark(*said), tuple(found.values()), leading)
