"""The ``*_state.json`` files: what each agent sees and last did, for people and scripts that look from outside.

Views of the journal, replaced as a whole every cycle; nobody decides from them and losing one loses nothing.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from swarmd.state.actions import ActionTaken
from swarmd.state.records.incident import Incident
from swarmd.state.records.source import SourceStatus
from swarmd.state.records.step import Step, StepStatus
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.store.publishers import AGENTS, CONTROL_FILE, state_file
from swarmd.state.units import Millis, iso
from swarmd.state.view import View

CONTROL = "swarm_control"
_CLOSED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """What only the running daemon knows about itself."""

    pid: int
    cycle: int
    cycle_ms_p50: float
    cycle_ms_p99: float
    uptime_s: float


def published_views(view: View, now: Millis, *, daemon: DaemonFacts) -> dict[str, dict[str, Any]]:
    """File name (under ``state/``) to document. Pure: the same View, instant and facts give the same documents."""
    last = view.actions_of_cycle(daemon.cycle)
    documents = {state_file(agent): _agent(view, agent, last, now, daemon) for agent in AGENTS}
    documents["orchestration_consensus_state.json"] |= {
        "scores": _scores(view),
        "actions_last_cycle": [_action(taken) for taken in last],
        "refusals_standing": [
            {"id": refusal.id, "agent": refusal.agent, "because": refusal.because, "at": iso(refusal.at)}
            for refusal in view.refusals.values()
        ][-_CLOSED_SHOWN:],
    }
    documents["session_state_manager_state.json"] |= {
        "freshness": {source.id: source.status.value for source in view.sources.values()},
        "auto_resolutions": [
            {"id": incident.id, "remedy": incident.remedy, "outcome": incident.outcome}
            for incident in view.incidents.values()
            if incident.outcome
        ][-_CLOSED_SHOWN:],
    }
    documents[CONTROL_FILE] = _control(view, last, now, daemon)
    documents["session_latest.json"] = _session(view, now, daemon)
    return documents


@dataclass(frozen=True, slots=True)
class Written:
    """A file as it was left: whoever finds another inode, time or size there finds another's work."""

    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, told: os.stat_result) -> "Written":
        return cls(told.st_ino, told.st_mtime_ns, told.st_size)


def publish(home: Home, documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Written]:
    """Replace each file as a whole, and tell how each was left. Raises OutsideError at the first that cannot be
    written."""
    return {
        name: Written.of(atomic_write(home.state / name, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"))
        for name, document in documents.items()
    }


# -- one document each ----------------------------------------------------------------------------------------------


def _head(view: View, agent: str, now: Millis, daemon: DaemonFacts) -> dict[str, Any]:
    return {
        "schema": f"swarmd.{agent}/1",
        "agent": agent,
        "run_id": view.session.id if view.session else "",
        "cycle": daemon.cycle,
        "updated_at": iso(now),
    }


def _agent(view: View, agent: str, last: Sequence[ActionTaken], now: Millis, daemon: DaemonFacts) -> dict[str, Any]:
    open_ones = [incident for incident in view.open_incidents() if incident.agent == agent]
    return _head(view, agent, now, daemon) | {
        "status": "attending" if open_ones else "ok",
        "findings": [said.text for said in view.findings.values() if said.agent == agent and said.text],
        "incidents_open": [_incident(incident) for incident in open_ones],
        "actions_last_cycle": [_action(taken) for taken in last if taken.agent == agent],
        "next_steps": [_step(step) for step in view.steps.values() if step.agent == agent and _is_ahead(step)],
    }


def _control(view: View, last: Sequence[ActionTaken], now: Millis, daemon: DaemonFacts) -> dict[str, Any]:
    campaign = view.campaign
    stale = [source.id for source in view.sources.values() if source.status is not SourceStatus.FRESH]
    return _head(view, CONTROL, now, daemon) | {
        "status": campaign.status.value if campaign else "idle",
        "findings": [f"{said.agent}: {said.text}" for said in view.findings.values() if said.text],
        "actions_last_cycle": [_action(taken) for taken in last],
        "next_steps": [_step(step) for step in view.steps.values() if _is_ahead(step)],
        "daemon": {
            "pid": daemon.pid,
            "cycle": daemon.cycle,
            "cycle_ms": {"p50": round(daemon.cycle_ms_p50, 3), "p99": round(daemon.cycle_ms_p99, 3)},
            "uptime_s": round(daemon.uptime_s, 3),
        },
        "campaign": campaign.id if campaign else "",
        "scores": _scores(view),
        "incidents_open": [_incident(incident) for incident in view.open_incidents()],
        "sources_not_fresh": stale,
    }


def _session(view: View, now: Millis, daemon: DaemonFacts) -> dict[str, Any]:
    session = view.session
    return _head(view, "session", now, daemon) | {
        "status": session.status.value if session else "none",
        "started_at": iso(session.at) if session else "",
        "pid": daemon.pid,
        "findings": [],
        "actions_last_cycle": [],
        "next_steps": [_step(step) for step in view.steps.values() if _is_ahead(step)],
    }


# -- pieces ---------------------------------------------------------------------------------------------------------


def _is_ahead(step: Step) -> bool:
    return step.status is StepStatus.PENDING


def _action(taken: ActionTaken) -> dict[str, Any]:
    return {"id": taken.id, "agent": taken.agent, "at": iso(taken.at), **taken.action.model_dump(mode="json")}


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "status": incident.status.value,
        "signature": incident.signature.value,
        "subject": incident.subject,
        "opened_at": iso(incident.opened_at),
        "cause": incident.cause,
        "remedy": incident.remedy,
        "expected": incident.expected,
        "due": iso(incident.due),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "agent": step.agent,
        "what": step.what,
        "expected_outcome": step.expected_outcome,
        "due": iso(step.due),
        "status": step.status.value,
    }


def _scores(view: View) -> dict[str, float] | None:
    return view.scores.model_dump(mode="json", exclude={"id", "at", "caused_by"}) if view.scores else None
