"""A knowledge base over tables, whatever keeps them: what is put, read from files, walked and forgotten.

SQLite and Postgres are asked in the same words; each gives a transaction to read in and one to write in, and the rest
of the contract is here and in ``asked.py``, once.
"""

import contextlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from swarmd.state.knowledge.asked import Asked
from swarmd.state.knowledge.domains import resolved
from swarmd.state.knowledge.entry import Changed, Entry, FileMark, FileRead, Kind, Link, Totals
from swarmd.state.knowledge.meaning.vectors import Ask, Vectors
from swarmd.state.knowledge.prepared import PreparedFile, prepared, prepared_file
from swarmd.state.knowledge.words import VERSION
from swarmd.state.knowledge.writing import ENTRY, FILE, Writing, chunks, entry_of, holes, links_of

# A batch of these takes about a tenth of a second; so long may a daemon have to wait that wants to write a lesson.
BATCH = 500


class Stored(Asked):
    """The half of the contract that reads and writes tables."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Ask]:
        """One picture of the store."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Writing]:
        """One change of the store, that is whole or never was; others who write wait."""

    @abstractmethod
    def _empty_index(self, writing: Writing) -> None:
        """No words and no counts."""

    # -- entries ----------------------------------------------------------------------------------------------------

    def put(self, entries: Iterable[Entry], *, links: Iterable[Link] = ()) -> Changed:
        changed = Changed()
        for batch in chunks(prepared(entries, links), BATCH):
            with self._writing() as writing:
                changed += writing.write(batch, {})
        return changed

    def forget(self, ids: Iterable[str]) -> int:
        gone = 0
        for batch in chunks(list(dict.fromkeys(ids)), BATCH):
            with self._writing() as writing:
                gone += writing.remove([it.row for it in writing.standing("id", batch).values()])
        return gone

    def entries(
        self, *, domain: str | None = None, kind: Kind | None = None, limit: int = 100, after: str = ""
    ) -> list[Entry]:
        asked, values = f"SELECT {ENTRY} FROM entry WHERE id > ?", [after]
        for column, value in (("domain", resolved(domain) if domain else None), ("kind", kind)):
            if value:
                asked += f" AND {column} = ?"
                values.append(value)
        with self._reading() as ask:
            return [entry_of(*said) for said in ask(f"{asked} ORDER BY id LIMIT ?", (*values, max(limit, 0)))]

    # -- documents --------------------------------------------------------------------------------------------------

    def known_files(self, below: str | None = None) -> dict[str, FileMark]:
        asked, values = f"SELECT {FILE} FROM file", []
        if below is not None:
            folder = f"{below.rstrip('/')}/"
            asked += " WHERE path = ? OR substr(path, 1, ?) = ?"
            values = [below, len(folder), folder]
        with self._reading() as ask:
            return {said[0]: FileMark(*said) for said in ask(f"{asked} ORDER BY path", values)}

    def keep_files(self, files: Sequence[FileRead]) -> Changed:
        return self.keep_prepared([prepared_file(file) for file in files])

    def keep_prepared(self, files: Sequence[PreparedFile]) -> Changed:
        with self._writing() as writing:
            rows = writing.marked([file.mark for file in files])
            said = {one.entry.id: rows[file.mark.path] for file in files for one in file.ready}
            before = writing.standing("file", list(rows.values()))
            gone = writing.remove([it.row for id, it in before.items() if id not in said])
            latest = {one.entry.id: one for file in files for one in file.ready}
            changed = writing.write([latest[id] for id in sorted(latest)], said)
        return changed + Changed(gone=gone)

    def mark_files(self, marks: Sequence[FileMark]) -> None:
        with self._writing() as writing:
            writing.marked(marks)

    def forget_files(self, paths: Sequence[str]) -> int:
        gone = 0
        for some in chunks(paths, BATCH):
            with self._writing() as writing:
                asked = f"SELECT row FROM file WHERE path IN ({holes(some)})"
                files = [row for (row,) in writing.ask(asked, some)]
                gone += writing.remove([it.row for it in writing.standing("file", files).values()])
                if files:
                    writing.ask(f"DELETE FROM file WHERE row IN ({holes(files)})", files)
        return gone

    # -- moving -----------------------------------------------------------------------------------------------------

    def contents(self, paths: Sequence[str]) -> list[FileRead]:
        with self._reading() as ask:
            return [found for path in paths for found in _content(ask, path)]

    def loose(self, *, after: str = "", limit: int = BATCH) -> list[tuple[Entry, tuple[Link, ...]]]:
        with self._reading() as ask:
            asked = f"SELECT row, {ENTRY} FROM entry WHERE file IS NULL AND id > ? ORDER BY id LIMIT ?"
            found = {row: entry_of(*said) for row, *said in ask(asked, (after, limit))}
            links = links_of(ask, list(found))
        return [(entry, links.get(row, ())) for row, entry in found.items()]

    def totals(self) -> Totals:
        with self._reading() as ask:
            asked = "SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM link), (SELECT count(*) FROM file)"
            ((entries, links, files),) = ask(asked, ())
            return Totals(entries, links, files)

    @contextlib.contextmanager
    def vectors(self, *, is_writing: bool = False) -> Iterator[Vectors]:
        if is_writing:
            with self._writing() as writing:
                yield Vectors(writing.ask)
        else:
            with self._reading() as ask:
                yield Vectors(ask)

    # -- the index ----------------------------------------------------------------------------------------------------

    def _reindex_if_stale(self) -> None:
        """Where the terms are made otherwise than when this was written: make them all again."""
        with self._reading() as ask:
            said = list(ask("SELECT value FROM meta WHERE key = 'words'", ()))
        if said and int(said[0][0]) >= VERSION:
            return
        with self._writing() as writing:
            self._empty_index(writing)
            rows = [row for (row,) in writing.ask("SELECT row FROM entry ORDER BY row", ())]
            for some in chunks(rows):
                asked = f"SELECT row, {ENTRY} FROM entry WHERE row IN ({holes(some)})"
                found = {said[0]: (row, entry_of(*said)) for row, *said in writing.ask(asked, some)}
                ready = prepared(entry for _, entry in found.values())
                writing.index([(found[one.entry.id][0], one) for one in ready])
            writing.ask("DELETE FROM meta WHERE key = 'words'", ())
            writing.ask("INSERT INTO meta (key, value) VALUES ('words', ?)", (str(VERSION),))


def _content(ask: Ask, path: str) -> Iterator[FileRead]:
    for file, *said in list(ask(f"SELECT row, {FILE} FROM file WHERE path = ?", (path,))):
        asked = f"SELECT row, {ENTRY} FROM entry WHERE file = ? ORDER BY id"
        found = {row: entry_of(*them) for row, *them in ask(asked, (file,))}
        links = links_of(ask, list(found))
        leading = tuple(one for row in found for one in links.get(row, ()))
        yield FileRead(FileMark(*said), tuple(found.values()), leading)
