"""Homes whose ledgers lie in files or in a real Postgres, and a stranger's hand in either."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from swarmd.state.store.files import Home
from swarmd.state.store.ledger_place import FOLDER, in_postgres, remember

SECRET_VARIABLE = "SWARMD_TEST_LEDGER_SECRET"
SECRET = "s3cret"


@dataclass(frozen=True)
class LedgerHome:
    """``server`` is the address with its password, None where the ledgers are files."""

    home: Home
    server: str | None

    def lines(self, name: str) -> list[bytes]:
        """Of the chain, without their line feeds."""
        if self.server is None:
            path = self.home.state / FOLDER / f"{name}.jsonl"
            return path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        with psycopg.connect(self.server) as hand:
            rows = hand.execute("SELECT content FROM swarmd_ledger.line WHERE chain = %s ORDER BY number", (name,))
            return [bytes(content) for (content,) in rows]

    def replace(self, name: str, lines: list[bytes]) -> None:
        """As somebody would who may do anything on the disk, or in the database."""
        if self.server is None:
            path = self.home.state / FOLDER / f"{name}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(line + b"\n" for line in lines))
            return
        in_postgres(written(self.server), self.home).close()
        with psycopg.connect(self.server) as hand:
            hand.execute("ALTER TABLE swarmd_ledger.line DISABLE TRIGGER append_only")
            hand.execute("DELETE FROM swarmd_ledger.line WHERE chain = %s", (name,))
            for number, line in enumerate(lines, 1):
                values = (name, number, line)
                hand.execute(
                    "INSERT INTO swarmd_ledger.line (chain, number, content, written_by) VALUES (%s, %s, %s, 'me')",
                    values,
                )
            hand.execute("ALTER TABLE swarmd_ledger.line ENABLE TRIGGER append_only")


def written(server: str) -> str:
    """The address as a campaign writes it: its password is a word of the environment."""
    os.environ[SECRET_VARIABLE] = SECRET
    return server.replace(SECRET, "${" + SECRET_VARIABLE + "}", 1)


def emptied(server: str) -> str:
    """The same server without any ledger, and without a lease."""
    with psycopg.connect(server, autocommit=True) as hand:
        hand.execute("DROP SCHEMA IF EXISTS swarmd_ledger CASCADE")
        hand.execute("DROP TABLE IF EXISTS swarmd_lease")
    return server


def joined(home: Home, server: str | None) -> LedgerHome:
    """The home, counting on this server from now on; None leaves it its files."""
    if server is not None:
        remember(home, written(server))
    return LedgerHome(home, server)


@contextlib.contextmanager
def nobody_let_in(server: str) -> Iterator[None]:
    """The database takes no connection, and has none, as long as this is open."""
    with psycopg.connect(server.replace("/postgres?", "/template1?"), autocommit=True) as admin:
        admin.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
            yield
        finally:
            admin.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true")
