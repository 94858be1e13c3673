"""What a campaign file says of where a refinement keeps its trials."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from swarmd.state.records.record import Shape

# Beside the dashboard's port, and below those that a cluster hands out to its workers.
GRPC_LOOPBACK = "grpc://127.0.0.1:8788"


class StorageSettings(Shape):
    """Where a refinement keeps its trials: in a ``journal`` beside its results, or where several machines reach them,
    a ``grpc`` proxy over such a journal (ours to keep where ``url`` is this machine's) or ``postgres``.

    ``${NAME}`` in the ``url`` is taken from the environment. On record its password is hidden.
    """

    kind: Literal["journal", "grpc", "postgres"] = "journal"
    url: Annotated[str | None, Field(max_length=2_048, validate_default=True)] = None

    @field_validator("url")
    @classmethod
    def _of_its_kind(cls, url: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("kind")
        if kind == "journal" and url is not None:
            raise ValueError("a journal lies beside its results and has no url; leave it out, or say kind: grpc")
        if kind == "grpc":
            url = GRPC_LOOPBACK if url is None else url
            if not _is_address(url, ("grpc",), needs_port=True):
                raise ValueError(f"is no address of a gRPC proxy; write grpc://HOST:PORT, such as {GRPC_LOOPBACK}")
        if kind == "postgres" and (url is None or not _is_address(url, ("postgresql+psycopg", "postgresql"))):
            # What was written is not repeated: it may hold a password.
            raise ValueError(
                "is no address of a Postgres; write postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE "
                "(${NAME} is taken from the environment)"
            )
        return url


def _is_address(url: str, schemes: tuple[str, ...], *, needs_port: bool = False) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if any(letter.isspace() or ord(letter) < 32 for letter in url) or parts.scheme not in schemes:
        return False
    return not needs_port or bool(parts.hostname and port and parts.path in ("", "/") and not parts.query)
