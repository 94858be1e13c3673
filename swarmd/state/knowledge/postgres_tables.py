"""The tables of a knowledge base in Postgres, in a schema of their own, and what its errors mean to a person.

Called by ``postgres.py`` when it connects. The same columns as in SQLite; the terms are a tsvector with a GIN index.
"""

from typing import Any

import psycopg

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge.words import VERSION

SCHEMA = 2
NAME = "swarmd_knowledge"
# Whoever writes holds it for one batch: two who change the same counts of terms would else wait for each other.
WRITING = 0x53574B31

_TABLES = f"""
CREATE SCHEMA IF NOT EXISTS {NAME};
SET search_path TO {NAME};
CREATE TABLE IF NOT EXISTS meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS file (row bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  path text COLLATE "C" NOT NULL UNIQUE, root text NOT NULL, size bigint NOT NULL, mtime_ns bigint NOT NULL,
  digest text NOT NULL, how text NOT NULL);
CREATE TABLE IF NOT EXISTS entry (row bigint PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, domain text NOT NULL,
  kind text NOT NULL, title text NOT NULL, text text NOT NULL, source text NOT NULL, evidence text NOT NULL,
  at bigint NOT NULL, strength double precision NOT NULL, under text NOT NULL, hints text NOT NULL,
  digest text NOT NULL, file bigint REFERENCES file (row));
CREATE INDEX IF NOT EXISTS entry_file ON entry (file);
CREATE INDEX IF NOT EXISTS entry_kind ON entry (domain, kind);
CREATE TABLE IF NOT EXISTS words (row bigint PRIMARY KEY, titles tsvector NOT NULL, terms tsvector NOT NULL)
  WITH (toast_tuple_target = 8160);
CREATE INDEX IF NOT EXISTS words_titles ON words USING gin (titles);
CREATE INDEX IF NOT EXISTS words_terms ON words USING gin (terms);
CREATE TABLE IF NOT EXISTS link (source bigint NOT NULL, relation text NOT NULL, target text COLLATE "C" NOT NULL,
  PRIMARY KEY (source, relation, target));
CREATE INDEX IF NOT EXISTS link_target ON link (target, relation);
CREATE TABLE IF NOT EXISTS term (term text COLLATE "C" PRIMARY KEY, n bigint NOT NULL);
"""
_VECTORS = (
    "CREATE TABLE IF NOT EXISTS vector (row bigint PRIMARY KEY, model text NOT NULL, digest text NOT NULL,"
    " said text NOT NULL, value bytea NOT NULL)"
)
# A row of some kilobytes stays beside its neighbours: fetched from where Postgres puts the long, it costs ten times.
_INLINE = "ALTER TABLE words ALTER COLUMN terms SET STORAGE MAIN, ALTER COLUMN titles SET STORAGE MAIN"

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(url: str, place: str) -> Connection:
    """An open connection to sound tables. Raises OperatorError or OutsideError; neither tells the password."""
    try:
        connection: Connection = psycopg.connect(
            url, autocommit=True, connect_timeout=5, application_name="swarmd knowledge",
            options="-c statement_timeout=120000 -c lock_timeout=20000 -c client_min_messages=warning",
        )  # fmt: skip
    except psycopg.Error as cause:
        raise trouble(place, url, cause) from None
    try:
        prepare(connection, place)
    except psycopg.Error as cause:
        connection.close()
        raise trouble(place, url, cause) from None
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: Connection, place: str) -> None:
    """Make what is missing; two who come first at once take turns."""
    connection.execute(f"SET search_path TO {NAME}")
    there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{NAME}.meta",)).fetchone()
    if there is None or not there[0]:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING,))
            for statement in (*filter(str.strip, _TABLES.split(";")), _INLINE, _VECTORS):
                connection.execute(statement)
            for said in (("schema", str(SCHEMA)), ("words", str(VERSION))):
                connection.execute("INSERT INTO meta VALUES (%s, %s) ON CONFLICT DO NOTHING", said)
    found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if found is None or int(found[0]) > SCHEMA:
        raise OperatorError(f"{place} was made by a newer swarmd (this one knows tables {SCHEMA}); update it")
    if int(found[0]) < SCHEMA:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING,))
            connection.execute(_VECTORS)
            connection.execute("UPDATE meta SET value = %s WHERE key = 'schema'", (str(SCHEMA),))


def trouble(place: str, url: str, cause: psycopg.Error) -> Exception:
    """An error of Postgres for people: where, what, what to do. Its words may hold an address, never the password."""
    said = " ".join(str(cause).split())[:300] or type(cause).__name__
    if (secret := psycopg.conninfo.conninfo_to_dict(url).get("password")) and isinstance(secret, str):
        said = said.replace(secret, "…")
    if isinstance(cause, psycopg.errors.InsufficientPrivilege):
        return OperatorError(f"{place}: {said}; let this user make tables there: GRANT CREATE ON DATABASE … TO …")
    if isinstance(cause, psycopg.errors.LockNotAvailable):
        return OutsideError(f"{place} is being written by another process; ask again in a moment")
    if isinstance(cause, psycopg.OperationalError):
        return OutsideError(f"cannot reach {place}: {said}; start it, mend the address, or `swarmd knowledge health`")
    return OutsideError(f"{place}: {said}; look at the server's log, and `swarmd knowledge health`")
