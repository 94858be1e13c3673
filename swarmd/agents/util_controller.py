"""Decides how many lanes take work: fewer when memory or disk run short, again when there is room and work.

A held lane finishes its run and takes nothing new. When the same trouble hits everywhere all lanes rest, one tries
after a growing wait, and the others open when it works. The usual lanes are never held for processor load: the target
is a load to reach, not a ceiling, and lanes that share a busy processor are slower, not wrong; only a prescreen far
below this machine's own record, kept from the processors or throttled, costs a lane for a while. Lanes beyond the usual
fill processors that are idle, and go first. A lane of a graphics processor rests while its device is in trouble, and a
second one fills a device that is idle, on this machine or on a node. In a cluster each node is filled by itself, what
stood on a node that is gone goes to others, and a node that loses run after run rests.
"""

from collections.abc import Collection

from swarmd.agents.rules.breaker import Everywhere, everywhere, may_probe, open_breaker, worked_after
from swarmd.agents.rules.capacity import (
    Shortage,
    disk_is_ample,
    disk_shortage,
    free_disk,
    memory_is_ample,
    memory_shortage,
)
from swarmd.agents.rules.devices import about_devices
from swarmd.agents.rules.filling import about_fill_lanes
from swarmd.agents.rules.gpu_lanes import about_gpu_lanes
from swarmd.agents.rules.gpu_work import ready_for_cpu
from swarmd.agents.rules.losses import fleet_subject
from swarmd.agents.rules.node_gpu_lanes import about_node_gpu_lanes
from swarmd.agents.rules.node_lanes import fill_nodes, held_for_nodes, put_on_nodes, told_of_cluster
from swarmd.agents.rules.nodes import live_nodes
from swarmd.agents.rules.pulse import is_unkillable
from swarmd.agents.rules.quarantine import about_quarantine
from swarmd.agents.rules.signatures import incident_id
from swarmd.agents.rules.slow_prescreens import about_slow_prescreens
from swarmd.agents.rules.throughput import resting
from swarmd.state.actions import Action, CloseIncident, OpenIncident, Say, SetLane
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.units import HOUR, Millis
from swarmd.state.view import View

NAME = "util_controller"
_HOST = "host"


def decide(view: View, now: Millis) -> list[Action]:
    found = _found_everywhere(view, now)
    lanes = _lanes(view, found, now)
    is_opening = any(wish.status is LaneStatus.OPEN for wish in lanes)
    slow = about_slow_prescreens(view, now)
    of_gpus = _gpu_lanes(view, {wish.lane for wish in lanes}, found, now)
    return [
        *_disk(view, now),
        *_fleet(view, found, now),
        *slow,
        *(fill_nodes(view, now) if view.policy.on_nodes and found is None else about_fill_lanes(view, now)),
        *lanes,
        *of_gpus,
        *(_cluster(view, now) if view.policy.on_nodes else ()),
        *about_devices(view, now),
        *_no_gpu(view),
        *_all_held(view, now, is_opening=is_opening),
    ]


def _disk(view: View, now: Millis) -> list[Action]:
    """One incident for a full disk, however long it lasts; nothing new starts meanwhile."""
    told = [i for i in view.open_incidents() if (i.signature, i.subject) == (Signature.DISK_FULL, _HOST)]
    shortage = disk_shortage(view)
    if shortage is not None and not told:
        return [
            OpenIncident(
                incident=incident_id(_HOST, Signature.DISK_FULL, now),
                signature=Signature.DISK_FULL,
                subject=_HOST,
                remedy="start nothing new until there is room; free some space, the swarm goes on by itself",
                expected="room again, and the lanes opened",
                due=now + HOUR,
                reason=shortage.reason,
                caused_by=(shortage.gauge,),
            )
        ]
    if told and disk_is_ample(view):
        outcomes = [f"{free_disk(view)} after {now - incident.opened_at} ms" for incident in told]
        return [CloseIncident(incident=i.id, reason=o, caused_by=(i.id,)) for i, o in zip(told, outcomes, strict=True)]
    return []


def _found_everywhere(view: View, now: Millis) -> Everywhere | None:
    """Trouble that hits everywhere and for which the swarm has not rested yet."""
    if open_breaker(view) is not None:
        return None
    found = everywhere(view, now)
    return None if found is None or _fleet_incident(found) in view.incidents else found


