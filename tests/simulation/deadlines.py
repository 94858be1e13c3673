"""When may the next decision come about by time alone? Looks before that would decide nothing, and are left out.

Errs on the early side: one look too many costs a millisecond, one too few would change what is decided. A test plays
the same seeds with every look and holds both to the same actions.
"""

from collections.abc import Iterator

from swarmd.agents.rules.losses import RESULT_GRACE_CYCLES
from swarmd.agents.rules.pulse import UNKILLABLE_GRACES
from swarmd.state.actions import RebuildSource, WriteDocuments, WriteHandoff
from swarmd.state.records.incident import IncidentStatus
from swarmd.state.records.policy import Policy
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, run_id
from swarmd.state.records.source import SourceStatus
from swarmd.state.records.step import StepStatus
from swarmd.state.units import Millis
from swarmd.state.view import View

_TRIES_REMEMBERED: Millis = 30 * 60_000


def next_deadline(view: View, now: Millis, *, beats_every: Millis) -> Millis:
    """The first instant after ``now`` at which a rule's figure crosses its limit, or a beat is due."""
    return min((instant for instant in _instants(view, now, beats_every) if instant > now), default=1 << 60)


def _instants(view: View, now: Millis, beats_every: Millis) -> Iterator[Millis]:
    policy, watched = view.policy, view.session.at if view.session else 0
    runs = view.open_runs()
    if runs:
        yield (now // beats_every + 1) * beats_every
        yield watched + policy.start_within + 1
        yield watched + policy.silent_after + 1
        yield watched + policy.stuck_after + 1
        yield watched + policy.first_result_within + 1
        yield watched + policy.stopped_after + 1
        yield watched + policy.term_grace + 1
    still: list[Millis] = []
    for run in runs:
        if isinstance(run, RunOrdered):
            yield run.ordered_at + policy.start_within + 1
        elif run.killed_at or run.stop_asked_at:
            yield run.stop_asked_at + policy.term_grace + 1
            yield run.killed_at + UNKILLABLE_GRACES * policy.term_grace + 1
        else:
            yield from _of_run(view, run, policy, now, still)
    if still:
        yield max(still) + policy.no_worker_after + 1
    yield from _of_jobs(view, policy)
    # A storm is over when enough losses have left the window, and the same trouble everywhere is told within it.
    since = now - policy.fleet_window
    for ended in view.ended_runs:
        if ended.ended_at > since:
            yield ended.ended_at + policy.fleet_window
    yield from _of_the_rest(view, policy, now)


def _of_run(view: View, run: RunAlive, policy: Policy, now: Millis, still: list[Millis]) -> Iterator[Millis]:
    beat = view.beats.get(run.id)
    if beat is None:
        yield run.launched_at + policy.start_within + 1
        return
    yield run.launched_at + policy.run_timeout + beat.overslept + 1
    if beat.process_state != "S":
        yield beat.state_since + policy.stopped_after + 1
    if not beat.is_ready:
        yield run.launched_at + policy.start_within + beat.excused + 1
        return
    still.append(beat.progress_at + beat.excused)
    yield beat.heartbeat_at + beat.heartbeat_excused + policy.silent_after + 1
    yield beat.progress_at + beat.excused + policy.stuck_after + 1
    if beat.done == 0:
        yield beat.ready_at + beat.ready_excused + policy.first_result_within + 1


def _of_jobs(view: View, policy: Policy) -> Iterator[Millis]:
    grace = RESULT_GRACE_CYCLES * policy.cycle_every
    for job in view.queued_jobs():
        if job.attempt == 0:
            continue
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
    if (session := view.session) is not None:
        yield session.at + policy.no_worker_after + 1
    for source in view.sources.values():
        if source.status is not SourceStatus.FRESH:
            yield source.since + policy.source_stale_after + 1
    for rest in view.rests:
        if rest.status is not IncidentStatus.CLOSED:
            last = max((run.ended_at for run in view.ended_runs), default=0)
            for began in (rest.opened_at, last):
                yield from _waits(began, policy.breaker_first, policy.breaker_cap)
    tries = (RebuildSource, WriteHandoff, WriteDocuments)
    for taken in view.actions.values():
        if now - taken.at < _TRIES_REMEMBERED and isinstance(taken.action, tries):
            yield from _waits(taken.at + 1, policy.backoff_first, policy.backoff_cap)
            yield taken.at + 600_000


def _waits(began: Millis, first: Millis, cap: Millis) -> Iterator[Millis]:
    """Every end that a wait which doubles may have."""
    wait = first
    while wait < cap:
        yield began + wait
        wait *= 2
    yield began + cap
