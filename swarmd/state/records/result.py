"""What a run says came of its phase; counted once, by its fencing token."""

from typing import ClassVar, Literal

from pydantic import Field

from swarmd.state.records.job import Phase
from swarmd.state.records.record import Record, Shape

Figure = float | int | str | bool | None


class ResultSummary(Shape):
    """``verdict``, one sentence, the few figures that matter, the trials behind it, and the files that hold the rest.

    Paths are relative to the home. ``tried`` counts this phase's evaluations only.
    """

    verdict: Literal["pass", "fail"]
    headline: str
    tried: int = 0
    figures: dict[str, Figure] = Field(default_factory=dict)
    artifacts: tuple[str, ...] = ()


class Result(Record):
    """``id`` is the run's; ``attempt`` its fencing token."""

    KIND: ClassVar[str] = "result"

    job: str
    phase: Phase
    attempt: int
    summary: ResultSummary
