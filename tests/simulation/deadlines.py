"""When may the next decision come about by time alone? Looks before that would decide nothing, and are left out.

Errs on the early side: one look too many costs a millisecond, one too few would change what is decided. A test plays
the same seeds with every look and holds both to the same actions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import is_

from swarmd.agents import auto_scheduler, champion_keeper, curator, quant_analyst
from swarmd.agents.rules.losses import RESULT_GRACE_CYCLES
from swarmd.agents.rules.pulse import UNKILLABLE_GRACES
from swarmd.state.actions import ActionTaken, RebuildSource, WriteDocuments, WriteHandoff
from swarmd.state.records.beat import Beat
from swarmd.state.records.errand import KNOWLEDGE, ErrandStatus
from swarmd.state.records.incident import IncidentStatus
from swarmd.state.records.monitoring import CHAMPIONS, MonitoringStatus
from swarmd.state.records.policy import Policy
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, run_id
from swarmd.state.records.source import SourceStatus
from swarmd.state.records.step import StepStatus
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.sensors.errands import limit_of

NEVER: Millis = 1 << 60
_TRIES_REMEMBERED: Millis = 30 * 60_000


class Deadlines:
    """Remembers the instants of each run for as long as the run and its beat stay as they are."""

    def __init__(self, beats_every: Millis) -> None:
        self._beats_every = beats_every
        self._of_runs: dict[str, _OfRun] = {}
        self._seen: tuple[object, object, object] = (None, None, None)
        self._soonest, self._last_still = -1, -1

    def next_one(self, view: View, now: Millis) -> Millis:
        """The first instant after ``now`` at which a rule's figure crosses its limit, or a beat is due."""
        seen = view.open_by_id, view.beats, view.policy
        if self._soonest <= now or not all(map(is_, seen, self._seen)):
            self._seen = seen
            self._learn(view, now)
        soonest = self._soonest
        if self._last_still >= 0:
            soonest = min(soonest, _after(now, self._last_still + view.policy.no_worker_after + 1))
        others = _instants(view, now, self._beats_every)
        return min(soonest, min((instant for instant in others if instant > now), default=NEVER))

    def _learn(self, view: View, now: Millis) -> None:
        """The first instant of any run after ``now``, and when the last of them advanced."""
        known, self._of_runs = self._of_runs, {}
        beats, self._soonest, self._last_still = view.beats, NEVER, -1
        for id, run in view.open_by_id.items():
            beat, of_run = beats.get(id), known.get(id)
            if of_run is None or of_run.run is not run or of_run.beat is not beat:
                of_run = _of_run(run, beat, view.policy)
            self._of_runs[id] = of_run
            self._last_still = max(self._last_still, of_run.still_since)
            for instant in of_run.instants:  # in their order
                if instant > now:
                    self._soonest = min(self._soonest, instant)
                    break


@dataclass(frozen=True, slots=True)
class _OfRun:
    """``instants`` in their order; ``still_since`` is when it last advanced, -1 where that is not asked of it."""

    run: RunOrdered | RunAlive
    beat: Beat | None
    instants: list[Millis]
    still_since: Millis


def _after(now: Millis, instant: Millis) -> Millis:
    return instant if instant > now else NEVER


