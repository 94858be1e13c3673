"""What a job that ended badly takes with it when it is tried again: itself, and all that was skipped behind it.

For ``steering``. A job that did its work and said no is not tried again: the answer would be the same, and a judge's
would cost another look at data that is kept for one. What a rung stopped was no malfunction either.
"""

from dataclasses import dataclass

from swarmd.agents.rules.words import is_stopped, said_no, several
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.view import View

_LOST = (JobStatus.FAILED, JobStatus.QUARANTINED)


@dataclass(frozen=True, slots=True)
class FreshStart:
    """``jobs`` to be queued again, what failed first; none where ``text`` says why not."""

    text: str
    jobs: tuple[str, ...] = ()
    is_refused: bool = False


def fresh_start(view: View, campaign: Campaign, name: str) -> FreshStart:
    job = view.jobs.get(name)
    if job is None or job.campaign != campaign.id:
        return _refused(f"nothing to retry: {name!r} is none of the {view.n_jobs(campaign.id)} jobs of {campaign.id}")
    if campaign.status is CampaignStatus.CANCELLED:
        return _refused(f"not retried: {campaign.id} is cancelled for good ({campaign.reason})")
    if job.status is JobStatus.QUEUED:
        return _queued(view, job)
    if job.status is JobStatus.DONE:
        return _refused(f"nothing to retry: {job.id} is done since attempt {job.attempt} ({job.reason})")
    causes = [job] if job.status in _LOST else _shut_by(view, job)
    if not causes or is_stopped(view, job):
        return _refused(f"nothing to retry: {job.id} was skipped, and nothing failed before it ({job.reason})")
    for cause in causes:
        if why := _why_not(view, cause):
            return _refused(why)
    found = [*(cause.id for cause in causes), *_behind(view, causes)]
    roots = ", ".join(f"{cause.id} gets a fresh start (attempt {cause.attempt + 2} follows)" for cause in causes)
    return FreshStart(f"{roots}; {several(len(found) - len(causes), 'job')} behind it queued again", tuple(found))


def _refused(text: str) -> FreshStart:
    return FreshStart(text, is_refused=True)


def _queued(view: View, job: Job) -> FreshStart:
    if job.fresh_from and job.fresh_from == job.attempt:
        return FreshStart(f"{job.id} has its fresh start already: attempt {job.attempt + 1} follows")
    run = view.open_run_of(job.id)
    so = f"runs in {run.lane}, attempt {run.attempt}" if run is not None else f"is queued after attempt {job.attempt}"
    return _refused(f"nothing to retry: {job.id} {so}")


def _why_not(view: View, job: Job) -> str:
    """Why a job that ended badly is not tried again all the same; empty where it may be."""
    if job.branch is not None:
        return f"not retried: {job.id} is a branch, tried once after the guards said no ({job.reason})"
    if said_no(view, job):
        return f"not retried: {job.id} did its work in attempt {job.attempt} and said no ({job.reason})"
    return ""


def _shut_by(view: View, job: Job) -> list[Job]:
    """What ended badly first, before a job that was skipped for it."""
    if job.phase in (Phase.SURROGATES, Phase.VALIDATE) and (spoilt := _of_chain(view, job, Phase.SURROGATES, *_LOST)):
        return spoilt
    gates = [gate for name in job.after if (gate := view.jobs.get(name)) is not None]
    found: dict[str, Job] = {}
    for gate in gates:
        if gate.status in _LOST:
            found[gate.id] = gate
        elif gate.status is JobStatus.SKIPPED and not is_stopped(view, gate):
            found |= {each.id: each for each in _shut_by(view, gate)}
    return [*found.values()]


def _behind(view: View, causes: list[Job]) -> list[str]:
    """All that was skipped because of them, in the order in which it was queued."""
    again = {cause.id for cause in causes}
    for cause in causes:
        if cause.phase is Phase.SURROGATES:
            # No share stands before a judgement in its record: what one of them spoils is skipped all the same.
            again |= {each.id for each in _of_chain(view, cause, Phase.SURROGATES, JobStatus.SKIPPED)}
            again |= {each.id for each in _of_chain(view, cause, Phase.VALIDATE, JobStatus.SKIPPED)}
    skipped = [job for job in view.jobs_of_campaign() if job.status is JobStatus.SKIPPED and job.branch is None]
    while more := [job.id for job in skipped if job.id not in again and _opens(view, job, again)]:
        again |= {*more}
    return [job.id for job in skipped if job.id in again]


def _opens(view: View, job: Job, again: set[str]) -> bool:
    """Whether one of its gates is tried again, and no other is shut."""
    gates = [view.jobs.get(name) for name in job.after]
    is_behind = any(gate is not None and gate.id in again for gate in gates)
    open_ones = (JobStatus.QUEUED, JobStatus.DONE)
    return is_behind and all(gate is not None and (gate.id in again or gate.status in open_ones) for gate in gates)


def _of_chain(view: View, job: Job, phase: Phase, *statuses: JobStatus) -> list[Job]:
    return [
        each
        for each in view.jobs_of_campaign()
        if each.phase is phase and (each.symbol, each.mode) == (job.symbol, job.mode) and each.status in statuses
    ]
