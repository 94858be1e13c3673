"""Gives free lanes work: the best ready job of an asset the batch has room for, one run a lane a cycle.

Bounded for the whole fleet: when too many runs were lost in the window nothing is started until the count falls, and
that is said once; so is a job that would not fit into memory beside the running ones, by what runs of its phase took.
In a cluster each node has its own memory, and a job that was lost goes to another node where there is one. A lane of a
graphics processor takes prescreens and nothing else, and while one is open they wait for it. A lane whose result has
just come waits a cycle for what that opens. What a job waits for stands in its record; no timer lives here.
"""

from collections.abc import Iterable, Iterator

from swarmd.agents.rules.arrived import lanes_with_news
from swarmd.agents.rules.gpu_work import belongs_on_gpu, ready_with_a_lane, why_here
from swarmd.agents.rules.losses import storm_of_losses
from swarmd.agents.rules.node_lanes import may_work
from swarmd.agents.rules.places import Places
from swarmd.agents.rules.ranking import ranked, urgency
from swarmd.agents.rules.readiness import assets_in_flight
from swarmd.agents.rules.remedies import prescribed
from swarmd.state.actions import Action, Say, StartRun
from swarmd.state.records.job import Job, Phase
from swarmd.state.records.lane import Lane
from swarmd.state.records.run import run_id
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.state.work_order import AskedEngine

NAME = "auto_scheduler"
_STORM, _MEMORY = "storm", "memory"
# Started in one cycle at most; the next follows at once. Whatever else happens must not wait for a thousand starts.
_AT_ONCE = 100


def decide(view: View, now: Millis) -> list[Action]:
    finding = view.findings.get(f"{NAME}/{_STORM}")
    is_said = finding is not None and finding.text != ""
    policy = view.policy
    if lost := storm_of_losses(view, now):
        text = (
            f"{len(lost)} runs lost within {policy.fleet_window} ms (limit {policy.fleet_losses_max}): "
            "nothing is started until the count falls"
        )
        causes = tuple(run.id for run in lost[-5:])
        return [] if is_said else [Say(topic=_STORM, reason=text, caused_by=causes)]
    over: list[Action] = [Say(topic=_STORM, reason="", caused_by=(f"{NAME}/{_STORM}",))] if is_said else []
    return [*over, *_starts(view, now)]


def _starts(view: View, now: Millis) -> list[Action]:
    free = _free(view, now)
    n_on_gpu = sum(1 for lane in free if lane.is_on_gpu)
    ready = ready_with_a_lane(view, now, n_cpu=len(free) - n_on_gpu, n_gpu=n_on_gpu)
    if not ready:
        return _said_of_memory(view, "")
    places = Places(view, free)
    pairs: list[tuple[Lane, Job]] = []
    for job in _within_batch(view, ranked(view, ready)):
        if len(pairs) == len(free):
            break
        if (lane := places.take(job, on_gpu=belongs_on_gpu(view, job, now))) is not None:
            pairs.append((lane, job))
    starts = [_start(view, job, lane, rank, len(ready), now) for rank, (lane, job) in enumerate(pairs, start=1)]
    return [*_said_of_memory(view, places.refused), *starts]


def _free(view: View, now: Millis) -> list[Lane]:
    """So many free lanes; in a cluster those whose node is there and takes work."""
    news = lanes_with_news(view, now)
    free = [lane for lane in view.free_lanes() if lane.id not in news]
    if view.policy.on_nodes:
        free = [lane for lane in free if may_work(view, lane, now)]
    if view.gpu_lanes:
        # Those that take one kind of work alone before all others: it would wait for ever behind a hundred free ones.
        free.sort(key=lambda lane: not lane.is_on_gpu)
    return free[:_AT_ONCE]


def _said_of_memory(view: View, refused: str) -> list[Action]:
    """What waits because it would not fit: said once, and taken back when nothing does; its figures may move."""
    finding = view.findings.get(f"{NAME}/{_MEMORY}")
    is_said = finding is not None and finding.text != ""
    if is_said == bool(refused):
        return []
    return [Say(topic=_MEMORY, reason=refused, caused_by=("host.mem_available_bytes",))]


def _within_batch(view: View, jobs: Iterable[Job]) -> Iterator[Job]:
    """Those the batch has room for, each beginning asset taking one of its places; one crown per asset at a time."""
    campaign = view.campaign
    size = campaign.settings.assets.batch_size if campaign is not None else 0
    begun = assets_in_flight(view)
    # Two modes of one asset claim the same niche: crowned one after the other, the better one stands in the end.
    crowning: set[str] | None = None
    for job in jobs:
        if job.symbol not in begun and len(begun) >= size:
            continue
        if job.phase is Phase.CROWN:
            crowning = _being_crowned(view) if crowning is None else crowning
            if job.symbol in crowning:
                continue
            crowning.add(job.symbol)
        begun.add(job.symbol)
        yield job


def _being_crowned(view: View) -> set[str]:
    return {job.symbol for run in view.open_runs() if (job := view.jobs.get(run.job)) and job.phase is Phase.CROWN}


def _start(view: View, job: Job, lane: Lane, rank: int, ready: int, now: Millis) -> StartRun:
    what = f"{job.phase.value} of {job.symbol}{f' {job.mode}' if job.mode else ''}"
    place = f"number {rank} of {ready} ready (priority {urgency(view, job)}, attempt {job.attempt + 1})"
    why = f"; prescreens take a lane of {lane.place} while one is open" if lane.is_on_gpu else why_here(view, job)
    reason = f"{lane.id} is free; {what} is {place}{why}"
    # Auto: where the device turns out to be of no use, the run says so and falls back on the processor.
    engine: AskedEngine = "auto" if lane.is_on_gpu else "cpu"
    before = (run_id(job.id, job.attempt),) if job.attempt > 0 else ()
    gates = tuple(run_id(gate, view.jobs[gate].attempt) for gate in job.after if gate in view.jobs)
    causes = (job.id, *(cause for cause in (*before, *gates) if cause in view.runs), lane.id)
    after = prescribed(view, job, now)
    if after is None:
        return StartRun(
            job=job.id, lane=lane.id, attempt=job.attempt + 1, reason=reason, caused_by=causes, engine=engine
        )
    return StartRun(
        job=job.id,
        lane=lane.id,
        attempt=job.attempt + 1,
        reason=f"{reason}; {after.remedy.value} after {after.why}",
        caused_by=causes,
        remedy=after.remedy,
        scale=after.scale,
        engine=engine,
    )
