"""Lanes of this machine's graphics processors: held while their device is in trouble, and one more while it has time
and memory left.

Used by `util_controller`; devices of a cluster's nodes are in `node_gpu_lanes`. A device is in trouble when it does not
answer, when an incident tells of its failure, or when the last runs there were lost to it or fell back on the
processor; then it rests, prescreens go to CPU lanes meanwhile, and it is tried again.
"""

from collections.abc import Sequence

from swarmd.agents.rules.capacity import disk_is_ample, memory_is_ample, memory_shortage
from swarmd.agents.rules.gpu_filling import NEED_UNKNOWN, Load, filled, free_bytes, held, opened
from swarmd.agents.rules.gpu_rest import device_rest
from swarmd.agents.rules.gpu_work import ready_for_gpu
from swarmd.agents.rules.signatures import open_incident_about
from swarmd.state.actions import SetLane
from swarmd.state.records.device import Device
from swarmd.state.records.incident import Signature
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.units import Millis
from swarmd.state.view import View


def about_gpu_lanes(view: View, now: Millis, *, may_open: bool) -> list[SetLane]:
    """Hold, open and fill, device by device. ``may_open`` is False while the whole swarm rests, or room is short."""
    lanes: dict[str, list[Lane]] = {}
    for lane in view.gpu_lanes:
        if not lane.node:
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
    return device_rest(view, device, now)


def _of_device(view: View, device: str, lanes: Sequence[Lane], now: Millis, may_open: bool) -> list[SetLane]:
    open_ones = [lane for lane in lanes if lane.status is LaneStatus.OPEN]
    if why := hindrance(view, device, now):
        return [held(lane, f"{why}; prescreens go to CPU lanes") for lane in open_ones]
    if view.policy.on_nodes:
        return [held(lane, "lanes are on the nodes of the cluster") for lane in open_ones]
    limit = view.policy.gpu_lanes
    if beyond := [lane for lane in open_ones if lane.slot >= limit]:
        return [held(lane, f"beyond gpu_lanes {limit}") for lane in beyond]
    if not may_open:
        return []
    for lane in lanes:
        if lane.slot < limit and not lane.is_fill and lane not in open_ones and view.run_in(lane.id) is None:
            if not memory_is_ample(view) or not disk_is_ample(view):
                return []
            return [opened(lane, f"{device} ({view.devices[device].name}) answers, and there is room")]
    within = [lane for lane in lanes if lane.slot < limit]
    return filled(view, _load(view, view.devices[device]), within, len(ready_for_gpu(view, now)), now)


def _load(view: View, device: Device) -> Load:
    short = memory_shortage(view)
    free = free_bytes(device.mem_total, device.mem_used)
    return Load(device.id, device.util, free, _need(view), short.reason if short else "", memory_is_ample(view))


def _need(view: View) -> int:
    """The most that a process of ours holds on a device now, and not less than what is expected where none tells."""
    on_devices = (each.mem_bytes or 0 for device in view.devices.values() for each in device.processes if each.run)
    return max(NEED_UNKNOWN, *on_devices, 0)
