"""A connection to Postgres that waits for no answer longer than it was told: libpq by itself may wait for ever.

A server that stands still keeps its connections open, so that no keepalive ends them; here the wait costs the
connection. Importing this needs the extra `postgres`.
"""

import time
from collections.abc import Generator
from typing import Any

import psycopg

CONNECT_S = 5


def connect(url: str, *, application_name: str, answer_s: float, options: str = "") -> "psycopg.Connection[Any]":
    """Connect within 5 s. Any wait of more than ``answer_s`` later on ends in psycopg.OperationalError.

    Raises psycopg.Error, whose words may hold what the address holds.
    """

    class Bounded(psycopg.Connection[Any]):
        def wait(self, gen: Any, *arguments: Any, **keywords: Any) -> Any:
            try:
                return super().wait(_within(gen, answer_s), *arguments, **keywords)
            except TimeoutError as cause:
                self.pgconn.finish()
                raise psycopg.OperationalError(str(cause)) from None

    return Bounded.connect(
        plain(url), connect_timeout=CONNECT_S, application_name=application_name,
        options=f"-c statement_timeout={round(answer_s * 1000)} -c client_min_messages=warning {options}".rstrip(),
    )  # fmt: skip


def told(cause: Exception, url: str) -> str:
    """What the server or the driver said, on one line of at most 300 characters, without the address's password."""
    said = " ".join(str(cause).split()) or type(cause).__name__
    secret = psycopg.conninfo.conninfo_to_dict(plain(url)).get("password")
    return (said.replace(secret, "…") if isinstance(secret, str) and secret else said)[:300]


def is_refusal(cause: Exception) -> bool:
    """Of a connection that was not made: whether a person has to mend something, so that waiting is of no use."""
    return isinstance(cause, psycopg.errors.InsufficientPrivilege) or any(
        words in str(cause) for words in ("authentication", "does not exist", "no password supplied")
    )


def plain(url: str) -> str:
    """As libpq reads it: without the driver's name."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


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
