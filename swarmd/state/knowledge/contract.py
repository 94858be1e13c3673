"""What every knowledge base can do, whatever it is kept in: the one contract of SQLite and Postgres.

Callers get one from ``opening.open_knowledge`` and close it (it is a context manager). Several processes may hold the
same one open: readers never wait for a writer, and a writer holds its lock for one batch, some tenths of a second.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from swarmd.state.knowledge.entry import Changed, Entry, FileMark, FileRead, Hit, Kind, Link, Totals
from swarmd.state.knowledge.meaning.vectors import Meaning, Vectors
from swarmd.state.knowledge.prepared import PreparedFile


class KnowledgeBase(Protocol):
    """Raises OutsideError where the store cannot be reached or is damaged, never the database's own errors."""

    def put(self, entries: Iterable[Entry], *, links: Iterable[Link] = ()) -> Changed:
        """Write what is new or changed. An entry's links from an earlier ``put`` of it give way to those given now."""
        ...

    def forget(self, ids: Iterable[str]) -> int:
        """Remove the entries and what links from them; gives back how many there were."""
        ...

    def search(
        self,
        question: str,
        *,
        domain: str | None = None,
        kind: Kind | None = None,
        limit: int = 10,
        graph: bool = False,
        only: bool = False,
        meaning: Meaning | None = None,
    ) -> list[Hit]:
        """The best entries for a few words, any text at all; never raises for the question's sake.

        ``domain`` prefers, and with ``only`` excludes; ``kind`` excludes. ``graph`` adds neighbours of the hits.
        ``meaning`` is the same question as a vector: entries near to it are found beside those with the words.
        """
        ...

    def suggestion(self, question: str) -> str | None:
        """The question with words nobody wrote replaced by the nearest that somebody did; None where there is none."""
        ...

    def entry(self, id: str) -> Entry | None: ...

    def entries(
        self, *, domain: str | None = None, kind: Kind | None = None, limit: int = 100, after: str = ""
    ) -> list[Entry]:
        """In the order of their ids, those behind ``after``: a page at a time, everything can be walked."""
        ...

    def neighbours(self, ids: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]:
        """For each id its neighbours in the graph: how, and the neighbour's id."""
        ...

    # -- documents ------------------------------------------------------------------------------------------------

    def known_files(self, below: str | None = None) -> dict[str, FileMark]:
        """Every file whose entries are kept, by its path; or those at this place and below it."""
        ...

    def keep_files(self, files: Sequence[FileRead]) -> Changed:
        """Everything these files say, in one transaction; what a file said before and says no more is forgotten."""
        ...

    def keep_prepared(self, files: Sequence[PreparedFile]) -> Changed:
        """``keep_files`` for files made ready before. Another thread may ask for it, while none else asks anything."""
        ...

    def mark_files(self, marks: Sequence[FileMark]) -> None:
        """These files say what they said, and carry another date."""
        ...

    def forget_files(self, paths: Sequence[str]) -> int:
        """Remove all that these files said; gives back how many entries there were."""
        ...

    def vectors(self, *, is_writing: bool = False) -> AbstractContextManager[Vectors]:
        """The entries' vectors within one transaction, for those who search by meaning."""
        ...

    # -- the store ------------------------------------------------------------------------------------------------

    def contents(self, paths: Sequence[str]) -> list[FileRead]:
        """These files as they were kept, entries and links."""
        ...

    def loose(self, *, after: str = "", limit: int = 500) -> list[tuple[Entry, tuple[Link, ...]]]:
        """Entries that no file said, with what links from them, in the order of their ids, those behind ``after``."""
        ...

    def totals(self) -> Totals: ...

    def health(self) -> dict[str, Any]:
        """What is kept, how much of it, and whether the store itself is sound. Never raises."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
