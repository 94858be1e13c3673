"""A study in Postgres: Optuna's own tables by way of psycopg 3, with an end to every wait.

Needs the extra `postgres`. The address never reaches SQLAlchemy, whose messages would tell it.
"""

from typing import Any

from optuna.storages import BaseStorage, RDBStorage, get_storage

from swarmd.engine.search.storage_contract import StorageLostError
from swarmd.state.errors import OperatorError
from swarmd.state.storage_address import shown

try:
    import psycopg
    import sqlalchemy

    from swarmd.state.store import bounded_postgres
except ImportError:
    raise OperatorError("storage kind postgres needs the extra: pip install 'swarmd[postgres]'") from None

ANSWER_S = 10.0


def connected(url: str, *, answer_s: float = ANSWER_S) -> BaseStorage:
    """Optuna's storage at this address, its tables made where they are missing.

    Raises
    ------
    OperatorError
        If the server refuses: the password, the database, the right to make tables.
    StorageLostError
        If it cannot be reached or does not answer.
    """

    def connect() -> psycopg.Connection[Any]:
        return bounded_postgres.connect(url, application_name="swarmd refine", answer_s=answer_s)

    place = shown(url)
    # One for the work and one for the heartbeat that falls into it: 64 workers must fit into a server's hundred.
    engine = {"creator": connect, "pool_size": 1, "max_overflow": 1, "pool_pre_ping": True}
    try:
        return get_storage(_made(engine))
    except sqlalchemy.exc.SQLAlchemyError as cause:
        origin = getattr(cause, "orig", None) or cause
        said = bounded_postgres.told(origin, url)
        if getattr(origin, "sqlstate", None) or "authentication" in said or "does not exist" in said:
            raise OperatorError(f"{place}: {said}; mend the address, or let this user make tables there") from None
        raise StorageLostError(f"the storage {place} cannot be reached: {said}") from None


def _made(engine: dict[str, Any]) -> RDBStorage:
    try:
        return RDBStorage("postgresql+psycopg://", engine_kwargs=engine)
    except sqlalchemy.exc.IntegrityError:
        # Another made the tables in the same instant.
        return RDBStorage("postgresql+psycopg://", engine_kwargs=engine)
