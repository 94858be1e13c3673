"""An entry made ready to be written: its digest, its columns of terms, the tags it is limited by, its links.

Pure, and the same for every backend; all that is slow about writing is done here, before a transaction begins.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from swarmd.state.knowledge.domains import guessed, pointed_at
from swarmd.state.knowledge.entry import Entry, FileMark, FileRead, Link, digest_of, storable
from swarmd.state.knowledge.question import domain_tag, kind_tag, own_tag
from swarmd.state.knowledge.words import terms

# An entry says "find my domain yourself" by this one; the word never reaches the store.
BY_ITS_WORDS = "?"


@dataclass(frozen=True, slots=True)
class Columns:
    """The terms of one entry by where they stand, the tags, and each different term once."""

    title: list[str]
    under: list[str]
    text: list[str]
    tags: list[str]
    different: set[str]


@dataclass(frozen=True, slots=True)
class Prepared:
    entry: Entry
    digest: str
    columns: Columns
    hints: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file and everything it says, ready to be written."""

    mark: FileMark
    ready: list[Prepared]


def prepared_file(file: FileRead) -> PreparedFile:
    return PreparedFile(file.mark, prepared(file.entries, file.links))


def prepared(entries: Iterable[Entry], links: Iterable[Link] = ()) -> list[Prepared]:
    """In the order of their ids, the last of equal ones. Raises ValueError for a link from no entry given here."""
    latest = {entry.id.strip(): entry for entry in entries}
    leading: dict[str, list[Link]] = {}
    for link in links:
        if link.source not in latest:
            raise ValueError(f"a link leads from {link.source!r}, which is not among the entries put with it")
        leading.setdefault(link.source, []).append(link)
    return [_prepared(latest[id], leading.get(id, ())) for id in sorted(latest)]


def _prepared(said: Entry, links: Iterable[Link]) -> Prepared:
    entry = storable(said)
    title, under, text = terms(entry.title), terms(entry.under), terms(entry.text)
    # An id is what people copy from a page into a question.
    under += terms(entry.id) if entry.kind != "document" else []
    found = {*title, *under, *text}
    hints = pointed_at(found, set(title))
    if entry.domain == BY_ITS_WORDS:
        entry = replace(entry, domain=guessed(hints))
    tags = [kind_tag(entry.kind), own_tag(entry.domain), *map(domain_tag, dict.fromkeys((entry.domain, *hints)))]
    kept = tuple(sorted(set(links)))
    return Prepared(entry, digest_of(entry, kept), Columns(title, under, text, tags, found), hints, kept)


def counted(batch: Iterable[Prepared]) -> Counter[str]:
    """In how many of them each term stands."""
    return Counter(chain.from_iterable(one.columns.different for one in batch))


# -- what has to be written -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store has under an id: its row, the digest of what it says, and the file it came from."""

    row: int
    digest: str
    file: int | None


@dataclass(frozen=True, slots=True)
class Writing:
    """The difference between what is and what shall be, by rows."""

    new: list[Prepared]
    changed: list[tuple[int, Prepared]]
    same: int


def difference(ready: Iterable[Prepared], standing: Mapping[str, Standing]) -> Writing:
    """Equal digests are the same entry, and cost nothing."""
    writing, same = Writing([], [], 0), 0
    for one in ready:
        there = standing.get(one.entry.id)
        if there is None:
            writing.new.append(one)
        elif there.digest == one.digest:
            same += 1
        else:
            writing.changed.append((there.row, one))
    return replace(writing, same=same)
