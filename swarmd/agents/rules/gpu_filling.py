"""Filling a graphics processor: one more lane of it while its lanes all work and it has time and memory left.

Used by the rules for the devices of this machine and by those for the devices of nodes: which figures are asked, and
what is short there, they say. Lanes that fill open one at a time, each after the last change has settled, and go first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmd.agents.rules.filling import ABOVE, BELOW
from swarmd.state.actions import SetLane
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.units import Millis
from swarmd.state.view import View

# What another lane is expected to take on the device where none of ours tells: a context, and a batch of vectors.
NEED_UNKNOWN = 2 << 30
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Load:
    """What is known of a device: its name in a sentence, the share of the time in which it computes, the bytes of its
    memory that nobody holds; None where nobody tells. ``need`` is what one more lane takes of it. ``short`` says why
    lanes go in any case; ``has_room`` whether another may come.
    """

    place: str
    util: float | None
    free_bytes: int | None
    need_bytes: int
    short: str
    has_room: bool


def filled(view: View, load: Load, lanes: Sequence[Lane], n_ready: int, now: Millis) -> list[SetLane]:
    """One lane opened or held, those that must go at once; ``lanes`` are those of the device, ``n_ready`` are the jobs
    that wait for one.
    """
    fills = [lane for lane in lanes if lane.is_fill and lane.status is LaneStatus.OPEN]
    first = f"fill lanes of {load.place} go first"
    if fills and load.short:
        return [held(lane, f"{first}: {load.short}") for lane in fills]
    if not view.is_working:
        return [held(lane, f"{first}: the campaign is not active") for lane in fills]
    if load.util is None or now - max(lane.at for lane in lanes) < view.policy.fill_settle:
        return []
    target = view.policy.gpu_util_target
    use = f"it computes {load.util:.2f} of the time (target {target:.2f})"
    if fills and load.util > target + ABOVE:
        return [held(fills[-1], f"{first}: {use}")]
    spare = next((each for each in lanes if each.status is LaneStatus.HELD and view.run_in(each.id) is None), None)
    all_busy = all(view.run_in(lane.id) is not None for lane in lanes if lane.status is LaneStatus.OPEN)
    if spare is None or not all_busy or load.util >= target - BELOW or not load.has_room or not n_ready:
        return []
    if load.free_bytes is None or load.free_bytes < load.need_bytes:
        return []
    room = f"{load.free_bytes / _GIB:.1f} GiB of its memory are free (one lane takes {load.need_bytes / _GIB:.1f})"
    return [opened(spare, f"{load.place} has {n_ready} prescreens ready for busy lanes, {use}, {room}")]


def free_bytes(mem_total: int | None, mem_used: int | None) -> int | None:
    """Of a device's memory what nobody holds; None where it does not tell."""
    return None if mem_total is None or mem_used is None else mem_total - mem_used


def opened(lane: Lane, why: str) -> SetLane:
    """``caused_by`` names who has the figures: the device's own record, or its node's."""
    cause = (lane.id, lane.node or lane.device)
    return SetLane(lane=lane.id, status=LaneStatus.OPEN, reason=why, caused_by=cause)


def held(lane: Lane, why: str) -> SetLane:
    cause = (lane.id, lane.node or lane.device)
    return SetLane(lane=lane.id, status=LaneStatus.HELD, reason=why, caused_by=cause)
