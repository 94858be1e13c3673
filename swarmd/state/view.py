"""The one picture everybody decides from: frozen tables by id, and the questions agents ask of them.

Built by ``projection``; no agent changes it, and nothing here looks at the world or the clock.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

from swarmd.state.actions import ActionTaken, Refusal, StopRun
from swarmd.state.index import Gates, answers, gates_of, is_loose
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.champion import Champion
from swarmd.state.records.device import Device
from swarmd.state.records.failure import Failure
from swarmd.state.records.gauge import Cycle, Document, Finding, Gauge, Scores
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.policy import Policy
from swarmd.state.records.request import Request, RequestStatus
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.records.source import Source
from swarmd.state.records.step import Step
from swarmd.state.records.throughput import Fastest, Throughput
from swarmd.state.units import Millis

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
        return tuple([job for job in self.jobs.values() if job.campaign == name])

    def queued_jobs(self) -> list[Job]:
        """Those of the campaign that have no end yet."""
        return [*self._queued]

    @cached_property
    def _queued(self) -> tuple[Job, ...]:
        name = None if self.campaign is None else self.campaign.id
        n_queued = sum(self.tally.get((name, phase, JobStatus.QUEUED), 0) for phase in Phase) if name else 0
        if n_queued == len(self.unsettled_jobs):
            return self.unsettled_jobs
        return tuple([job for job in self.unsettled_jobs if job.campaign == name])

    @cached_property
    def unsettled_jobs(self) -> tuple[Job, ...]:
        """Jobs of any campaign without an end: few, where a long life has settled thousands."""
        return tuple(self._unsettled_by_id.values())

    @property
    def unsettled(self) -> Mapping[str, Job]:
        """The same by id."""
        return self._unsettled_by_id

    @cached_property
    def _unsettled_by_id(self) -> Mapping[str, Job]:
        return {job.id: job for job in self.jobs.values() if job.status is JobStatus.QUEUED}

    @cached_property
    def begun_jobs(self) -> tuple[Job, ...]:
        """Unsettled jobs that a run was ordered for: as many as there are lanes, where thousands wait."""
        return tuple(self.in_order(self._begun_by_id.values()))

    @cached_property
    def _begun_by_id(self) -> Mapping[str, Job]:
        return {job.id: job for job in self.unsettled_jobs if job.attempt}

    @cached_property
    def resting_jobs(self) -> tuple[Job, ...]:
        """Begun jobs without an open run: the few that are between two attempts, or about to be settled."""
        busy = self._open_by_job
        return tuple(self.in_order([job for job in self._begun_by_id.values() if job.id not in busy]))

    @cached_property
    def begun_assets(self) -> Mapping[tuple[str, str], str]:
        """Assets by campaign that a run was ever ordered for, each with a job of it."""
        begun: dict[tuple[str, str], str] = {}
        for job in self.jobs.values():
            if job.attempt:
                begun.setdefault((job.campaign, job.symbol), job.id)
        return begun

    @cached_property
    def tally(self) -> Mapping[tuple[str, Phase, JobStatus], int]:
        """How many jobs of a campaign and phase are in a status."""
        return Counter((job.campaign, job.phase, job.status) for job in self.jobs.values())

    def n_jobs(self, campaign: str) -> int:
        return sum(count for (name, _, _), count in self.tally.items() if name == campaign)

    @cached_property
    def answered(self) -> Mapping[tuple[str, str], Millis]:
        """By campaign and asset, when last a job of it ended that tells something of the market; -1 where none has."""
        last: dict[tuple[str, str], Millis] = {}
        for job in self.jobs.values():
            asset = job.campaign, job.symbol
            last[asset] = max(last.get(asset, -1), job.at if answers(job) else -1)
        return last

    @property
    def ungated_jobs(self) -> Iterable[Job]:
        """Unsettled jobs whose predecessors are all done, in no order."""
        return self._ungated_by_id.values()

    @cached_property
    def _ungated_by_id(self) -> Mapping[str, Job]:
        return {job.id: job for job in self.unsettled_jobs if gates_of(job, self.jobs) is Gates.OPEN}

    @property
    def shut_jobs(self) -> Iterable[Job]:
        """Unsettled jobs behind one that has ended and is not done: their turn never comes. In no order."""
        return self._shut_by_id.values()

    @cached_property
    def _shut_by_id(self) -> Mapping[str, Job]:
        return {job.id: job for job in self.unsettled_jobs if gates_of(job, self.jobs) is Gates.SHUT}

    def in_order(self, jobs: Iterable[Job]) -> list[Job]:
        """As they were queued."""
        return sorted(jobs, key=lambda job: self._places[job.id])

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {job: place for place, job in enumerate(self.jobs)}

    def waits_for(self, job: Job) -> list[str]:
        """Ids of the jobs that must be done before this one and are not."""
        return [other for other in job.after if other not in self.jobs or self.jobs[other].status is not JobStatus.DONE]

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
        """In the order in which they ended."""
        return tuple(self._ended_by_id.values())

    @cached_property
    def _ended_by_id(self) -> dict[str, RunEnded]:
        ended = [run for run in self.runs.values() if isinstance(run, RunEnded)]
        return {run.id: run for run in sorted(ended, key=lambda run: run.ended_at)}

    @property
    def runs_told_to_stop(self) -> Iterable[str]:
        """Ended runs that were told to stop, as they themselves say."""
        return self._told_to_stop_by_id

    @cached_property
    def _told_to_stop_by_id(self) -> Mapping[str, RunEnded]:
        return {run.id: run for run in self.ended_runs if run.was_stopped}

    def ended_since(self, since: Millis) -> list[RunEnded]:
        """Runs that ended after that instant, the first one first."""
        late: list[RunEnded] = []
        ended = self._ended_by_id
        for id in reversed(ended):
            run = ended[id]
            if run.ended_at <= since:
                break
            late.append(run)
        return late[::-1]

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
        return tuple(self._told_open_by_id.values())

    @cached_property
    def _told_open_by_id(self) -> Mapping[str, Incident]:
        return {each.id: each for each in self.incidents.values() if each.status is not IncidentStatus.CLOSED}

    def last_closed(self, count: int) -> list[Incident]:
        """So many incidents that were closed last, and those closed at the same instant as the first of them."""
        found: list[Incident] = []
        for each in reversed(self._closed_by_id.values()):
            if len(found) >= count and each.at < found[-1].at:
                break
            found.append(each)
        return found

    @cached_property
    def _closed_by_id(self) -> dict[str, Incident]:
        closed = [each for each in self.incidents.values() if each.status is IncidentStatus.CLOSED]
        return {each.id: each for each in sorted(closed, key=lambda each: each.at)}

    @cached_property
    def told_of(self) -> Mapping[str, Incident]:
        """The last incident told of each subject, but for results that came too late, which are another matter."""
        return {i.subject: i for i in self.incidents.values() if i.signature is not Signature.LATE_RESULT}

    @cached_property
    def rests(self) -> tuple[Incident, ...]:
        """The times in which the whole swarm rested, because the same trouble hit everywhere."""
        return tuple(each for each in self.incidents.values() if each.signature is Signature.FLEET_WIDE)

    def pending_requests(self) -> list[Request]:
        return [*self._pending_by_id.values()]

    @cached_property
    def _pending_by_id(self) -> Mapping[str, Request]:
        return {each.id: each for each in self.requests.values() if each.status is RequestStatus.PENDING}

    @cached_property
    def n_hypotheses(self) -> Mapping[str, int]:
        """How many were stated of a campaign."""
        return Counter(each.campaign for each in self.hypotheses.values())

    @property
    def stated_hypotheses(self) -> Iterable[Hypothesis]:
        """Those not judged yet."""
        return self._stated_by_id.values()

    @cached_property
    def _stated_by_id(self) -> Mapping[str, Hypothesis]:
        return {each.id: each for each in self.hypotheses.values() if each.status is HypothesisStatus.STATED}

    @property
    def stopped_runs(self) -> Iterable[str]:
        """Runs that were told to stop by the actions on record, each as often as it was told."""
        return self._stops.values()

    @cached_property
    def _stops(self) -> Mapping[str, str]:
        return {each.id: each.action.run for each in self.actions.values() if isinstance(each.action, StopRun)}

    @property
    def loose_results(self) -> Iterable[Result]:
        """Results that their job has not ended with: to be counted, or too late."""
        return self._loose_by_id.values()

    @cached_property
    def _loose_by_id(self) -> Mapping[str, Result]:
        return {each.id: each for each in self.results.values() if is_loose(each, self.jobs.get(each.job))}

    def gauge(self, name: str, default: float = 0.0) -> float:
        return self.gauges[name].value if name in self.gauges else default
