"""How a campaign stands, in figures and in a person's words: what the screen, the monitors and the chronicle all tell.

Pure, and plain text: nothing here draws, so that the daemon of a service starts without the libraries that do.
"""

from collections import Counter

from swarmd.agents.rules.rungs import rungs
from swarmd.agents.rules.words import ending, several
from swarmd.state.records.incident import Incident
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View


def job_counts(view: View) -> dict[str, int]:
    """Jobs of the campaign by where they stand; a queued job with a run counts as running."""
    counts = Counter(standing(view, job) for job in view.jobs_of_campaign())
    return {name: counts[name] for name in ("running", *(status.value for status in JobStatus))}


def standing(view: View, job: Job) -> str:
    return "running" if job.status is JobStatus.QUEUED and view.open_run_of(job.id) else job.status.value


def outcome(view: View, job: Job) -> str:
    """Its standing in a person's words: a phase that did its work and said no has not failed, and a search that fell
    behind at a rung was not merely skipped."""
    return standing(view, job) if job.status is JobStatus.QUEUED else ending(view, job)


def eta_of(done: int, total: int, rate: float) -> Millis | None:
    """Milliseconds left at this rate, or None when nobody can tell."""
    return round(max(0, total - done) / rate * 1000) if total and rate > 0 else None


def remaining(view: View, now: Millis) -> str:
    """How long the campaign still takes if its jobs go on settling as they have; a rough guess, said as one."""
    campaign = view.campaign
    jobs = view.jobs_of_campaign()
    settled = [job for job in jobs if job.status is not JobStatus.QUEUED]
    if campaign is None or not settled or len(settled) == len(jobs) or now <= campaign.started_at:
        return f"{len(jobs) - len(settled)} to go"
    return f"about {spoken(round((now - campaign.started_at) / len(settled) * (len(jobs) - len(settled))))} to go"


def waits_because(view: View, lane: Lane, now: Millis) -> str:
    """Why this lane has no run: it is held, or has nothing to do; empty where it is about to be given something."""
    if lane.status is LaneStatus.HELD:
        return lane.reason
    has_gpu = any(each.is_on_gpu for each in view.open_lanes)
    return idle_because(view, now, on_gpu=lane.is_on_gpu if has_gpu else None)


def idle_because(view: View, now: Millis, *, on_gpu: bool | None = None) -> str:
    """Why a free lane has nothing to do. ``on_gpu``: one that takes prescreens and nothing else, or all but these; None
    where no lane of a GPU is open.
    """
    queued = [job for job in view.queued_jobs() if view.open_run_of(job.id) is None]
    if not view.is_working or not queued:
        return "nothing queued" if view.is_working else ""
    if on_gpu is not None:
        queued = [job for job in queued if (job.phase is Phase.PRESCREEN) is on_gpu]
        if not queued:
            return "no prescreen is queued" if on_gpu else "only prescreens are queued, for a lane of a GPU"
    next_ones = [job for job in queued if not view.waits_for(job)]
    ready = [job for job in next_ones if not rungs(view).holds(job)]
    if next_ones and not ready:
        return f"{several(len(next_ones), 'job')} between two rungs, the first {rungs(view).why(next_ones[0])}"
    held = [job for job in ready if job.not_before > now]
    if not ready:
        return f"{several(len(queued), 'job')} to wait for others"
    if len(held) == len(ready):
        first = min(job.not_before for job in held) - now
        return f"{several(len(held), 'job')} in back-off, the first for another {spoken(first)}"
    return ""


def incident_line(incident: Incident) -> str:
    return f"{incident.subject}: {incident.cause} -> {incident.outcome or incident.remedy}"


def short_job(job: str) -> str:
    """The job without its campaign's name."""
    return job.partition(".")[2] or job


def size(n_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} TiB"
