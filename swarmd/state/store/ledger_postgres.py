"""The ledgers in a Postgres that several homes share: a row a line, the same bytes as in a file.

Writers take turns by advisory locks of one transaction, which also asks for the campaign's lease: of several
supervisors only the owner appends. A lost server is waited for and what was under way begun anew; a line whose answer
was lost on its way is known by its name. Rows can be added and neither changed nor removed (a trigger refuses it, and
the chain tells where somebody did it all the same). Needs the extra `postgres`.
"""

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.lease import require_token
from swarmd.state.store.patience import GIVE_UP_AFTER_S, patiently

try:
    import psycopg

    from swarmd.state.store.bounded_postgres import connect, is_refusal, told
except ImportError:
    raise OperatorError("a ledger in Postgres needs the extra: pip install 'swarmd[postgres]'") from None

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

ANSWER_S = 10.0
# A turn takes milliseconds. Whoever stands still in the middle of one loses it, and what it wrote, after a while.
_OPTIONS = (
    "-c lock_timeout=8000 -c idle_in_transaction_session_timeout=20000 -c synchronous_commit=on "
    "-c default_transaction_isolation=read\\ committed"
)
_TABLES = (
    "CREATE SCHEMA IF NOT EXISTS swarmd_ledger",
    """
CREATE TABLE IF NOT EXISTS swarmd_ledger.line (
    chain text COLLATE "C" NOT NULL, number bigint NOT NULL CHECK (number > 0), content bytea NOT NULL,
    once uuid UNIQUE, written_by text NOT NULL, written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (chain, number))
""",
    """
CREATE OR REPLACE FUNCTION swarmd_ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a line of the ledger is neither changed nor removed'; END $$
""",
    "DROP TRIGGER IF EXISTS append_only ON swarmd_ledger.line",
    """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON swarmd_ledger.line
FOR EACH STATEMENT EXECUTE FUNCTION swarmd_ledger.refuse()
""",
)
_READ = "SELECT content FROM swarmd_ledger.line WHERE chain = %s AND number <= %s ORDER BY number"
_ALL = 2**62
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_THERE = "SELECT chain, number FROM swarmd_ledger.line WHERE once = %s"
_INSERT = """
INSERT INTO swarmd_ledger.line (chain, number, content, once, written_by)
SELECT %(chain)s, coalesce(max(number), 0) + 1, %(content)s, %(once)s, %(by)s
FROM swarmd_ledger.line WHERE chain = %(chain)s
"""


class LedgerLost(OutsideError):  # noqa: N818  (it says what happened)
    """The server did not answer, or not in time: whether it did as it was told is unknown."""


class PostgresKeeping:
    """The ledgers behind one connection, made again where it is lost. Not for two threads at once.

    ``place`` is the address as people may see it. ``fence`` is the campaign that is appended for and the token of its
    lease; None where nobody else can be the owner of what is appended.
    """

    def __init__(
        self, url: str, place: str, *, fence: tuple[str, int] | None = None, give_up_after_s: float = GIVE_UP_AFTER_S
    ) -> None:
        """Raises OperatorError where the server refuses us, OutsideError where it stays away."""
        self._url, self.place, self.fence = url, place, fence
        self._give_up_after_s = give_up_after_s
        self._connection: psycopg.Connection[Any] | None = None
        self._is_in_turn = False
        self._patiently(self._connected)

    def names(self) -> tuple[str, ...]:
        rows = self.ask("SELECT DISTINCT chain FROM swarmd_ledger.line", ())
        return tuple(sorted((str(name) for (name,) in rows), key=lambda name: name.split("/")))

    def lines(self, name: str) -> "PostgresLines":
        return PostgresLines(self, name)

    def saying(self, words: bytes) -> tuple[str, ...]:
        rows = self.ask("SELECT DISTINCT chain FROM swarmd_ledger.line WHERE position(%s IN content) > 0", (words,))
        return tuple(sorted(str(name) for (name,) in rows))

    def in_turn(self, scope: str, act: Callable[[], _Result]) -> _Result:
        """As the protocol says: all of it in one transaction. A turn within another ends with that one."""
        if self._is_in_turn:
            self.take_turn(scope)
            return act()

        def attempt() -> _Result:
            with self._told(), self._connected().transaction():
                self._is_in_turn = True
                try:
                    self.take_turn(scope)
                    return act()
                finally:
                    self._is_in_turn = False

        return self._patiently(attempt)

    def take_turn(self, scope: str) -> None:
        """Within a turn: this one as well, until that one ends."""
        self.ask(_LOCK, (f"swarmd_ledger/turn {scope}",))

    def put(self, name: str, line: bytes, *, once: str = "") -> None:
        """Within the turn of its chain: one more line, as it is."""
        values = {"chain": name, "content": line, "once": once or None, "by": socket.gethostname()}
        self.ask(_INSERT, values)

    def ask(self, statement: str, values: tuple[Any, ...] | dict[str, Any]) -> list[tuple[Any, ...]]:
        """All rows of the answer; none of a statement that has none. In a turn it is of its transaction."""

        def attempt() -> list[tuple[Any, ...]]:
            with self._told():
                cursor = self._connected().execute(statement, values)
                return cursor.fetchall() if cursor.description else []

        return attempt() if self._is_in_turn else self._patiently(attempt)

    def require_owner(self) -> None:
        """LeaseLost where the campaign has another owner; nobody becomes that until the turn is over."""
        if self.fence is not None:
            with self._told():
                require_token(self._connected(), *self.fence)

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._connection is None:
            if self._is_in_turn:
                raise LedgerLost(f"the ledger in {self.place} cannot be reached")  # the turn is lost as a whole
            self._connection = _connected(self._url, self.place)
        return self._connection

    def _patiently(self, attempt: Callable[[], _Result]) -> _Result:
        if not self._give_up_after_s:
            return attempt()
        return patiently(attempt, lost=(LedgerLost,), say=log.warning, give_up_after_s=self._give_up_after_s)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as cause:
            # Whatever it was, the transaction is over; a new connection is cheaper than knowing what the old is worth.
            self.close()
            raise _trouble(self.place, self._url, cause) from None


