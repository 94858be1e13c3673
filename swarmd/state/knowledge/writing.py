"""Writing a batch into a store's tables: entries, words, links, the counts of terms. One transaction's work.

The same for SQLite and Postgres, which differ in how rows are brought in and how words are indexed; everything that
takes time was done before, in ``prepared.py``. Used by ``stored.py`` with the transaction open.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from swarmd.state.knowledge.entry import Changed, Entry, FileMark, Link
from swarmd.state.knowledge.meaning.vectors import Ask
from swarmd.state.knowledge.prepared import Prepared, Standing, counted, difference, prepared

ENTRY = "id, domain, kind, title, text, source, evidence, at, strength, under"
FILE = "path, root, size, mtime_ns, digest, how"
_Item = TypeVar("_Item")
_MOST_HOLES = 500


def chunks(items: Sequence[_Item], size: int = _MOST_HOLES) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def holes(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


class Writing(ABC):
    """``ask`` puts one question to the store, written as SQLite has it."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask

    # -- what the stores differ in ----------------------------------------------------------------------------------

    @abstractmethod
    def insert(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Bring new rows in, as fast as the store can."""

    @abstractmethod
    def index_words(self, written: Iterable[tuple[int, Prepared]]) -> None:
        """Make these rows found by their words."""

    @abstractmethod
    def unindex_words(self, old: Sequence[tuple[int, Prepared]]) -> None:
        """Let these rows be found no more; they are given with the terms that the index has of them."""

    @abstractmethod
    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add to the number of entries that each term stands in."""

    # -- what they have in common -----------------------------------------------------------------------------------

    def standing(self, column: str, values: Sequence[Any]) -> dict[str, Standing]:
        """What is there, by id, of the entries with these ids or of these files."""
        found: dict[str, Standing] = {}
        for some in chunks(values):
            asked = f"SELECT id, row, digest, file FROM entry WHERE {column} IN ({holes(some)})"
            found |= {id: Standing(row, digest, file) for id, row, digest, file in self.ask(asked, some)}
        return found

    def write(self, ready: Sequence[Prepared], files: Mapping[str, int]) -> Changed:
        """Bring these entries in; ``files`` says by id which file said it, where one did."""
        there = self.standing("id", [one.entry.id for one in ready])
        writing = difference(ready, there)
        # Before any row goes: the last one may be among those that are written again.
        ((last,),) = self.ask("SELECT coalesce(max(row), 0) FROM entry", ())
        # Their vectors stay: what an entry is embedded by may be what it was.
        self._unwrite([row for row, _ in writing.changed])
        written = [*writing.changed, *enumerate(writing.new, last + 1)]
        rows = (_row_of(row, one, files.get(one.entry.id)) for row, one in written)
        self.insert("entry", f"row, file, hints, digest, {ENTRY}", rows)
        self.index(written)
        links = ((row, link.relation, link.target) for row, one in written for link in one.links)
        self.insert("link", "source, relation, target", links)
        for id, it in there.items():
            if id in files and it.file != files[id]:
                self.ask("UPDATE entry SET file = ? WHERE row = ?", (files[id], it.row))
        return Changed(len(writing.new), len(writing.changed), writing.same)

    def index(self, written: Sequence[tuple[int, Prepared]]) -> None:
        self.index_words(written)
        self.add_counts(counted(one for _, one in written))

    def remove(self, rows: Sequence[int]) -> int:
        """Take these rows out of everything."""
        self._unwrite(rows)
        for some in chunks(rows):
            self.ask(f"DELETE FROM vector WHERE row IN ({holes(some)})", some)
        return len(rows)

    def marked(self, marks: Sequence[FileMark]) -> dict[str, int]:
        """Write down how these files were found; their rows by path."""
        for it in marks:
            self.ask(
                f"INSERT INTO file ({FILE}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET"
                " root = excluded.root, size = excluded.size, mtime_ns = excluded.mtime_ns, digest = excluded.digest,"
                " how = excluded.how",
                (it.path, it.root, it.size, it.mtime_ns, it.digest, it.how),
            )
        rows: dict[str, int] = {}
        for some in chunks([mark.path for mark in marks]):
            rows |= dict(self.ask(f"SELECT path, row FROM file WHERE path IN ({holes(some)})", some))
        return rows

    def _unwrite(self, rows: Sequence[int]) -> None:
        """Take these rows away with their words and links; their terms are made once more, to be taken out by."""
        for some in chunks(rows):
            found = {
                said[0]: (row, entry_of(*said))
                for row, *said in self.ask(f"SELECT row, {ENTRY} FROM entry WHERE row IN ({holes(some)})", some)
            }
            old = [(found[one.entry.id][0], one) for one in prepared(entry for _, entry in found.values())]
            self.unindex_words(old)
            self.add_counts({term: -n for term, n in counted(one for _, one in old).items()})
            for table, column in (("link", "source"), ("entry", "row")):
                self.ask(f"DELETE FROM {table} WHERE {column} IN ({holes(some)})", some)


def links_of(ask: Ask, rows: Sequence[int]) -> dict[int, tuple[Link, ...]]:
    """The links that lead from these rows, by row, in the order of their relations and targets."""
    found: dict[int, list[Link]] = {}
    for some in chunks(rows):
        asked = (
            "SELECT e.row, e.id, l.relation, l.target FROM link l JOIN entry e ON e.row = l.source"
            f" WHERE l.source IN ({holes(some)})"
        )
        for row, id, relation, target in ask(asked, some):
            found.setdefault(row, []).append(Link(id, relation, target))
    return {row: tuple(sorted(links)) for row, links in found.items()}


def entry_of(
    id: str, domain: str, kind: str, title: str, text: str, source: str, evidence: str, at: int, strength: float,
    under: str,
) -> Entry:  # fmt: skip
    proof = tuple(json.loads(evidence)) if evidence != "[]" else ()
    return Entry(id, domain, kind, title, text, source, proof, at, strength, under)  # type: ignore[arg-type]


def _row_of(row: int, one: Prepared, file: int | None) -> tuple[Any, ...]:
    it = one.entry
    return (
        row, file, " ".join(one.hints), one.digest, it.id, it.domain, it.kind, it.title, it.text, it.source,
        json.dumps(it.evidence), it.at, it.strength, it.under,
    )  # fmt: skip
