"""When the next look is due if nothing happens before: pure arithmetic over the View, asked by the daemon's loop.

Events turn the cycle at once; this is for what no event tells: a wait that ends, a limit that is crossed, and the look
that sees to what was missed. It decides nothing. A look too early costs a turn, one too late costs the time until it.
"""

from swarmd.state.records.beat import Beat
from swarmd.state.records.policy import Policy
from swarmd.state.records.run import RunAlive, RunStatus
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View

# How long a look may wait while nothing at all moves: well inside the ten seconds after which what we publish is stale.
STILL_EVERY: Millis = 8 * SECOND

# A look later than this after its time is a look overslept; less is the ordinary jitter of a busy machine.
_JITTER: Millis = 250
_STOPPED = frozenset("Tt")


def rest_for(view: View, now: Millis, *, began: Millis, is_still: bool) -> Millis:
    """How long the next look may wait; 0 where it is due.

    ``began`` is when the last one began: what came due while it was under way may have been judged as not yet due.
    ``is_still`` says that it had nothing to record: then the pace is slower, unless somebody waits for an answer or a
    run for its end.
    """
    # The end of an errand is told by nobody, and the end of a session may wait for it.
    is_awaited = bool(view.pending_requests()) or any(errand.is_running for errand in view.errands.values())
    is_calm = is_still and not is_awaited and all(_is_running(run) for run in view.open_runs())
    pace = max(STILL_EVERY, view.policy.cycle_every) if is_calm else view.policy.cycle_every
    waits = (job.not_before for job in view.queued_jobs())
    limits = (limit_of(run, view.beats.get(run.id), view.policy) for run in view.live_runs())
    # One more, so that the wait is surely over: clocks are read in whole milliseconds.
    return max(0, min([pace, *(due - now + 1 for due in (*waits, *limits) if due >= began)]))


def _is_running(run: object) -> bool:
    return isinstance(run, RunAlive) and run.status is RunStatus.RUNNING


def limit_of(run: RunAlive, beat: Beat | None, policy: Policy) -> Millis:
    """The first instant at which something may be held against the run, from what is on record of it now."""
    if beat is None or not beat.is_ready:
        return run.launched_at + policy.start_within + (0 if beat is None else beat.excused)
    limits = [
        run.launched_at + policy.run_timeout + beat.overslept,
        beat.heartbeat_at + policy.silent_after + beat.heartbeat_excused,
        beat.progress_at + policy.stuck_after + beat.excused,
    ]
    if beat.process_state in _STOPPED:
        limits.append(beat.state_since + policy.stopped_after)
    if beat.done == 0 and beat.ready_at > 0:
        limits.append(beat.ready_at + policy.first_result_within + beat.ready_excused)
    return min(limits)


def overslept(last: Millis, now: Millis, *, every: Millis) -> Millis:
    """How much longer than a cycle nobody looked: asleep, suspended, or held up by a slow disk.

    Taken from look to look, on the clock that goes on through a suspend: an event that is waiting when we wake up must
    not hide how long that took. The ordinary jitter of a busy machine is none of it.
    """
    late = now - last - every
    return late if late > _JITTER else 0
