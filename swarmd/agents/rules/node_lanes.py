"""Lanes on the nodes of a cluster: put where there is room, held where a node is gone, rests or runs short of memory.

Used by `util_controller`. A node takes as many lanes as its processors carry (`lane_cpus` each), and further ones, one
by one, while its own processors are idle though all of its lanes work: the rule of one machine, kept for each node by
itself. A lane moves only while nothing runs in it.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from swarmd.agents.rules.capacity import HYSTERESIS
from swarmd.agents.rules.filling import ABOVE, BELOW
from swarmd.agents.rules.gpu_work import ready_for_cpu
from swarmd.agents.rules.nodes import (
    carries,
    free_memory,
    live_nodes,
    memory_short_on,
    n_carried,
    resting_nodes,
    told_of_node,
)
from swarmd.agents.rules.quarantine import may_try
from swarmd.state.actions import Action, SetLane
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.node import Node
from swarmd.state.units import Millis
from swarmd.state.view import View

# Put in one cycle at most; the next follows at once. A journal line each, and nothing else waits for a thousand.
_AT_ONCE = 200


def room_of(view: View, node: Node, now: Millis) -> int:
    """How many lanes may take work there: none on a node that is gone, one at the most on one that rests."""
    rest = resting_nodes(view).get(node.id)
    if rest is None:
        return carries(view, node)
    return min(1, carries(view, node)) if may_try(view, rest, now) else 0


def may_work(view: View, lane: Lane, now: Millis) -> bool:
    """Whether the lane's node takes work at all; the scheduler asks before it gives it any."""
    node = view.nodes.get(lane.node)
    return node is not None and view.once(("room_of", node.id, now), lambda: room_of(view, node, now)) > 0


def held_for_nodes(view: View, now: Millis) -> list[SetLane]:
    """Open lanes that stand where none may: no node, one that is gone, one that rests or has shrunk."""
    rooms = {node.id: room_of(view, node, now) for node in view.nodes.values()}
    fills = {node.id: _fills_max(view, node) for node in live_nodes(view) if node.id not in resting_nodes(view)}
    short = {node.id: why for node in live_nodes(view) if (why := memory_short_on(view, node))}
    if not short and not _is_beyond(view, rooms, fills):
        return []  # as nearly always: ten thousand lanes are not looked at one by one
    wishes: list[SetLane] = []
    last_of: dict[str, Lane] = {}
    for lane in view.open_lanes:
        if lane.is_on_gpu:
            continue
        left = fills if lane.is_fill else rooms
        if left.get(lane.node, 0) > 0:
            left[lane.node] -= 1
            last_of[lane.node] = lane
        else:
            wishes.append(_held(lane, _why_not(view, lane, now)))
    # One a cycle and node, from the last, the filling ones first: each hold is judged by what it brought.
    wishes += [_held(last_of[name], why) for name, why in short.items() if name in last_of]
    return wishes


def _is_beyond(view: View, rooms: Mapping[str, int], fills: Mapping[str, int]) -> bool:
    """Whether a node bears more lanes than its room, of the usual kind or of those that fill."""
    filling = Counter(lane.node for lane in _fill_lanes(view) if lane.status is LaneStatus.OPEN)
    return any(count - filling[name] > rooms.get(name, 0) for name, count in _n_open_on(view).items()) or any(
        count > fills.get(name, 0) for name, count in filling.items()
    )


def _why_not(view: View, lane: Lane, now: Millis) -> str:
    node = view.nodes.get(lane.node)
    if not lane.node:
        return "waits for a node with room"
    if node is None or not node.is_alive:
        why = f" ({node.trouble})" if node is not None and node.trouble else ""
        return f"{lane.node if node is None else told_of_node(node)} is gone{why}"
    if node.id in resting_nodes(view):
        return f"node {node.id} rests: {resting_nodes(view)[node.id].cause}"
    return f"node {node.id} carries {carries(view, node)} lanes ({node.cpus:g} processors)"


def _held(lane: Lane, why: str) -> SetLane:
    return SetLane(lane=lane.id, status=LaneStatus.HELD, reason=why, caused_by=(lane.id, lane.node or lane.id))


# -- putting them -----------------------------------------------------------------------------------------------------


def put_on_nodes(view: View, now: Millis) -> list[SetLane]:
    """Held lanes of the usual kind, each on the emptiest node that has room for it."""
    if not view.held_lanes:
        return []
    spaces = [space for node in live_nodes(view) if (space := _space(view, node, now)).left > 0]
    if not spaces:
        return []
    waiting = _movable(view)
    heap = [(space.share, place, space) for place, space in enumerate(spaces)]
    heapq.heapify(heap)
    wishes: list[SetLane] = []
    for lane in waiting:
        if not heap or len(wishes) == _AT_ONCE:
            break
        _, place, space = heapq.heappop(heap)
        wishes.append(_opened(lane, space))
        space.taken += 1
        if space.left > 0:
            heapq.heappush(heap, (space.share, place, space))
    return wishes


@dataclass(slots=True)
class _Space:
    node: Node
    room: int
    taken: int

    @property
    def left(self) -> int:
        return self.room - self.taken

    @property
    def share(self) -> float:
        return self.taken / self.room


