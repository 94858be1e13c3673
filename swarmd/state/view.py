"""The one picture everybody decides from: frozen tables by id, and the questions agents ask of them.

Built by ``projection``; no agent changes it, and nothing here looks at the world or the clock.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

from swarmd.state.actions import ActionTaken, Refusal
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.champion import Champion
from swarmd.state.records.device import Device
from swarmd.state.records.failure import Failure
from swarmd.state.records.gauge import Cycle, Document, Finding, Gauge, Scores
from swarmd.state.records.hypothesis import Hypothesis
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.records.job import Job, JobStatus
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.policy import Policy
from swarmd.state.records.request import Request, RequestStatus
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.records.source import Source
from swarmd.state.records.step import Step
from swarmd.state.records.throughput import Fastest, Throughput

AnyRun = RunOrdered | RunAlive | RunEnded
A = TypeVar("A")


@dataclass(frozen=True)  # without slots: the questions asked most are answered once for each picture
class View:
    """Everything known at the end of an observation, by id. Iteration order is the order of first appearance."""

    policy: Policy
    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    jobs: Mapping[str, Job] = field(default_factory=dict)
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    runs: Mapping[str, AnyRun] = field(default_factory=dict)
    beats: Mapping[str, Beat] = field(default_factory=dict)
    results: Mapping[str, Result] = field(default_factory=dict)
    champions: Mapping[str, Champion] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)
    sessions: Mapping[str, Session] = field(default_factory=dict)
    requests: Mapping[str, Request] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)
    gauges: Mapping[str, Gauge] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)
    actions: Mapping[str, ActionTaken] = field(default_factory=dict)
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    throughputs: Mapping[str, Throughput] = field(default_factory=dict)
    fastest: Mapping[str, Fastest] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    hypotheses: Mapping[str, Hypothesis] = field(default_factory=dict)
    scores: Scores | None = None
    cycle: Cycle | None = None

    @cached_property
    def _answers(self) -> dict[Hashable, Any]:
        return {}

    def once(self, question: Hashable, answer: Callable[[], A]) -> A:
        """What ``answer`` gives, worked out once for this picture: it never changes, so neither does what follows.

        Six agents ask which jobs are ready in each cycle. ``question`` names all that the answer depends on besides
        the View; what is given back is shared, and nobody may change it.
        """
        if question not in self._answers:
            self._answers[question] = answer()
        return cast(A, self._answers[question])

    # -- campaign and session -------------------------------------------------------------------------------------

    @cached_property
    def campaign(self) -> Campaign | None:
        """The campaign being worked on: the last one started."""
        return max(self.campaigns.values(), key=lambda campaign: campaign.started_at, default=None)

    @property
    def is_working(self) -> bool:
        """Whether new runs may be started at all."""
        return self.campaign is not None and self.campaign.status is CampaignStatus.ACTIVE

    @cached_property
    def session(self) -> Session | None:
        return next((s for s in reversed(list(self.sessions.values())) if s.status is SessionStatus.OPEN), None)

    # -- jobs ---------------------------------------------------------------------------------------------------

    def jobs_of_campaign(self) -> list[Job]:
        return [*self._of_campaign]

    @cached_property
    def _of_campaign(self) -> tuple[Job, ...]:
        name = None if self.campaign is None else self.campaign.id
        return tuple(job for job in self.jobs.values() if job.campaign == name)

    def queued_jobs(self) -> list[Job]:
        """Those of the campaign that have no end yet."""
        return [*self._queued]

    @cached_property
    def _queued(self) -> tuple[Job, ...]:
        name = None if self.campaign is None else self.campaign.id
        return tuple(job for job in self.unsettled_jobs if job.campaign == name)

    @cached_property
    def unsettled_jobs(self) -> tuple[Job, ...]:
        """Jobs of any campaign without an end: few, where a long life has settled thousands."""
        return tuple(self._unsettled_by_id.values())

    @cached_property
    def _unsettled_by_id(self) -> Mapping[str, Job]:
        return {job.id: job for job in self.jobs.values() if job.status is JobStatus.QUEUED}

    @cached_property
    def begun_jobs(self) -> tuple[Job, ...]:
        """Unsettled jobs that a run was ordered for: as many as there are lanes, where thousands wait."""
        return tuple(job for job in self.unsettled_jobs if job.attempt)

    def waits_for(self, job: Job) -> list[str]:
        """Ids of the jobs that must be done before this one and are not."""
        return [other for other in job.after if other not in self.jobs or self.jobs[other].status is not JobStatus.DONE]

    def is_gated(self, job: Job) -> bool:
        """Whether ``waits_for`` would name any: asked of every queued job in every cycle."""
        for other in job.after:
            gate = self.jobs.get(other)
            if gate is None or gate.status is not JobStatus.DONE:
                return True
        return False

    # -- runs ---------------------------------------------------------------------------------------------------

    def open_runs(self) -> list[RunOrdered | RunAlive]:
        """Runs that hold their lane: ordered, running or stopping."""
        return [*self._open]

    def live_runs(self) -> list[RunAlive]:
        return [run for run in self._open if isinstance(run, RunAlive)]

    @cached_property
    def _open(self) -> tuple[RunOrdered | RunAlive, ...]:
        """Few among thousands that have ended, and asked for hundreds of times a cycle."""
        return tuple(self._open_by_id.values())

    @cached_property
    def _open_by_id(self) -> Mapping[str, RunOrdered | RunAlive]:
        return {run.id: run for run in self.runs.values() if not isinstance(run, RunEnded)}

    @cached_property
    def _open_by_job(self) -> Mapping[str, RunOrdered | RunAlive]:
        return {run.job: run for run in reversed(self._open)}  # the first of several stands

    @cached_property
    def _open_by_lane(self) -> Mapping[str, RunOrdered | RunAlive]:
        return {run.lane: run for run in reversed(self._open)}

    @cached_property
    def ended_runs(self) -> tuple[RunEnded, ...]:
        return tuple(run for run in self.runs.values() if isinstance(run, RunEnded))

    def ended_runs_of(self, job: str) -> list[RunEnded]:
        return [run for run in self.runs.values() if isinstance(run, RunEnded) and run.job == job]

    def open_run_of(self, job: str) -> RunOrdered | RunAlive | None:
        return self._open_by_job.get(job)

    def run_in(self, lane: str) -> RunOrdered | RunAlive | None:
        return self._open_by_lane.get(lane)

    # -- lanes --------------------------------------------------------------------------------------------------

    def free_lanes(self) -> list[Lane]:
        """Open lanes without a run, in their order."""
        return [*self._free]

    @cached_property
    def _free(self) -> tuple[Lane, ...]:
        taken = self._open_by_lane
        return tuple(lane for lane in self.lanes.values() if lane.status is LaneStatus.OPEN and lane.id not in taken)

    # -- the rest -----------------------------------------------------------------------------------------------

    def open_incidents(self) -> list[Incident]:
        return [*self._told_open]

    @cached_property
    def _told_open(self) -> tuple[Incident, ...]:
        return tuple(incident for incident in self.incidents.values() if incident.status is not IncidentStatus.CLOSED)

    @cached_property
    def told_of(self) -> Mapping[str, Incident]:
        """The last incident told of each subject, but for results that came too late, which are another matter."""
        return {i.subject: i for i in self.incidents.values() if i.signature is not Signature.LATE_RESULT}

    @cached_property
    def rests(self) -> tuple[Incident, ...]:
        """The times in which the whole swarm rested, because the same trouble hit everywhere."""
        return tuple(each for each in self.incidents.values() if each.signature is Signature.FLEET_WIDE)

    def pending_requests(self) -> list[Request]:
        return [request for request in self.requests.values() if request.status is RequestStatus.PENDING]

    def gauge(self, name: str, default: float = 0.0) -> float:
        return self.gauges[name].value if name in self.gauges else default
