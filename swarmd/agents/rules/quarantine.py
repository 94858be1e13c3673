"""A node on which run after run is lost rests for a while, tries one lane, and takes work again when that works.

The breaker's rule for one machine of several, used by `util_controller`. Bounded: each rest is twice as long as the one
before, never more than a share of the nodes rest at once, and never all but one. A job that is lost everywhere says
nothing of a node; a node that goes and comes back, time after time, does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swarmd.agents.rules.backoff import backoff
from swarmd.agents.rules.breaker import LEAST_JOBS, has_worked_since, open_breaker
from swarmd.agents.rules.losses import asked_to_stop, has_yielded, is_loss, vanished_with_daemon
from swarmd.agents.rules.nodes import (
    WORD_WITHIN,
    found_no_cluster,
    live_nodes,
    resting_nodes,
    told_of_node,
    went_with_node,
)
from swarmd.agents.rules.signatures import incident_id, signature_of_loss
from swarmd.agents.rules.verification import Outcome, closed
from swarmd.state.actions import Action, OpenIncident
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.records.node import Node
from swarmd.state.records.run import RunEnded
from swarmd.state.units import DAY, Millis, spoken
from swarmd.state.view import View

# So many times it may go with its runs and come back within the window.
DEATHS_MAX = 3


@dataclass(frozen=True, slots=True)
class _Lost:
    """What was lost on a node lately: ended by itself, and gone with the node."""

    runs: tuple[RunEnded, ...]
    n_deaths: int
    n_done: int


def about_quarantine(view: View, now: Millis) -> list[Action]:
    """Rests that begin and rests that are over."""
    if not view.nodes:
        return []
    resting = resting_nodes(view)
    over = [closed(incident, outcome) for incident in resting.values() if (outcome := _outcome(view, incident, now))]
    if open_breaker(view) is not None:
        return [*over]
    room = int(view.policy.node_rests_max * len(live_nodes(view)))
    n_resting = sum(1 for node in live_nodes(view) if node.id in resting)
    if len(live_nodes(view)) > 1:
        room = max(1, room)
    opened = [_opened(view, node, lost, now) for node, lost in _troubled(view, now)]
    return [*over, *opened[: max(0, room - n_resting)]]


def may_try(view: View, incident: Incident, now: Millis) -> bool:
    """Whether one lane may work on a resting node: after its wait, and while that one run is there."""
    since = incident.opened_at
    if any(run.node == incident.subject and run.ordered_at >= since for run in view.open_runs()):
        return True
    tries = [run for run in view.ended_since(since - 1) if run.node == incident.subject and run.ordered_at >= since]
    last = max((run.ended_at for run in tries), default=since)
    n_before = len(_earlier(view, incident.subject, now))
    policy = view.policy
    return now >= last + backoff(n_before + len(tries) + 1, first=policy.node_rest_first, cap=policy.node_rest_cap)


def _earlier(view: View, node: str, now: Millis) -> list[Incident]:
    """Its rests of the last day that are over: each makes the next one longer."""
    return [each for each in view.once("node_rests", lambda: _rests(view)).get(node, ()) if each.at > now - DAY]


def _rests(view: View) -> Mapping[str, list[Incident]]:
    by_node: dict[str, list[Incident]] = {}
    for each in view.incidents.values():
        if each.signature is Signature.NODE_RESTS and each.status is IncidentStatus.CLOSED:
            by_node.setdefault(each.subject, []).append(each)
    return by_node


# -- when it begins ---------------------------------------------------------------------------------------------------


def _troubled(view: View, now: Millis) -> list[tuple[Node, _Lost]]:
    """Nodes at work that have lost enough, the worst first."""
    window, resting = view.policy.node_window, resting_nodes(view)
    ends: dict[str, list[RunEnded]] = {}
    for run in view.ended_since(now - window):
        if run.node:
            ends.setdefault(run.node, []).append(run)
    found = []
    for node in live_nodes(view):
        if node.id in resting or len(ends.get(node.id, ())) < min(view.policy.node_losses_max, DEATHS_MAX):
            continue
        lost = _lost(view, node, ends[node.id], now)
        jobs = {run.job for run in lost.runs}
        by_runs = len(lost.runs) >= view.policy.node_losses_max and len(jobs) >= LEAST_JOBS
        if lost.n_deaths >= DEATHS_MAX or (by_runs and len(lost.runs) > lost.n_done):
            found.append((node, lost))
    return sorted(found, key=lambda each: (-each[1].n_deaths, -len(each[1].runs), each[0].id))


def _lost(view: View, node: Node, ends: list[RunEnded], now: Millis) -> _Lost:
    """Since its last rest, if it had one in the window."""
    since = max((each.at for each in _earlier(view, node.id, now)), default=-1)
    asked = asked_to_stop(view)
    runs: list[RunEnded] = []
    deaths: list[Millis] = []
    n_done = 0
    for run in ends:
        if run.ordered_at < since or run.id in asked or has_yielded(run) or vanished_with_daemon(view, run):
            continue
        if found_no_cluster(run):
            continue
        if not is_loss(view, run, now):
            n_done += 1
        elif went_with_node(view, run):
            # Of all that went at once, the first tells of the time.
            if not deaths or run.ended_at - deaths[-1] > WORD_WITHIN:
                deaths.append(run.ended_at)
        else:
            runs.append(run)
    return _Lost(tuple(runs), len(deaths), n_done)


def _opened(view: View, node: Node, lost: _Lost, now: Millis) -> OpenIncident:
    policy = view.policy
    n_before = len(_earlier(view, node.id, now))
    wait = backoff(n_before + 1, first=policy.node_rest_first, cap=policy.node_rest_cap)
    within = spoken(policy.node_window)
    if lost.n_deaths >= DEATHS_MAX:
        why = f"was gone {lost.n_deaths} times within {within} (limit {DEATHS_MAX}), its runs with it"
    else:
        kinds = sorted({signature_of_loss(view, run).value for run in lost.runs})
        why = (
            f"lost {len(lost.runs)} runs of {len({run.job for run in lost.runs})} jobs within {within} (limit "
            f"{policy.node_losses_max}; {lost.n_done} did their work there), to {', '.join(kinds)}"
        )
    return OpenIncident(
        incident=incident_id(node.id, Signature.NODE_RESTS, now),
        signature=Signature.NODE_RESTS,
        subject=node.id,
        remedy=f"{node.id} takes no work for {spoken(wait)}; then one lane tries, and the others follow when it works",
        expected=f"a run on {node.id} works again",
        due=now + policy.node_rest_cap + policy.start_within,
        reason=f"{told_of_node(node)} {why}",
        caused_by=(node.id, *(run.id for run in lost.runs[-5:])),
    )


# -- when it is over --------------------------------------------------------------------------------------------------


def _outcome(view: View, incident: Incident, now: Millis) -> Outcome | None:
    took, since = now - incident.opened_at, incident.opened_at
    node = view.nodes.get(incident.subject)
    for run in view.live_runs():
        if run.node == incident.subject and run.ordered_at >= since and has_worked_since(view, run, since):
            return Outcome(f"{run.id} works there, {took} ms later")
    for ended in view.ended_since(since):
        if ended.node == incident.subject and ended.ordered_at >= since and ended.id in view.results:
            return Outcome(f"{ended.id} did its work there, {took} ms later")
    if node is None or (not node.is_alive and now - node.since > view.policy.node_rest_cap):
        return Outcome(f"{incident.subject} is gone for good, as it seems, {took} ms later", is_verified=False)
    if not view.queued_jobs():
        return Outcome(f"no job is left to try it with after {took} ms", is_verified=False)
    return None
