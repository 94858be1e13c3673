"""What there is to do: which jobs wait, which could begin, which never will, and what was answered."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property

from swarmd.state.index import TELLER, Gates, answers, gates_of
from swarmd.state.questions.runs import OfRuns
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.units import Millis


class OfJobs(OfRuns):
    """What the View answers about jobs and assets."""

    def jobs_of_campaign(self) -> list[Job]:
        return [*self._of_campaign]

    @cached_property
    def _of_campaign(self) -> tuple[Job, ...]:
        name = None if self.campaign is None else self.campaign.id
        return tuple([job for job in self.jobs.values() if job.campaign == name])

    def queued_jobs(self) -> list[Job]:
        """Those of the campaign that have no end yet."""
        return [*self._queued]

    @property
    def n_queued_jobs(self) -> int:
        name = None if self.campaign is None else self.campaign.id
        return sum(self.tally.get((name, phase, JobStatus.QUEUED), 0) for phase in Phase) if name else 0

    @cached_property
    def _queued(self) -> tuple[Job, ...]:
        name = None if self.campaign is None else self.campaign.id
        if self.n_queued_jobs == len(self.unsettled_jobs):
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

    def begun_of(self, jobs: Iterable[str]) -> list[Job]:
        """Those of these ids that are begun and unsettled, as they were queued."""
        begun = self._begun_by_id
        return self.in_order([begun[id] for id in jobs if id in begun])

    @cached_property
    def resting_jobs(self) -> tuple[Job, ...]:
        """Begun jobs without an open run: the few that are between two attempts, or about to be settled."""
        return tuple(self.in_order(self._resting_by_id.values()))

    @cached_property
    def _resting_by_id(self) -> Mapping[str, Job]:
        busy = self._open_by_job
        return {job.id: job for job in self._begun_by_id.values() if job.id not in busy}

    @cached_property
    def begun_assets(self) -> Mapping[tuple[str, str], str]:
        """Assets by campaign that a run was ever ordered for, each with a job of it."""
        begun: dict[tuple[str, str], str] = {}
        for job in self.jobs.values():
            if job.attempt:
                begun.setdefault((job.campaign, job.symbol), job.id)
        return begun

    @cached_property
    def assets_under_way(self) -> Mapping[tuple[str, str], bool]:
        """Assets by campaign that were begun and have a job without an end, each with True; in no order."""
        begun = self.begun_assets
        return {(job.campaign, job.symbol): True for job in self.unsettled_jobs if (job.campaign, job.symbol) in begun}

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

    @cached_property
    def last_answered(self) -> Mapping[str, Millis]:
        """By campaign, when last any asset was answered."""
        last: dict[str, Millis] = {}
        for (campaign, _), at in self.answered.items():
            if at >= 0:
                last[campaign] = max(last.get(campaign, -1), at)
        return last

    @cached_property
    def unheard(self) -> Mapping[str, tuple[str, str]]:
        """Topics on which ``quant_analyst`` has not spoken since the asset was last answered, each with campaign and
        asset; in no order."""
        return {
            topic: (campaign, symbol)
            for (campaign, symbol), at in self.answered.items()
            if at >= 0
            and ((told := self.findings.get(f"{TELLER}/{(topic := f'{campaign}.{symbol}')}")) is None or told.at <= at)
        }

    @property
    def ungated_jobs(self) -> Iterable[Job]:
        """Unsettled jobs whose predecessors are all done, in no order."""
        return self._ungated_by_id.values()

    @cached_property
    def _ungated_by_id(self) -> Mapping[str, Job]:
        return {job.id: job for job in self.unsettled_jobs if gates_of(job, self.jobs) is Gates.OPEN}

    @property
    def idle_jobs(self) -> Iterable[Job]:
        """Ungated jobs without an open run, in no order."""
        return self._idle_by_id.values()

    @cached_property
    def _idle_by_id(self) -> Mapping[str, Job]:
        busy = self._open_by_job
        return {job.id: job for job in self._ungated_by_id.values() if job.id not in busy}

    @property
    def shut_jobs(self) -> Iterable[Job]:
        """Unsettled jobs behind one that has ended and is not done: their turn never comes. In no order."""
        return self._shut_by_id.values()

    @cached_property
    def _shut_by_id(self) -> Mapping[str, Job]:
        return {job.id: job for job in self.unsettled_jobs if gates_of(job, self.jobs) is Gates.SHUT}

    def jobs_behind(self, jobs: Iterable[Job]) -> list[Job]:
        """These and all unsettled ones that wait for one of them, or for one that does, as they were queued."""
        found = {job.id: job for job in jobs}
        unsettled, behind, left = self._unsettled_by_id, self._behind, [*found]
        while left:
            for id in behind.get(left.pop(), ()):
                if id in unsettled and id not in found:
                    found[id] = unsettled[id]
                    left.append(id)
        return self.in_order(found.values())

    @cached_property
    def _behind(self) -> Mapping[str, tuple[str, ...]]:
        """By the name of a gate the jobs that wait for it."""
        behind: dict[str, tuple[str, ...]] = {}
        for job in self.jobs.values():
            for gate in job.after:
                behind[gate] = (*behind.get(gate, ()), job.id)
        return behind

    def in_order(self, jobs: Iterable[Job]) -> list[Job]:
        """As they were queued."""
        places = self._places
        return sorted(jobs, key=lambda job: places[job.id])

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {job: place for place, job in enumerate(self.jobs)}

    def waits_for(self, job: Job) -> list[str]:
        """Ids of the jobs that must be done before this one and are not."""
        return [other for other in job.after if other not in self.jobs or self.jobs[other].status is not JobStatus.DONE]
