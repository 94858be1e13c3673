"""Which ended runs count against their job, and which are forgiven.

A loss is a run that ended without its work: failed, lost, or done without a result. Forgiven are runs that were asked
to stop by a person, runs that vanished while the daemon was away, orders no process ever came of, runs that went with
their node or found no cluster, and runs lost to what hit the whole swarm: none of them says anything about the job,
and neither a daemon that is killed often nor a full disk must drive a healthy job into quarantine. Only a job whose
nodes go again and again may be what takes them down.
"""

from swarmd.agents.rules.nodes import found_no_cluster, went_with_node
from swarmd.state.records.incident import HANGS, IncidentStatus, Signature
from swarmd.state.records.job import Job
from swarmd.state.records.run import RunEnded, RunStatus, run_id
from swarmd.state.records.session import SessionStatus
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.state.work_order import ExitCode

RESULT_GRACE_CYCLES = 5
# So many nodes may go from under a job before it is counted against it.
FORGIVEN_WITH_NODES = 3
_TOLD_APART = HANGS | {Signature.NODE_LOST}


def result_grace(view: View) -> Millis:
    """How long after a clean exit the result line may still be on its way through the outbox."""
    return RESULT_GRACE_CYCLES * view.policy.cycle_every


def newest_run(view: View, job: Job) -> RunEnded | None:
    """The run of the job's current attempt, if it has ended."""
    if job.attempt == 0:
        return None
    run = view.runs.get(run_id(job.id, job.attempt))
    return run if isinstance(run, RunEnded) else None


def has_yielded(run: RunEnded) -> bool:
    return run.exit_code == ExitCode.YIELDED


def is_loss(view: View, run: RunEnded, now: Millis) -> bool:
    """Whether the run ended without its work."""
    if run.id in view.results or has_yielded(run):
        return False
    if run.status is RunStatus.DONE:
        return now - run.ended_at > result_grace(view)
    return True


def awaits_result(view: View, run: RunEnded, now: Millis) -> bool:
    """Ended cleanly a moment ago, and its result may still be read."""
    return (
        run.status is RunStatus.DONE
        and not has_yielded(run)
        and run.id not in view.results
        and now - run.ended_at <= result_grace(view)
    )


def asked_to_stop(view: View) -> frozenset[str]:
    """Runs that were told to stop for no fault of their own: a stop without an incident about the run."""
    return view.once("asked_to_stop", lambda: _asked_to_stop(view))


def _asked_to_stop(view: View) -> frozenset[str]:
    # By the actions that still are on record, and by the runs themselves: a thousand lanes stopped at once, or a day of
    # other actions, push the first ones out of the picture.
    stopped = {*view.stopped_runs, *view.runs_told_to_stop}
    if not stopped:
        return frozenset()
    return frozenset(stopped - {each.subject for each in view.incidents.values() if each.signature in _TOLD_APART})


def vanished_with_daemon(view: View, run: RunEnded) -> bool:
    """Nobody saw the run end, and a daemon was lost between its order and its end.

    A LOST session's record is written when the next one begins, an OPEN one's when it begins itself: either way its
    instant is the boundary.
    """
    if run.status is not RunStatus.LOST or run.exit_code != -1 or run.signal != -1:
        return False
    boundaries = (s.at for s in view.sessions.values() if s.status is not SessionStatus.CLOSED)
    return any(run.ordered_at < boundary <= run.ended_at for boundary in boundaries)


def losses_of(view: View, job: Job, asked: frozenset[str], now: Millis) -> list[RunEnded]:
    """The job's counted losses, oldest first; ``asked`` as ``asked_to_stop`` gives it. The list is shared."""
    question = ("losses_of", job.id, job.attempt, job.fresh_from, asked, now)
    return view.once(question, lambda: _losses_of(view, job, asked, now))


def _losses_of(view: View, job: Job, asked: frozenset[str], now: Millis) -> list[RunEnded]:
    runs = (view.runs.get(run_id(job.id, attempt)) for attempt in range(job.fresh_from + 1, job.attempt + 1))
    losses: list[RunEnded] = []
    n_forgiven = 0
    for run in runs:
        if not isinstance(run, RunEnded) or not _counts(view, run, asked, now):
            continue
        if n_forgiven < FORGIVEN_WITH_NODES and went_with_node(view, run):
            n_forgiven += 1
            continue
        losses.append(run)
    return losses


def losses_since(view: View, since: Millis, now: Millis) -> list[RunEnded]:
    """Losses of the whole fleet that ended after ``since``; orders that nothing came of are part of a storm as well.

    What went with a node is none: a node that goes takes fifty runs with it, and the others are well.
    """
    lost = [run for run in view.ended_since(since) if not run.was_launched or is_loss(view, run, now)]
    asked = asked_to_stop(view) if lost else frozenset()
    counted = [run for run in lost if not run.was_launched or _counts(view, run, asked, now)]
    return [run for run in counted if not went_with_node(view, run)]


def storm_of_losses(view: View, now: Millis) -> list[RunEnded]:
    """The losses of the policy's window, if they are as many as it bears; else none."""
    since, limit = now - view.policy.fleet_window, view.policy.fleet_losses_max
    if len(view.ended_since(since)) < limit:
        return []
    lost = losses_since(view, since, now)
    return lost if len(lost) >= limit else []


def is_telling(view: View, run: RunEnded) -> bool:
    """Whether the end of the run says something about the world around it.

    What ended because somebody asked, while nobody looked, or with its node does not; an order that nothing came of
    does.
    """
    if run.id in view.results:
        return True
    is_others_doing = has_yielded(run) or run.id in asked_to_stop(view) or vanished_with_daemon(view, run)
    return not is_others_doing and not went_with_node(view, run)


def was_fleet_wide(view: View, run: RunEnded) -> bool:
    """Whether the run was lost to what the whole swarm rested for: within that time, or in the streak before it."""
    window = view.policy.fleet_window
    for rest in view.rests:
        until = rest.at if rest.status is IncidentStatus.CLOSED else run.ended_at
        since = min(rest.since or rest.opened_at, rest.opened_at - window)
        if since <= run.ended_at <= until:
            told = view.told_of.get(run.id)
            if told is not None and rest.subject == fleet_subject(told.signature):
                return True
    return False


def fleet_subject(signature: Signature) -> str:
    """What an incident of the whole swarm is about."""
    return f"fleet.{signature.value}"


def tries_in_vain(view: View, job: Job, losses: list[RunEnded]) -> int:
    """What the job's next wait grows with: its counted losses, or the orders at its end that nothing came of."""
    n_for_nothing = 0
    for attempt in range(job.attempt, job.fresh_from, -1):
        run = view.runs.get(run_id(job.id, attempt))
        if not isinstance(run, RunEnded) or (run.was_launched and not found_no_cluster(run)):
            break
        n_for_nothing += 1
    return max(len(losses), n_for_nothing)


def _counts(view: View, run: RunEnded, asked: frozenset[str], now: Millis) -> bool:
    is_forgiven = (
        run.id in asked
        or not run.was_launched
        or found_no_cluster(run)
        or vanished_with_daemon(view, run)
        or was_fleet_wide(view, run)
    )
    return not is_forgiven and is_loss(view, run, now)
