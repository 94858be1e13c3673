"""What the swarm does to a job or a run is bounded, and told: nobody waits for ever, is given up early, or just dies.

Asked by ``laws`` of every action, at the end of the cycle that took it.
"""

from swarmd.state.actions import ActionTaken, HoldJob, SettleJob, StopRun
from swarmd.state.records.incident import Signature
from swarmd.state.records.job import JobStatus
from swarmd.state.records.run import RunAlive
from swarmd.state.units import Millis
from swarmd.state.view import View


def overstepped(view: View, taken: ActionTaken, now: Millis) -> str:
    """What is wrong with it, in a sentence; empty where nothing is."""
    match taken.action:
        case HoldJob(job=job, not_before=until) if until - now > view.policy.backoff_cap:
            return f"{job} is to wait {until - now} ms (limit {view.policy.backoff_cap})"
        case SettleJob(job=job, status=JobStatus.QUARANTINED):
            return _given_up(view, job)
        case StopRun(run=run, how="kill") if taken.agent != "main_orchestrator":
            return _killed(view, run)
        case _:
            return ""


def _given_up(view: View, job: str) -> str:
    tried = view.jobs[job].attempt - view.jobs[job].fresh_from
    if tried < view.policy.max_attempts:
        return f"{job} is given up after {tried} attempts (limit {view.policy.max_attempts})"
    if f"{job}/{Signature.POISON_JOB}" not in view.incidents:
        return f"{job} is given up and no incident tells why"
    return ""


def _killed(view: View, id: str) -> str:
    """A guard's kill: of what was asked before to stop, or of what an incident was told of."""
    run = view.runs[id]
    is_told = any(incident.subject == id for incident in view.incidents.values())
    if isinstance(run, RunAlive) and not run.stop_asked_at and not is_told:
        return f"{id} is killed and no incident tells why"
    return ""
