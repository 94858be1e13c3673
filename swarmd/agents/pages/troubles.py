"""Incidents in plain words: what happened, what was done about it, what came of it, how long it took."""

from swarmd.agents.pages.markdown import table
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.units import Millis, iso, spoken
from swarmd.state.view import View

_WORDS = {
    Signature.CRASH: "a run crashed",
    Signature.BAD_ORDER: "a run could not carry out its order",
    Signature.BAD_DATA: "a run refused its data",
    Signature.OUT_OF_MEMORY: "a run ran out of memory",
    Signature.NEVER_STARTED: "a run never got ready",
    Signature.SILENT: "a run fell silent",
    Signature.STUCK_WITH_CPU: "a run was stuck while computing",
    Signature.STUCK_WITHOUT_CPU: "a run was stuck while waiting",
    Signature.STOPPED: "a run was stopped by a signal",
    Signature.OVERTIME: "a run took too long",
    Signature.NO_FIRST_RESULT: "a run came to no first result",
    Signature.THROUGHPUT_REGRESSION: "a prescreen was far slower than this machine's record",
    Signature.POISON_JOB: "a job lost run after run",
    Signature.LATE_RESULT: "a result came too late",
    Signature.STATE_MISSING: "a published file was missing",
    Signature.JOURNAL_DAMAGED: "the journal was damaged",
    Signature.DAEMON_LOST: "the daemon died",
    Signature.CLOCK_STEPPED: "the clock was stepped",
    Signature.MONITOR_LOST: "a monitor window was gone",
    Signature.NO_WORKER: "work waited and nobody worked",
    Signature.DISK_FULL: "the disk was full",
    Signature.DEVICE_FAILED: "a device failed",
    Signature.GPU_LEAK: "work of the processor held a GPU",
    Signature.UNKILLABLE: "a process survived SIGKILL",
    Signature.FLEET_WIDE: "the same trouble was everywhere",
    Signature.AGENT_FAILED: "an agent failed",
    Signature.AGENT_SILENT: "an agent was quiet or slow",
    Signature.STALE_SOURCE: "a source stayed stale",
    Signature.BUDGET_SPENT: "the budget was spent",
    Signature.CHAMPION_DAMAGED: "a champion's file does not hold",
}


def incident_rows(view: View, now: Millis, *, latest: int) -> str:
    """The open incidents and the latest closed ones, oldest first; empty where there are none."""
    closed = [i for i in view.incidents.values() if i.status is IncidentStatus.CLOSED]
    shown = [*sorted(closed, key=lambda each: each.at)[-latest:], *view.open_incidents()]
    rows = [_row(incident, now) for incident in sorted(shown, key=lambda each: each.opened_at)]
    return (
        table(("when (UTC)", "what happened", "why", "what was done", "what came of it", "took"), rows) if rows else ""
    )


def _row(incident: Incident, now: Millis) -> tuple[str, ...]:
    is_closed = incident.status is IncidentStatus.CLOSED
    evidence = f" (evidence: {', '.join(f'`{path}`' for path in incident.evidence)})" if incident.evidence else ""
    outcome = incident.outcome if is_closed else f"**open**, expected: {incident.expected}"
    return (
        iso(incident.opened_at)[:19].replace("T", " "),
        f"{in_words(incident.signature)}: `{incident.subject}`",
        incident.cause,
        incident.remedy + evidence,
        outcome,
        spoken(max(0, (incident.at if is_closed else now) - incident.opened_at)),
    )


def in_words(signature: Signature) -> str:
    return _WORDS[signature]
