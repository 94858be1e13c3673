"""Lifecycles as tables: which status may follow which, for every noun that has a status.

A status never moves backwards; a table with an empty row ends there. The manual's diagrams are drawn from these tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


class Lifecycle(Generic[S]):
    """The allowed moves of one noun. Staying is always allowed: a record may be renewed without a move."""

    def __init__(self, moves: Mapping[S, frozenset[S]]) -> None:
        self.moves = moves

    def allows(self, before: S, after: S) -> bool:
        return before == after or after in self.moves[before]

    def is_final(self, status: S) -> bool:
        return not self.moves[status]