@dataclass(frozen=True, slots=True)
class PostgresLines:
    """One chain: its rows by number."""

    kept: PostgresKeeping
    name: str

    @property
    def place(self) -> str:
        return f"{self.kept.place} {self.name}"

    def read(self) -> bytes:
        return self._up_to(_ALL)

    def append(self, seal: Callable[[bytes], bytes | None], *, once: str = "") -> bytes:
        def act() -> bytes:
            there = self.kept.ask(_THERE, (once,)) if once else []
            if there:
                return self._up_to(int(there[0][1]))
            content = self.read()
            line = seal(content)
            if line is None:
                return content
            self.kept.require_owner()
            self.kept.put(self.name, line, once=once)
            return content + line + b"\n"

        return self.kept.in_turn(turn_of(self.name), act)

    def _up_to(self, number: int) -> bytes:
        return b"".join(bytes(line) + b"\n" for (line,) in self.kept.ask(_READ, (self.name, number)))


def turn_of(chain: str) -> str:
    """The turn of whoever appends to it. Turns are taken in one order: of an asset, of all, of a chain."""
    return f"chain {chain}"


def _connected(url: str, place: str) -> "psycopg.Connection[Any]":
    try:
        connection = connect(url, application_name="swarmd ledger", answer_s=ANSWER_S, options=_OPTIONS)
    except psycopg.Error as cause:
        said = told(cause, url)
        if is_refusal(cause):
            raise OperatorError(f"the ledger in {place}: {said}; mend its address, or the rights there") from None
        raise LedgerLost(f"the ledger in {place} cannot be reached: {said}") from None
    try:
        connection.autocommit = True
        found = connection.execute("SELECT to_regclass('swarmd_ledger.line') IS NOT NULL").fetchone()
        if found is None or not found[0]:
            with connection.transaction():
                # Two that make the tables at the same instant would meet in the catalogue.
                connection.execute(_LOCK, ("swarmd_ledger",))
                for statement in _TABLES:
                    connection.execute(statement)
    except psycopg.Error as cause:
        connection.close()
        if is_refusal(cause):
            raise OperatorError(
                f"the ledger in {place}: {told(cause, url)}; let this user make tables there: "
                "GRANT CREATE ON DATABASE … TO …"
            ) from None
        raise _trouble(place, url, cause) from None
    return connection


def _trouble(place: str, url: str, cause: psycopg.Error) -> OutsideError:
    """A lost server where waiting may help, else what it refused."""
    said = told(cause, url)
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.UniqueViolation):
        return LedgerLost(f"the ledger in {place} cannot be reached: {said}")
    return OutsideError(f"the ledger in {place}: {said}; look at the server's log")
