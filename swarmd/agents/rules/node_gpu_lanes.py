"""Lanes of the graphics processors of nodes: each stands on one device of one node, and is filled and held with it.

Used by `util_controller`. Such a lane is held while its node is gone or rests, and while its device rests after runs
that could not use it; no more are open on a node than its share of devices and of their memory carries, for the cluster
gives out no more. Whose figures NVML does not tell has its first lanes, and none that fill it.
"""

from collections.abc import Mapping, Sequence

from swarmd.agents.rules.capacity import HYSTERESIS
from swarmd.agents.rules.gpu_filling import NEED_UNKNOWN, Load, filled, free_bytes, held, opened
from swarmd.agents.rules.gpu_rest import device_rest
from swarmd.agents.rules.gpu_work import ready_for_gpu
from swarmd.agents.rules.nodes import (
    carries,
    carries_on_gpus,
    free_memory,
    lanes_per_gpu,
    memory_short_on,
    resting_nodes,
    told_of_node,
)
from swarmd.state.actions import SetLane
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.node import Node, NodeGpu
from swarmd.state.units import Millis
from swarmd.state.view import View

# Told in one cycle at most; the next follows at once.
_AT_ONCE = 200
_GB = 1_000_000_000


def about_node_gpu_lanes(view: View, now: Millis, *, may_open: bool) -> list[SetLane]:
    """Hold, open and fill, node by node and device by device. ``may_open`` is False while the swarm rests."""
    lanes: dict[str, dict[str, list[Lane]]] = {}
    for lane in view.gpu_lanes:
        if lane.node:
            lanes.setdefault(lane.node, {}).setdefault(lane.device, []).append(lane)
    wishes: list[SetLane] = []
    for name, devices in lanes.items():
        if why := _why_none(view, name):
            open_ones = [lane for of_it in devices.values() for lane in of_it if lane.status is LaneStatus.OPEN]
            wishes += [held(lane, f"{why}; prescreens go elsewhere") for lane in open_ones]
        else:
            wishes += _on_node(view, view.nodes[name], devices, now, may_open=may_open)
    return wishes[:_AT_ONCE]


def _why_none(view: View, name: str) -> str:
    """Why nothing is to be started on any device of a node, with its figures; empty where all is well."""
    node = view.nodes.get(name)
    if not view.policy.on_nodes:
        return f"{name} is a node of a cluster, and lanes are on this machine"
    if node is None:
        return f"node {name} is not there"
    if not node.is_alive:
        return f"{told_of_node(node)} is gone" + (f" ({node.trouble})" if node.trouble else "")
    if rest := resting_nodes(view).get(name):
        return f"node {name} rests: {rest.cause}"
    return "" if carries(view, node) else f"node {name} carries no lane ({node.cpus:g} processors)"


def _on_node(
    view: View, node: Node, devices: Mapping[str, Sequence[Lane]], now: Millis, *, may_open: bool
) -> list[SetLane]:
    wishes: list[SetLane] = []
    well: dict[str, Sequence[Lane]] = {}
    for device, lanes in devices.items():
        if why := _hindrance(view, node, device, now):
            open_ones = [lane for lane in lanes if lane.status is LaneStatus.OPEN]
            wishes += [held(lane, f"{why}; prescreens go to other lanes") for lane in open_ones]
        else:
            well[device] = lanes
    open_ones = [lane for lanes in well.values() for lane in lanes if lane.status is LaneStatus.OPEN]
    most = carries_on_gpus(view.policy, node)
    by_use = sorted(open_ones, key=lambda lane: lane.is_fill)  # those that fill go first, from the last
    fitting = [lane for lane in by_use if lane.slot < lanes_per_gpu(view.policy)]
    if beyond := [*(lane for lane in by_use if lane.slot >= lanes_per_gpu(view.policy)), *fitting[most:]]:
        return [*wishes, *(held(lane, _told_of_limit(view, node)) for lane in beyond)]
    # What still works in a lane that is held takes its share, too.
    draining = sum(1 for lanes in devices.values() for lane in lanes if _drains(view, lane))
    left = most - len(open_ones) - draining
    for device, lanes in well.items():
        wish = _of_device(view, node, device, lanes, left, now, may_open=may_open)
        left -= sum(1 for each in wish if each.status is LaneStatus.OPEN)
        wishes += wish
    return wishes


