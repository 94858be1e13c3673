"""How a job or a campaign stands for somebody who waits for it: pure, and plain text."""

from dataclasses import dataclass

from swarmd.agents.rules.words import said_no, several
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View
from swarmd.supervisor.standing import eta_of, job_counts, outcome, remaining

_ENDED = (CampaignStatus.DONE, CampaignStatus.STOPPED, CampaignStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Followed:
    """``line`` has the figures of the moment; ``plain`` changes only when something came about."""

    status: str
    line: str
    plain: str
    is_over: bool
    has_failed: bool = False


def standing_of(view: View, what: str, now: Millis) -> Followed:
    job = view.jobs.get(what)
    return _campaign(view, view.campaigns[what], now) if job is None else _job(view, job)


def _job(view: View, job: Job) -> Followed:
    is_over = job.status is not JobStatus.QUEUED
    told = f"{job.id}: {outcome(view, job)}" + (f": {job.reason}" if job.reason and is_over else "")
    campaign = view.campaigns.get(job.campaign)
    if not is_over and campaign is not None and campaign.status is CampaignStatus.CANCELLED:
        text = f"{job.id}: never run, {campaign.id} is cancelled"
        return Followed("cancelled", text, text, is_over=True, has_failed=True)
    if is_over:
        return Followed(job.status.value, told, told, is_over=True, has_failed=_failed(view, job))
    run = view.open_run_of(job.id)
    beat = view.beats.get(run.id) if run is not None else None
    if run is None or beat is None:
        return Followed("queued" if run is None else "running", told, told, is_over=False)
    eta = eta_of(beat.done, beat.total, beat.rate)
    left = f", {spoken(eta)} to go" if eta is not None else ""
    line = f"{told} in {run.lane}, attempt {run.attempt}: {beat.done:,} of {beat.total:,}, {beat.rate:.1f}/s{left}"
    return Followed("running", line, f"{told} in {run.lane}, attempt {run.attempt}", is_over=False)


def _failed(view: View, job: Job) -> bool:
    """Skipped is what stands behind a no, or what nobody needs: its own failure it is not."""
    if job.status is JobStatus.FAILED:
        return not said_no(view, job)
    return job.status is JobStatus.QUARANTINED


def _campaign(view: View, campaign: Campaign, now: Millis) -> Followed:
    jobs = [job for job in view.jobs.values() if job.campaign == campaign.id]
    settled = sum(1 for job in jobs if job.status is not JobStatus.QUEUED)
    told = f"{campaign.id}: {campaign.status.value}, {settled} of {several(len(jobs), 'job')} settled"
    is_current = view.campaign is not None and view.campaign.id == campaign.id
    if campaign.status in _ENDED:
        failed = campaign.status is not CampaignStatus.DONE or any(_gave_up(view, job) for job in jobs)
        text = f"{told} ({campaign.reason})"
        return Followed(campaign.status.value, text, text, is_over=True, has_failed=failed)
    running = job_counts(view)["running"] if is_current else 0
    line = f"{told}, {running} running, {remaining(view, now)}" if is_current else told
    return Followed(campaign.status.value, line, told, is_over=False)


def _gave_up(view: View, job: Job) -> bool:
    return _failed(view, job) and (job.phase is not Phase.PREFLIGHT or job.status is JobStatus.QUARANTINED)
