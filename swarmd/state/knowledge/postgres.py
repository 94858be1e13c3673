"""Knowledge in Postgres, for a team: entries and links in tables, their terms in tsvectors under a GIN index.

Opened by ``opening.open_knowledge`` where an address is given; needs the extra `postgres`. Writers take turns by an
advisory lock, a batch each; readers see one picture of the store and never wait.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge.meaning.vectors import Ask
from swarmd.state.knowledge.sqlite import wall_now
from swarmd.state.knowledge.stored import Stored
from swarmd.state.knowledge.writing import Writing
from swarmd.state.units import Millis

try:
    import psycopg

    from swarmd.state.knowledge.postgres_index import PostgresIndex, asking
    from swarmd.state.knowledge.postgres_tables import WRITING, connect, trouble
    from swarmd.state.knowledge.postgres_writing import PostgresWriting
except ImportError:
    raise OperatorError("a knowledge base in Postgres needs the extra: pip install 'swarmd[postgres]'") from None


class PostgresKnowledge(Stored):
    """The contract over one connection. ``place`` is the address as people may see it."""

    def __init__(self, url: str, place: str, *, now: Callable[[], Millis] = wall_now) -> None:
        super().__init__(now)
        self._url, self._place = url, place
        self._connection = connect(url, place)
        self._reindex_if_stale()

    def health(self) -> dict[str, Any]:
        from swarmd.state.knowledge.postgres_health import health

        return health(self._connection, self._place)

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _index(self) -> Iterator[PostgresIndex]:
        with self._transaction("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"):
            yield PostgresIndex(self._connection)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Ask]:
        with self._transaction("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"):
            yield asking(self._connection)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Writing]:
        # After a power cut the last batches may be missing, never a torn one: a file's mark goes with what it says.
        with self._transaction("SET LOCAL synchronous_commit = off"):
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITING,))
            yield PostgresWriting(self._connection)

    def _empty_index(self, writing: Writing) -> None:
        writing.ask("TRUNCATE words, term", ())

    @contextlib.contextmanager
    def _transaction(self, how: str) -> Iterator[None]:
        try:
            with self._connection.transaction():
                self._connection.execute(how)
                yield
        except psycopg.Error as cause:
            raise trouble(self._place, self._url, cause) from None
