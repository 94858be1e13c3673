"""What may leave the server: values without secrets, texts and lists of a bounded size."""

from collections.abc import Iterable
from typing import Any

import orjson

from swarmd.supervisor.redaction import redacted, secrets_of

ROWS_MAX = 200
BYTES_MAX = 256 * 1024
TEXT_MAX = 16_000
_LIST_MAX = 500


def clean(value: Any, hidden: tuple[str, ...] | None = None) -> Any:
    """The same value with every text redacted and cut, every list bounded; what cannot be JSON becomes a text."""
    hidden = secrets_of() if hidden is None else hidden
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return text(value, hidden)
        case dict():
            return {str(name): clean(each, hidden) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            kept = [clean(each, hidden) for each in list(value)[:_LIST_MAX]]
            left = len(value) - len(kept)
            return [*kept, f"… {left} more left out"] if left else kept
        case _:
            return text(str(value), hidden)


def text(said: str, hidden: tuple[str, ...] | None = None, most: int = TEXT_MAX) -> str:
    told = redacted(said, secrets_of() if hidden is None else hidden)
    return told if len(told) <= most else f"{told[:most]}\n… {len(told) - most:,} characters left out …"


def fitting(rows: Iterable[dict[str, Any]], most: int = BYTES_MAX) -> list[dict[str, Any]]:
    """Rows from the first on, cleaned, as many as fit; the first always does."""
    kept: list[dict[str, Any]] = []
    hidden, size = secrets_of(), 0
    for row in rows:
        row = clean(row, hidden)
        size += len(orjson.dumps(row))
        if kept and size > most:
            break
        kept.append(row)
    return kept