def _hindrance(view: View, node: Node, device: str, now: Millis) -> str:
    """Why nothing is to be started on one device; a node of whose devices nobody tells is believed to have them."""
    if node.devices and _told(node, device) is None:
        there = ", ".join(f"gpu{each.index}" for each in node.devices)
        return f"{device} of node {node.id} does not answer: NVML there tells of {there}"
    return device_rest(view, device, now, node=node.id)


def _of_device(
    view: View, node: Node, device: str, lanes: Sequence[Lane], left: int, now: Millis, *, may_open: bool
) -> list[SetLane]:
    usual = next((lane for lane in lanes if not lane.is_fill), None)
    short = memory_short_on(view, node)
    if short and usual is not None and usual.status is LaneStatus.OPEN and not _others_are_open(view, usual):
        return [held(lane, short) for lane in lanes if lane.status is LaneStatus.OPEN]
    has_room = may_open and left > 0 and node.is_heard and _is_ample(view, node)
    if usual is not None and usual.status is LaneStatus.HELD and not short:
        if not has_room or view.run_in(usual.id) is not None:
            return []
        told = _told(node, device)
        which = f" ({told.name})" if told is not None and told.name else ""
        share = f"the node lends {node.gpus:g}, a lane takes {view.policy.lane_gpus:g}"
        return [opened(usual, f"{usual.place}{which} is there, and has room: {share}")]
    within = [lane for lane in lanes if lane.slot < lanes_per_gpu(view.policy)]
    return filled(view, _load(view, node, device, short, has_room=has_room), within, _n_waiting(view, now), now)


def _load(view: View, node: Node, device: str, short: str, *, has_room: bool) -> Load:
    told = _told(node, device) or NodeGpu(index=-1)
    need = int(view.policy.lane_vram_gb * _GB) or NEED_UNKNOWN
    free = free_bytes(told.mem_total, told.mem_used)
    return Load(f"{device} of node {node.id}", told.util, free, need, short, has_room)


def _others_are_open(view: View, usual: Lane) -> bool:
    """Lanes of the node's processors, or such that fill a device of it: short of memory, a node loses these first."""
    return any(lane.node == usual.node and (lane.is_fill or not lane.is_on_gpu) for lane in view.open_lanes)


def _n_waiting(view: View, now: Millis) -> int:
    """Jobs for which no lane of a GPU is free."""

    def count() -> int:
        free = sum(1 for lane in view.free_lanes() if lane.is_on_gpu)
        return max(0, len(ready_for_gpu(view, now)) - free)

    return view.once(("waiting_for_gpus", now), count)


def _told(node: Node, device: str) -> NodeGpu | None:
    return next((each for each in node.devices if f"gpu{each.index}" == device), None)


def _drains(view: View, lane: Lane) -> bool:
    return lane.status is LaneStatus.HELD and view.run_in(lane.id) is not None


def _is_ample(view: View, node: Node) -> bool:
    free = free_memory(node)
    return free is None or free >= HYSTERESIS * view.policy.mem_available_min


def _told_of_limit(view: View, node: Node) -> str:
    policy = view.policy
    is_by_memory = bool(policy.lane_vram_gb) and node.vram_gb is not None
    lent = f"{node.gpus:g}" + (f" with {node.vram_gb:g} GB" if is_by_memory else "")
    taken = f"{policy.lane_gpus:g}" + (f" with {policy.lane_vram_gb:g} GB" if is_by_memory else "")
    return (
        f"node {node.id} carries {carries_on_gpus(policy, node)} lanes of GPUs: it lends {lent}, a lane takes {taken} "
        f"(gpu_lanes {policy.gpu_lanes})"
    )
