"""A part of a long table: filtered, sorted and cut, so that a browser never holds more than it shows.

Pure. The cursor is opaque to clients; a table may change between two pages, which shows as a row more or less.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from swarmd.state.errors import OperatorError

Row = dict[str, Any]

LIMIT_MAX = 500
LIMIT = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a table is wanted: ``sort`` names a column, with ``-`` before it for the largest first."""

    cursor: int = 0
    limit: int = LIMIT
    sort: str = ""
    filter: str = ""

    @classmethod
    def of(cls, given: Callable[[str], str]) -> "Asked":
        """From the words of a query string. Raises OperatorError naming the one that is no number."""
        return cls(
            cursor=_whole(given("cursor"), "cursor", 0, 10**9),
            limit=_whole(given("limit"), "limit", LIMIT, LIMIT_MAX, least=1),
            sort=given("sort")[:64],
            filter=given("filter")[:128].casefold(),
        )

    @property
    def order(self) -> tuple[str, str]:
        """What decides which row stands where."""
        return self.sort, self.filter


def _whole(text: str, name: str, default: int, most: int, least: int = 0) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most):
        raise OperatorError(f"{name} {text[:20]!r} is not a whole number from {least} to {most}")
    return int(text)


def in_order(rows: Sequence[Row], asked: Asked) -> Sequence[Row]:
    """Filtered and sorted; what has no value stands last, whichever way the rest goes."""
    found = rows
    if asked.filter:
        words = asked.filter.split()
        found = [row for row in rows if _holds(row, words)]
    name = asked.sort.removeprefix("-")
    if not name or not any(name in row for row in found[:1]):
        return found
    told = [row for row in found if row.get(name) is not None]
    silent = [row for row in found if row.get(name) is None]
    return [*sorted(told, key=lambda row: _rank(row[name]), reverse=asked.sort.startswith("-")), *silent]


def page_of(rows: Sequence[Row], asked: Asked) -> Row:
    """One page of rows that are in order already."""
    end = asked.cursor + asked.limit
    return {
        "total": len(rows),
        "cursor": asked.cursor,
        "rows": list(rows[asked.cursor : end]),
        "next": str(end) if end < len(rows) else None,
    }


def _holds(row: Row, words: Sequence[str]) -> bool:
    text = " ".join(str(value) for value in row.values() if isinstance(value, str | int | float)).casefold()
    return all(word in text for word in words)


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers before texts, so that a column of both has an order at all."""
    if isinstance(value, bool | int | float):
        return (0, float(value), "")
    return (1, 0.0, str(value).casefold())
