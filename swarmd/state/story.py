"""Why: journal lines in plain words, and the chain of causes behind any of them.

``swarmd explain`` walks from an id back to the observations it rests on; ``swarmd query events`` tells lines as they
come. Works on plain dictionaries so that it starts fast; decides nothing.
"""

import difflib
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.store.lines import Line, Said
from swarmd.state.units import spoken

# What comes too often to be an event: measured, not decided.
NOISE = frozenset({"beat", "gauge", "cycle", "scores"})
_OBSERVED = frozenset({"beat", "device", "gauge", "source", "result", "throughput", "fastest"})
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


# -- in plain words -----------------------------------------------------------------------------------------------


def told(said: Said) -> str:
    """One sentence for one line; never fails, because old and foreign lines must be told as well."""
    teller = _TELLERS.get(said["kind"], _plain)
    try:
        return teller(said["id"], said["data"])
    except (KeyError, TypeError, ValueError):
        return _plain(said["id"], said["data"])


def _plain(id: str, data: Said) -> str:
    return f"{id}: " + ", ".join(
        f"{name} {value}" for name, value in data.items() if not isinstance(value, (dict, list))
    )


def _because(text: str) -> str:
    return f": {text}" if text else ""


def wish(action: Mapping[str, Any]) -> str:
    """``start run`` and what it is about: ``start_run job=… lane=…`` without the reason."""
    fields = (
        f"{name}={value}"
        for name, value in action.items()
        if name in ("run", "job", "lane", "how", "status", "incident", "campaign", "step", "source", "request", "topic")
    )
    return " ".join([str(action["kind"]).replace("_", " "), *fields])


def _action(id: str, data: Said) -> str:
    return f"decided: {wish(data['action'])}{_because(data['action']['reason'])}"


def _refusal(id: str, data: Said) -> str:
    return f"refused: {wish(data['action'])}, because {data['because']}"


def _run(id: str, data: Said) -> str:
    where = f"run {id} in {data['lane']} (attempt {data['attempt']})"
    status = data["status"]
    if status == "starting":
        return f"{where} was ordered"
    if status in ("running", "stopping"):
        what = "is asked to stop" if status == "stopping" else "is adopted" if data["adopted"] else "runs"
        killed = ", killed" if data.get("killed_at") else ""
        return f"{where} {what}{killed}, pid {data['pid']}"
    code, signal = data["exit_code"], data["signal"]
    how = f", signal {signal}" if signal > 0 else f", exit code {code}" if code >= 0 else ""
    return f"{where} ended as {status}{how}{_because(data['reason'])}"


def _beat(id: str, data: Said) -> str:
    total = f" of {data['total']}" if data["total"] else ""
    return (
        f"run {id} has done {data['done']}{total} at {data['rate']:.3g}/s, process state {data['process_state']}, "
        f"{data['rss_bytes'] / (1 << 20):.0f} MiB, {spoken(data['cpu_time'])} of processor time"
    )


def _result(id: str, data: Said) -> str:
    summary = data["summary"]
    about = f"{data['job']} (attempt {data['attempt']})"
    return f"run {id} says {summary['verdict']} for {about}{_because(summary['headline'])}"


def _throughput(id: str, data: Said) -> str:
    speed, mark = data["speed"], data["mark"]
    work = speed["combos"] * speed["bars"]
    per_cpu = work / speed["cpu_seconds"] if speed["cpu_seconds"] else 0.0
    beside = f", {per_cpu / mark['per_cpu']:.0%} of the record of {mark['run']}" if mark and mark["per_cpu"] else ""
    return (
        f"run {id} evaluated {speed['combos']} combinations x {speed['bars']} bars of {speed['symbol']} in "
        f"{speed['wall_seconds']:.2f} s on {speed['threads']} threads, {speed['cpu_seconds']:.2f} s of processor time: "
        f"{per_cpu:.3g} combo-bars per processor second{beside}"
    )


