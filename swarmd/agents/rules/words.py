"""Words for people: counts with their nouns, and how a job that ended the chain behind it is named."""

from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.run import run_id
from swarmd.state.view import View

# How a settled job may have ended (``ending``), in the order in which they are told.
ENDINGS = ("done", "said no", "stopped early", "failed", "quarantined", "skipped")


def several(number: int, noun: str, plural: str = "") -> str:
    """``0 runs``, ``1 run``, ``2,000 runs``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def said_no(view: View, job: Job) -> bool:
    """Whether the job did its work and the honest answer was no: an end like any other, not a malfunction.

    A preflight that refuses its data is not one of these: somebody has to mend the data.
    """
    if job.status is not JobStatus.FAILED or job.phase is Phase.PREFLIGHT:
        return False
    result = view.results.get(run_id(job.id, job.attempt))
    return result is not None and result.summary.verdict == "fail"


def is_stopped(view: View, job: Job) -> bool:
    """Whether a rung of the search stopped it: it was skipped though all that it waited for was done."""
    is_next = job.phase is Phase.REFINE and bool(job.after) and not view.waits_for(job)
    return is_next and job.status is JobStatus.SKIPPED


def ending(view: View, job: Job) -> str:
    """How a settled job ended, in a person's words: ``done``, ``said no``, ``stopped early``, ``quarantined``."""
    if is_stopped(view, job):
        return "stopped early"
    return "said no" if said_no(view, job) else job.status.value


def gate_word(view: View, job: Job) -> str:
    """Why the jobs behind this one are skipped: ``preflight failed``, ``screen said no``, ``refine quarantined``."""
    return f"{job.phase.value} {ending(view, job)}"
