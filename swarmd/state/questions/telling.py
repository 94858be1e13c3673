"""What was said, asked and decided: incidents, requests, hypotheses, actions, results to be counted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import takewhile

from swarmd.state.actions import ActionTaken, StopRun
from swarmd.state.index import EFFORTS, LAST_OF_CHAIN, is_loose
from swarmd.state.questions.picture import Picture
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.records.job import JobStatus
from swarmd.state.records.request import Request, RequestStatus
from swarmd.state.records.result import Result


class OfTelling(Picture):
    """What the View answers about words and deeds."""

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
        return self.while_same("told_of", (self.incidents,), self._told_of)

    def _told_of(self) -> Mapping[str, Incident]:
        return {i.subject: i for i in self.incidents.values() if i.signature is not Signature.LATE_RESULT}

    @cached_property
    def rests(self) -> tuple[Incident, ...]:
        """The times in which the whole swarm rested, because the same trouble hit everywhere."""
        return self.while_same("rests", (self.incidents,), self._fleet_wide)

    def _fleet_wide(self) -> tuple[Incident, ...]:
        return tuple([each for each in self.incidents.values() if each.signature is Signature.FLEET_WIDE])

    def actions_of_cycle(self, number: int) -> list[ActionTaken]:
        """What was done in the last cycle that did anything, if it bears this number; in the order in which it was."""
        mark = f"a{number}-"
        return [*takewhile(lambda taken: taken.id.startswith(mark), reversed([*self.actions.values()]))][::-1]

    def pending_requests(self) -> list[Request]:
        return [*self._pending_by_id.values()]

    @cached_property
    def _pending_by_id(self) -> Mapping[str, Request]:
        return {each.id: each for each in self.requests.values() if each.status is RequestStatus.PENDING}

    @cached_property
    def n_hypotheses(self) -> Mapping[str, int]:
        """How many standard claims were stated of a campaign: one for each asset and mode."""
        return Counter(each.campaign for each in self.hypotheses.values() if each.origin == "standard")

    @property
    def stated_hypotheses(self) -> Iterable[Hypothesis]:
        """Those not judged yet."""
        return self._stated_by_id.values()

    @cached_property
    def _stated_by_id(self) -> Mapping[str, Hypothesis]:
        return {each.id: each for each in self.hypotheses.values() if each.status is HypothesisStatus.STATED}

    @property
    def ripe_hypotheses(self) -> list[Hypothesis]:
        """Those not judged yet whose chain has come to its end, in the order in which they were stated."""
        ripe = self._ripe_by_id
        if len(ripe) < 2:
            return [*ripe.values()]
        return [each for each in self._stated_by_id.values() if each.id in ripe]

    @cached_property
    def _ripe_by_id(self) -> Mapping[str, Hypothesis]:
        ends = ((each, self.jobs.get(each.id + LAST_OF_CHAIN)) for each in self._stated_by_id.values())
        return {each.id: each for each, last in ends if last is not None and last.status is not JobStatus.QUEUED}

    @property
    def authored_hypotheses(self) -> Iterable[Hypothesis]:
        """Those not judged yet that a person or a campaign's file claims, in the order in which they were stated."""
        return self._authored_by_id.values()

    @cached_property
    def _authored_by_id(self) -> Mapping[str, Hypothesis]:
        return {each.id: each for each in self._stated_by_id.values() if each.origin != "standard"}

    @property
    def efforts(self) -> Iterable[ActionTaken]:
        """Actions on record that are taken again where they were in vain, the first one first."""
        return self._efforts_by_id.values()

    @cached_property
    def _efforts_by_id(self) -> Mapping[str, ActionTaken]:
        return {each.id: each for each in self.actions.values() if isinstance(each.action, EFFORTS)}

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
