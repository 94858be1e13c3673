"""A study in Postgres: Optuna's own tables by way of psycopg 3, with an end to every wait.

Needs the extra `postgres`. The address never reaches SQLAlchemy, whose messages would tell it.
"""

import time
from collections.abc import Generator
from typing import Any

from optuna.storages import BaseStorage, RDBStorage, get_storage

from swarmd.engine.search.storage_contract import StorageLostError
from swarmd.state.errors import OperatorError
from swarmd.state.storage_address import shown

try:
    import psycopg
    import sqlalchemy
except ImportError:
    raise OperatorError("storage kind postgres needs the extra: pip install 'swarmd[postgres]'") from None

ANSWER_S = 10.0
CONNECT_S = 5


def connected(url: str, *, answer_s: float = ANSWER_S) -> BaseStorage:
    """Optuna's storage at this address, its tables made where they are missing.

    Raises
    ------
    OperatorError
        If the server refuses: the password, the database, the right to make tables.
    StorageLostError
        If it cannot be reached or does not answer.
    """

    class Bounded(psycopg.Connection[Any]):
        """Waits no longer than ``answer_s`` for any answer: one that never comes costs the connection."""

        def wait(self, gen: Any, *arguments: Any, **keywords: Any) -> Any:
            try:
                return super().wait(_within(gen, answer_s), *arguments, **keywords)
            except TimeoutError as cause:
                self.pgconn.finish()
                raise psycopg.OperationalError(str(cause)) from None

    def connect() -> psycopg.Connection[Any]:
        return Bounded.connect(
            _plain(url), connect_timeout=CONNECT_S, application_name="swarmd refine",
            options=f"-c statement_timeout={round(answer_s * 1000)} -c client_min_messages=warning",
        )  # fmt: skip

    place = shown(url)
    # One for the work and one for the heartbeat that falls into it: 64 workers must fit into a server's hundred.
    engine = {"creator": connect, "pool_size": 1, "max_overflow": 1, "pool_pre_ping": True}
    try:
        return get_storage(_made(engine))
    except sqlalchemy.exc.SQLAlchemyError as cause:
        origin = getattr(cause, "orig", None) or cause
        said = (" ".join(str(origin).split()) or type(origin).__name__)[:300]
        if (secret := psycopg.conninfo.conninfo_to_dict(_plain(url)).get("password")) and isinstance(secret, str):
            said = said.replace(secret, "…")
        if getattr(origin, "sqlstate", None) or "authentication" in said or "does not exist" in said:
            raise OperatorError(f"{place}: {said}; mend the address, or let this user make tables there") from None
        raise StorageLostError(f"the storage {place} cannot be reached: {said}") from None


def _made(engine: dict[str, Any]) -> RDBStorage:
    try:
        return RDBStorage("postgresql+psycopg://", engine_kwargs=engine)
    except sqlalchemy.exc.IntegrityError:
        # Another made the tables in the same instant.
        return RDBStorage("postgresql+psycopg://", engine_kwargs=engine)


def _within(gen: Any, seconds: float) -> Generator[Any, Any, Any]:
    """The same conversation with the server, given up where it is not over by then."""
    until, ready = time.monotonic() + seconds, None
    while True:
        try:
            wanted = gen.send(ready)
        except StopIteration as done:
            return done.value
        ready = yield wanted
        if not ready and time.monotonic() > until:
            gen.close()
            raise TimeoutError(f"no answer within {seconds:g} s")


def _plain(url: str) -> str:
    """As libpq reads it: without the driver's name."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
