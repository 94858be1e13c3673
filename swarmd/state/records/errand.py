"""What the daemon sends a process of its own to do, so that no cycle waits for it: the newest errand of each kind."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis

HANDOFF = "handoff"
KNOWLEDGE = "knowledge"


class ErrandStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


ERRAND_MOVES = Lifecycle(
    {
        ErrandStatus.RUNNING: frozenset({ErrandStatus.DONE, ErrandStatus.FAILED}),
        ErrandStatus.DONE: frozenset({ErrandStatus.RUNNING}),
        ErrandStatus.FAILED: frozenset({ErrandStatus.RUNNING}),
    }
)


class Errand(Record):
    """``id`` says what for: ``handoff`` writes the page, ``knowledge`` puts what was learned into the knowledge base.

    ``order`` is the action that asked for it, ``began_at`` the instant whose picture it tells of. ``pid`` and
    ``start_ticks`` say which process it is, 0 before it was started. ``outcome`` tells what came of it;
    ``failures`` how often in a row it has come to nothing.
    """

    KIND: ClassVar[str] = "errand"

    status: ErrandStatus
    order: str
    began_at: Millis
    ended_at: Millis = 0
    pid: int = 0
    start_ticks: int = 0
    outcome: str = ""
    failures: int = 0

    @property
    def is_running(self) -> bool:
        return self.status is ErrandStatus.RUNNING
