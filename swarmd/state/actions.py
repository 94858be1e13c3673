"""The closed set of things an agent may wish for.

An agent returns these as wishes; what the arbiter lets stand is journalled as an action before anything happens.
Each says why, in numbers, and names the records it follows from.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.claim import StatedClaim
from swarmd.state.records.hypothesis import HypothesisStatus
from swarmd.state.records.incident import Signature
from swarmd.state.records.job import JobStatus, Phase
from swarmd.state.records.lane import LaneStatus
from swarmd.state.records.lesson import Scope
from swarmd.state.records.record import Ratio, Record, Shape
from swarmd.state.records.remedy import Remedy
from swarmd.state.records.step import StepStatus
from swarmd.state.units import Millis


class Wish(Shape):
    reason: str
    caused_by: tuple[str, ...] = ()


class StartRun(Wish):
    """Order a run of ``job`` in ``lane``; ``attempt`` is one more than the job's last.

    ``remedy`` is what it tries where an earlier run was lost, ``scale`` how much of the usual it takes on at a time.
    """

    kind: Literal["start_run"] = "start_run"
    job: str
    lane: str
    attempt: int
    remedy: Remedy | None = None
    scale: Ratio = 1.0
    engine: Literal["auto", "cpu", "gpu"] = "cpu"


class StopRun(Wish):
    """``term`` asks for a safe point; ``kill`` takes evidence first and then ends the whole process group."""

    kind: Literal["stop_run"] = "stop_run"
    run: str
    how: Literal["term", "kill"]


class QueueJob(Wish):
    """``trials`` makes a rung of a refine job: it ends after so many. ``branch`` says what is tried once more,
    ``surrogates`` which markets are searched: the number of the first, and how many."""

    kind: Literal["queue_job"] = "queue_job"
    job: str
    campaign: str
    symbol: str
    mode: str
    phase: Phase
    priority: int
    after: tuple[str, ...] = ()
    trials: int | None = None
    branch: str | None = None
    surrogates: tuple[int, int] | None = None


class HoldJob(Wish):
    """Back-off as data: the job waits until ``not_before``."""

    kind: Literal["hold_job"] = "hold_job"
    job: str
    not_before: Millis


class SettleJob(Wish):
    """The job has come to an end; ``run`` is the run whose result counted, or empty."""

    kind: Literal["settle_job"] = "settle_job"
    job: str
    status: Literal[JobStatus.DONE, JobStatus.FAILED, JobStatus.QUARANTINED, JobStatus.SKIPPED]
    run: str = ""


class RetryJob(Wish):
    """A fresh start for a job that ended badly: queued again, with nothing counted that was lost before."""

    kind: Literal["retry_job"] = "retry_job"
    job: str


class PlaceAsset(Wish):
    """Move an asset in the queue: ``place`` stands for its tier's position, less is sooner."""

    kind: Literal["place_asset"] = "place_asset"
    campaign: str
    symbol: str
    place: int


class SetLane(Wish):
    """``node`` is the machine of a cluster it is to stand on from now; None leaves it where it is."""

    kind: Literal["set_lane"] = "set_lane"
    lane: str
    status: LaneStatus
    node: str | None = None


class SetCampaign(Wish):
    kind: Literal["set_campaign"] = "set_campaign"
    campaign: str
    status: CampaignStatus


class OpenIncident(Wish):
    """``reason`` is the cause as told; ``incident`` is ``<subject>/<signature>``, so saying it twice is harmless.

    ``since`` is when the trouble began, where that was before anybody could tell it for one; else 0.
    """

    kind: Literal["open_incident"] = "open_incident"
    incident: str
    signature: Signature
    subject: str
    remedy: str
    expected: str
    due: Millis
    since: Millis = 0
    evidence: tuple[str, ...] = ()
    rung: Remedy | None = None


class CloseIncident(Wish):
    """``reason`` is the outcome; ``is_verified`` says whether it is what the remedy was expected to bring about."""

    kind: Literal["close_incident"] = "close_incident"
    incident: str
    is_verified: bool = True


