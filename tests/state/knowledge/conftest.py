"""One suite, two stores: a file of SQLite, and a database of a real Postgres server started for the session."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from postgres_server import ADVICE, postgres, programs

from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.sqlite import SqliteKnowledge
from swarmd.state.units import DAY

NOW = 1_000 * DAY
Opener = Callable[[], KnowledgeBase]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if programs() is None:
        pytest.skip(ADVICE)
    with postgres() as url:
        yield url


@pytest.fixture
def fresh_postgres(postgres_url: str) -> str:
    """The server with nothing of ours on it."""
    import psycopg

    from swarmd.state.knowledge.postgres_tables import NAME

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {NAME} CASCADE")
    return postgres_url


@pytest.fixture(params=["sqlite", "postgres"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store as often as it is called, as several processes would; closes them all."""
    with ExitStack() as stack:
        if request.param == "sqlite":

            def open_one() -> KnowledgeBase:
                return stack.enter_context(SqliteKnowledge(tmp_path / "knowledge.db", now=lambda: NOW))
        else:
            url = request.getfixturevalue("fresh_postgres")

            def open_one() -> KnowledgeBase:
                from swarmd.state.knowledge.postgres import PostgresKnowledge

                return stack.enter_context(PostgresKnowledge(url, "the test server", now=lambda: NOW))

        yield open_one


@pytest.fixture
def base(opener: Opener) -> KnowledgeBase:
    return opener()
