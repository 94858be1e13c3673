"""What a base is asked and answers from its index alone, whatever keeps it: written once, for SQLite and Postgres.

A backend opens one picture of its store as an ``Index``; what is asked of that is decided here and in ``search``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from swarmd.state.knowledge import search as searching
from swarmd.state.knowledge.entry import Entry, Hit, Kind
from swarmd.state.knowledge.meaning.vectors import Meaning
from swarmd.state.units import Millis


class Asked(ABC):
    """The half of the contract that reads by way of the index; ``now`` is the clock that freshness is told by."""

    def __init__(self, now: Callable[[], Millis]) -> None:
        self._now = now

    @abstractmethod
    def _index(self) -> AbstractContextManager[searching.Index]:
        """One picture of the store, for as long as the context lasts."""

    @abstractmethod
    def close(self) -> None: ...

    def entry(self, id: str) -> Entry | None:
        with self._index() as index:
            kept = index.kept_by_id([id])
        return kept[id].entry if id in kept else None

    def search(
        self, question: str, *, domain: str | None = None, kind: Kind | None = None, limit: int = 10,
        graph: bool = False, only: bool = False, meaning: Meaning | None = None,
    ) -> list[Hit]:  # fmt: skip
        with self._index() as index:
            return searching.search(
                index, question, domain=domain, kind=kind, limit=limit, graph=graph, only=only, meaning=meaning,
                now=self._now(),
            )  # fmt: skip

    def suggestion(self, question: str) -> str | None:
        with self._index() as index:
            return searching.suggestion(index, question)

    def neighbours(self, ids: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        with self._index() as index:
            return index.neighbours(ids)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
