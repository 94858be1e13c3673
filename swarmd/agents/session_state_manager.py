"""Keeps continuity: the next steps with the outcome each should have, what the last session left, what went stale.

A step is judged against its due time, not forgotten; a daemon that died is an incident until every run it left is
adopted or ended; a published file or monitor that is missing is made again, with growing waits between tries.
"""

from collections.abc import Mapping

from swarmd.agents.rules.backoff import backoff
from swarmd.agents.rules.clock_steps import about_clock_steps
from swarmd.agents.rules.readiness import ready_jobs
from swarmd.agents.rules.signatures import incident_id, open_incident_about
from swarmd.agents.rules.words import several
from swarmd.state.actions import Action, CloseIncident, OpenIncident, RebuildSource, Say, SetStep
from swarmd.state.pipeline import phases_of
from swarmd.state.records.incident import IncidentStatus, Signature
from swarmd.state.records.job import JobStatus, Phase
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, RunStatus
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.records.step import StepStatus
from swarmd.state.units import DAY, HOUR, Millis
from swarmd.state.view import View

NAME = "session_state_manager"
_LOW, _ENOUGH = 0.5, 0.75  # shares of the processor target at which low use is said and taken back
_REBUILD_WINDOW: Millis = 600_000


def decide(view: View, now: Millis) -> list[Action]:
    return [
        *_steps(view, now),
        *_lost_session(view, now),
        *about_clock_steps(view, now),
        *_sources(view, now),
        *_findings(view, now),
    ]


# -- next steps -------------------------------------------------------------------------------------------------------

_OUTCOMES = {
    Phase.PREFLIGHT: "each asset's data is checked and fit, or named as unfit with the row",
    Phase.PRESCREEN: "the best combinations of each asset and mode are on disk",
    Phase.REFINE: "each has its refined candidates, warm-started from the prescreen",
    Phase.SCREEN: "each candidate has a verdict out of sample; an honest no is an answer",
    Phase.REOPTIMIZE: "each survivor of the screen is searched again on all development data",
    Phase.GUARDS: "each finalist has its strict table, every figure computed; an honest no is an answer",
    Phase.VALIDATE: "each finalist has its certificate: its search priced by surrogates, the vault opened once",
    Phase.CROWN: "each survivor is a champion with its file, or the one in force stays",
}


