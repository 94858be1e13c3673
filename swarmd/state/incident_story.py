"""An incident as a story: what was seen, what was decided, what was done, what was hoped for, and what came of it.

``swarmd explain`` tells it above the chain of causes. Works on plain lines as ``story`` does; decides nothing.
"""

from collections.abc import Iterator
from typing import Any

from swarmd.state.store.lines import Line, Said
from swarmd.state.story import Index, event
from swarmd.state.telling import told
from swarmd.state.units import Millis, iso, millis_of_iso, spoken

Row = dict[str, Any]

# What an agent does about a trouble, as against what it says of it.
_DEEDS = frozenset(
    {"start_run", "stop_run", "hold_job", "settle_job", "set_lane", "set_campaign", "rebuild_source", "end_session"}
)
_DEEDS_TOLD = 20


def incident_story(index: Index, id: str) -> Row | None:
    """None where ``id`` is no incident. ``remedies`` is what the failure memory knew of such a trouble by then."""
    lines = [line for line in index.by_id.get(id, ()) if line.kind == "incident"]
    if not lines:
        return None
    opened, newest = lines[0], lines[-1]
    data = newest.said["data"]
    files = dict.fromkeys(path for line in lines for path in line.said["data"]["evidence"])
    decision = next(iter(_actions_behind(index, opened)), None)
    return {
        "id": id,
        "signature": data["signature"],
        "subject": data["subject"],
        "status": data["status"],
        "evidence": {"seen": _seen(index, opened, decision), "files": [*files]},
        "decision": {
            "at": opened.at,
            "agent": data["agent"],
            "action": decision and decision.id,
            "cause": data["cause"],
        },
        "remedy": {
            "text": data["remedy"],
            "rung": data.get("rung"),
            "remedies": _memory(index, opened, data),
            "deeds": [event(line.said) for line in _deeds(index, opened, newest, data)],
        },
        "expected": {"text": data["expected"], "due": iso(data["due"])},
        "outcome": _outcome(newest, data),
    }


def _actions_behind(index: Index, line: Line) -> Iterator[Line]:
    for cause in line.said.get("caused_by", []):
        yield from (older for older in index.older(cause, line) if older.kind == "action")


def _seen(index: Index, opened: Line, decision: Line | None) -> list[Row]:
    """The records the decision named, as they were then; of a trouble nobody decided on, what it befell."""
    asker = decision or opened
    names = asker.said.get("caused_by", []) or [opened.said["data"]["subject"]]
    return [event(older.said) for name in names for older in index.older(name, asker) if older.seq != asker.seq]


def _memory(index: Index, opened: Line, data: Said) -> str:
    name = f"{data['signature']}/{data.get('phase', '')}"
    return next((told(line.said) for line in index.older(name, opened) if line.kind == "failure"), "")


def _deeds(index: Index, opened: Line, newest: Line, data: Said) -> list[Line]:
    """Actions taken between its two ends about what it befell: that itself, and the job of a run."""
    about = {data["subject"], newest.id}
    about |= {line.said["data"]["job"] for line in index.older(data["subject"], opened) if line.kind == "run"}
    is_over = data["status"] == "closed"
    found = []
    for line in index.lines:
        if line.kind != "action" or line.seq < opened.seq:
            continue
        if is_over and line.seq > newest.seq:
            break
        action = line.said["data"]["action"]
        names = {value for value in action.values() if isinstance(value, str)} | {*line.said.get("caused_by", [])}
        if action["kind"] in _DEEDS and names & about:
            found.append(line)
    return found[:_DEEDS_TOLD]


def _outcome(newest: Line, data: Said) -> Row | None:
    if data["status"] != "closed":
        return None
    at = millis_of_iso(newest.at)
    took: Millis = at - data["opened_at"]
    return {
        "at": newest.at,
        "text": data["outcome"],
        "took_ms": took,
        "in_time": at <= data["due"],
        "is_verified": data.get("is_verified", False),
    }


def story_lines(story: Row) -> list[str]:
    """The story for people, a line for each of its parts."""
    evidence, decision, remedy, expected = (story[name] for name in ("evidence", "decision", "remedy", "expected"))
    outcome = story["outcome"]
    by = f" ({decision['action']})" if decision["action"] else ""
    lines = [f"{story['signature']} of {story['subject']}, {story['status']}"]
    lines += [f"  seen      {row['at']}  {row['text']}" for row in evidence["seen"]]
    lines += [f"  kept      {path}" for path in evidence["files"]]
    lines.append(f"  decided   {decision['at']}  {decision['agent']}{by}: {decision['cause']}")
    rung = f" [{remedy['rung']}]" if remedy["rung"] else ""
    lines.append(f"  remedy    {remedy['text']}{rung}")
    if remedy["remedies"]:
        lines.append(f"  memory    {remedy['remedies']}")
    for row in remedy["deeds"]:
        lines.append(f"  done      {row['at']}  {row['agent']} ({row['id']}): {row['text'].removeprefix('decided: ')}")
    lines.append(f"  expected  {expected['text']}, by {expected['due']}")
    if outcome is None:
        return [*lines, "  outcome   none yet"]
    when = "in time" if outcome["in_time"] else "too late"
    judged = ", as the remedy was to bring about" if outcome["is_verified"] else ""
    return [*lines, f"  outcome   {outcome['at']}  {outcome['text']} ({spoken(outcome['took_ms'])}, {when}{judged})"]