class SetStep(Wish):
    kind: Literal["set_step"] = "set_step"
    step: str
    what: str
    expected_outcome: str
    due: Millis
    status: StepStatus = StepStatus.PENDING


class RebuildSource(Wish):
    """Make a published file or a monitor anew."""

    kind: Literal["rebuild_source"] = "rebuild_source"
    source: str


class AnswerRequest(Wish):
    """``is_refused`` tells a no from a yes; what was so already is a yes."""

    kind: Literal["answer_request"] = "answer_request"
    request: str
    is_refused: bool = False


class Say(Wish):
    """A finding worth a line, said once: ``reason`` is the text, ``topic`` what it is about."""

    kind: Literal["say"] = "say"
    topic: str


class WriteHandoff(Wish):
    kind: Literal["write_handoff"] = "write_handoff"


class WriteDocuments(Wish):
    """Pages for people, by their file names, to be written anew from the records."""

    kind: Literal["write_documents"] = "write_documents"
    names: tuple[str, ...]


class StateHypothesis(Wish):
    """A claim, before anything is tried: ``hypothesis`` is ``<campaign>.<SYMBOL>.<mode>``, or ``<campaign>/<digest>``
    where somebody ``stated`` it, in the campaign's file (``origin``) or as a person."""

    kind: Literal["state_hypothesis"] = "state_hypothesis"
    hypothesis: str
    campaign: str
    symbol: str
    mode: str
    claim: str
    threshold: float
    origin: Literal["standard", "campaign", "person"] = "standard"
    stated: StatedClaim | None = None


class JudgeHypothesis(Wish):
    """What became of a claim; ``reason`` is the verdict in figures."""

    kind: Literal["judge_hypothesis"] = "judge_hypothesis"
    hypothesis: str
    status: Literal[HypothesisStatus.SUPPORTED, HypothesisStatus.NOT_SUPPORTED, HypothesisStatus.NOT_JUDGED]
    measured: float | None
    tried: int
    held: int = 0
    n: int = 0
    evidence: tuple[str, ...] = ()


class TellLesson(Wish):
    """What a campaign has taught by now; ``reason`` is the sentence, ``lesson`` is ``<campaign>/<topic>``."""

    kind: Literal["tell_lesson"] = "tell_lesson"
    lesson: str
    campaign: str
    topic: str
    scope: Scope
    n: int
    held: int
    low: float
    high: float
    evidence: tuple[str, ...] = ()


class KeepKnowledge(Wish):
    """Put what was learned into the knowledge base, in a process of its own."""

    kind: Literal["keep_knowledge"] = "keep_knowledge"


class MonitorChampions(Wish):
    """Hold the champions in force to their promises, in a process of its own; ``niches`` are those that have one."""

    kind: Literal["monitor_champions"] = "monitor_champions"
    niches: tuple[str, ...]


class EndSession(Wish):
    """The daemon leaves; lanes that still run go on without it unless they were stopped first."""

    kind: Literal["end_session"] = "end_session"


Action = Annotated[
    StartRun
    | StopRun
    | QueueJob
    | HoldJob
    | SettleJob
    | RetryJob
    | PlaceAsset
    | SetLane
    | SetCampaign
    | OpenIncident
    | CloseIncident
    | SetStep
    | RebuildSource
    | AnswerRequest
    | Say
    | WriteHandoff
    | WriteDocuments
    | StateHypothesis
    | JudgeHypothesis
    | TellLesson
    | KeepKnowledge
    | MonitorChampions
    | EndSession,
    Field(discriminator="kind"),
]
ACTION_SHAPES: TypeAdapter[Action] = TypeAdapter(Action)


class ActionTaken(Record):
    """A wish the arbiter let stand; the id is ``a<cycle>-<n>``."""

    KIND: ClassVar[str] = "action"

    agent: str
    action: Action


class Refusal(Record):
    """A wish it did not, with the reason in numbers; the id is made from the wish: a standing refusal is one record."""

    KIND: ClassVar[str] = "refusal"

    agent: str
    action: Action
    because: str
