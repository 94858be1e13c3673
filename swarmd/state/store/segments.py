"""The files of a journal's directory: which are its segments, in what order, and what does not belong there.

Shared by all that read a journal, from either end. Looks at names and first lines; the lines themselves are ``raw``'s.
"""

import re
from itertools import pairwise
from pathlib import Path

from swarmd.state.store.lines import Damage, Line, line_of
from swarmd.state.store.snapshot import BASE, SNAPSHOT, Reach

QUARANTINE = "quarantine"
LOCK = ".lock"

_SEGMENT = re.compile(r"^\d{6,}\.jsonl$")
_OWN = frozenset({SNAPSHOT, BASE, QUARANTINE, LOCK})


def segments_by_name(directory: Path) -> list[Path]:
    found = directory.iterdir() if directory.is_dir() else ()
    return sorted((path for path in found if _SEGMENT.match(path.name) and path.is_file()), key=lambda p: int(p.stem))


def in_order(directory: Path, base: Reach | None, damages: list[Damage]) -> tuple[list[Path], list[Path]]:
    """The segments by name, and in the order of what they contain; strangers, gaps and copies are added to ``damages``.

    What ``base`` stands for is left out.
    """
    paths = segments_by_name(directory)
    known = {path.name for path in paths}
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        own = path.name in _OWN or path.name in known or path.name.startswith((f".{SNAPSHOT}.", f".{BASE}."))
        if not own:
            damages.append(Damage(path.name, 0, "a foreign file; it is left alone and not read"))
    # What the base stands for is removed, or about to be: a clean that was interrupted left it behind.
    removed = 0 if base is None else base.number
    paths = [path for path in paths if int(path.stem) > removed or removed == 0]
    for before, after in pairwise([removed, *(int(path.stem) for path in paths)]):
        lost = (f"{number:06d}.jsonl" for number in range(before + 1, after))
        damages += [Damage(name, 0, "the segment is missing") for name in lost]
    firsts: dict[Path, int] = {}
    own_firsts: dict[Path, int] = {}
    beginning = 0
    for path in paths:
        own_firsts[path] = first.seq if (first := _first(path)) is not None else 0
        beginning = firsts[path] = own_firsts[path] or beginning
    order = sorted(paths, key=lambda path: (firsts[path], int(path.stem)))
    for one, other in pairwise(order):
        if firsts[one] == firsts[other] > 0 and own_firsts[other]:
            damages.append(Damage(other.name, 0, f"begins with seq {firsts[other]} as {one.name} does: a copy"))
        elif int(other.stem) < int(one.stem):
            why = (
                f"begins with seq {firsts[other]}, which follows what {one.name} holds: read in the order of its lines"
            )
            damages.append(Damage(other.name, 0, why))
    return paths, order


def _first(path: Path) -> Line | None:
    """The first sound line."""
    with path.open("rb") as file:
        for content in file:
            try:
                return line_of(content.rstrip(b"\n"))
            except ValueError:
                continue
    return None
