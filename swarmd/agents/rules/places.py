"""Which free lane takes a job: the first, or in a cluster the first on a node with memory for it.

Used by `auto_scheduler`. A job that was lost on a node goes to another one, where another has room: what was wrong with
it there is not everywhere. What belongs on a graphics processor takes a lane of one and no other, on this machine or on
a node.
"""

from collections import Counter, deque
from collections.abc import Mapping

from swarmd.agents.rules.memory_need import Room, room, room_on
from swarmd.agents.rules.nodes import carries
from swarmd.state.records.job import Job
from swarmd.state.records.lane import Lane
from swarmd.state.records.run import run_id
from swarmd.state.view import View


class Places:
    """Free lanes, taken one by one; `refused` says why the last job found no room in memory."""

    def __init__(self, view: View, free: list[Lane]) -> None:
        self.refused = ""
        self._view = view
        # In the order in which lanes are free, so that what stands first is filled first.
        self._of_cpus: dict[str, deque[Lane]] = {}
        self._of_gpus: dict[str, deque[Lane]] = {}
        for lane in free:
            (self._of_gpus if lane.is_on_gpu else self._of_cpus).setdefault(lane.node, deque()).append(lane)
        has_own = "" in self._of_cpus or "" in self._of_gpus
        self._rooms: dict[str, Room] = {"": room(view)} if has_own else {}
        self._shares_left = _shares_left(view)

    def take(self, job: Job, *, on_gpu: bool = False) -> Lane | None:
        """The lane, which is no longer free then; None where no node has room for the job, or no device."""
        table = self._of_gpus if on_gpu else self._of_cpus
        names = [*table]
        before = self._view.runs.get(run_id(job.id, job.attempt)) if job.attempt else None
        if before is not None and before.node in table and len(names) > 1:
            names.remove(before.node)
            names.append(before.node)
        for name in names:
            lanes = table[name]
            if _asks_share(lanes[0]) and self._shares_left.get(name, 1) <= 0:
                continue
            if not self._room(name).take(job):
                self.refused = self._room(name).refused
                continue
            lane = lanes.popleft()
            if name in self._shares_left and _asks_share(lane):
                self._shares_left[name] -= 1
            del table[name]
            if lanes:
                table[name] = lanes  # behind the others, so that the work spreads over the nodes
            return lane
        return None

    def _room(self, node: str) -> Room:
        if node not in self._rooms:
            self._rooms[node] = room_on(self._view, self._view.nodes[node])
        return self._rooms[node]


def _shares_left(view: View) -> dict[str, int]:
    """{node with lanes of GPUs: further runs that its processors are for}. A run on a device asks the cluster for its
    share of the processors too: one too many would wait there for room, and be given up in the end."""
    names = {lane.node for lane in view.gpu_lanes if lane.node in view.nodes}
    if not names:
        return {}
    taken = _shares_taken(view)
    return {name: carries(view, view.nodes[name]) - taken[name] for name in names}


def _shares_taken(view: View) -> Mapping[str, int]:
    lanes = view.lanes
    return Counter(run.node for run in view.open_runs() if run.lane not in lanes or _asks_share(lanes[run.lane]))


def _asks_share(lane: Lane) -> bool:
    """All but those that fill processors, which are put where others leave them idle."""
    return lane.is_on_gpu or not lane.is_fill