def _fleet_incident(found: Everywhere) -> str:
    return incident_id(fleet_subject(found.signature), Signature.FLEET_WIDE, found.since)


def _fleet(view: View, found: Everywhere | None, now: Millis) -> list[Action]:
    """The same trouble everywhere: told once, and over when a run has worked again."""
    if found is not None:
        return [_told_of_fleet(view, found, now)]
    rest = open_breaker(view)
    if rest is None:
        return []
    took = now - rest.opened_at
    if worked := worked_after(view, rest.opened_at):
        return [CloseIncident(incident=rest.id, reason=f"{worked} works, {took} ms later", caused_by=(rest.id, worked))]
    if not view.n_queued_jobs:
        why = f"no job is left to try it with after {took} ms"
        return [CloseIncident(incident=rest.id, reason=why, caused_by=(rest.id,), is_verified=False)]
    return []


def _told_of_fleet(view: View, found: Everywhere, now: Millis) -> OpenIncident:
    first = view.policy.breaker_first
    return OpenIncident(
        incident=_fleet_incident(found),
        signature=Signature.FLEET_WIDE,
        subject=fleet_subject(found.signature),
        remedy=f"rest all lanes; one tries after {first} ms, then after growing waits, and the others follow it",
        expected="a run works again",
        due=now + HOUR,
        since=found.since,
        reason=(
            f"the last {len(found.runs)} runs were all lost to {found.signature.value}, of {found.n_jobs} jobs, "
            f"within {now - found.since} ms (limit {view.policy.breaker_losses} in a row): the cause is around them"
        ),
        caused_by=found.runs[-5:],
    )


def _lanes(view: View, found: Everywhere | None, now: Millis) -> list[SetLane]:
    if found is not None:
        why = f"the last {len(found.runs)} runs were all lost to {found.signature.value}: the swarm rests"
        return [
            SetLane(lane=lane.id, status=LaneStatus.HELD, reason=why, caused_by=found.runs[-1:])
            for lane in view.open_lanes
        ]
    rest = open_breaker(view)
    if rest is not None:
        return _rested(view, rest, now)
    if full := disk_shortage(view):
        return [_held(lane, full) for lane in view.open_lanes]
    if short := memory_shortage(view):
        # One a cycle, from the last: what runs goes on, and each hold is judged by what it brought.
        return [_held(lane, short) for lane in view.open_lanes[-1:]]
    if view.policy.on_nodes:
        return [*held_for_nodes(view, now), *put_on_nodes(view, now)]
    return _reopened(view, now)


def _gpu_lanes(view: View, settled: Collection[str], found: Everywhere | None, now: Millis) -> list[SetLane]:
    """Those of graphics processors that were not spoken of already; none opens while the swarm rests or lacks room."""
    if not view.gpu_lanes:
        return []
    is_resting = found is not None or open_breaker(view) is not None
    may_open = not is_resting and disk_shortage(view) is None and memory_shortage(view) is None
    wishes = [
        *about_gpu_lanes(view, now, may_open=may_open),
        *about_node_gpu_lanes(view, now, may_open=may_open and disk_is_ample(view)),
    ]
    return [wish for wish in wishes if wish.lane not in settled]


def _cluster(view: View, now: Millis) -> list[Action]:
    """Nodes that rest, and which are missing."""
    text = told_of_cluster(view)
    return [*about_quarantine(view, now), *_said(view, "nodes", text, next(iter(view.nodes), f"{NAME}/nodes"))]


