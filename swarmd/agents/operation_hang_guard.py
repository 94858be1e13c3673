"""Ends runs that are alive but do not work: stopped, never ready, silent, stuck, without a first result, or overdue.

Evidence is taken by the effect before the kill; the job goes on in a new run. A run that was asked to stop and does not
is killed after its grace; one that survives even that keeps its lane, and is said out loud: no second copy beside it.
"""

from swarmd.agents.rules.pulse import UNKILLABLE_GRACES, Hang, hang_of, is_unkillable, never_appeared
from swarmd.agents.rules.signatures import incident_id
from swarmd.agents.rules.verification import outcome_about_run
from swarmd.state.actions import Action, CloseIncident, OpenIncident, Say, SetLane, StopRun
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, RunStatus
from swarmd.state.units import Millis
from swarmd.state.view import View

NAME = "operation_hang_guard"
_UNKILLABLE = "unkillable."


def decide(view: View, now: Millis) -> list[Action]:
    wishes: list[Action] = []
    watched_since = view.session.at if view.session is not None else 0
    for run in view.open_runs():
        wishes += _about(view, run, watched_since, now)
    return [*wishes, *_taken_back(view), *_verified(view, now)]


def _about(view: View, run: RunOrdered | RunAlive, watched_since: Millis, now: Millis) -> list[Action]:
    policy = view.policy
    if isinstance(run, RunOrdered):
        hang = never_appeared(run, policy=policy, watched_since=watched_since, now=now)
        return [] if hang is None else _told(view, run, hang, now)
    if run.killed_at > 0:
        return _unkillable(view, run, now) if is_unkillable(run, policy=policy, now=now) else []
    if run.status is RunStatus.STOPPING:
        waited = now - max(run.stop_asked_at, watched_since)
        if waited <= policy.term_grace:
            return []
        why = f"asked to stop and still there after {waited} ms (limit {policy.term_grace} ms)"
        return [StopRun(run=run.id, how="kill", reason=why, caused_by=(run.id,))]
    hang = hang_of(run, view.beats.get(run.id), policy=policy, watched_since=watched_since, now=now)
    if hang is None:
        return []
    return [*_told(view, run, hang, now), StopRun(run=run.id, how="kill", reason=hang.reason, caused_by=(run.id,))]


def _told(view: View, run: RunOrdered | RunAlive, hang: Hang, now: Millis) -> list[Action]:
    incident = incident_id(run.id, hang.signature)
    if incident in view.incidents:
        return []
    is_process = isinstance(run, RunAlive)
    remedy = "take its stack and status, kill it, and go on" if is_process else "wait for its lock to tell, and go on"
    return [
        OpenIncident(
            incident=incident,
            signature=hang.signature,
            subject=run.id,
            remedy=f"{remedy} with attempt {run.attempt + 1} of {run.job} from its outbox",
            expected=f"attempt {run.attempt + 1} makes progress",
            due=now + view.policy.term_grace + view.policy.backoff_cap + view.policy.start_within,
            reason=hang.reason,
            caused_by=(run.id,),
        )
    ]


def _unkillable(view: View, run: RunAlive, now: Millis) -> list[Action]:
    wishes: list[Action] = []
    limit = UNKILLABLE_GRACES * view.policy.term_grace
    why = f"{run.id} (pid {run.pid}) is still there {now - run.killed_at} ms after SIGKILL (limit {limit} ms)"
    topic = _UNKILLABLE + run.id
    if not _is_said(view, topic):
        wishes.append(Say(topic=topic, reason=f"{why}; {run.lane} takes nothing new", caused_by=(run.id,)))
    lane = view.lanes.get(run.lane)
    if lane is not None and lane.status is LaneStatus.OPEN:
        wishes.append(SetLane(lane=run.lane, status=LaneStatus.HELD, reason=why, caused_by=(run.id,)))
    return wishes


def _taken_back(view: View) -> list[Action]:
    """What was said of runs that have ended after all."""
    prefix = f"{NAME}/{_UNKILLABLE}"
    wishes: list[Action] = []
    for finding in view.findings.values():
        run = finding.id.removeprefix(prefix)
        if finding.id.startswith(prefix) and finding.text and isinstance(view.runs.get(run), RunEnded | None):
            wishes.append(Say(topic=_UNKILLABLE + run, reason="", caused_by=(run,)))
    return wishes


def _is_said(view: View, topic: str) -> bool:
    finding = view.findings.get(f"{NAME}/{topic}")
    return finding is not None and finding.text != ""


def _verified(view: View, now: Millis) -> list[Action]:
    return [
        CloseIncident(incident=incident.id, reason=outcome, caused_by=(incident.id,))
        for incident in view.open_incidents()
        if incident.agent == NAME and (outcome := outcome_about_run(view, incident, now))
    ]