def _instants(view: View, now: Millis, beats_every: Millis) -> Iterator[Millis]:
    policy, watched = view.policy, view.session.at if view.session else 0
    if view.open_runs():
        yield (now // beats_every + 1) * beats_every
        yield watched + policy.start_within + 1
        yield watched + policy.silent_after + 1
        yield watched + policy.stuck_after + 1
        yield watched + policy.first_result_within + 1
        yield watched + policy.stopped_after + 1
        yield watched + policy.term_grace + 1
    yield from _of_jobs(view, policy)
    # A storm is over when enough losses have left the window; that runs leave it otherwise lets nobody decide.
    storm = view.findings.get(f"{auto_scheduler.NAME}/storm")
    if storm is not None and storm.text:
        for ended in view.ended_since(now - policy.fleet_window)[:1]:
            yield ended.ended_at + policy.fleet_window
    yield from _of_the_rest(view, policy, now)


def _of_run(run: RunOrdered | RunAlive, beat: Beat | None, policy: Policy) -> _OfRun:
    if isinstance(run, RunOrdered):
        return _OfRun(run, beat, [run.ordered_at + policy.start_within + 1], -1)
    if run.killed_at or run.stop_asked_at:
        term, kill = run.stop_asked_at + policy.term_grace, run.killed_at + UNKILLABLE_GRACES * policy.term_grace
        return _OfRun(run, beat, sorted((term + 1, kill + 1)), -1)
    is_working = beat is not None and beat.is_ready
    still_since = beat.progress_at + beat.excused if is_working and beat is not None else -1
    return _OfRun(run, beat, sorted(_of_working(run, beat, policy)), still_since)


def _of_working(run: RunAlive, beat: Beat | None, policy: Policy) -> Iterator[Millis]:
    if beat is None:
        yield run.launched_at + policy.start_within + 1
        return
    yield run.launched_at + policy.run_timeout + beat.overslept + 1
    if beat.process_state != "S":
        yield beat.state_since + policy.stopped_after + 1
    if not beat.is_ready:
        yield run.launched_at + policy.start_within + beat.excused + 1
        return
    yield beat.heartbeat_at + beat.heartbeat_excused + policy.silent_after + 1
    yield beat.progress_at + beat.excused + policy.stuck_after + 1
    if beat.done == 0:
        yield beat.ready_at + beat.ready_excused + policy.first_result_within + 1


def _of_jobs(view: View, policy: Policy) -> Iterator[Millis]:
    """Only of jobs between two attempts: one that waits for its gates or its cohort is freed by what others end."""
    grace = RESULT_GRACE_CYCLES * policy.cycle_every
    for job in view.resting_jobs:
        yield job.not_before
        yield job.not_before + policy.no_worker_after + 1
        run = view.runs.get(run_id(job.id, job.attempt))
        if isinstance(run, RunEnded):
            yield run.ended_at + grace + 1
            yield run.ended_at + policy.backoff_first
            yield run.ended_at + policy.fleet_window
            yield run.ended_at + policy.no_worker_after + 1


def _of_the_rest(view: View, policy: Policy, now: Millis) -> Iterator[Millis]:
    for incident in view.open_incidents():
        yield incident.due
        yield incident.due + 1
    for step in view.steps.values():
        if step.status is StepStatus.PENDING:
            yield step.due + 1
    if (campaign := view.campaign) is not None:
        yield campaign.at + policy.no_worker_after + 1
        for name in curator.OF_ASSETS:
            if (page := view.documents.get(curator.page_id(campaign.id, name))) is not None:
                yield page.at + curator.TRACKER_EVERY
    if (session := view.session) is not None:
        yield session.at + policy.no_worker_after + 1
    for source in view.sources.values():
        if source.status is not SourceStatus.FRESH:
            yield source.since + policy.source_stale_after + 1
    yield from _of_champions(view, policy)
    yield from _of_keeping(view, policy, now)
    for rest in view.rests:
        if rest.status is not IncidentStatus.CLOSED:
            last = max((run.ended_at for run in view.ended_runs[-1:]), default=0)
            for began in (rest.opened_at, last):
                yield from _waits(began, policy.breaker_first, policy.breaker_cap)
    tries = (RebuildSource, WriteHandoff, WriteDocuments)
    for taken in reversed(view.actions.values()):
        if now - taken.at >= _TRIES_REMEMBERED:
            break
        if isinstance(taken.action, tries) and _is_in_vain(view, taken):
            yield from _waits(taken.at + 1, policy.backoff_first, policy.backoff_cap)
            yield taken.at + 600_000


def _of_champions(view: View, policy: Policy) -> Iterator[Millis]:
    """When they are to be held to their promises again, or when that has taken too long."""
    last = view.monitorings.get(CHAMPIONS)
    if last is None:
        return
    if last.status is MonitoringStatus.RUNNING:
        yield last.began_at + policy.champions_within + 1
        return
    yield last.began_at + policy.champions_every
    yield last.ended_at + min(champion_keeper.LEAST_BETWEEN, policy.champions_every)


def _of_keeping(view: View, policy: Policy, now: Millis) -> Iterator[Millis]:
    """When a page, lessons and what was learned are due again, or an errand has taken too long."""
    for errand in view.errands.values():
        if errand.is_running:
            yield errand.began_at + limit_of(errand.id, policy) + 1
    last = view.errands.get(KNOWLEDGE)
    if last is not None:
        yield last.began_at + policy.knowledge_every
        if last.status is ErrandStatus.FAILED:
            yield from _waits(last.ended_at + 1, curator.RETRY_FIRST, curator.RETRY_CAP)
    for lesson in view.lessons.values():
        yield lesson.at + quant_analyst.LESSONS_EVERY
    began = [each.at for each in view.sessions.values()]
    yield from (at + policy.knowledge_every for at in began[-1:])
    pages = [each.at for each in view.documents.values() if "HANDOFF" in each.id]
    for told in (*began[-1:], *pages[-1:]):
        yield told + policy.handoff_every * max(1, (now - told) // policy.handoff_every + 1)


def _is_in_vain(view: View, taken: ActionTaken) -> bool:
    """Whether what was to be made is not there: only then it is tried again."""
    match taken.action:
        case RebuildSource(source=source):
            return source not in view.sources or view.sources[source].status is not SourceStatus.FRESH
        case WriteDocuments(names=names):
            campaign = "" if view.campaign is None else view.campaign.id
            pages = [view.documents.get(curator.page_id(campaign, name)) for name in names]
            return any(page is None or page.at < taken.at for page in pages)
        case _:
            return not any("HANDOFF" in page.id and page.at >= taken.at for page in view.documents.values())


def _waits(began: Millis, first: Millis, cap: Millis) -> Iterator[Millis]:
    """Every end that a wait which doubles may have."""
    wait = first
    while wait < cap:
        yield began + wait
        wait *= 2
    yield began + cap
