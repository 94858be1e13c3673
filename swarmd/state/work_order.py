"""What passes between the supervisor and a run: the order, the exit codes, the lines of the outbox.

The supervisor writes ``state/run/<run>.order.json`` before the process exists and never again; the run reads it once.
Everything the run has to say goes to its own outbox, which it alone writes.
"""

from enum import IntEnum
from typing import Literal

from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase
from swarmd.state.records.record import Ratio, Shape
from swarmd.state.records.result import ResultSummary
from swarmd.state.records.throughput import Speed
from swarmd.state.units import Millis

LOCK_FD_VARIABLE = "SWARMD_LOCK_FD"
BEATS_VARIABLE = "SWARMD_BEATS"
# The mark of a run, which every descendant carries: ``<run>@<directory of the locks>``.
RUN_VARIABLE = "SWARMD_RUN"
# Where the supervisor puts the locked descriptor.
LOCK_FD = 3

# A lane that is started before its order is known: the word on its command line, and what the two say to each other.
SPARE_OPTION = "--spare"
SPARE_READY, SPARE_TAKEN = b"ready", b"taken"
SPARE_MESSAGE_BYTES = 1 << 16
# Of a process that is forked for every courier, having imported what all of them need.
ZYGOTE_OPTION = "--zygote"

AskedEngine = Literal["auto", "cpu", "gpu"]


class ExitCode(IntEnum):
    """How a run ends. ``YIELDED``: it was asked to stop, and did so at a safe point with its work kept.

    ``NODE_LOST`` is what stands in for a run of another machine says when that machine is gone: the run itself cannot.
    ``CLUSTER_LOST``, when it could not reach the cluster, or lost it as a whole.
    """

    DONE = 0
    BAD_ORDER = 2
    DATA = 3
    DEVICE = 4
    OUT_OF_MEMORY = 5
    NODE_LOST = 6
    CLUSTER_LOST = 7
    YIELDED = 75


class WorkOrder(Shape):
    """``token`` is the fencing token (the job's attempt); ``home`` and ``campaign.data.root`` are absolute paths."""

    schema_: Literal["swarmd.order/1"] = "swarmd.order/1"
    run: str
    job: str
    token: int
    lane: str
    phase: Phase
    symbol: str
    mode: str
    home: str
    session: str
    threads: int
    # What prescreens: a lane of a GPU says auto, and every other makes no CUDA context.
    engine: AskedEngine = "cpu"
    # The UUID of the graphics processor of the lane, the only one that the run sees; empty: it sees none.
    device: str = ""
    # How much it takes on at a time, as a share of the usual: less after it ran out of memory.
    scale: Ratio = 1.0
    # A rung of a refinement ends after so many trials of the search; None is all that the campaign asks for.
    trials: int | None = None
    # What is tried once more after the guards said no; None in the chain itself.
    branch: str | None = None
    # A share of the surrogate markets: the number of the first, and how many.
    surrogates: tuple[int, int] | None = None
    # The machine of the cluster that the lane is put on; empty on one machine, and where any will do.
    node: str = ""
    campaign: CampaignSettings


class HandOver(Shape):
    """What makes a run of a spare, sent with two descriptors, the run's lock and its log: the order's path, and what
    is different in its environment from that of the spare's start."""

    order: str
    environment: dict[str, str]


class Birth(Shape):
    """What a zygote is asked for, sent with two descriptors, the new process's end of its link and its log: a spare
    courier with this mark. ``is_bare``: one that takes its order as it is, without a link to the cluster."""

    mark: str
    is_bare: bool = False


class ReadyLine(Shape):
    """First line of ``events.jsonl``: the run has read its order, holds its locks, and begins."""

    event: Literal["ready"] = "ready"
    token: int
    pid: int
    wall: Millis


class SaidLine(Shape):
    """Something worth a person's attention, kept with the run."""

    event: Literal["said"] = "said"
    token: int
    text: str
    wall: Millis


class SpeedLine(Shape):
    """How fast a prescreen evaluated; told before its result."""

    event: Literal["speed"] = "speed"
    token: int
    speed: Speed
    wall: Millis


class ResultLine(Shape):
    """The last line of a run that did its work."""

    event: Literal["result"] = "result"
    token: int
    summary: ResultSummary
    wall: Millis
