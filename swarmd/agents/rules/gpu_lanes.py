"""Lanes of graphics processors: held while their device is in trouble, and one more while it has time and memory left.

Used by `util_controller`. A device is in trouble when it does not answer, when an incident tells of its failure, or
when the last runs there were lost to it or fell back on the processor; then it rests, a while that doubles, prescreens
go to CPU lanes meanwhile, and it is tried again. The lanes that fill a device open one at a time, each after the last
one has settled, and go first.
"""

from collections.abc import Sequence

from swarmd.agents.rules.capacity import disk_is_ample, memory_is_ample, memory_shortage
from swarmd.agents.rules.filling import ABOVE, BELOW
from swarmd.agents.rules.gpu_work import ready_for_gpu
from swarmd.agents.rules.losses import has_yielded
from swarmd.agents.rules.signatures import open_incident_about, signature_of_loss
from swarmd.state.actions import SetLane
from swarmd.state.records.device import Device
from swarmd.state.records.incident import Signature
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.run import RunEnded, RunStatus
from swarmd.state.units import HOUR, MINUTE, Millis, spoken
from swarmd.state.view import View

# How long a device rests after a run that could not use it; twice as long after each further one in a row.
REST_FIRST: Millis = 10 * MINUTE
REST_CAP: Millis = 4 * HOUR
# Looked for among so many of the runs that ended last.
_LOOKED_AT = 500
# What another lane is expected to take on the device where none of ours tells: a context, and a batch of vectors.
NEED_UNKNOWN = 2 << 30
_GIB = 1 << 30


def about_gpu_lanes(view: View, now: Millis, *, may_open: bool) -> list[SetLane]:
    """Hold, open and fill, device by device. ``may_open`` is False while the whole swarm rests, or room is short."""
    lanes: dict[str, list[Lane]] = {}
    for lane in view.gpu_lanes:
        lanes.setdefault(lane.device, []).append(lane)
    return [wish for device, of_it in lanes.items() for wish in _of_device(view, device, of_it, now, may_open)]


def hindrance(view: View, device: str, now: Millis) -> str:
    """Why nothing is to be started on a device, with its figures; empty where all is well."""
    known = view.devices.get(device)
    if known is None or not known.is_there:
        return f"{device} does not answer" + (f": {known.trouble}" if known is not None and known.trouble else "")
    if known.left_alone:
        return f"{device} is left alone: {known.left_alone}"
    if incident := open_incident_about(view, device, Signature.DEVICE_FAILED):
        return incident.cause
    return _rest(view, device, now)


def _of_device(view: View, device: str, lanes: Sequence[Lane], now: Millis, may_open: bool) -> list[SetLane]:
    opened = [lane for lane in lanes if lane.status is LaneStatus.OPEN]
    if why := hindrance(view, device, now):
        return [_held(lane, f"{why}; prescreens go to CPU lanes") for lane in opened]
    limit = view.policy.gpu_lanes
    if beyond := [lane for lane in opened if lane.slot >= limit]:
        return [_held(lane, f"beyond gpu_lanes {limit}") for lane in beyond]
    if not may_open:
        return []
    for lane in lanes:
        if lane.slot < limit and not lane.is_fill and lane not in opened and view.run_in(lane.id) is None:
            if not memory_is_ample(view) or not disk_is_ample(view):
                return []
            return [_opened(lane, f"{device} ({view.devices[device].name}) answers, and there is room")]
    return _filled(view, view.devices[device], [lane for lane in lanes if lane.slot < limit], now)


# -- filling ----------------------------------------------------------------------------------------------------------


