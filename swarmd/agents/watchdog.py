"""Watches the watchers: agents that fail turn after turn or hold up the cycle, turns nobody got, files nobody mends.

A single failure is on record already (``agent_failed``, from the cycle that caught it); here it is told who has been
quiet for so long that what it watches is watched by nobody, and when it is well again. Nothing is restarted: an agent
is a pure function, and only a corrected version helps one that fails on the present picture.
"""

from collections.abc import Iterator

from swarmd.agents.rules.signatures import incident_id, open_incident_about
from swarmd.agents.rules.words import several
from swarmd.state.actions import Action, CloseIncident, OpenIncident, Say
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View

NAME = "watchdog"
_QUIET_CYCLES = 10
_TURN_SHARE = 0.25  # of a cycle that one agent may take
_STALE_GRACES = 6  # times ``source_stale_after`` in which whoever mends a source should have mended it
_TURN, _TURN_UNIT = "agent.", ".ms"
_LOST_TURNS = "daemon.lost_turns"


def decide(view: View, now: Millis) -> list[Action]:
    quiet = dict((*_failing(view, now), *_slow(view)))
    stale = dict(_stale(view, now))
    return [
        *_told(view, Signature.AGENT_SILENT, quiet, now),
        *_told(view, Signature.STALE_SOURCE, stale, now),
        *_well_again(view, quiet, stale, now),
        *_said(view, "quiet", _names_of(quiet), tuple(quiet)),
        *_said(view, "turns", *_turns_lost(view)),
    ]


# -- what is wrong ----------------------------------------------------------------------------------------------------


def _failing(view: View, now: Millis) -> Iterator[tuple[str, str]]:
    """Agents whose ``agent_failed`` is open for so long that they lost as many turns in a row: a good one closes it."""
    limit = _QUIET_CYCLES * view.policy.cycle_every
    for incident in view.open_incidents():
        quiet_for = now - incident.opened_at
        if incident.signature is Signature.AGENT_FAILED and quiet_for > limit:
            yield (
                incident.subject,
                f"{incident.subject} has lost every turn for {quiet_for} ms (limit {limit} ms): {incident.cause}",
            )


def _slow(view: View) -> Iterator[tuple[str, str]]:
    """Agents whose last measured turn took more of the cycle than one agent may."""
    limit = _TURN_SHARE * view.policy.cycle_every
    for name, gauge in view.gauges.items():
        if name.startswith(_TURN) and name.endswith(_TURN_UNIT) and gauge.value > limit:
            agent = name.removeprefix(_TURN).removesuffix(_TURN_UNIT)
            took = f"{gauge.value:.0f} ms of processor time for one turn (limit {limit:.0f} ms)"
            yield agent, f"{agent} took {took}; the others wait for it"


def _stale(view: View, now: Millis) -> Iterator[tuple[str, str]]:
    """Sources that stay as they are however often they are made again; a damaged journal is mended on opening."""
    limit = _STALE_GRACES * view.policy.source_stale_after
    for source in view.sources.values():
        is_mendable = source.status is not SourceStatus.FRESH and not source.id.startswith("journal")
        if is_mendable and now - source.since > limit:
            yield source.id, _why_stale(source, limit, now)


def _why_stale(source: Source, limit: Millis, now: Millis) -> str:
    seen = f": {source.note}" if source.note else ""
    return f"{source.id} is {source.status.value} for {now - source.since} ms (limit {limit} ms){seen}"


def _turns_lost(view: View) -> tuple[str, tuple[str, ...]]:
    """Turns of this session that could not be recorded; the daemon tells once it can."""
    gauge, session = view.gauges.get(_LOST_TURNS), view.session
    if gauge is None or session is None or gauge.at < session.at or gauge.value < 1:
        return "", ()
    return f"{several(round(gauge.value), 'turn')} lost in this session: see logs/swarmd.log", (gauge.id,)


# -- how it is told ---------------------------------------------------------------------------------------------------


def _told(view: View, signature: Signature, found: dict[str, str], now: Millis) -> list[Action]:
    is_agent = signature is Signature.AGENT_SILENT
    remedy = (
        "the other agents go on without it; a person looks at its trace" if is_agent else "it is made again and again"
    )
    return [
        OpenIncident(
            incident=incident_id(subject, signature, now),
            signature=signature,
            subject=subject,
            remedy=remedy,
            expected=f"{subject} decides again in time" if is_agent else f"{subject} is fresh",
            due=now + _STALE_GRACES * view.policy.source_stale_after,
            reason=why,
            evidence=("logs/swarmd.log",) if is_agent else (),
            caused_by=_causes(view, subject),
        )
        for subject, why in found.items()
        if open_incident_about(view, subject, signature) is None
    ]


def _causes(view: View, subject: str) -> tuple[str, ...]:
    """The records behind it: the failure on record, the measure of its turn, or the source itself."""
    failed = open_incident_about(view, subject, Signature.AGENT_FAILED)
    gauge = f"{_TURN}{subject}{_TURN_UNIT}"
    known = ((failed.id,) if failed is not None else ()) + ((gauge,) if gauge in view.gauges else ())
    return known or (subject,)


def _well_again(view: View, quiet: dict[str, str], stale: dict[str, str], now: Millis) -> list[Action]:
    return [
        CloseIncident(
            incident=incident.id,
            reason=f"well again {spoken(now - incident.opened_at)} ({now - incident.opened_at} ms) after it was told",
            caused_by=(incident.id,),
        )
        for incident in view.open_incidents()
        if incident.agent == NAME
        and incident.signature in (Signature.AGENT_SILENT, Signature.STALE_SOURCE)
        and not _still_holds(view, incident, quiet, stale)
    ]


def _still_holds(view: View, incident: Incident, quiet: dict[str, str], stale: dict[str, str]) -> bool:
    if incident.signature is Signature.AGENT_SILENT:
        return incident.subject in quiet
    # Only fresh is well: one that was seen otherwise a moment ago has begun to count anew and is not mended.
    source = view.sources.get(incident.subject)
    return incident.subject in stale or (source is not None and source.status is not SourceStatus.FRESH)


def _names_of(quiet: dict[str, str]) -> str:
    return f"{several(len(quiet), 'agent')} quiet or slow: {', '.join(sorted(quiet))}" if quiet else ""


def _said(view: View, topic: str, text: str, causes: tuple[str, ...]) -> list[Action]:
    finding = view.findings.get(f"{NAME}/{topic}")
    if text == (finding.text if finding is not None else ""):
        return []
    if not text:
        return [Say(topic=topic, reason="", caused_by=(f"{NAME}/{topic}",))]
    known = tuple(dict.fromkeys(cause for subject in causes for cause in _causes(view, subject)))
    return [Say(topic=topic, reason=text, caused_by=known)]