def _fastest(id: str, data: Said) -> str:
    mark = data["mark"]
    return (
        f"the record of {id} is {mark['per_cpu']:.3g} combo-bars per processor second, {mark['per_thread']:.3g} per "
        f"second and thread, by run {mark['run']} on {mark['symbol']}"
    )


def _job(id: str, data: Said) -> str:
    return f"job {id} is {data['status']} at attempt {data['attempt']}{_because(data['reason'])}"


def _incident(id: str, data: Said) -> str:
    if data["status"] == "closed":
        return f"incident {id} is closed{_because(data['outcome'])}"
    return f"incident {id} is {data['status']}: {data['cause']}; remedy: {data['remedy']}; expected: {data['expected']}"


def _lane(id: str, data: Said) -> str:
    return f"lane {id} is {data['status']}{_because(data['reason'])}"


def _campaign(id: str, data: Said) -> str:
    return f"campaign {id} is {data['status']}{_because(data['reason'])}"


def _session(id: str, data: Said) -> str:
    return f"session {id} is {data['status']} (pid {data['pid']} on {data['host']}){_because(data['reason'])}"


def _champion(id: str, data: Said) -> str:
    return (
        f"{data['strategy']} ({data['mode']}) is the champion of {id}: score {data['score']:.4g}, "
        f"out of sample {data['oos_annual_sharpe']:.3g}, {data['tried']} tried"
    )


def _request(id: str, data: Said) -> str:
    return f"{data['asked_by']} asks to {data['verb'].replace('_', ' ')}: {data['status']}{_because(data['answer'])}"


def _source(id: str, data: Said) -> str:
    return f"{id} is {data['status']}{_because(data['note'])}"


def _step(id: str, data: Said) -> str:
    outcome = _because(data["outcome"])
    return f"step {id} is {data['status']}: {data['what']}, expected {data['expected_outcome']}{outcome}"


def _cycle(id: str, data: Said) -> str:
    quiet = f" after {len(data['quiet'])} quiet cycles" if data.get("quiet") else ""
    late = f", {spoken(data['late'])} overslept" if data["late"] else ""
    return (
        f"cycle {data['number']}{quiet}: {data['wishes']} wishes, {data['actions']} actions, "
        f"{data['refusals']} refused{late}"
    )


def _scores(id: str, data: Said) -> str:
    return "scores: " + ", ".join(f"{name} {value:g}" for name, value in data.items())


def _failure(id: str, data: Said) -> str:
    tallies = ", ".join(
        f"{name} helped {tally['verified']} of {tally['tried']} times" for name, tally in data["remedies"].items()
    )
    return f"{id} was seen {data['count']} times, last {data['last_cause']}" + (f"; {tallies}" if tallies else "")


def _hypothesis(id: str, data: Said) -> str:
    return f"{id} is {data['status'].replace('_', ' ')}: {data['claim']}{_because(data['verdict'])}"


def _device(id: str, data: Said) -> str:
    if not data["is_there"]:
        return f"{id} ({data['name']}) does not answer{_because(data['trouble'])}"
    return f"{id} ({data['name']}) answers: {len(data['processes'])} processes on it, {data['n_errors']} driver errors"


_TELLERS: Mapping[str, Callable[[str, Said], str]] = {
    "action": _action,
    "refusal": _refusal,
    "run": _run,
    "beat": _beat,
    "result": _result,
    "throughput": _throughput,
    "fastest": _fastest,
    "job": _job,
    "incident": _incident,
    "lane": _lane,
    "campaign": _campaign,
    "session": _session,
    "champion": _champion,
    "request": _request,
    "source": _source,
    "step": _step,
    "cycle": _cycle,
    "scores": _scores,
    "failure": _failure,
    "hypothesis": _hypothesis,
    "device": _device,
    "gauge": lambda id, data: f"{id} is {data['value']:g}",
    "finding": lambda id, data: data["text"] or f"{id} is taken back",
    "document": lambda id, data: f"{data['title']} is written to {id}{_because(data['reason'])}",
    "policy": lambda id, data: f"the limits in force: {data['max_lanes']} lanes, {data['max_attempts']} attempts",
}
