"""Did the remedy work? What came of an incident about a run, told with numbers, or None while it is too early.

A replaced run is verified by work, not by being alive: the newer run must have advanced beyond saying READY.
"""

from swarmd.state.records.incident import Incident
from swarmd.state.records.job import JobStatus
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, RunStatus, run_id
from swarmd.state.units import Millis
from swarmd.state.view import View


def outcome_about_run(view: View, incident: Incident, now: Millis) -> str | None:
    """The outcome of an incident whose subject is a run."""
    run = view.runs.get(incident.subject)
    job = view.jobs.get(run.job) if run is not None else None
    if run is None or job is None:
        return f"closed after {now - incident.opened_at} ms: run {incident.subject} is no longer on record"
    if job.status is not JobStatus.QUEUED:
        took = f"after {now - incident.opened_at} ms and attempt {job.attempt}"
        return f"{job.id} is {job.status.value} {took}: {job.reason}"
    for attempt in range(job.attempt, run.attempt, -1):
        newer = view.runs.get(run_id(job.id, attempt))
        if newer is not None and (what := _has_worked(view, newer)):
            return f"attempt {attempt} {what}, {now - incident.opened_at} ms after the incident"
    return None


def _has_worked(view: View, run: RunOrdered | RunAlive | RunEnded) -> str:
    if isinstance(run, RunEnded):
        if run.id in view.results:
            return "ended with its result"
        # A clean end without a result is either a yield (its work is kept) or a loss that has its own incident.
        return (
            "ended at a safe point with its work kept" if run.status is RunStatus.DONE and run.exit_code == 75 else ""
        )
    beat = view.beats.get(run.id)
    if beat is None or not beat.is_ready or beat.done <= 0:
        return ""
    return f"has done {beat.done} of {beat.total} units" if beat.total else f"has done {beat.done} units"
