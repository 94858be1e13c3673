"""Which lines of a very long journal the story of one id rests on, gathered in a single walk from its newest line back.

A cause is always older than what names it: whatever a line met on the way back refers to is still to come. So nothing
but the trail itself is held, and ``story`` tells it as it would tell the whole journal. Pure; the caller walks.
"""

from collections.abc import Iterable, Iterator

import orjson

from swarmd.state.store.lines import Line, Said, line_of
from swarmd.state.story import NOISE


class _Sought:
    """The ids to look out for, each with the kinds of which the newest has been met since it was last named."""

    def __init__(self, id: str) -> None:
        self._met: dict[bytes, set[str]] = {_written(id): set()}

    def __contains__(self, id: bytes) -> bool:
        return id in self._met

    def is_news(self, id: bytes, line: Line) -> bool:
        """Both ends of an incident are told, and all the evidence between them; of the rest the newest of a kind."""
        met = self._met[id]
        if line.kind in met:
            return line.kind == "incident"
        met.add(line.kind)
        return True

    def follow(self, line: Line) -> None:
        """Look out for what the line names, from here on back."""
        said = line.said
        for cause in [*said.get("caused_by", []), *_named(said)]:
            # A beat names its run, whose id is its own: the beat before is no cause of it.
            repeats = {line.kind} if line.kind in NOISE and cause == line.id else set()
            self._met[_written(cause)] = repeats


class _Before:
    """What stands just before a cycle, or before the end of a session: what it decided, or what ended it."""

    def __init__(self, closing: Line) -> None:
        self._closing = closing
        self._actions = f"a{closing.said['data'].get('number')}-"

    def ends_at(self, line: Line) -> bool:
        if self._closing.kind == "session":
            return line.kind == "session"
        return line.at < self._closing.at or line.kind in ("cycle", "session")

    def holds(self, line: Line) -> bool:
        if self._closing.kind == "session":
            return line.kind == "action" and line.said["data"]["action"]["kind"] == "end_session"
        return line.kind == "refusal" or (line.kind == "action" and line.id.startswith(self._actions))


def trail(backward: Iterable[tuple[bytes, bytes]], id: str) -> list[Line]:
    """(id, line) pairs, newest first, in; the lines of the trail, oldest first, out. Empty for an unknown id."""
    sought = _Sought(id)
    found: dict[int, Line] = {}
    before: list[_Before] = []
    for name, content in backward:
        if name not in sought and not before:
            continue
        line = line_of(content)
        bounded = [each for each in before if each.ends_at(line)]
        before = [each for each in before if each not in bounded]
        is_sought = name in sought and sought.is_news(name, line)
        if is_sought or any(each.holds(line) for each in before):
            found[line.seq] = line
            sought.follow(line)
            if line.kind == "cycle" or (line.kind == "session" and line.status == "closed"):
                before.append(_Before(line))
        elif bounded:
            found[line.seq] = line  # told by nobody, but ``story`` looks no further back than there
    return [found[seq] for seq in sorted(found)]


def deeds_about(trail: Iterable[Line], id: str) -> str:
    """The words by which actions about an incident are found: the job of the run it befell, or what it befell."""
    subject = next((str(line.said["data"]["subject"]) for line in trail if line.id == id), id)
    return subject.rpartition("-a")[0] or subject


def _written(id: str) -> bytes:
    return orjson.dumps(id)[1:-1]


def _named(said: Said) -> Iterator[str]:
    """What an incident tells of besides its causes: what it befell, and what was known of such trouble."""
    if said["kind"] == "incident":
        data = said["data"]
        yield data["subject"]
        yield f"{data['signature']}/{data.get('phase', '')}"
