"""Ends runs that are alive but do not work: stopped, never ready, silent, stuck, without a first result, or overdue.

Evidence is taken by the effect before the kill; the job goes on in a new run. A run that was asked to stop and does not
is killed after its grace; one that survives even that keeps its lane, and is an incident: no second copy beside it. In
a cluster a run is not judged by its silence while its node is not heard either; with a node that is gone its runs go.
"""

from swarmd.agents.rules.nodes import is_gone_from, node_of, told_of_node
from swarmd.agents.rules.pulse import UNKILLABLE_GRACES, Hang, hang_of, is_unkillable, never_appeared
from swarmd.agents.rules.remedies import foretold
from swarmd.agents.rules.signatures import incident_id
from swarmd.agents.rules.verification import Outcome, closed, outcome_about_run
from swarmd.agents.rules.well import runs_to_judge
from swarmd.state.actions import Action, OpenIncident, SetLane, StopRun
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.run import RunAlive, RunOrdered, RunStatus
from swarmd.state.units import HOUR, Millis
from swarmd.state.view import View

NAME = "operation_hang_guard"


def decide(view: View, now: Millis) -> list[Action]:
    wishes: list[Action] = []
    watched_since = view.session.at if view.session is not None else 0
    for run in runs_to_judge(view, now):
        wishes += _about(view, run, watched_since, now)
    return [*wishes, *_verified(view, now)]


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
    hang = _hang(view, run, watched_since, now)
    if hang is None:
        return []
    return [*_told(view, run, hang, now), StopRun(run=run.id, how="kill", reason=hang.reason, caused_by=(run.id,))]


def _hang(view: View, run: RunAlive, watched_since: Millis, now: Millis) -> Hang | None:
    """What is wrong with it by its own beats, seen through what is known of its node."""
    node = node_of(view, run)
    if node is not None and is_gone_from(node, run):
        gone_for = now - max(node.since, watched_since)
        if gone_for <= view.policy.silent_after:
            return None  # what stands in for it here hears of it as well, and ends by itself
        why = f" ({node.trouble})" if node.trouble else ""
        told = f"{told_of_node(node)} is gone for {gone_for} ms (limit {view.policy.silent_after} ms){why}"
        return Hang(Signature.NODE_LOST, told)
    if node is not None:
        # Beats that the network kept back come when the node is heard again: what was before is not held against it.
        watched_since = max(watched_since, node.since)
    hang = hang_of(run, view.beats.get(run.id), policy=view.policy, watched_since=watched_since, now=now)
    if hang is None or node is None or node.is_heard:
        return hang
    unheard, limit = now - node.since, view.policy.node_unheard_max
    if unheard <= limit:
        return None
    told = f"{told_of_node(node)} is not heard for {unheard} ms (limit {limit} ms, {node.trouble}): {hang.reason}"
    return Hang(Signature.NODE_LOST, told)


def _told(view: View, run: RunOrdered | RunAlive, hang: Hang, now: Millis) -> list[Action]:
    incident = incident_id(run.id, hang.signature)
    if incident in view.incidents:
        return []
    is_process = isinstance(run, RunAlive)
    remedy = "take its stack and status, kill it, and go on" if is_process else "wait for its lock to tell, and go on"
    job = view.jobs.get(run.job)
    next_one = foretold(view, job, run, hang.signature, now) if job is not None else None
    how = f" ({next_one.remedy.value}: {next_one.why})" if next_one is not None else ""
    return [
        OpenIncident(
            incident=incident,
            signature=hang.signature,
            subject=run.id,
            remedy=f"{remedy} with attempt {run.attempt + 1} of {run.job} from its outbox{how}",
            expected=f"attempt {run.attempt + 1} makes progress",
            due=now + view.policy.term_grace + view.policy.backoff_cap + view.policy.start_within,
            reason=hang.reason,
            caused_by=(run.id,),
            rung=None if next_one is None else next_one.remedy,
        )
    ]


def _unkillable(view: View, run: RunAlive, now: Millis) -> list[Action]:
    """It may be waiting in the kernel for ever: its lane is given up, and nothing is put beside it."""
    wishes: list[Action] = []
    limit = UNKILLABLE_GRACES * view.policy.term_grace
    why = f"{run.id} (pid {run.pid}) is still there {now - run.killed_at} ms after SIGKILL (limit {limit} ms)"
    incident = incident_id(run.id, Signature.UNKILLABLE)
    if incident not in view.incidents:
        wishes.append(
            OpenIncident(
                incident=incident,
                signature=Signature.UNKILLABLE,
                subject=run.id,
                remedy=f"hold {run.lane}, start no second copy of {run.job} beside it, and send SIGKILL every cycle",
                expected="the kernel lets go of it",
                due=now + HOUR,
                reason=why,
                caused_by=(run.id,),
            )
        )
    lane = view.lanes.get(run.lane)
    if lane is not None and lane.status is LaneStatus.OPEN:
        wishes.append(SetLane(lane=run.lane, status=LaneStatus.HELD, reason=why, caused_by=(run.id,)))
    return wishes


def _verified(view: View, now: Millis) -> list[Action]:
    return [
        closed(incident, outcome)
        for incident in view.open_incidents()
        if incident.agent == NAME and (outcome := _outcome(view, incident, now)) is not None
    ]


def _outcome(view: View, incident: Incident, now: Millis) -> Outcome | None:
    if incident.signature is not Signature.UNKILLABLE:
        return outcome_about_run(view, incident, now)
    run = view.runs.get(incident.subject)
    if isinstance(run, RunAlive):
        return None
    return Outcome(f"gone {now - incident.opened_at} ms after it was given up")
