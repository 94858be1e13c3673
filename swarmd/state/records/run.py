"""One worker process in one lane, for one job, once. A retry is a new run."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Ratio, Record
from swarmd.state.records.remedy import Remedy
from swarmd.state.units import Millis


class RunStatus(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"


_ENDS = frozenset({RunStatus.DONE, RunStatus.FAILED, RunStatus.LOST})

RUN_MOVES = Lifecycle(
    {
        RunStatus.STARTING: frozenset({RunStatus.RUNNING, RunStatus.STOPPING}) | _ENDS,
        RunStatus.RUNNING: frozenset({RunStatus.STOPPING}) | _ENDS,
        RunStatus.STOPPING: _ENDS,
        RunStatus.DONE: frozenset(),
        RunStatus.FAILED: frozenset(),
        RunStatus.LOST: frozenset(),
    }
)


class RunRecord(Record):
    """What every stage of a run's life says. ``slot`` is its place in the shared page of progress counters.

    ``remedy`` is what it tries after an earlier run was lost; ``scale`` how much it takes on at a time, as a share of
    the usual; ``engine`` what evaluates. ``node`` is the machine of the cluster: in an order
    where it is to live, afterwards where it does; empty on one machine.
    """

    KIND: ClassVar[str] = "run"

    lane: str
    job: str
    attempt: int
    slot: int
    ordered_at: Millis
    remedy: Remedy | None = None
    scale: Ratio = 1.0
    engine: Literal["auto", "cpu", "gpu"] = "cpu"
    node: str = ""


class RunOrdered(RunRecord):
    """Intended: in the journal before the process exists."""

    status: Literal[RunStatus.STARTING]


class RunAlive(RunRecord):
    """A process holds the run's lock. ``start_ticks`` and ``boot_id`` tell it from a stranger with the same pid."""

    status: Literal[RunStatus.RUNNING, RunStatus.STOPPING]
    pid: int
    start_ticks: int
    boot_id: str
    launched_at: Millis
    adopted: bool = False
    stop_asked_at: Millis = 0
    killed_at: Millis = 0


class RunEnded(RunRecord):
    """Gone. ``exit_code`` and ``signal`` are -1 where nobody could tell (an adopted process on an older kernel).

    ``high_water_bytes`` is the most memory it held resident, 0 where nobody could tell (it was adopted).
    ``was_launched`` is False where no process ever came of the order: that says nothing about the job.
    ``was_stopped`` tells that it was asked to stop, or killed, by us: the action that did so is forgotten long before.
    """

    status: Literal[RunStatus.DONE, RunStatus.FAILED, RunStatus.LOST]
    ended_at: Millis
    exit_code: int = -1
    signal: int = -1
    reason: str
    was_launched: bool = True
    was_stopped: bool = False
    high_water_bytes: int = 0


Run = Annotated[RunOrdered | RunAlive | RunEnded, Field(discriminator="status")]
RUN_SHAPES: TypeAdapter[RunOrdered | RunAlive | RunEnded] = TypeAdapter(Run)


def run_id(job: str, attempt: int) -> str:
    """Made from what the run is for, so that asking twice is harmless."""
    return f"{job}-a{attempt}"


AnyRun = RunOrdered | RunAlive | RunEnded
