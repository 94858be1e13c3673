"""Which runs live, how they fare, and how they ended: locks, pidfds, the shared page and /proc, against the View.

Called each cycle and whenever a pidfd wakes the loop. Records only what moved, so that silence in the journal means
stillness in the world.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, assert_never

from swarmd.agents.rules.pulse import hang_of
from swarmd.state.beats import BeatsPage, Pulse
from swarmd.state.errors import OutsideError
from swarmd.state.records.beat import Beat
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, RunStatus
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View
from swarmd.state.work_order import ExitCode
from swarmd.supervisor.backends.local import Identity, LocalBackend
from swarmd.supervisor.clock import SteadyClock
from swarmd.supervisor.processes import Exit, ProcessStat, read_stat, state_of
from swarmd.supervisor.sensors.outbox import last_word, result_line

Said = TypeVar("Said")

# A beat is journalled when something moved, at most this often; its pulse alone is renewed at the slower pace, which is
# well inside the limit for silence. Two busy lanes write some 25 MB a day at this pace; once a second it were 75.
_PROGRESS_EVERY: Millis = 3 * SECOND
_PULSE_EVERY: Millis = 4 * SECOND
# So many lanes are written down at that pace; of more each is more rarely, so that ten thousand fill no disk.
_AT_FULL_PACE = 200
# Between its fork and its exec a process carries no mark of its run yet.
_IDENTITY_WITHIN: Millis = 5 * SECOND
# A run's first beats come as they are seen: it is then that somebody looks whether it has begun.
_FRESH_FOR: Millis = 10 * SECOND
# Sleeping and running alternate all the time; stopped (T, t) and dead-locked in the kernel (D) are news.
_ORDINARY = frozenset({"R", "S"})
_NEVER: Mapping[str, Millis] = {}

_MEANING = {
    ExitCode.DONE: "done",
    ExitCode.BAD_ORDER: "bad order",
    ExitCode.DATA: "data refused",
    ExitCode.DEVICE: "device failed",
    ExitCode.OUT_OF_MEMORY: "out of memory",
    ExitCode.NODE_LOST: "its node is gone",
    ExitCode.CLUSTER_LOST: "the cluster was not to be reached, or was lost",
    ExitCode.YIELDED: "yielded at a safe point",
}


def observe_runs(
    view: View,
    backend: LocalBackend,
    page: BeatsPage,
    clock: SteadyClock,
    boot: str,
    *,
    now: Millis,
    late: Millis,
    moved_at: Mapping[str, Millis] = _NEVER,
    sees_states: bool = True,
) -> list[Record]:
    """New records of every run that holds a lane. ``late`` is how long the supervisor itself overslept.

    Raises OutsideError where a run that has not ended is not to be seen, as without a descriptor left: nobody is judged
    by how he fared before that.

    ``moved_at`` is when a glance between two looks last saw a run's progress move. Without ``sees_states`` the process
    states of our own children are taken to be ordinary, as they were: no signal told otherwise.
    """
    seen: list[Record] = []
    gone, strangers = backend.ended(), backend.adopted()
    watched_since = view.session.at if view.session is not None else 0
    every = beats_every(len(view.open_by_id), view.policy)
    for run in view.open_runs():
        match run:
            case RunOrdered():
                seen += _ordered(run, backend, boot, now)
            case RunAlive():
                if run.boot_id != boot:
                    seen.append(ended(run, now, Exit(), RunStatus.LOST, "the machine was restarted"))
                elif _has_ended(run, backend, gone):
                    seen.append(_judged(run, backend.bury(run), backend.home.outbox_of(run.id), now))
                else:
                    last, pulse = view.beats.get(run.id), page.read(run.slot)
                    is_judged = run.status is RunStatus.RUNNING and (
                        hang_of(run, last, policy=view.policy, watched_since=watched_since, now=now) is not None
                    )
                    sees_state = sees_states or run.id in strangers
                    if late > 0 or is_judged or last is None or _may_be_news(run, last, pulse, clock, now, sees_state):
                        moved = moved_at.get(run.id, now)
                        told = _alive(run, last, pulse, clock, now, late, moved, is_judged, every)
                        if told is None and not backend.has_just_ended(run):
                            raise OutsideError(f"cannot see how run {run.id} fares: /proc/{run.pid} could not be read")
                        seen += told or []
            case _:
                assert_never(run)
    return seen


def _ordered(run: RunOrdered, backend: LocalBackend, boot: str, now: Millis) -> list[Record]:
    """An order without a launch record: a daemon died in between, or could not write. The lock says what came of it."""
    if not backend.holds_lock(run.id):
        if backend.has_handle(run.id) or backend.has_buried(run.id):
            # Ours, and gone before its launch could be written down: how it ended is still known.
            return [_judged(run, backend.bury(run), backend.home.outbox_of(run.id), now)]
        why = "ordered, and no process of it holds its lock"
        return [ended(run, now, Exit(), RunStatus.LOST, why, was_launched=False)]
    identity = backend.find(run)
    if identity is not None:
        adopted = launched(run, identity, boot, now, adopted=True)
        # Held from this very look on: what ends before the next one still tells how.
        backend.process_of(adopted)
        return [adopted]
    if now - run.ordered_at > _IDENTITY_WITHIN:
        backend.end_leftovers(run)
    return []


def launched(run: RunOrdered, identity: Identity, boot: str, now: Millis, *, adopted: bool) -> RunAlive:
    """The record of an order that a process came of."""
    return RunAlive(
        id=run.id,
        at=now,
        caused_by=(run.id,),
        status=RunStatus.RUNNING,
        lane=run.lane,
        job=run.job,
        attempt=run.attempt,
        slot=run.slot,
        ordered_at=run.ordered_at,
        remedy=run.remedy,
        scale=run.scale,
        engine=run.engine,
        node=run.node,
        pid=identity.pid,
        start_ticks=identity.start_ticks,
        boot_id=boot,
        launched_at=now,
        adopted=adopted,
    )


def _has_ended(run: RunAlive, backend: LocalBackend, gone: frozenset[str]) -> bool:
    if backend.has_handle(run.id):
        return run.id in gone
    process = backend.process_of(run)
    return process is None or process.has_ended()


def _may_be_news(run: RunAlive, last: Beat, pulse: Pulse, clock: SteadyClock, now: Millis, sees_state: bool) -> bool:
    """Asked first of every lane at every look, for a fraction of what the whole answer costs."""
    is_ours = pulse.token == run.attempt
    if (is_ours and pulse.is_ready) != last.is_ready:
        return True
    if now - last.at >= SECOND:
        progress, heartbeat = (pulse.progress, pulse.heartbeat) if is_ours else (0, 0)
        has_beaten = heartbeat != 0 and clock.of_boot(heartbeat) != last.heartbeat_at
        if has_beaten or progress != last.progress:
            return True
    return last.process_state not in _ORDINARY or (sees_state and state_of(run.pid) not in _ORDINARY)


def _alive(
    run: RunAlive,
    last: Beat | None,
    pulse: Pulse,
    clock: SteadyClock,
    now: Millis,
    late: Millis,
    moved_at: Millis,
    is_judged: bool,
    every: Millis,
) -> list[Record] | None:
    """None where it is not to be seen: it ended between the two looks, or nothing can be opened."""
    stat = read_stat(run.pid)
    if stat is None:
        return None
    if run.start_ticks and stat.start_ticks != run.start_ticks:
        return []  # It ended between the two looks; the next cycle sees that.
    beat = _beat(run, last, pulse, stat, clock, now, late, moved_at)
    return [beat] if is_judged or _is_news(run, beat, last, late, every) else []


def _judged(run: RunOrdered | RunAlive, exited: Exit, outbox: Path, now: Millis) -> RunEnded:
    if exited.code in (ExitCode.DONE, ExitCode.YIELDED):
        status = RunStatus.DONE
    elif exited.code >= 0:
        status = RunStatus.FAILED
    elif exited.signal < 0 and _read(result_line, outbox, run.attempt) is not None:
        # Adopted, and the kernel no longer knows its status: its own last word is that the work is done.
        return ended(run, now, exited, RunStatus.DONE, "gone after it reported its result")
    else:
        status = RunStatus.LOST
    meaning = f" ({_MEANING[ExitCode(exited.code)]})" if exited.code in set(ExitCode) else ""
    # A run that gave up said why first, in its outbox: that sentence is what a person needs.
    word = (_read(last_word, outbox, run.attempt) or "") if status is RunStatus.FAILED else ""
    told = "".join(f": {each}" for each in (word, exited.oom) if each)
    return ended(run, now, exited, status, exited.told() + meaning + told)


def _read(ask: Callable[[Path, int], Said], outbox: Path, token: int) -> Said | None:
    """None too where it cannot be read: the run has ended, whatever it said."""
    try:
        return ask(outbox, token)
    except OSError:
        return None


def ended(
    run: RunOrdered | RunAlive, now: Millis, exited: Exit, status: RunStatus, reason: str, *, was_launched: bool = True
) -> RunEnded:
    """The last record of a run."""
    return RunEnded.model_validate(
        {
            "id": run.id,
            "at": now,
            "caused_by": (run.id,),
            "status": status,
            "lane": run.lane,
            "job": run.job,
            "attempt": run.attempt,
            "slot": run.slot,
            "ordered_at": run.ordered_at,
            "remedy": run.remedy,
            "scale": run.scale,
            "engine": run.engine,
            "node": run.node,
            "ended_at": now,
            "exit_code": exited.code,
            "signal": exited.signal,
            "high_water_bytes": exited.high_water_bytes,
            "reason": reason,
            "was_launched": was_launched,
            "was_stopped": run.status is RunStatus.STOPPING,
        }
    )


def _beat(
    run: RunAlive,
    last: Beat | None,
    pulse: Pulse,
    stat: ProcessStat,
    clock: SteadyClock,
    now: Millis,
    late: Millis,
    moved_at: Millis,
) -> Beat:
    is_ours = pulse.token == run.attempt
    progress = pulse.progress if is_ours else 0
    is_ready = is_ours and pulse.is_ready
    heartbeat_at = clock.of_boot(pulse.heartbeat) if is_ours and pulse.heartbeat else run.launched_at
    if last is None:
        # Without an earlier beat nobody knows when it last advanced: counting from its launch would condemn a run of
        # hours whose beat was forgotten.
        advanced_at, state_since = now if is_ready else run.launched_at, now
        # Launched, and then we slept before the first look, or it waited for a processor: no fault of its either.
        excused = min(late + stat.runqueue_wait, now - advanced_at)
        heartbeat_excused = max(0, min(late, now - heartbeat_at))
        overslept = min(late, now - run.launched_at)
        stalled_cpu, rate = 0, 0.0
        ready_at, ready_excused = now if is_ready else 0, 0
    else:
        has_advanced = progress != last.progress or is_ready != last.is_ready
        # Its progress may have moved seconds before this look, and stood still since. Where no glance saw it move, it
        # counts as of this look: an older instant would condemn a run that has just advanced.
        seen_at = moved_at if last.progress_at < moved_at <= now else now
        advanced_at = seen_at if has_advanced else last.progress_at
        # While we slept somebody may have stopped it and us together: that time is not held against it.
        state_since = min(now, last.state_since + late) if stat.state == last.process_state else now
        overslept = last.overslept + late
        # Neither our own oversleeping nor its waiting for a processor is the run's fault.
        waited = late + stat.runqueue_wait - last.runqueue_wait
        excused = min(waited, now - advanced_at) if has_advanced else last.excused + waited
        # A pulse says when it was: of what we overslept, only what came after it is excused.
        if heartbeat_at != last.heartbeat_at:
            heartbeat_excused = max(0, min(late, now - heartbeat_at))
        else:
            heartbeat_excused = last.heartbeat_excused + late + stat.runqueue_wait - last.runqueue_wait
        # Until the first result, both add up over every sign of life: a gate for work, and not for words about it.
        ready_at = (last.ready_at or now) if is_ready else 0
        is_before = is_ready and last.is_ready and pulse.done == 0
        # A server that is away keeps it from its first result; whoever waits for one gives up by itself.
        owed = now - last.at if pulse.waits else late + stat.runqueue_wait - last.runqueue_wait
        ready_excused = last.ready_excused + (owed if is_before else 0)
        stalled_cpu = 0 if has_advanced else last.stalled_cpu + stat.cpu_time - last.cpu_time
        rate = _rate(last, pulse.done - pulse.skipped if is_ours else 0, now)
    return Beat(
        id=run.id,
        at=now,
        is_ready=is_ready,
        progress=progress,
        done=pulse.done if is_ours else 0,
        total=pulse.total if is_ours else 0,
        skipped=pulse.skipped if is_ours else 0,
        rate=rate,
        progress_at=advanced_at,
        heartbeat_at=heartbeat_at,
        excused=excused,
        heartbeat_excused=heartbeat_excused,
        overslept=overslept,
        ready_at=ready_at,
        ready_excused=ready_excused,
        process_state=stat.state,
        state_since=state_since,
        cpu_time=stat.cpu_time,
        runqueue_wait=stat.runqueue_wait,
        stalled_cpu=stalled_cpu,
        rss_bytes=stat.rss_bytes,
    )


def _rate(last: Beat, worked: int, now: Millis) -> float:
    """Units per second that took work, smoothed over some ten beats."""
    elapsed, before = now - last.at, last.done - last.skipped
    if elapsed <= 0 or worked < before:
        return last.rate
    latest = (worked - before) * 1000 / elapsed
    return latest if last.rate == 0.0 else 0.8 * last.rate + 0.2 * latest


def beats_every(n_runs: int, policy: Policy) -> Millis:
    """The pace at which each of so many runs is written down: well inside the limits for silence and for no progress
    anywhere, however many they are."""
    slowest = min(policy.silent_after, policy.no_worker_after) // 2
    return max(_PROGRESS_EVERY, min(slowest, _PROGRESS_EVERY * n_runs // _AT_FULL_PACE))


def _is_news(run: RunAlive, beat: Beat, last: Beat | None, late: Millis, every: Millis) -> bool:
    # What we overslept must be on record, or the next beat would not know of it.
    if last is None or beat.is_ready != last.is_ready or late > 0:
        return True
    if beat.process_state != last.process_state and {beat.process_state, last.process_state} - _ORDINARY:
        return True
    if beat.progress == last.progress:
        # One that neither works nor beats has nothing new to tell until somebody is about to judge it.
        return beat.heartbeat_at != last.heartbeat_at and beat.at - last.at >= max(_PULSE_EVERY, every)
    return beat.at - last.at >= (SECOND if beat.at - run.launched_at < _FRESH_FOR else every)


def evidence_of(pid: int) -> str:
    """What /proc tells of a process that is about to be killed: status, wait channel, stack, counters, open files."""
    told = []
    for name in ("status", "wchan", "stack", "io", "schedstat", "cmdline"):
        try:
            text = Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError as error:
            text = f"not readable: {error.strerror}"
        told.append(f"--- /proc/{pid}/{name}\n{text.strip()}")
    try:
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        told.append(f"--- open files: {descriptors}")
    except OSError:
        told.append("--- open files: not readable")
    return "\n".join(told) + "\n"
