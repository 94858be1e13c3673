"""The same trouble everywhere: when to rest the whole swarm, when to try one lane, when to open the others.

A circuit breaker over lost runs, used by `util_controller`, which holds and opens lanes. Losses in such a stretch say
nothing about their jobs (`losses` forgives them): a driver that is gone must not drive healthy jobs into quarantine.
Everything is read from the records; nothing is remembered between cycles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from swarmd.agents.rules.backoff import backoff
from swarmd.agents.rules.losses import is_loss, is_telling
from swarmd.agents.rules.nodes import live_nodes
from swarmd.agents.rules.pulse import is_unkillable
from swarmd.agents.rules.readiness import ready_jobs
from swarmd.agents.rules.signatures import NO_RETRY, signature_of_loss
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.policy import Policy
from swarmd.state.records.run import RunAlive, RunEnded
from swarmd.state.units import Millis
from swarmd.state.view import View

# Two jobs may share a cause of their own; three that fail alike have a cause around them.
LEAST_JOBS = 3
# Among so many of the latest losses for each that the policy asks for: a job that alone is lost again and again is its
# own trouble, and not looked through to its first loss in every cycle.
_REACH = 3


@dataclass(frozen=True, slots=True)
class Everywhere:
    """A streak of losses with one signature: whose, since when, and the last of them."""

    signature: Signature
    runs: tuple[str, ...]
    n_jobs: int
    since: Millis


def everywhere(view: View, now: Millis) -> Everywhere | None:
    """The present streak if it is long and wide enough; broken by any run that did its work or is doing it.

    It reaches back for as long as one loss followed the other: where a single lane needs four minutes to find each of
    its runs unable to start, four of them take a quarter of an hour. What was lost longer ago than the window must have
    done nothing at all: a run that worked for minutes before it was lost shows that one can work.
    """
    policy = view.policy
    latest = view.last_ended(_REACH * policy.breaker_losses)
    if len({run.job for run in latest}) < LEAST_JOBS or latest[0].id in view.results:
        return None
    losses = _streak(view, now)
    streak = [*islice(losses, len(latest))]
    if not _is_enough(streak, policy):
        return None
    signature = signature_of_loss(view, streak[0])
    if signature in NO_RETRY:
        return None
    streak += losses
    jobs = {run.job for run in streak}
    if now - streak[-1].ended_at >= policy.fleet_window and all(job.id in jobs for job in ready_jobs(view, now)):
        # Nobody is left who could show that one can work: slow ones that are bad by themselves are to be given up.
        streak = [run for run in streak if now - run.ended_at < policy.fleet_window]
        jobs = {run.job for run in streak}
        if not _is_enough(streak, policy):
            return None
    # All on one node of several: the trouble is that node's, and not everywhere.
    if len({run.node for run in streak}) == 1 and streak[0].node and len(live_nodes(view)) > 1:
        return None
    since = streak[-1].ended_at
    if any(has_worked_since(view, run, since) for run in view.live_runs()):
        return None
    return Everywhere(signature, tuple(run.id for run in reversed(streak)), len(jobs), since)


def _is_enough(streak: list[RunEnded], policy: Policy) -> bool:
    return len(streak) >= policy.breaker_losses and len({run.job for run in streak}) >= LEAST_JOBS


def _streak(view: View, now: Millis) -> Iterator[RunEnded]:
    """Losses in a row with one signature since the swarm last rested, the last one first."""
    policy, after = view.policy, None
    rested_until = max((rest.at for rest in view.rests), default=-1)
    for run in view.ended_backwards():
        if run.ended_at <= rested_until or _is_far_from(after, run, policy, now):
            return
        if not is_telling(view, run):
            continue
        if not is_loss(view, run, now):
            return
        if now - run.ended_at >= policy.fleet_window and _has_worked(view, run, policy):
            return
        if after is not None and signature_of_loss(view, run) is not signature_of_loss(view, after):
            return
        yield run
        after = run


def _is_far_from(after: RunEnded | None, run: RunEnded, policy: Policy, now: Millis) -> bool:
    """Whether so much time lies between this loss and the one after it, or now, that they are two stories."""
    if after is None:
        return now - run.ended_at >= policy.fleet_window
    return after.ended_at - run.ended_at >= _longest_in_vain(policy) + policy.fleet_window


def _longest_in_vain(policy: Policy) -> Millis:
    """How long a run may live that does nothing."""
    return policy.start_within + policy.first_result_within


def _has_worked(view: View, run: RunEnded, policy: Policy) -> bool:
    """Of one whose last beat is forgotten: whether it lived longer than one that does nothing may."""
    beat = view.beats.get(run.id)
    if beat is None:
        return run.ended_at - run.ordered_at > _longest_in_vain(policy)
    return beat.has_worked


def has_worked_since(view: View, run: RunAlive, since: Millis) -> bool:
    """Whether the run has done work of its own after that instant."""
    beat = view.beats.get(run.id)
    return beat is not None and beat.has_worked and beat.progress_at > since


def open_breaker(view: View) -> Incident | None:
    """The incident of the rest the swarm takes now, if it takes one."""
    return next((each for each in view.open_incidents() if each.signature is Signature.FLEET_WIDE), None)


def worked_after(view: View, instant: Millis) -> str:
    """A run ordered after that instant that has worked, by its id; empty while none has."""
    for run in view.live_runs():
        if run.ordered_at >= instant and has_worked_since(view, run, instant):
            return run.id
    for ended in view.ended_since(instant):
        if ended.ordered_at >= instant and ended.id in view.results:
            return ended.id
    return ""


def may_probe(view: View, rest: Incident, now: Millis) -> bool:
    """Whether one lane may try: after a wait that doubles with each probe that was lost.

    One that nothing can end any more is lost like any other, though its lane is: the swarm must not rest for as long as
    a process waits in the kernel.
    """
    policy = view.policy
    lost = [run.ended_at for run in view.ended_since(rest.opened_at - 1) if run.ordered_at >= rest.opened_at]
    for run in view.open_runs():
        if run.ordered_at < rest.opened_at:
            continue
        if not isinstance(run, RunAlive) or not is_unkillable(run, policy=policy, now=now):
            return False
        lost.append(run.killed_at)
    last = max(lost, default=rest.opened_at)
    return now >= last + backoff(len(lost) + 1, first=policy.breaker_first, cap=policy.breaker_cap)
