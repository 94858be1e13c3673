"""The tables of a knowledge base in SQLite: made where they are missing, refused where they are a stranger's or newer.

Called when ``sqlite.py`` opens a file. The file is made with mode 0600 before SQLite sees it; its log and index beside
it take that mode over.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge.words import VERSION
from swarmd.state.units import Millis

SCHEMA = 2
_MARK = 0x53574B31  # "SWK1" as application_id: whose file this is

# Every byte beyond ASCII is a letter to this tokeniser, and so are these two: a term is what stands between blanks. The
# index alone is kept, and no copy of the terms: who takes an entry out makes its terms again.
WORDS = (
    "CREATE VIRTUAL TABLE words USING fts5 (title, under, text, tags, content = '',"
    " tokenize = \"ascii tokenchars '_.'\")"
)
VECTORS = (
    "CREATE TABLE vector (row INTEGER PRIMARY KEY, model TEXT NOT NULL, digest TEXT NOT NULL, said TEXT NOT NULL,"
    " value BLOB NOT NULL)"
)
STATEMENTS = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE file (row INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, root TEXT NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, digest TEXT NOT NULL, how TEXT NOT NULL)",
    "CREATE INDEX file_root ON file (root)",
    "CREATE TABLE entry (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, domain TEXT NOT NULL, kind TEXT NOT NULL,"
    " title TEXT NOT NULL, text TEXT NOT NULL, source TEXT NOT NULL, evidence TEXT NOT NULL, at INTEGER NOT NULL,"
    " strength REAL NOT NULL, under TEXT NOT NULL, hints TEXT NOT NULL, digest TEXT NOT NULL,"
    " file INTEGER REFERENCES file (row))",
    "CREATE INDEX entry_file ON entry (file)",
    "CREATE INDEX entry_kind ON entry (domain, kind)",
    # By rows at one end, by name at the other: who defines a name may be written long after who mentions it.
    "CREATE TABLE link (source INTEGER NOT NULL, relation TEXT NOT NULL, target TEXT NOT NULL,"
    " PRIMARY KEY (source, relation, target)) WITHOUT ROWID",
    "CREATE INDEX link_target ON link (target, relation)",
    "CREATE TABLE term (term TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID",
    WORDS,
    VECTORS,
)


def connect(path: Path, patience: Millis) -> sqlite3.Connection:
    """An open connection to sound tables; made with mode 0600. Raises OperatorError or OutsideError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as cause:
        raise OperatorError(f"cannot keep knowledge in {path}: {cause.strerror}; name another home") from None
    connection = sqlite3.connect(path, timeout=patience / 1000, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
    except BaseException as cause:
        connection.close()
        if isinstance(cause, sqlite3.DatabaseError):
            raise trouble(path, cause) from None
        raise
    return connection


def trouble(path: Path, cause: sqlite3.Error) -> OutsideError:
    """What an error of SQLite means to who must act on it."""
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OutsideError(f"{path} is being written by another process; ask again in a moment")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return OutsideError(
            f"{path} is damaged or no knowledge base ({cause}); move it away, with its -wal and -shm, and ingest again"
        )
    if code == sqlite3.SQLITE_FULL:
        return OutsideError(f"{path}: the disk is full; free space and ask again, what was written before is kept")
    return OutsideError(f"{path}: {cause}; look at its disk and rights, or `swarmd knowledge health`")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # After a power cut the last batches may be missing, never a torn one: documents can be read again.
    connection.execute("PRAGMA synchronous = NORMAL")
    # Pages of the index are written again and again: copied into the file after 16 MB, not after 4.
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA temp_store = MEMORY")
    if _mark(connection) != _MARK:
        _make(connection, path)
    schema = int(connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()[0])
    if schema > SCHEMA:
        raise OperatorError(f"{path} was made by a newer swarmd (tables {schema}, this one knows {SCHEMA}); update it")
    if schema < SCHEMA:
        _upgrade(connection)


def _mark(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def _make(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _mark(connection) != _MARK:  # two may have seen it empty at once
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise OperatorError(f"{path} is a database of something else; name another home")
            for statement in STATEMENTS:
                connection.execute(statement)
            said = [("schema", str(SCHEMA)), ("words", str(VERSION))]
            connection.executemany("INSERT INTO meta VALUES (?, ?)", said)
            connection.execute(f"PRAGMA application_id = {_MARK}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _upgrade(connection: sqlite3.Connection) -> None:
    """From tables 1: the index kept a copy of every term. What is indexed is taken over, no text is read again."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        said = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()[0]
        if int(said) < SCHEMA:  # two may have seen it old at once
            connection.execute(WORDS.replace(" words ", " smaller "))
            columns = "rowid, title, under, text, tags"
            connection.execute(f"INSERT INTO smaller ({columns}) SELECT {columns} FROM words")
            connection.execute("DROP TABLE words")
            connection.execute("ALTER TABLE smaller RENAME TO words")
            connection.execute(VECTORS)
            connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(SCHEMA),))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    # Gives the freed pages back to the disk; one who reads meanwhile hinders it, and then they are used for what comes.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
