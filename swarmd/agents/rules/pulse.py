"""Is this run alive and working? One run and its last beat in, the first rule it breaks out.

Every duration is net of what was not the run's own doing: the beat's ``excused`` (the supervisor overslept, the run
waited for a processor), and nothing is held against a run from before the present session began to watch it.
"""

from dataclasses import dataclass

from swarmd.state.records.beat import Beat
from swarmd.state.records.incident import Signature
from swarmd.state.records.policy import Policy
from swarmd.state.records.run import RunAlive, RunOrdered
from swarmd.state.units import Millis

UNKILLABLE_GRACES = 3
_BUSY_SHARE = 0.2
_STOPPED_STATES = frozenset({"T", "t"})


@dataclass(frozen=True, slots=True)
class Hang:
    signature: Signature
    reason: str


def hang_of(run: RunAlive, beat: Beat | None, *, policy: Policy, watched_since: Millis, now: Millis) -> Hang | None:
    """The first rule the run breaks, or None. Asked only of runs that nobody has asked to stop."""

    def elapsed(since: Millis, excused: Millis = 0) -> Millis:
        return max(0, min(now - since - excused, now - watched_since))

    if beat is not None and beat.process_state in _STOPPED_STATES:
        stopped = elapsed(beat.state_since)
        if stopped > policy.stopped_after:
            return Hang(Signature.STOPPED, f"stopped by a signal for {_of(stopped, policy.stopped_after)}")
    if beat is None or not beat.is_ready:
        excused = 0 if beat is None else beat.excused
        starting = elapsed(run.launched_at, excused)
        if starting > policy.start_within:
            return Hang(Signature.NEVER_STARTED, f"not ready after {_of(starting, policy.start_within, excused)}")
        return None
    running = now - run.launched_at - beat.overslept
    if running > policy.run_timeout:
        return Hang(Signature.OVERTIME, f"running for {_of(running, policy.run_timeout, beat.overslept)}")
    silent = elapsed(beat.heartbeat_at, beat.heartbeat_excused)
    if silent > policy.silent_after:
        return Hang(Signature.SILENT, f"no heartbeat for {_of(silent, policy.silent_after, beat.heartbeat_excused)}")
    if beat.done == 0 and beat.ready_at > 0:
        barren = elapsed(beat.ready_at, beat.ready_excused)
        if barren > policy.first_result_within:
            return _barren(beat, barren, policy.first_result_within)
    stuck = elapsed(beat.progress_at, beat.excused)
    if stuck > policy.stuck_after:
        return _stuck(beat, stuck, policy.stuck_after)
    return None


def well_until(run: RunAlive, beat: Beat | None, *, policy: Policy, watched_since: Millis) -> Millis:
    """The last instant at which ``hang_of`` finds nothing, as long as run and beat are these: who knows it need not
    ask before.
    """

    def crossing(since: Millis, limit: Millis) -> Millis:
        return max(since, watched_since) + limit

    ends = []
    if beat is not None and beat.process_state in _STOPPED_STATES:
        ends.append(crossing(beat.state_since, policy.stopped_after))
    if beat is None or not beat.is_ready:
        excused = 0 if beat is None else beat.excused
        return min([*ends, crossing(run.launched_at + excused, policy.start_within)])
    ends.append(run.launched_at + beat.overslept + policy.run_timeout)
    ends.append(crossing(beat.heartbeat_at + beat.heartbeat_excused, policy.silent_after))
    if beat.done == 0 and beat.ready_at > 0:
        ends.append(crossing(beat.ready_at + beat.ready_excused, policy.first_result_within))
    ends.append(crossing(beat.progress_at + beat.excused, policy.stuck_after))
    return min(ends)


def _stuck(beat: Beat, stuck: Millis, limit: Millis) -> Hang:
    # A dead-locked run still spends a little: its pulse, a poll. A live-locked one spends most of a processor.
    is_busy = beat.stalled_cpu > _BUSY_SHARE * stuck
    signature = Signature.STUCK_WITH_CPU if is_busy else Signature.STUCK_WITHOUT_CPU
    used = f"{beat.stalled_cpu} ms of processor time used meanwhile"
    return Hang(signature, f"no progress for {_of(stuck, limit, beat.excused)}; {used}")


def _barren(beat: Beat, barren: Millis, limit: Millis) -> Hang:
    """Signs of life, and not one unit of work: compiling is over by then, for it comes before a run says READY."""
    signs = f"{beat.progress} signs of life without work meanwhile"
    return Hang(Signature.NO_FIRST_RESULT, f"no first result for {_of(barren, limit, beat.ready_excused)}; {signs}")


def _of(elapsed: Millis, limit: Millis, excused: Millis = 0) -> str:
    beside = f"; {excused} ms of waiting excused" if excused > 0 else ""
    return f"{elapsed} ms (limit {limit} ms{beside})"


def never_appeared(run: RunOrdered, *, policy: Policy, watched_since: Millis, now: Millis) -> Hang | None:
    """An order nothing came of. The sensors end it by its lock; this only sees to it that it is told."""
    waiting = max(0, min(now - run.ordered_at, now - watched_since))
    if waiting <= policy.start_within:
        return None
    return Hang(Signature.NEVER_STARTED, f"ordered and no process seen for {_of(waiting, policy.start_within)}")


def is_unkillable(run: RunAlive | RunOrdered, *, policy: Policy, now: Millis) -> bool:
    """Killed, and still there: its lane stays taken, for a second copy beside it would be worse."""
    return (
        isinstance(run, RunAlive) and run.killed_at > 0 and now - run.killed_at > UNKILLABLE_GRACES * policy.term_grace
    )
