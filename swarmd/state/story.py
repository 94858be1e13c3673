"""Why: the chain of causes behind any line of a journal.

``swarmd explain`` walks from an id back to the observations it rests on; ``swarmd query events`` tells lines as they
come. Works on plain dictionaries so that it starts fast; decides nothing.
"""

import difflib
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.store.lines import Line, Said
from swarmd.state.telling import told

# What comes too often to be an event: measured, not decided.
NOISE = frozenset({"beat", "gauge", "cycle", "scores"})
_OBSERVED = frozenset({"beat", "device", "gauge", "node", "source", "result", "throughput", "fastest"})
_CYCLE = re.compile(r"^c\d+$")


def events(lines: Iterable[Line]) -> list[dict[str, Any]]:
    return [event(line.said) for line in lines if line.said["kind"] not in NOISE]


def event(said: Said) -> dict[str, Any]:
    return {
        "seq": said["seq"],
        "at": said["at"],
        "kind": said["kind"],
        "id": said["id"],
        "agent": agent_of(said),
        "text": told(said),
        "caused_by": said.get("caused_by", []),
    }


class Index:
    """Lines by id, in their order. A line is parsed when it is told, and not before: most never are."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)
        self.by_id: dict[str, list[Line]] = defaultdict(list)
        for line in self.lines:
            self.by_id[line.id].append(line)

    def older(self, id: str, than: Line) -> list[Line]:
        """The newest line of each kind called ``id`` that is older than what refers to it."""
        return _newest(line for line in self.by_id.get(id, ()) if line.seq < than.seq and not _repeats(line, than))

    def decisions_of(self, cycle: Line) -> list[Line]:
        """What a cycle decided: the actions of its number, and the refusals it wrote down just before itself."""
        number = cycle.said["data"]["number"]
        found = []
        for line in reversed(self.lines[: self._position(cycle)]):
            if line.at < cycle.at or line.kind in ("cycle", "session"):
                break
            if line.kind == "refusal" or (line.kind == "action" and line.id.startswith(f"a{number}-")):
                found.append(line)
        return found[::-1]

    def ending_of(self, session: Line) -> list[Line]:
        """The decision that closed a session, which its own record does not name."""
        for line in reversed(self.lines[: self._position(session)]):
            if line.kind == "session":
                break
            if line.kind == "action" and line.said["data"]["action"]["kind"] == "end_session":
                return [line]
        return []

    def _position(self, line: Line) -> int:
        return bisect_left(self.lines, line.seq, key=lambda each: each.seq)


def explain_chain(lines: Iterable[Line], id: str) -> list[dict[str, Any]]:
    """Every record behind the newest one called ``id``, newest first. Raises OperatorError as ``chain_of`` does."""
    return chain_of(Index(lines), id)


def chain_of(index: Index, id: str) -> list[dict[str, Any]]:
    """As ``explain_chain``, for who asks more than once.

    A cause is the newest record of that name that is older than what refers to it. Of an incident both its ends are
    told, of a cycle all that it decided. Raises OperatorError for an unknown id, with the nearest ones.
    """
    if id not in index.by_id:
        raise OperatorError(unknown(id, index.by_id))
    chain: dict[int, Said] = {}
    open_ends = _newest(index.by_id[id])
    open_ends += [line for line in index.by_id[id][:1] if line.kind == "incident"]
    while open_ends:
        line = open_ends.pop()
        if line.seq in chain:
            continue
        said = chain[line.seq] = line.said
        if line.kind == "cycle":
            open_ends += index.decisions_of(line)
        if line.kind == "session" and line.status == "closed":
            open_ends += index.ending_of(line)
        for cause in said.get("caused_by", []):
            open_ends += index.older(cause, line)
    return [event(chain[seq]) for seq in sorted(chain, reverse=True)]


def _repeats(other: Line, line: Line) -> bool:
    """A beat names its run, whose id is its own: the beat before is no cause of it."""
    return line.kind in NOISE and other.kind == line.kind and other.id == line.id


def _newest(lines: Iterable[Line]) -> list[Line]:
    """The newest line of each kind: one id may name a run, its beat and its result, and a chain shows all three."""
    return sorted({line.kind: line for line in lines}.values(), key=lambda line: -line.seq)


def unknown(id: str, known: Collection[str]) -> str:
    """What to say where nothing is called so, with the nearest names there are."""
    if not known:
        return f"nothing is called {id!r}: the journal is empty; look with `swarmd query`"
    if _CYCLE.match(id):
        near = sorted((name for name in known if _CYCLE.match(name)), key=lambda name: abs(int(name[1:]) - int(id[1:])))
        nearest = f"; the nearest that did are {' and '.join(near[:2])}" if near else ""
        return f"cycle {id[1:]} decided nothing that is on record{nearest}"
    near = difflib.get_close_matches(id, known, n=3, cutoff=0.4) or [name for name in known if id in name][:3]
    hint = f"; did you mean {', '.join(near)}?" if near else "; `swarmd query events` lists what there is"
    return f"nothing in the journal is called {id!r}{hint}"


def agent_of(said: Said) -> str:
    """The agent that decided, or ``sensors`` and ``swarmd`` for what was observed or follows from a decision."""
    agent = said["data"].get("agent")
    if isinstance(agent, str) and agent:
        return agent
    return "sensors" if said["kind"] in _OBSERVED else "swarmd"
