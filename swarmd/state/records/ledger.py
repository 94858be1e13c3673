"""What a campaign file says of where the ledgers are kept: the trials, the looks, the discoveries."""

import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator

from swarmd.state.records.record import Shape

_SCHEMES = ("postgresql", "postgresql+psycopg")
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


class LedgerSettings(Shape):
    """Where what was ever tried is counted: in the home's own files, or in a Postgres that several homes share, each of
    which then sees the trials, the looks and the discoveries of all.

    ``url`` is that of the Postgres, its password a ``${NAME}`` of the environment; without one it is wherever the home
    has its ledgers already.
    """

    url: Annotated[str | None, Field(max_length=2_048)] = None

    @field_validator("url")
    @classmethod
    def _of_a_postgres(cls, url: str | None) -> str | None:
        if url is not None and (fault := fault_of(url)) is not None:
            raise ValueError(fault)
        return url


def fault_of(url: str) -> str | None:
    """What is wrong with the address, in words that do not repeat it: it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        password = parts.password
        named = [value for key, value in parse_qsl(parts.query) if "pass" in key.lower()]
    except ValueError:
        parts, password, named = urlsplit(""), None, []
    if any(letter.isspace() or ord(letter) < 32 for letter in url) or parts.scheme not in _SCHEMES:
        return (
            "is no address of a Postgres; write postgresql://USER:${NAME}@HOST:PORT/DATABASE "
            "(${NAME} is taken from the environment)"
        )
    if any(secret and not _VARIABLE.fullmatch(secret) for secret in (password, *named)):
        return "holds a password; write ${NAME} in its place and set that variable, or keep it in ~/.pgpass"
    return None
