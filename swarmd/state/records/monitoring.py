"""The last time all champions in force were held to their promises, by a process that the daemon started."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis

CHAMPIONS = "champions"


class MonitoringStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


MONITORING_MOVES = Lifecycle(
    {
        MonitoringStatus.RUNNING: frozenset({MonitoringStatus.DONE, MonitoringStatus.FAILED}),
        MonitoringStatus.DONE: frozenset({MonitoringStatus.RUNNING}),
        MonitoringStatus.FAILED: frozenset({MonitoringStatus.RUNNING}),
    }
)


class Monitoring(Record):
    """The id is always ``champions``; ``order`` is the action that asked for it, by which its answer is found again.

    ``pid`` and ``start_ticks`` say which process it is, 0 before it was started. ``outcome`` tells what came of it,
    ``unseen`` which champions could not be looked at, each with the reason.
    """

    KIND: ClassVar[str] = "monitoring"

    status: MonitoringStatus
    order: str
    began_at: Millis
    ended_at: Millis = 0
    pid: int = 0
    start_ticks: int = 0
    outcome: str = ""
    unseen: tuple[str, ...] = ()
