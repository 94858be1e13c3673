"""A long journal looked through without holding it: from its newest line back, for some words, or as it grows.

For ``explain`` and ``query``, which need few lines of very many: a line that nobody asks for is not parsed, and one
segment is in memory at a time. The way forward, line by line, is ``raw.walk``.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from swarmd.state.store.lines import Damage, Line, is_sealed, line_of
from swarmd.state.store.segments import in_order, segments_by_name
from swarmd.state.store.snapshot import BASE, read_reach, read_snapshot

_ID = b'"id":"'
_IDS = re.compile(rb'^\{"seq":\d+,"at":"[^"]*","kind":"[^"]*","v":\d+,"id":"([^"\\]*)"', re.MULTILINE)


def backward(directory: Path, damages: list[Damage]) -> Iterator[tuple[bytes, bytes]]:
    """(id, line) from the newest to the oldest; of what ``swarmd clean`` removed, the newest of each id.

    The id is as written. What is not sealed is added to ``damages`` and left out; a hole without a trace is not seen.
    """
    for path in reversed(_segments(directory, damages)):
        lines = _whole_lines(path)
        for number in range(len(lines), 0, -1):
            content = lines[number - 1]
            if not is_sealed(content):
                damages.append(Damage(path.name, number, "its checksum is wrong or missing", content))
                continue
            begin = content.find(_ID) + len(_ID)
            yield content[begin : content.find(b'"', begin)], content
    for line in sorted(_base_lines(directory), key=lambda line: -line.seq):
        yield line.id.encode(), line.content


def mentioning(directory: Path, words: bytes) -> Iterator[Line]:
    """Every sound line that holds these bytes, oldest first: a search of the files, and no walk."""
    yield from (line for line in sorted(_base_lines(directory), key=lambda line: line.seq) if words in line.content)
    for path in _segments(directory, []):
        data = path.read_bytes()
        at = data.find(words)
        while at >= 0:
            end = data.find(b"\n", at)
            if end < 0:
                break  # the last line is being written just now
            with contextlib.suppress(ValueError):  # named by whoever reads the whole journal
                yield line_of(data[data.rfind(b"\n", 0, at) + 1 : end])
            at = data.find(words, end)


def ids(directory: Path) -> dict[str, None]:
    """Every id there is, in order of appearance."""
    found: dict[str, None] = {line.id: None for line in _base_lines(directory)}
    for path in _segments(directory, []):
        found |= dict.fromkeys(id.decode(errors="replace") for id in dict.fromkeys(_IDS.findall(path.read_bytes())))
    return found


def _segments(directory: Path, damages: list[Damage]) -> list[Path]:
    return in_order(directory, read_reach(directory / BASE), damages)[1]


def _whole_lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1]


def _base_lines(directory: Path) -> list[Line]:
    try:
        base = read_snapshot(directory / BASE)
    except ValueError:
        return []  # named by whoever reads the whole journal
    return [] if base is None else [*base[1]]


class Follower:
    """New lines of a journal as they are written, from where it stands now. ``fresh`` returns what came since."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segment = 0
        self._length = 0
        paths = segments_by_name(directory)
        if paths:
            # Only whole lines count, and the last one may be half written just now.
            data = paths[-1].read_bytes()
            self._segment, self._length = int(paths[-1].stem), data.rfind(b"\n") + 1

    def fresh(self) -> Iterator[Line]:
        for path in segments_by_name(self._directory):
            number = int(path.stem)
            if number < self._segment:
                continue
            start = self._length if number == self._segment else 0
            with path.open("rb") as file:
                file.seek(start)
                data = file.read()
            whole = data.rfind(b"\n") + 1
            self._segment, self._length = number, start + whole
            for content in data[:whole].split(b"\n")[:-1]:
                try:
                    yield line_of(content)
                except ValueError:
                    continue  # named by whoever reads the whole journal
