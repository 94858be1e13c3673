"""A standing slot on one device, busy or not."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record


class LaneStatus(StrEnum):
    OPEN = "open"
    HELD = "held"


LANE_MOVES = Lifecycle(
    {
        LaneStatus.OPEN: frozenset({LaneStatus.HELD}),
        LaneStatus.HELD: frozenset({LaneStatus.OPEN}),
    }
)


class Lane(Record):
    """``cpu0``: slot 0 of device ``cpu``; ``gpu0a``: slot 0 of the graphics processor ``gpu0``. A held lane finishes
    its run and takes nothing new; ``reason`` says why.

    ``is_fill``: beyond the usual lanes, open only while processors are idle, or the device is. ``node`` is the machine
    of the cluster that its runs are put on; empty on one machine, and in a cluster while none has room for it. A lane
    of processors moves from node to node; ``n1.gpu0a`` stays with the graphics processor ``gpu0`` of node ``n1``, which
    has the name of its number there: two machines may each have a ``gpu0``.
    """

    KIND: ClassVar[str] = "lane"

    device: str
    slot: int
    status: LaneStatus
    reason: str = ""
    is_fill: bool = False
    node: str = ""

    @property
    def is_on_gpu(self) -> bool:
        return self.device != "cpu"

    @property
    def place(self) -> str:
        """The device in a sentence: ``gpu0``, ``gpu0 of node n1``."""
        return f"{self.device} of node {self.node}" if self.node else self.device
