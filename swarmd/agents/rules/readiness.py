"""Which jobs could start now: queued, their predecessors done, their wait over, their cohort's rung decided for them,
their surrogates searched, no run of theirs open.
"""

from swarmd.agents.rules.backoff import backoff
from swarmd.agents.rules.losses import (
    asked_to_stop,
    awaits_result,
    has_yielded,
    is_loss,
    losses_of,
    newest_run,
    tries_in_vain,
)
from swarmd.agents.rules.rungs import rungs
from swarmd.agents.rules.surrogates import pricings, surplus
from swarmd.state.records.job import Job
from swarmd.state.records.run import RunEnded, run_id
from swarmd.state.units import Millis
from swarmd.state.view import View


def ready_jobs(view: View, now: Millis) -> list[Job]:
    """Empty unless the campaign is active. A job whose result is here or on its way is not started again."""
    return [*view.once(("ready_jobs", now), lambda: _ready(view, now))]


def _ready(view: View, now: Millis) -> tuple[Job, ...]:
    if not view.is_working:
        return ()
    of = view.campaign, view.jobs, view.results, view.open_by_id
    return tuple(
        [
            job
            for job in view.while_same("startable", of, lambda: _startable(view))
            if job.not_before <= now and (job.attempt == 0 or not _is_awaited(view, job, now))
        ]
    )


def _startable(view: View) -> list[Job]:
    """Ready as far as time does not tell, as they were queued."""
    campaign, held, judgements = view.campaign, rungs(view), pricings(view)
    name = "" if campaign is None else campaign.id
    unneeded = {each.job.id for each in surplus(view)}
    ready = [job for job in view.idle_jobs if job.campaign == name]
    if held.is_empty and not judgements:
        return view.in_order(ready)
    ready = [
        job
        for job in ready
        if not held.holds(job) and not (job.id in judgements and judgements[job.id].holds) and job.id not in unneeded
    ]
    return view.in_order(ready)


def _is_awaited(view: View, job: Job, now: Millis) -> bool:
    if run_id(job.id, job.attempt) in view.results:
        return True
    run = newest_run(view, job)
    return run is not None and _rests(view, job, run, now)


def _rests(view: View, job: Job, run: RunEnded, now: Millis) -> bool:
    """Its last run ended a moment ago: its result may still come, or its back-off is about to be written down."""
    if awaits_result(view, run, now):
        return True
    if not has_yielded(run) and not is_loss(view, run, now):
        return False
    asked = asked_to_stop(view)
    if run.id in asked:
        return False
    policy = view.policy
    losses = [] if has_yielded(run) else losses_of(view, job, asked, now)
    in_vain = 1 if has_yielded(run) else tries_in_vain(view, job, losses)
    wait = backoff(in_vain, first=policy.backoff_first, cap=policy.backoff_cap)
    return len(losses) >= policy.max_attempts or now < run.ended_at + wait


def assets_in_flight(view: View) -> set[str]:
    """Assets that were begun and still have something to do: what ``batch_size`` bounds.

    Not those that only wait for their cohort: the next ones begin meanwhile, or the lanes of a whole batch would stand
    idle until its slowest search is through the rung.
    """
    campaign, held = view.campaign, rungs(view)
    under_way = {symbol for name, symbol in view.assets_under_way if campaign is not None and name == campaign.id}
    if not held.waiting and not held.hopeless:
        return under_way
    # The head of every chain is ungated, and what stands behind a held one is held with it.
    return under_way & {job.symbol for job in view.ungated_jobs if not held.holds(job)}