def _filled(view: View, device: Device, lanes: Sequence[Lane], now: Millis) -> list[SetLane]:
    fills = [lane for lane in lanes if lane.is_fill and lane.status is LaneStatus.OPEN]
    first = f"fill lanes of {device.id} go first"
    if fills and (short := memory_shortage(view)):
        return [_held(lane, f"{first}: {short.reason}") for lane in fills]
    if not view.is_working:
        return [_held(lane, f"{first}: the campaign is not active") for lane in fills]
    if device.util is None or now - max(lane.at for lane in lanes) < view.policy.fill_settle:
        return []
    target = view.policy.gpu_util_target
    use = f"it computes {device.util:.2f} of the time (target {target:.2f})"
    if fills and device.util > target + ABOVE:
        return [_held(fills[-1], f"{first}: {use}")]
    spare = next((each for each in lanes if each.status is LaneStatus.HELD and view.run_in(each.id) is None), None)
    all_busy = all(view.run_in(lane.id) is not None for lane in lanes if lane.status is LaneStatus.OPEN)
    if spare is None or not all_busy or device.util >= target - BELOW or not memory_is_ample(view):
        return []
    n_ready, need, free = len(ready_for_gpu(view, now)), _need(view), _free_memory(device)
    if not n_ready or free is None or free < need:
        return []
    room = f"{free / _GIB:.1f} GiB of its memory are free (one lane takes {need / _GIB:.1f})"
    return [_opened(spare, f"{device.id} has {n_ready} prescreens ready for busy lanes, {use}, {room}")]


def _need(view: View) -> int:
    """The most that a process of ours holds on a device now, and not less than what is expected where none tells."""
    held = (each.mem_bytes or 0 for device in view.devices.values() for each in device.processes if each.run)
    return max(NEED_UNKNOWN, *held, 0)


def _free_memory(device: Device) -> int | None:
    if device.mem_total is None or device.mem_used is None:
        return None
    return device.mem_total - device.mem_used


# -- runs that could not use it ---------------------------------------------------------------------------------------


def _rest(view: View, device: str, now: Millis) -> str:
    """A device rests after runs that were lost to it or fell back on the processor; empty once the rest is over."""
    of = view.ended_by_id, view.throughputs, view.results, view.told_of, view.lanes, view.sessions
    failed = view.while_same(("failed_on", device), of, lambda: _failed_in_a_row(view, device))
    if not failed:
        return ""
    rest = min(REST_CAP, REST_FIRST * 2 ** min(len(failed) - 1, 16))
    last = failed[0]
    if now >= last.ended_at + rest:
        return ""
    what = "fell back on the processor" if _fell_back(view, last) else "was lost to it"
    return f"{device} rests for {spoken(rest)}: {last.id} {what}, {len(failed)} of its runs in a row"


def _failed_in_a_row(view: View, device: str) -> list[RunEnded]:
    """Of the runs in its lanes the last ones, up to one that worked; those that tell nothing are passed over."""
    lanes = {lane.id for lane in view.gpu_lanes if lane.device == device}
    began = view.session.at if view.session is not None else 0
    failed: list[RunEnded] = []
    for run in view.last_ended(_LOOKED_AT):
        if run.lane not in lanes or run.engine == "cpu" or run.ended_at < began:
            continue
        if _fell_back(view, run):
            failed.append(run)
        elif run.id in view.results:
            break
        elif run.status is not RunStatus.DONE and not (run.was_stopped or has_yielded(run)) and _is_of(view, run):
            failed.append(run)
    return failed


def _fell_back(view: View, run: RunEnded) -> bool:
    told = view.throughputs.get(run.id)
    return told is not None and told.speed.engine == "cpu"


def _is_of(view: View, run: RunEnded) -> bool:
    return signature_of_loss(view, run) is Signature.DEVICE_FAILED


def _opened(lane: Lane, why: str) -> SetLane:
    return SetLane(lane=lane.id, status=LaneStatus.OPEN, reason=why, caused_by=(lane.id, lane.device))


def _held(lane: Lane, why: str) -> SetLane:
    return SetLane(lane=lane.id, status=LaneStatus.HELD, reason=why, caused_by=(lane.id, lane.device))
