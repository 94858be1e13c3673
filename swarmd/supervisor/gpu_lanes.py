"""Lanes for the graphics processors of this machine, made as soon as NVML has told of a device that may be used.

They come besides the CPU lanes and are not counted against ``max_lanes``: a lane of a GPU mostly waits for its device.
Which devices are left alone is settled here too, without an import of CuPy: a daemon makes no CUDA context.
"""

import os
from functools import cache
from importlib.util import find_spec
from string import ascii_lowercase

from swarmd.state.records.device import Device
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.record import Record
from swarmd.state.units import Millis
from swarmd.state.view import View

VISIBLE = "CUDA_VISIBLE_DEVICES"


def lanes_of_gpus(view: View, *, now: Millis) -> list[Record]:
    """``gpu0a`` open, and those that fill the device held; nothing where they are on record, or no device is there, or
    lanes are on the nodes of a cluster."""
    policy = view.policy
    if policy.on_nodes:
        return []
    return [
        _lane(device, slot, now)
        for device in view.devices.values()
        if device.is_there and not device.left_alone
        for slot in range(policy.gpu_lanes)
        if f"{device.id}{ascii_lowercase[slot]}" not in view.lanes
    ]


def _lane(device: Device, slot: int, now: Millis) -> Lane:
    name = f"{device.id}{ascii_lowercase[slot]}"
    if slot == 0:
        reason = f"a lane for {device.id} ({device.name})"
        return Lane(id=name, at=now, device=device.id, slot=slot, status=LaneStatus.OPEN, reason=reason)
    held, reason = LaneStatus.HELD, f"kept for {device.id} while it is idle"
    return Lane(id=name, at=now, device=device.id, slot=slot, status=held, reason=reason, is_fill=True)


def why_left_alone(index: int, uuid: str) -> str:
    """Why no lane is to compute on a device; empty where lanes may.

    The daemon's own ``CUDA_VISIBLE_DEVICES`` is respected: what it does not name, by UUID or by NVML's number, is
    somebody else's.
    """
    visible = os.environ.get(VISIBLE)
    if visible is not None and not _names(visible, index, uuid):
        return f"{VISIBLE} of the daemon is {visible!r}, which does not name gpu{index}"
    return "" if has_cupy() else "CuPy is not installed (the extra `gpu` for CUDA 12, `gpu13` for CUDA 13)"


def _names(visible: str, index: int, uuid: str) -> bool:
    words = [word.strip() for word in visible.split(",")]
    return any(word == str(index) or (len(word) > 4 and uuid.startswith(word)) for word in words)


@cache
def has_cupy() -> bool:
    """Whether it is installed, once for the life of the process."""
    return find_spec("cupy") is not None
