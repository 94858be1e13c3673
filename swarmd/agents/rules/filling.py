"""Filling idle processors: lanes beyond the usual ones, opened one by one while the load is below its target.

Used by `util_controller`. A lane's work may leave its processor idle (waiting for a disk, a storage, a download); a
fill lane takes the next job of the queue then. Bounded by the policy, changed at most once per settling time so that
each change is judged by the load it brought, and the first to be held, and drained at a safe point, when room runs
short.
"""

from collections.abc import Sequence

from swarmd.agents.rules.capacity import memory_is_ample, memory_shortage
from swarmd.agents.rules.gpu_work import ready_for_cpu
from swarmd.state.actions import Action, SetLane, StopRun
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.run import RunAlive, RunStatus
from swarmd.state.units import Millis
from swarmd.state.view import View

# Around the target: opened so far below it, held so far above it. Between the two nothing is changed.
BELOW, ABOVE = 0.10, 0.05
# Share of the time in which something waited for a processor; above it another lane would only make all wait more.
_CPU_STALL_MAX = 0.50


def about_fill_lanes(view: View, now: Millis) -> list[Action]:
    """Open one, hold one, or drain them; nothing while the last change has not settled."""
    fills = [lane for lane in view.fill_lanes if not lane.is_on_gpu]
    if not fills:
        return []
    opened = [lane for lane in fills if lane.status is LaneStatus.OPEN]
    short = memory_shortage(view)
    if short is not None:
        return [*(_held(lane, short.reason) for lane in opened), *_drained(view, fills, short.reason)]
    if not view.is_working:
        return [_held(lane, "the campaign is not active") for lane in opened]
    if now - max(lane.at for lane in fills) < view.policy.fill_settle:
        return []
    load, target = view.gauges.get("host.cpu_util"), view.policy.cpu_util_target
    if load is None:
        return []
    if opened and load.value > target + ABOVE:
        return [_held(opened[-1], f"processor load {load.value:.2f} (target {target:.2f})")]
    return _one_more(view, fills, len(opened), load.value, target, now)


def _one_more(view: View, fills: Sequence[Lane], n_open: int, load: float, target: float, now: Millis) -> list[Action]:
    held = [lane for lane in fills if lane.status is LaneStatus.HELD and view.run_in(lane.id) is None]
    room = load < target - BELOW and view.gauge("host.psi_cpu") < _CPU_STALL_MAX and memory_is_ample(view)
    if not held or n_open >= view.policy.fill_lanes or not room or view.n_free_cpu_lanes or not _all_main_busy(view):
        return []
    n_ready = len(ready_for_cpu(view, now))
    if not n_ready:
        return []
    why = f"every lane is busy, {n_ready} jobs are ready, and the processor load is {load:.2f} (target {target:.2f})"
    return [SetLane(lane=held[0].id, status=LaneStatus.OPEN, reason=why, caused_by=(held[0].id, "host.cpu_util"))]


def _all_main_busy(view: View) -> bool:
    """A main lane that is held is held for a reason, which is no invitation to fill."""
    busy = {run.lane for run in view.open_runs()}
    n_main = view.policy.max_lanes
    main = [lane for lane in view.lanes.values() if not (lane.is_fill or lane.is_on_gpu) and lane.slot < n_main]
    return all(lane.id in busy for lane in main)


def _held(lane: Lane, why: str) -> SetLane:
    return SetLane(lane=lane.id, status=LaneStatus.HELD, reason=f"fill lanes go first: {why}", caused_by=(lane.id,))


def _drained(view: View, fills: Sequence[Lane], why: str) -> list[Action]:
    """Their runs are asked to stop at a safe point: their work is kept, and their memory comes free."""
    names = {lane.id for lane in fills}
    return [
        StopRun(run=run.id, how="term", reason=f"fill lanes go first: {why}", caused_by=(run.id,))
        for run in view.live_runs()
        if isinstance(run, RunAlive) and run.lane in names and run.status is RunStatus.RUNNING
    ]
