"""A next step with the outcome it should have: continuity that the next session can check."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class StepStatus(StrEnum):
    PENDING = "pending"
    MET = "met"
    MISSED = "missed"


STEP_MOVES = Lifecycle(
    {
        StepStatus.PENDING: frozenset({StepStatus.MET, StepStatus.MISSED}),
        StepStatus.MET: frozenset(),
        StepStatus.MISSED: frozenset({StepStatus.MET}),
    }
)


class Step(Record):
    KIND: ClassVar[str] = "step"

    agent: str
    what: str
    expected_outcome: str
    due: Millis
    status: StepStatus = StepStatus.PENDING
    outcome: str = ""
