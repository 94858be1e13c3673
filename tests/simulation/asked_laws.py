"""What must hold of what people ask for: an answer is true, and what was granted comes about, whoever dies meanwhile.

Asked by ``laws`` of what is on record and of the world's own truth; keeps what it must remember between looks.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from swarmd.state.actions import ActionTaken, PlaceAsset, RetryJob, StartRun, StopRun
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, run_id
from swarmd.state.units import Millis
from swarmd.state.view import View

Broken = Callable[[Millis, str], AssertionError]


@dataclass
class AskedLaws:
    """``broken`` makes the law's own error. ``granted`` counts the answers that were a yes, by verb."""

    broken: Broken
    cancelled: set[str] = field(default_factory=set)
    killed: dict[str, Millis] = field(default_factory=dict)
    retried: dict[str, int] = field(default_factory=dict)
    granted: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    _answered: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)

    def hears(self, actions: Iterable[ActionTaken]) -> None:
        """Remember whom people had stopped: a run in the kernel's hands outlasts the record of the action."""
        for taken in actions:
            if isinstance(taken.action, StopRun) and taken.agent == "main_orchestrator":
                self.stopped.add(taken.action.run)

    def starts(self, view: View, run: RunOrdered, now: Millis) -> None:
        campaign = view.jobs[run.job].campaign
        if campaign in self.cancelled:
            raise self.broken(now, f"{run.id} starts though {campaign} was cancelled")

    def is_asked(self, view: View, action: StopRun) -> bool:
        """A kill that a person asked for: this run, or the end of its campaign."""
        campaign = view.campaign
        if campaign is not None and campaign.status is CampaignStatus.CANCELLED:
            return True
        requests = (view.requests.get(cause) for cause in action.caused_by)
        return any(each is not None and each.verb is Verb.KILL and not each.is_refused for each in requests)

    def looked(self, view: View, taken: Sequence[ActionTaken], now: Millis) -> None:
        for each in taken:
            match each.action:
                case RetryJob(job=job):
                    self._retries(view, job, now)
                case PlaceAsset():
                    self._places(view, each.action, now)
                case _:
                    pass
        for request in view.requests.values():
            if request.status is RequestStatus.ANSWERED and request.id not in self._answered:
                self._answered.add(request.id)
                counts = self.refused if request.is_refused else self.granted
                counts[request.verb.value] = counts.get(request.verb.value, 0) + 1
                if not request.is_refused:
                    self._holds(view, request, now)
        self._in_order(view, taken, now)

    def taken_up_again(self, view: View) -> list[str]:
        """Jobs to be tried again since the last look, by the records: who decided it may have died in that instant."""
        found = []
        for each in reversed(view.actions.values()):
            if each.id in self._known:
                break
            self._known.add(each.id)
            if isinstance(each.action, RetryJob):
                found.append(each.action.job)
        self.again.update(found)
        return found

    # -- an answer is true ------------------------------------------------------------------------------------------

    def _holds(self, view: View, request: Request, now: Millis) -> None:
        """At the end of the cycle that answered, or of the next one where the daemon died in that: by then it may have
        been asked to do something else."""
        campaign = view.campaign
        assert campaign is not None or request.verb in (Verb.STOP, Verb.STOP_NOW)
        if campaign is None or request.answer.startswith("overtaken"):
            return
        wanted = {
            Verb.CANCEL: CampaignStatus.CANCELLED,
            Verb.PAUSE: CampaignStatus.PAUSED,
            Verb.RESUME: CampaignStatus.ACTIVE,
        }.get(request.verb)
        is_now = request.at == now
        if wanted is not None and campaign.status is not wanted and (is_now or request.verb is Verb.CANCEL):
            raise self.broken(now, f"{request.id} is told {request.answer!r}, and {campaign.id} is {campaign.status}")
        match request.verb:
            case Verb.CANCEL:
                self.cancelled.add(campaign.id)
            case Verb.KILL:
                self._kills(view, request, now)
            case Verb.PRIORITISE if is_now:
                self._is_placed(view, request, now)
            case _:
                pass

    def _kills(self, view: View, request: Request, now: Millis) -> None:
        # By the answer: the daemon may have died right after it, and the lane have another run since.
        first, second, *_ = request.answer.split()
        run = view.runs.get(second if first == "killed" else first)
        if isinstance(run, RunAlive) and run.killed_at > 0:
            if first == "killed" or run.id in self.stopped:  # and not by a guard before: then it counts as that
                self.killed.setdefault(run.id, now)
        elif not isinstance(run, RunEnded) and run is not None:
            raise self.broken(now, f"{request.id} is told {request.answer!r}, and {run.id} is not killed")

    def _is_placed(self, view: View, request: Request, now: Millis) -> None:
        campaign = view.campaign
        assert campaign is not None
        tiers = [*campaign.settings.assets.tiers.values()]
        places = {
            symbol: campaign.places.get(symbol, place)
            for place, symbols in enumerate(tiers, start=1)
            for symbol in symbols
        }
        mine, others = places[request.subject], [at for symbol, at in places.items() if symbol != request.subject]
        if others and not (mine < min(others) if request.place == "first" else mine > max(others)):
            raise self.broken(now, f"{request.id} is told {request.answer!r}, and its place is {mine} among {others}")

    # -- what was granted comes about -------------------------------------------------------------------------------

    def _retries(self, view: View, job: str, now: Millis) -> None:
        record = view.jobs[job]
        if record.status is not JobStatus.QUEUED or record.fresh_from != record.attempt:
            raise self.broken(now, f"{job} is retried, and is {record.status} with attempt {record.attempt}")
        if record.not_before > now:
            raise self.broken(now, f"{job} is retried, and waits another {record.not_before - now} ms for old losses")
        self.retried[job] = record.attempt

    def _places(self, view: View, action: PlaceAsset, now: Millis) -> None:
        campaign = view.campaigns[action.campaign]
        if campaign.places.get(action.symbol) != action.place:
            raise self.broken(now, f"{action.symbol} is to be at {action.place} and is not")

    def _in_order(self, view: View, taken: Sequence[ActionTaken], now: Millis) -> None:
        """Nobody is started while a job of the same phase waits for nothing but a lane, and its asset comes before."""
        campaign = view.campaign
        is_placed_now = any(isinstance(each.action, PlaceAsset) for each in taken)
        if campaign is None or not campaign.places or is_placed_now:
            return
        started = [view.jobs[each.action.job] for each in taken if isinstance(each.action, StartRun)]
        for job in started:
            mine = campaign.places.get(job.symbol, job.priority)
            for other in view.queued_jobs():
                if (
                    other.phase is job.phase
                    and other.trials == job.trials
                    and other.branch == job.branch
                    and campaign.places.get(other.symbol, other.priority) < mine
                    and _waits_for_a_lane(view, other, now)
                ):
                    raise self.broken(now, f"{job.id} starts before {other.id}, which comes first")

    def at_the_end(self, view: View, now: Millis) -> None:
        for id, at in self.killed.items():
            run = view.runs.get(id)
            if run is None:
                continue  # so long ago that it is forgotten
            job = view.jobs.get(run.job)
            if job is None or job.campaign in self.cancelled:
                continue
            if not isinstance(run, RunEnded):
                raise self.broken(now, f"{id} was killed at {at} and never ended")
            followed = job.attempt > run.attempt or run_id(job.id, run.attempt) in view.results
            unneeded = job.status is JobStatus.SKIPPED
            if not followed and not unneeded:
                raise self.broken(now, f"{id} was killed, {job.id} is {job.status} and no attempt followed")
        for name, attempt in self.retried.items():
            job = view.jobs.get(name)
            if job is None or job.campaign in self.cancelled or job.status is JobStatus.SKIPPED:
                continue
            if job.attempt <= attempt:
                raise self.broken(now, f"{name} was to be tried again after attempt {attempt}, and was not")


def _waits_for_a_lane(view: View, job: Job, now: Millis) -> bool:
    """Of a queued job. Never begun in vain, its asset begun, its gates done, no judgement between: only a lane."""
    return (
        job.attempt == 0
        and job.not_before <= now
        and not view.waits_for(job)
        and all(view.jobs[gate].at < now for gate in job.after)  # one that opened in this cycle opens the next
        and (job.campaign, job.symbol) in view.assets_under_way
        and job.phase in (Phase.PRESCREEN, Phase.SCREEN, Phase.GUARDS)
    )
