"""Decides how many lanes take work: fewer when memory or disk run short, again when there is room and work.

A held lane finishes its run and takes nothing new. Lanes are never held for processor load: the target is a load to
reach, not a ceiling, and lanes that share a busy processor are slower, not wrong. Only a prescreen far below this
machine's own record, kept from the processors or throttled, costs a lane for a while.
"""

from swarmd.agents.rules.capacity import (
    Shortage,
    disk_is_ample,
    disk_shortage,
    free_disk,
    memory_is_ample,
    memory_shortage,
)
from swarmd.agents.rules.pulse import is_unkillable
from swarmd.agents.rules.readiness import ready_jobs
from swarmd.agents.rules.signatures import incident_id
from swarmd.agents.rules.slow_prescreens import about_slow_prescreens
from swarmd.agents.rules.throughput import resting
from swarmd.state.actions import Action, CloseIncident, OpenIncident, Say, SetLane
from swarmd.state.records.incident import Signature
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.units import HOUR, Millis
from swarmd.state.view import View

NAME = "util_controller"
_HOST = "host"


def decide(view: View, now: Millis) -> list[Action]:
    lanes = _lanes(view, now)
    is_opening = any(wish.status is LaneStatus.OPEN for wish in lanes)
    slow = about_slow_prescreens(view, now)
    return [*_disk(view, now), *slow, *lanes, *_no_gpu(view), *_all_held(view, now, is_opening=is_opening)]


def _disk(view: View, now: Millis) -> list[Action]:
    """One incident for a full disk, however long it lasts; nothing new starts meanwhile."""
    told = [i for i in view.open_incidents() if i.signature is Signature.DISK_FULL]
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


def _lanes(view: View, now: Millis) -> list[SetLane]:
    if full := disk_shortage(view):
        return [_held(lane, full) for lane in _open_lanes(view)]
    if short := memory_shortage(view):
        # One a cycle, from the last: what runs goes on, and each hold is judged by what it brought.
        return [_held(lane, short) for lane in _open_lanes(view)[-1:]]
    return _reopened(view, now)


def _reopened(view: View, now: Millis) -> list[SetLane]:
    """One held lane a cycle, from the first, when there is room, and work that finds no lane."""
    ready, free = len(ready_jobs(view, now)), len(view.free_lanes())
    held = [lane for lane in _own_lanes(view) if lane.status is LaneStatus.HELD and not _is_haunted(view, lane, now)]
    if not held or ready <= free or not memory_is_ample(view) or not disk_is_ample(view):
        return []
    load, target = view.gauge("host.cpu_util"), view.policy.cpu_util_target
    # Without any open lane the load is not ours, and waiting for it to fall could last for ever.
    if _open_lanes(view) and (load >= target or resting(view, now)):
        return []
    why = f"{ready} jobs ready for {free} free lanes, processor load {load:.2f} (target {target:.2f})"
    return [SetLane(lane=held[0].id, status=LaneStatus.OPEN, reason=why, caused_by=(held[0].id, "host.cpu_util"))]


def _own_lanes(view: View) -> list[Lane]:
    """Lanes the policy provides for; those beyond ``max_lanes`` are left from a wider day and stay held."""
    return [lane for lane in view.lanes.values() if lane.slot < view.policy.max_lanes]


def _open_lanes(view: View) -> list[Lane]:
    return [lane for lane in view.lanes.values() if lane.status is LaneStatus.OPEN]


def _held(lane: Lane, why: Shortage) -> SetLane:
    return SetLane(lane=lane.id, status=LaneStatus.HELD, reason=why.reason, caused_by=(why.gauge,))


def _is_haunted(view: View, lane: Lane, now: Millis) -> bool:
    run = view.run_in(lane.id)
    return run is not None and is_unkillable(run, policy=view.policy, now=now)


def _no_gpu(view: View) -> list[Action]:
    count = view.gauges.get("host.gpu_count")
    if count is None:
        return []
    text = "" if count.value > 0 else "no GPU here (0 found): all work runs on the processor"
    return _said(view, "gpu", text, "host.gpu_count")


def _all_held(view: View, now: Millis, *, is_opening: bool) -> list[Action]:
    """Work waits and every lane is held: never a silent stop."""
    held = [lane for lane in _own_lanes(view) if lane.status is LaneStatus.HELD]
    waiting = bool(ready_jobs(view, now)) and bool(held) and not is_opening and not _open_lanes(view)
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
