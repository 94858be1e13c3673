"""The tables of one instant, frozen, by kind and id; and the campaign and session they are about."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import is_
from typing import Any, TypeVar, cast

from swarmd.state.actions import ActionTaken, Refusal
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.champion import Champion
from swarmd.state.records.device import Device
from swarmd.state.records.errand import Errand
from swarmd.state.records.failure import Failure
from swarmd.state.records.gauge import Cycle, Document, Finding, Gauge, Scores
from swarmd.state.records.hypothesis import Hypothesis
from swarmd.state.records.incident import Incident
from swarmd.state.records.job import Job
from swarmd.state.records.lane import Lane
from swarmd.state.records.lesson import Lesson
from swarmd.state.records.monitoring import Monitoring
from swarmd.state.records.node import Node
from swarmd.state.records.policy import Policy
from swarmd.state.records.request import Request
from swarmd.state.records.result import Result
from swarmd.state.records.run import AnyRun
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.records.source import Source
from swarmd.state.records.step import Step
from swarmd.state.records.throughput import Fastest, Throughput

A = TypeVar("A")


@dataclass(frozen=True)  # without slots: what is asked often is answered once a picture
class Picture:
    """What ``projection`` fills; asked through ``View``."""

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
    nodes: Mapping[str, Node] = field(default_factory=dict)
    findings: Mapping[str, Finding] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)
    actions: Mapping[str, ActionTaken] = field(default_factory=dict)
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    throughputs: Mapping[str, Throughput] = field(default_factory=dict)
    fastest: Mapping[str, Fastest] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    hypotheses: Mapping[str, Hypothesis] = field(default_factory=dict)
    lessons: Mapping[str, Lesson] = field(default_factory=dict)
    monitorings: Mapping[str, Monitoring] = field(default_factory=dict)
    errands: Mapping[str, Errand] = field(default_factory=dict)
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

    @cached_property
    def _kept(self) -> dict[Hashable, tuple[tuple[object, ...], Any]]:
        return {}

    def while_same(self, question: Hashable, of: tuple[object, ...], answer: Callable[[], A]) -> A:
        """What ``answer`` gives, worked out anew only when one of ``of`` is another object than it was last time.

        For what is asked in every cycle and hangs on little of the picture: pictures of one projection share a table
        into which nothing was put in between, and each record is one object as long as it stands. ``of`` names all of
        the View that the answer depends on (tables, records), ``question`` what else; what is given back is shared.
        """
        known = self._kept.get(question)
        if known is None or not all(map(is_, known[0], of)):
            known = self._kept[question] = (of, answer())
        return cast(A, known[1])

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

    def gauge(self, name: str, default: float = 0.0) -> float:
        return self.gauges[name].value if name in self.gauges else default