def _space(view: View, node: Node, now: Millis) -> _Space:
    """Room that is really free: what is being drained there still takes its place."""
    free = free_memory(node)
    is_ample = free is None or free >= HYSTERESIS * view.policy.mem_available_min
    taken = _n_open_on(view).get(node.id, 0) + view.once("draining", lambda: _draining(view)).get(node.id, 0)
    return _Space(node, room_of(view, node, now) if is_ample and node.is_heard else 0, taken)


def _draining(view: View) -> Mapping[str, int]:
    """{node: runs there whose lane is held}"""
    found: dict[str, int] = {}
    for lane in view.held_lanes:
        run = view.run_in(lane.id) if lane.node and not lane.is_on_gpu else None
        if run is not None:
            found[run.node] = found.get(run.node, 0) + 1
    return found


def _movable(view: View) -> Iterator[Lane]:
    policy = view.policy
    return (
        lane
        for lane in view.held_lanes
        if not (lane.is_fill or lane.is_on_gpu) and lane.slot < policy.max_lanes and view.run_in(lane.id) is None
    )


def _opened(lane: Lane, space: _Space) -> SetLane:
    node = space.node
    why = f"{told_of_node(node)} carries {space.room} lanes and has {space.taken}"
    return SetLane(lane=lane.id, status=LaneStatus.OPEN, node=node.id, reason=why, caused_by=(lane.id, node.id))


# -- filling ----------------------------------------------------------------------------------------------------------


def fill_nodes(view: View, now: Millis) -> list[Action]:
    """One more lane on each node whose lanes all work while its processors are idle; one less where they are not."""
    lanes = _fill_lanes(view)
    if not lanes or not view.is_working:
        return [_held(lane, "the campaign is not active") for lane in lanes if lane.status is LaneStatus.OPEN]
    fills: dict[str, list[Lane]] = {}
    spare: list[Lane] = []
    changed: dict[str, Millis] = {}
    for lane in lanes:
        if lane.node:
            changed[lane.node] = max(changed.get(lane.node, 0), lane.at)
        if lane.status is LaneStatus.OPEN:
            fills.setdefault(lane.node, []).append(lane)
        elif view.run_in(lane.id) is None:
            spare.append(lane)
    n_ready = len(ready_for_cpu(view, now)) if not view.n_free_cpu_lanes else 0
    target, wishes = view.policy.cpu_util_target, list[Action]()
    for node in live_nodes(view):
        if node.cpu_util is None or now - changed.get(node.id, 0) < view.policy.fill_settle:
            continue
        here = fills.get(node.id, [])
        load = f"load of node {node.id} {node.cpu_util:.2f} (target {target:.2f})"
        if here and node.cpu_util > target + ABOVE:
            wishes.append(_held(here[-1], f"fill lanes go first: {load}"))
        elif spare and n_ready > 0 and node.cpu_util < target - BELOW and _takes_more(view, node, len(here), now):
            lane = spare.pop(0)
            why = f"every lane there is busy, {n_ready} jobs are ready, {load}"
            wish = SetLane(lane=lane.id, status=LaneStatus.OPEN, node=node.id, reason=why, caused_by=(lane.id, node.id))
            wishes.append(wish)
            n_ready -= 1
    return wishes


def _takes_more(view: View, node: Node, n_fills: int, now: Millis) -> bool:
    """All of its lanes work, none of them is held for a reason, and memory is ample."""
    space = _space(view, node, now)
    carried = carries(view, node)
    return (
        space.room == carried
        and _n_open_on(view).get(node.id, 0) - n_fills == carried
        and view.n_runs_on.get(node.id, 0) >= carried + n_fills
        and n_fills < _fills_max(view, node)
    )


def _fills_max(view: View, node: Node) -> int:
    return max(1, carries(view, node) // 2) if view.policy.fill_lanes else 0


def _fill_lanes(view: View) -> tuple[Lane, ...]:
    return tuple(lane for lane in view.fill_lanes if not lane.is_on_gpu) if view.gpu_lanes else view.fill_lanes


def _n_open_on(view: View) -> Mapping[str, int]:
    """{node: open lanes of its processors}"""
    if not view.gpu_lanes:
        return view.open_lanes_on
    return view.once("open_cpu_lanes_on", lambda: Counter(view.open_lanes_on) - Counter(_nodes_of_gpu_lanes(view)))


def _nodes_of_gpu_lanes(view: View) -> Iterator[str]:
    return (lane.node for lane in view.gpu_lanes if lane.status is LaneStatus.OPEN)


# -- what is said -----------------------------------------------------------------------------------------------------


def told_of_cluster(view: View) -> str:
    """Which nodes are missing or rest, and whether lanes find no room: one sentence, empty while all is well."""
    gone = [node for node in view.nodes.values() if not node.is_alive]
    told = []
    if not live_nodes(view):
        told.append("no node is there: nothing is started")
    if gone:
        names = ", ".join(sorted(node.id for node in gone)[:5]) + (" and others" if len(gone) > 5 else "")
        told.append(f"{len(gone)} of {len(view.nodes)} nodes are gone ({names})")
    carried, wanted = n_carried(view), view.policy.max_lanes
    if carried < wanted and live_nodes(view):
        told.append(f"{len(live_nodes(view))} nodes carry {carried} of {wanted} lanes")
    return "; ".join(told)