def _rested(view: View, rest: Incident, now: Millis) -> list[SetLane]:
    """All held but for the one that may try; it is held again as soon as its run is there."""
    opened = view.open_lanes
    if not may_probe(view, rest, now) or worked_after(view, rest.opened_at):
        why = f"the swarm rests: {rest.cause}"
        return [SetLane(lane=lane.id, status=LaneStatus.HELD, reason=why, caused_by=(rest.id,)) for lane in opened]
    if opened or not memory_is_ample(view) or not disk_is_ample(view):
        return [
            SetLane(lane=lane.id, status=LaneStatus.HELD, reason="one lane tries", caused_by=(rest.id,))
            for lane in opened[1:]
        ]
    why = f"one lane tries again {now - rest.opened_at} ms after the swarm began to rest"
    if view.policy.on_nodes:
        return [wish.model_copy(update={"reason": f"{why}; {wish.reason}"}) for wish in put_on_nodes(view, now)[:1]]
    first = next((lane for lane in _own_lanes(view) if not _is_haunted(view, lane, now)), None)
    if first is None:
        return []
    return [SetLane(lane=first.id, status=LaneStatus.OPEN, reason=why, caused_by=(rest.id,))]


def _reopened(view: View, now: Millis) -> list[SetLane]:
    """One held lane a cycle, from the first, when there is room, and work that finds no lane."""
    if not view.n_held_lanes:
        return []
    ready, free = len(ready_for_cpu(view, now)), view.n_free_cpu_lanes
    if ready <= free or not memory_is_ample(view) or not disk_is_ample(view):
        return []
    held = [lane for lane in _own_held_lanes(view) if not _is_haunted(view, lane, now)]
    if not held:
        return []
    # What was short is there again. Whoever else loads the processors may do so for ever, and lanes that share them are
    # slower, not wrong; only after a slow prescreen is it better to wait.
    if view.n_open_lanes and resting(view, now):
        return []
    why = f"{ready} jobs ready for {free} free lanes, processor load {view.gauge('host.cpu_util'):.2f}"
    return [SetLane(lane=held[0].id, status=LaneStatus.OPEN, reason=why, caused_by=(held[0].id, "host.cpu_util"))]


def _own_lanes(view: View) -> list[Lane]:
    """Lanes the policy provides for; those beyond ``max_lanes`` are left from a wider day and stay held."""
    return [lane for lane in view.lanes.values() if _is_own(view, lane)]


def _own_held_lanes(view: View) -> list[Lane]:
    return [lane for lane in view.held_lanes if _is_own(view, lane)]


def _is_own(view: View, lane: Lane) -> bool:
    return lane.slot < view.policy.max_lanes and not lane.is_fill and not lane.is_on_gpu


def _held(lane: Lane, why: Shortage) -> SetLane:
    return SetLane(lane=lane.id, status=LaneStatus.HELD, reason=why.reason, caused_by=(why.gauge,))


def _is_haunted(view: View, lane: Lane, now: Millis) -> bool:
    run = view.run_in(lane.id)
    return run is not None and is_unkillable(run, policy=view.policy, now=now)


def _no_gpu(view: View) -> list[Action]:
    count = view.gauges.get("host.gpu_count")
    if count is None:
        return []
    alone = [device for device in view.devices.values() if device.is_there and device.left_alone]
    if count.value <= 0:
        is_lent = view.policy.on_nodes and any(node.gpus for node in live_nodes(view))
        text = "" if is_lent else "no GPU here (0 found): all work runs on the processor"
    elif alone:
        names = ", ".join(f"{device.id} ({device.name})" for device in alone)
        text = f"{names} left alone: {alone[0].left_alone}"
    else:
        text = ""
    return _said(view, "gpu", text, "host.gpu_count")


def _all_held(view: View, now: Millis, *, is_opening: bool) -> list[Action]:
    """Work waits and every lane is held: never a silent stop."""
    n_open = view.n_open_lanes - sum(1 for lane in view.gpu_lanes if lane.status is LaneStatus.OPEN)
    held = [] if n_open else _own_held_lanes(view)
    waiting = bool(held) and bool(ready_for_cpu(view, now)) and not is_opening
    if not waiting:
        return _said(view, "capacity", "", f"{NAME}/capacity")
    if _spoken_text(view, "capacity"):
        return []
    return _said(view, "capacity", f"all {len(held)} lanes are held: {held[-1].reason}", held[-1].id)


def _said(view: View, topic: str, text: str, cause: str) -> list[Action]:
    return [] if _spoken_text(view, topic) == text else [Say(topic=topic, reason=text, caused_by=(cause,))]


def _spoken_text(view: View, topic: str) -> str:
    finding = view.findings.get(f"{NAME}/{topic}")
    return "" if finding is None else finding.text
