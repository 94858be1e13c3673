"""Lanes for the graphics processors that nodes of a cluster lend, made as soon as the cluster has told of them.

As many for each device as their shares of it fit in, and never more than ``limits.gpu_lanes``. They bear the name of
their node, stay with it, and are not counted against ``max_lanes``. Where NVML there tells nothing the devices are
those of the numbers that the node lends.
"""

from string import ascii_lowercase

from swarmd.agents.rules.nodes import lanes_per_gpu, live_nodes, n_gpus
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.node import Node
from swarmd.state.records.record import Record
from swarmd.state.units import Millis
from swarmd.state.view import View


def lanes_of_node_gpus(view: View, *, now: Millis) -> list[Record]:
    """``n1.gpu0a`` and those that fill the device, all held until the controller has found room for them; nothing where
    they are on record, where no node lends a device, or no lanes are on nodes."""
    if not view.policy.on_nodes:
        return []
    return [
        _lane(node, f"gpu{index}", slot, now)
        for node in live_nodes(view)
        for index in range(n_gpus(node))
        for slot in range(lanes_per_gpu(view.policy))
        if _name(node, f"gpu{index}", slot) not in view.lanes
    ]


def _name(node: Node, device: str, slot: int) -> str:
    return f"{node.id}.{device}{ascii_lowercase[slot]}"


def _lane(node: Node, device: str, slot: int, now: Millis) -> Lane:
    is_fill = slot > 0
    what = "kept for" if is_fill else "a lane for"
    until = " while it is idle" if is_fill else ", as soon as there is room"
    return Lane(
        id=_name(node, device, slot),
        at=now,
        device=device,
        slot=slot,
        status=LaneStatus.HELD,
        reason=f"{what} {device} of node {node.id}{until}",
        is_fill=is_fill,
        node=node.id,
    )
