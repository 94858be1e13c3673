"""Everything of one knowledge base into another, and proof that it arrived: `swarmd knowledge move`.

A batch at a time, both sides written or read in short transactions. Broken off it may simply be asked again: what is
over there already is seen by its digest and costs nothing. The old one is left as it was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from swarmd.state.errors import OutsideError
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.entry import Changed, Entry, FileRead, Link

_FILES = 100
_LOOSE = 500
Loose = list[tuple[Entry, tuple[Link, ...]]]


@dataclass(frozen=True, slots=True)
class Moved:
    """What was written over there, and how many entries, files and links were found equal afterwards."""

    changed: Changed
    entries: int
    files: int
    links: int


def move(source: KnowledgeBase, target: KnowledgeBase, told: Callable[[int, int], None]) -> Moved:
    """Copy, then read both sides and compare. Raises OutsideError where something differs; then nothing is switched."""
    total = source.totals().entries
    done, changed = 0, Changed()
    there = target.known_files()
    known = source.known_files()
    for files in _batches(source, [path for path, mark in known.items() if there.get(path) != mark]):
        changed += target.keep_files(files)
        done += sum(len(file.entries) for file in files)
        told(done, total)
    for loose in _loose(source):
        changed += target.put([entry for entry, _ in loose], links=[one for _, links in loose for one in links])
        done += len(loose)
        told(done, total)
    _copy_vectors(source, target)
    return _compared(source, target, changed)


def _copy_vectors(source: KnowledgeBase, target: KnowledgeBase) -> None:
    """Of entries that are equal on both sides; a model reads some twenty a second, so they are worth the way."""
    with source.vectors() as vectors:
        model = vectors.model()
    if model is None:
        return
    with target.vectors(is_writing=True) as over_there:
        over_there.switch_on(model)
    after = ""
    while True:
        with source.vectors() as vectors:
            some = vectors.page(model.digest, after=after)
        if not some:
            return
        after = some[-1].id
        with target.vectors(is_writing=True) as over_there:
            over_there.keep(model.digest, some)


def _compared(source: KnowledgeBase, target: KnowledgeBase, changed: Changed) -> Moved:
    entries = n_files = links = 0
    for files in _batches(source, list(source.known_files())):
        over_there = {file.mark.path: file for file in target.contents([file.mark.path for file in files])}
        for file in files:
            other = over_there.get(file.mark.path)
            if other is None or _whole(other) != _whole(file):
                raise OutsideError(f"{file.mark.path} did not arrive as it was; ask for the move again")
            entries, n_files, links = entries + len(file.entries), n_files + 1, links + len(file.links)
    for loose in _loose(source):
        for entry, leading in loose:
            if target.entry(entry.id) != entry:
                raise OutsideError(f"entry {entry.id} did not arrive as it was; ask for the move again")
            entries, links = entries + 1, links + len(leading)
    return Moved(changed, entries, n_files, links)


def _whole(file: FileRead) -> tuple[object, ...]:
    return file.mark, sorted(file.entries, key=lambda entry: entry.id), set(file.links)


def _batches(base: KnowledgeBase, paths: list[str]) -> Iterator[list[FileRead]]:
    for start in range(0, len(paths), _FILES):
        yield base.contents(paths[start : start + _FILES])


def _loose(base: KnowledgeBase) -> Iterator[Loose]:
    after = ""
    while some := base.loose(after=after, limit=_LOOSE):
        yield some
        after = some[-1][0].id
