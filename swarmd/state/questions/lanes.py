"""Where work may go: lanes that are open, held, free."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property

from swarmd.state.questions.runs import OfRuns
from swarmd.state.records.device import Device
from swarmd.state.records.lane import Lane, LaneStatus


class OfLanes(OfRuns):
    """What the View answers about lanes."""

    def free_lanes(self) -> list[Lane]:
        """Open lanes without a run, in their order."""
        return [*self._free]

    @cached_property
    def _free(self) -> tuple[Lane, ...]:
        return self._in_their_order(self._free_lanes_by_id)

    @cached_property
    def _free_lanes_by_id(self) -> Mapping[str, Lane]:
        taken = self._open_by_lane
        return {lane.id: lane for lane in self._open_lanes_by_id.values() if lane.id not in taken}

    @cached_property
    def open_lanes(self) -> tuple[Lane, ...]:
        return self._in_their_order(self._open_lanes_by_id)

    @property
    def n_open_lanes(self) -> int:
        return len(self._open_lanes_by_id)

    @property
    def n_held_lanes(self) -> int:
        return len(self._held_lanes_by_id)

    @property
    def n_free_lanes(self) -> int:
        return len(self._free_lanes_by_id)

    @cached_property
    def _open_lanes_by_id(self) -> Mapping[str, Lane]:
        return {lane.id: lane for lane in self.lanes.values() if lane.status is LaneStatus.OPEN}

    @cached_property
    def held_lanes(self) -> tuple[Lane, ...]:
        return self._in_their_order(self._held_lanes_by_id)

    @cached_property
    def _held_lanes_by_id(self) -> Mapping[str, Lane]:
        return {lane.id: lane for lane in self.lanes.values() if lane.status is LaneStatus.HELD}

    @cached_property
    def fill_lanes(self) -> tuple[Lane, ...]:
        return self._in_their_order(self._fill_lanes_by_id)

    @cached_property
    def _fill_lanes_by_id(self) -> Mapping[str, Lane]:
        return {lane.id: lane for lane in self.lanes.values() if lane.is_fill}

    @cached_property
    def gpu_lanes(self) -> tuple[Lane, ...]:
        """Lanes of graphics processors, of this machine and of nodes, in their order."""
        return self._in_their_order(self._gpu_lanes_by_id)

    @cached_property
    def _gpu_lanes_by_id(self) -> Mapping[str, Lane]:
        return {lane.id: lane for lane in self.lanes.values() if lane.is_on_gpu}

    def device_of(self, lane: Lane | None) -> Device | None:
        """The graphics processor of a lane of this machine; None for any other lane: what a node has is in its record,
        and a device here may bear the same name."""
        return None if lane is None or lane.node else self.devices.get(lane.device)

    @property
    def n_free_cpu_lanes(self) -> int:
        free = self._free_lanes_by_id
        return len(free) - sum(1 for lane in self.gpu_lanes if lane.id in free)

    @cached_property
    def open_lanes_on(self) -> Mapping[str, int]:
        """How many open lanes stand on each node; those on none under the empty name."""
        return Counter(lane.node for lane in self._open_lanes_by_id.values())

    def _in_their_order(self, lanes: Mapping[str, Lane]) -> tuple[Lane, ...]:
        places = self._lane_places
        return tuple(sorted(lanes.values(), key=lambda lane: places[lane.id]))

    @cached_property
    def _lane_places(self) -> Mapping[str, int]:
        return {lane: place for place, lane in enumerate(self.lanes)}