def _steps(view: View, now: Millis) -> list[Action]:
    """One step for each phase of the campaign, due when the phases before it and itself should be through."""
    campaign = view.campaign
    if campaign is None or not view.is_working:
        return []
    wishes: list[Action] = []
    due = now
    phases = phases_of(campaign.settings)
    known = [phase for phase in phases if f"{campaign.id}.{phase.value}" in view.steps]
    for phase in phases:
        count = {status: view.tally.get((campaign.id, phase, status), 0) for status in JobStatus}
        if not any(count.values()):
            continue
        if len(known) < len(phases):  # only a new step asks when it is due
            due += _typical(view, phase) * -(-count[JobStatus.QUEUED] // max(1, len(view.lanes)))
        wishes += _step(view, f"{campaign.id}.{phase.value}", phase, count, due, now)
    return wishes


def _step(
    view: View, step: str, phase: Phase, count: Mapping[JobStatus, int], due: Millis, now: Millis
) -> list[Action]:
    known, waiting = view.steps.get(step), count[JobStatus.QUEUED]
    if known is None:
        if not waiting:
            return []
        what = f"{phase.value} of {several(waiting, 'job')}"
        why = f"{waiting} of {sum(count.values())} {phase.value} jobs are to do, due in {due - now} ms"
        return [_set(view, phase, step, what, _OUTCOMES[phase], due, StepStatus.PENDING, why)]
    told = ", ".join(f"{count[status]} {status.value}" for status in JobStatus if count[status])
    if not waiting and known.status is not StepStatus.MET and not count[JobStatus.QUARANTINED]:
        return [_set(view, phase, step, known.what, known.expected_outcome, known.due, StepStatus.MET, told)]
    is_missed = (not waiting and count[JobStatus.QUARANTINED] > 0) or (waiting > 0 and now > known.due)
    if is_missed and known.status is StepStatus.PENDING:
        late = f", {now - known.due} ms over its time" if waiting else ""
        return [_set(view, phase, step, known.what, known.expected_outcome, known.due, StepStatus.MISSED, told + late)]
    return []


def _set(
    view: View, phase: Phase, step: str, what: str, expected: str, due: Millis, status: StepStatus, why: str
) -> SetStep:
    causes = tuple(job.id for job in [job for job in view.jobs_of_campaign() if job.phase is phase][:5])
    return SetStep(
        step=step, what=what, expected_outcome=expected, due=due, status=status, reason=why, caused_by=causes
    )


def _typical(view: View, phase: Phase) -> Millis:
    """How long a run of this phase takes: the median of those that ended well, or its limit while none has."""
    took = sorted(
        run.ended_at - run.ordered_at
        for run in view.runs.values()
        if isinstance(run, RunEnded)
        and run.status is RunStatus.DONE
        and run.id in view.results
        and view.results[run.id].phase is phase
    )
    return max(took[len(took) // 2], view.policy.cycle_every) if took else view.policy.run_timeout


# -- the session before -----------------------------------------------------------------------------------------------


def _lost_session(view: View, now: Millis) -> list[Action]:
    session = view.session
    if session is None:
        return []
    # Found lost by this very session, or lately by one that was killed before it could tell of it. Of older ones the
    # incident may be forgotten, and would be told anew.
    since = min(session.at, now - HOUR)
    found = [s for s in view.sessions.values() if s.status is SessionStatus.LOST and s.at >= since]
    untold = [lost for lost in found if incident_id(lost.id, Signature.DAEMON_LOST) not in view.incidents]
    if not untold and not any(known.signature is Signature.DAEMON_LOST for known in view.open_incidents()):
        return []
    left = [run for run in view.runs.values() if run.ordered_at < session.at and not _ended_before(run, session)]
    opened: list[Action] = [_daemon_lost(view, lost, session, len(left), now) for lost in untold]
    # The sensors look before anybody decides: a run that is still alive in the View is ours again. Only an order
    # without a process is unclear until its lock has told.
    if any(isinstance(run, RunOrdered) for run in left):
        return opened
    ended = sum(1 for run in left if isinstance(run, RunEnded))
    told = f"{several(len(left) - ended, 'run')} adopted, {ended} ended"
    # Every open one: a daemon that died again before it could close its predecessor's left that one to us.
    closed: list[Action] = [
        CloseIncident(
            incident=known.id,
            reason=f"{told}, {now - known.opened_at} ms after it was noticed",
            caused_by=(known.id, session.id),
        )
        for known in view.open_incidents()
        if known.signature is Signature.DAEMON_LOST
    ]
    return [*opened, *closed]


def _ended_before(run: RunOrdered | RunAlive | RunEnded, session: Session) -> bool:
    return isinstance(run, RunEnded) and run.ended_at < session.at


def _daemon_lost(view: View, lost: Session, session: Session, left: int, now: Millis) -> OpenIncident:
    return OpenIncident(
        incident=incident_id(lost.id, Signature.DAEMON_LOST),
        signature=Signature.DAEMON_LOST,
        subject=lost.id,
        remedy=f"adopt what it left ({several(left, 'run')}) by the locks, replace those that are gone",
        expected="each of its runs is adopted or ended, none twice",
        due=now + view.policy.start_within,
        reason=f"session {lost.id} (pid {lost.pid}) ended without closing; it left {several(left, 'run')}",
        caused_by=(lost.id, session.id),
    )


# -- sources ----------------------------------------------------------------------------------------------------------


def _sources(view: View, now: Millis) -> list[Action]:
    wishes: list[Action] = []
    for source in view.sources.values():
        signature = _signature_of(source)
        if signature is Signature.JOURNAL_DAMAGED:
            wishes += _journal_damage(view, source, now)
            continue
        known = open_incident_about(view, source.id, signature)
        if source.status is SourceStatus.FRESH:
            if known is not None:
                outcome = f"fresh again {now - known.opened_at} ms later{f' ({source.note})' if source.note else ''}"
                wishes.append(CloseIncident(incident=known.id, reason=outcome, caused_by=(known.id, source.id)))
            continue
        seen = f": {source.note}" if source.note else ""
        why = f"{source.id} is {source.status.value} for {now - source.since} ms{seen}"
        incident = incident_id(source.id, signature, source.since)
        if known is None and incident not in view.incidents:
            remedy, expected = f"make {source.id} again", f"{source.id} is fresh"
            if signature is Signature.DISK_FULL:
                remedy = "keep everything to be recorded until the disk takes it; start nothing meanwhile"
                expected = "the journal is written on, without a gap"
            elif signature is Signature.LEASE_LOST:
                remedy = "write nothing more for it: pause, and stop where another is its owner"
                expected = "the lease is ours again, or the session ends"
            wishes.append(_open(view, source, signature, remedy, expected, why, now))
        if signature not in (Signature.DISK_FULL, Signature.LEASE_LOST) and _may_rebuild(view, source, now):
            wishes.append(RebuildSource(source=source.id, reason=why, caused_by=(source.id,)))
    return wishes


def _signature_of(source: Source) -> Signature:
    if source.id.startswith("monitor"):
        return Signature.MONITOR_LOST
    if source.id.startswith("disk"):
        return Signature.DISK_FULL
    if source.id.startswith("lease/"):
        return Signature.LEASE_LOST
    return Signature.JOURNAL_DAMAGED if source.id.startswith("journal") else Signature.STATE_MISSING


def _journal_damage(view: View, source: Source, now: Millis) -> list[Action]:
    """Opening the journal has mended it already; the damaged place never turns fresh, so telling it is all."""
    known = view.incidents.get(incident_id(source.id, Signature.JOURNAL_DAMAGED, source.since))
    if known is not None:
        if known.status is IncidentStatus.CLOSED:
            return []
        outcome = f"set aside; {now - known.opened_at} ms later the daemon decides from the whole lines"
        return [CloseIncident(incident=known.id, reason=outcome, caused_by=(known.id, source.id))]
    if source.status is SourceStatus.FRESH or now - source.since > DAY:
        return []
    remedy = "set the damaged lines aside in journal/quarantine and go on from the whole ones"
    why = f"{source.id} found {source.status.value} {now - source.since} ms ago: {source.note}"
    expected = "the daemon decides from what is whole"
    return [_open(view, source, Signature.JOURNAL_DAMAGED, remedy, expected, why, now)]


def _open(
    view: View, source: Source, signature: Signature, remedy: str, expected: str, why: str, now: Millis
) -> OpenIncident:
    return OpenIncident(
        incident=incident_id(source.id, signature, source.since),
        signature=signature,
        subject=source.id,
        remedy=remedy,
        expected=expected,
        due=now + view.policy.backoff_cap,
        reason=why,
        caused_by=(source.id,),
    )


def _may_rebuild(view: View, source: Source, now: Millis) -> bool:
    """At once the first time; then with growing waits, so that something that dies at once is not made in a storm."""
    tries = [
        taken.at
        for taken in view.efforts
        if isinstance(taken.action, RebuildSource)
        and taken.action.source == source.id
        and now - taken.at < _REBUILD_WINDOW
    ]
    wait = backoff(len(tries), first=view.policy.backoff_first, cap=view.policy.backoff_cap)
    return not tries or now - max(tries) > wait


# -- findings ---------------------------------------------------------------------------------------------------------


def _findings(view: View, now: Millis) -> list[Action]:
    return [*_said(view, "stalled", *_stalled(view, now)), *_said(view, "low_use", *_low_use(view, now))]


def _stalled(view: View, now: Millis) -> tuple[str, bool]:
    """What to say of stalled progress, and whether an earlier word on it may stand."""
    limit = view.policy.no_worker_after
    still: list[Millis] = []
    for run in view.live_runs():
        beat = view.beats.get(run.id)
        if beat is not None and beat.is_ready:
            still.append(now - beat.progress_at - beat.excused)
            if still[-1] <= limit:
                return "", False
    if not still:
        return "", False
    queued = several(view.n_queued_jobs, "job")
    told = f"0 of {several(len(still), 'run')} advanced for {min(still)} ms (limit {limit} ms), {queued} to do"
    return told, True


def _low_use(view: View, now: Millis) -> tuple[str, bool]:
    load, target = view.gauges.get("host.cpu_util"), view.policy.cpu_util_target
    ready = len(ready_jobs(view, now))
    if load is None or not ready or load.value >= _ENOUGH * target:
        return "", False
    text = f"processor load {load.value:.2f} (target {target:.2f}) with {several(ready, 'job')} ready and no lane free"
    is_low = load.value < _LOW * target and not view.n_free_cpu_lanes and bool(view.live_runs())
    return (text if is_low else ""), True


def _said(view: View, topic: str, text: str, may_stand: bool) -> list[Action]:
    """Say it once; keep it while it holds, though its figures move; take it back when it no longer does."""
    finding = view.findings.get(f"{NAME}/{topic}")
    is_said = finding is not None and finding.text != ""
    if is_said and not may_stand:
        return [Say(topic=topic, reason="", caused_by=(f"{NAME}/{topic}",))]
    if text and not is_said:
        return [Say(topic=topic, reason=text, caused_by=tuple(run.id for run in view.live_runs()[:5]))]
    return []
