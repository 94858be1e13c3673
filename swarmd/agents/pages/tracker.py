"""`pipeline_tracker.csv` and `phase2_candidates.txt`: where each asset stands, and which go on to validation."""

from swarmd.agents.rules.rungs import rungs
from swarmd.agents.rules.surrogates import pricings
from swarmd.state.records.run import run_id
from swarmd.state.tracker import Seen, candidates, step_name, tracker_csv, tracker_rows
from swarmd.state.tracker_champions import as_they_stand
from swarmd.state.view import View

Rows = list[dict[str, str | float | None]]


def rows_of(view: View) -> Rows:
    campaign = view.campaign
    if campaign is None:
        return []
    jobs, priced = {}, pricings(view)
    for job in view.jobs_of_campaign():
        result = view.results.get(run_id(job.id, job.attempt))
        figures = result.summary.figures if result is not None else {}
        is_running = view.open_run_of(job.id) is not None
        held = rungs(view).waiting.get((job.symbol, job.mode), "") if not view.waits_for(job) else ""
        if job.id in priced:
            held = priced[job.id].why
        first = None if job.surrogates is None else job.surrogates[0]
        step = step_name(job.phase.value, job.trials, job.branch, first)
        jobs[job.symbol, job.mode, step] = Seen(job.status.value, job.reason, is_running, figures, held)
    rows = tracker_rows(campaign.settings.assets.tiers, campaign.settings.strategy.modes, jobs)
    champions = (champion.model_dump(mode="json") for champion in view.champions.values())
    return as_they_stand(rows, champions, campaign=campaign.id, interval=campaign.settings.data.interval)


def tracker(view: View) -> str:
    return tracker_csv(rows_of(view))


def shortlist(view: View) -> str:
    """One asset a line; empty where none has passed yet."""
    return "".join(f"{asset}\n" for asset in candidates(rows_of(view)))
