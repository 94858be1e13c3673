"""Which free lane takes a job: the first, or in a cluster the first on a node with memory for it.

Used by `auto_scheduler`. A job that was lost on a node goes to another one, where another has room: what was wrong with
it there is not everywhere. What belongs on a graphics processor takes a lane of one and no other.
"""

from collections import deque

from swarmd.agents.rules.memory_need import Room, room, room_on
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
        self._lanes: dict[str, deque[Lane]] = {}
        self._of_gpus = deque(lane for lane in free if lane.is_on_gpu)
        for lane in free:
            if lane.is_on_gpu:
                continue
            self._lanes.setdefault(lane.node, deque()).append(lane)
        has_own = bool(self._of_gpus) or "" in self._lanes
        self._rooms: dict[str, Room] = {"": room(view)} if has_own else {}

    def take(self, job: Job, *, on_gpu: bool = False) -> Lane | None:
        """The lane, which is no longer free then; None where no node has room for the job, or no device."""
        if on_gpu:
            return self._taken_on_gpu(job)
        names = [*self._lanes]
        before = self._view.runs.get(run_id(job.id, job.attempt)) if job.attempt else None
        if before is not None and before.node in self._lanes and len(names) > 1:
            names.remove(before.node)
            names.append(before.node)
        for name in names:
            if not self._room(name).take(job):
                self.refused = self._room(name).refused
                continue
            lanes = self._lanes[name]
            lane = lanes.popleft()
            del self._lanes[name]
            if lanes:
                self._lanes[name] = lanes  # behind the others, so that the work spreads over the nodes
            return lane
        return None

    def _taken_on_gpu(self, job: Job) -> Lane | None:
        if not self._of_gpus:
            return None
        if not self._room("").take(job):
            self.refused = self._room("").refused
            return None
        return self._of_gpus.popleft()

    def _room(self, node: str) -> Room:
        if node not in self._rooms:
            self._rooms[node] = room_on(self._view, self._view.nodes[node])
        return self._rooms[node]
