"""Did the remedy work? What came of an incident about a run, told with numbers, or None while it is too early.

A replaced run is verified by work, not by being alive: the newer run must have advanced beyond saying READY.
"""

from dataclasses import dataclass

from swarmd.state.actions import CloseIncident
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.incident import Incident
from swarmd.state.records.job import JobStatus
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, RunStatus, run_id
from swarmd.state.units import Millis
from swarmd.state.view import View


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an incident, in words, and whether that is what its remedy was expected to bring about."""

    text: str
    is_verified: bool = True


def closed(incident: Incident, outcome: Outcome) -> CloseIncident:
    """The wish that says so."""
    return CloseIncident(
        incident=incident.id, reason=outcome.text, is_verified=outcome.is_verified, caused_by=(incident.id,)
    )


def outcome_about_run(view: View, incident: Incident, now: Millis) -> Outcome | None:
    """The outcome of an incident whose subject is a run.

    The remedy is verified by the attempt it led to: where that one was lost as well and a later one worked, the credit
    is the later remedy's.
    """
    run = view.runs.get(incident.subject)
    job = view.jobs.get(run.job) if run is not None else None
    if run is None or job is None:
        gone = f"closed after {now - incident.opened_at} ms: run {incident.subject} is no longer on record"
        return Outcome(gone, is_verified=False)
    if job.status is not JobStatus.QUEUED:
        took = f"after {now - incident.opened_at} ms and attempt {job.attempt}"
        is_verified = run_id(job.id, job.attempt) in view.results and not _lost_between(view, run, job.attempt)
        return Outcome(f"{job.id} is {job.status.value} {took}: {job.reason}", is_verified)
    campaign = view.campaigns.get(job.campaign)
    if campaign is not None and campaign.status is CampaignStatus.CANCELLED and view.open_run_of(job.id) is None:
        text = f"{campaign.id} was cancelled, no attempt follows ({now - incident.opened_at} ms after the incident)"
        return Outcome(text, is_verified=False)
    for attempt in range(job.attempt, run.attempt, -1):
        newer = view.runs.get(run_id(job.id, attempt))
        if newer is not None and (what := _has_worked(view, newer)):
            text = f"attempt {attempt} {what}, {now - incident.opened_at} ms after the incident"
            return Outcome(text, not _lost_between(view, run, attempt))
    return None


def _lost_between(view: View, run: RunOrdered | RunAlive | RunEnded, attempt: int) -> bool:
    """Whether an attempt between the two was told of as lost."""
    return any(run_id(run.job, each) in view.told_of for each in range(run.attempt + 1, attempt))


def _has_worked(view: View, run: RunOrdered | RunAlive | RunEnded) -> str:
    if isinstance(run, RunEnded):
        if run.id in view.results:
            return "ended with its result"
        # A clean end without a result is either a yield (its work is kept) or a loss that has its own incident.
        return (
            "ended at a safe point with its work kept" if run.status is RunStatus.DONE and run.exit_code == 75 else ""
        )
    beat = view.beats.get(run.id)
    if beat is None or not beat.is_ready or not beat.has_worked:
        return ""
    before = f", {beat.skipped} of them found done" if beat.skipped else ""
    return (
        f"has done {beat.done} of {beat.total} units{before}" if beat.total else f"has done {beat.done} units{before}"
    )
