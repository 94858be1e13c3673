"""Watches over work that was lost: names why a run ended without it, bounds how often it is tried again, verifies.

One loss: an incident and a wait written into the job. Too many losses of one job: quarantine with the evidence, while
the others go on. An order or data that cannot work is not tried twice. Also sees results that come too late to count,
and stretches in which work waits and nobody works.
"""

from swarmd.agents.rules.backoff import backoff
from swarmd.agents.rules.gpu_work import ready_with_a_lane
from swarmd.agents.rules.losses import (
    asked_to_stop,
    awaits_result,
    has_yielded,
    is_loss,
    losses_of,
    losses_since,
    newest_run,
    tries_in_vain,
    vanished_with_daemon,
)
from swarmd.agents.rules.nodes import found_no_cluster
from swarmd.agents.rules.remedies import prescription
from swarmd.agents.rules.signatures import NO_RETRY, Diagnosis, diagnosis, incident_id, open_incident_about
from swarmd.agents.rules.verification import Outcome, closed, outcome_about_run
from swarmd.state.actions import Action, HoldJob, OpenIncident, SettleJob
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.job import Job, JobStatus
from swarmd.state.records.remedy import Remedy
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunEnded
from swarmd.state.units import Millis, iso
from swarmd.state.view import View

NAME = "worker_sentry"


def decide(view: View, now: Millis) -> list[Action]:
    return [*_lost_work(view, now), *_late_results(view, now), *_dead_zone(view, now), *_verified(view, now)]


# -- losses -----------------------------------------------------------------------------------------------------------


def _lost_work(view: View, now: Millis) -> list[Action]:
    wishes: list[Action] = []
    campaign = view.campaign
    for job in view.resting_jobs:
        run = newest_run(view, job)
        if run is None or campaign is None or job.campaign != campaign.id:
            continue
        asked = asked_to_stop(view)
        if run.id in asked or awaits_result(view, run, now) or run.id in view.results:
            continue
        if has_yielded(run):
            wishes += _wait(view, job, run, 1, "stopped at a safe point though nobody here asked it to", now)
        elif is_loss(view, run, now):
            losses = losses_of(view, job, asked, now)
            wishes += _after_loss(view, job, run, losses, view.told_of.get(run.id), now)
    return wishes


def _after_loss(
    view: View, job: Job, run: RunEnded, losses: list[RunEnded], known: Incident | None, now: Millis
) -> list[Action]:
    # Where somebody has told already why it ended (a hang, and the kill that followed), that is the cause.
    told = diagnosis(view, run) if known is None else Diagnosis(known.signature, known.cause)
    if told.signature in NO_RETRY:
        settle = SettleJob(job=job.id, status=JobStatus.FAILED, run=run.id, reason=told.cause, caused_by=(run.id,))
        remedy = f"fail {job.id} at once: another attempt would meet the same"
        opened = _opened(view, run, told, remedy, f"{job.id} is failed and the rest goes on", now, Remedy.FAIL)
        return [settle] if known else [opened, settle]
    if len(losses) >= view.policy.max_attempts:
        remedy = f"quarantine {job.id} after {len(losses)} losses"
        opened = _opened(view, run, told, remedy, f"{job.id} takes no lane any more", now, Remedy.QUARANTINE)
        return [*([] if known else [opened]), *_poison(view, job, losses, told, now)]
    in_vain = tries_in_vain(view, job, losses)
    wait = backoff(in_vain, first=view.policy.backoff_first, cap=view.policy.backoff_cap)
    next_one = prescription(view, job, losses) if losses else None
    rung = next_one.remedy if next_one is not None else Remedy.RELAUNCH
    remedy = f"wait {wait} ms, then attempt {job.attempt + 1} of {job.id} from its outbox"
    if next_one is not None:
        smaller = f", {next_one.scale:.0%} at a time" if next_one.scale < 1 else ""
        remedy += f" ({rung.value}{smaller}: {next_one.why})"
    if vanished_with_daemon(view, run):
        remedy += "; not counted against the job, the daemon was away"
    elif not run.was_launched:
        remedy += "; not counted against the job, nothing of it ever ran"
    elif found_no_cluster(run):
        remedy += "; not counted against the job, the cluster was away"
    opened = _opened(view, run, told, remedy, f"attempt {job.attempt + 1} makes progress", now + wait, rung)
    of_limit = f"loss {len(losses)} (limit {view.policy.max_attempts}): {told.cause}"
    if not run.was_launched:
        of_limit = f"order {in_vain} in a row that nothing came of"
    elif found_no_cluster(run):
        of_limit = f"run {in_vain} in a row that found no cluster"
    return [*([] if known else [opened]), *_wait(view, job, run, in_vain, of_limit, now)]


def _opened(
    view: View, run: RunEnded, told: Diagnosis, remedy: str, expected: str, starts: Millis, rung: Remedy
) -> OpenIncident:
    return OpenIncident(
        incident=incident_id(run.id, told.signature),
        signature=told.signature,
        subject=run.id,
        remedy=remedy,
        expected=expected,
        due=starts + view.policy.start_within,
        reason=told.cause,
        caused_by=(run.id,),
        rung=rung,
    )


def _wait(view: View, job: Job, run: RunEnded, losses: int, why: str, now: Millis) -> list[Action]:
    """Hold the job for its back-off, counted from the end of the run, unless it already waits or the time is over."""
    wait = backoff(losses, first=view.policy.backoff_first, cap=view.policy.backoff_cap)
    until = run.ended_at + wait
    if job.not_before >= until or until <= now:
        return []
    return [HoldJob(job=job.id, not_before=until, reason=f"wait {wait} ms after {why}", caused_by=(run.id,))]


def _poison(view: View, job: Job, losses: list[RunEnded], told: Diagnosis, now: Millis) -> list[Action]:
    incident = incident_id(job.id, Signature.POISON_JOB)
    runs = tuple(run.id for run in losses)
    why = f"{len(losses)} of its runs were lost (limit {view.policy.max_attempts}), the last one: {told.cause}"
    opened = OpenIncident(
        incident=incident,
        signature=Signature.POISON_JOB,
        subject=job.id,
        remedy=f"quarantine {job.id}",
        expected="no further run of it, and the other jobs go on",
        due=now + view.policy.term_grace,
        reason=why,
        caused_by=runs,
        rung=Remedy.QUARANTINE,
    )
    settle = SettleJob(job=job.id, status=JobStatus.QUARANTINED, reason=why, caused_by=runs)
    return [settle] if incident in view.incidents else [opened, settle]


# -- results that come too late ---------------------------------------------------------------------------------------


def _late_results(view: View, now: Millis) -> list[Action]:
    wishes: list[Action] = []
    for result in view.loose_results:
        job = view.jobs.get(result.job)
        if job is None or not (why := _why_refused(job, result)):
            continue
        incident = incident_id(result.id, Signature.LATE_RESULT)
        if incident in view.incidents:
            continue
        wishes.append(
            OpenIncident(
                incident=incident,
                signature=Signature.LATE_RESULT,
                subject=result.id,
                remedy="refuse it by its fencing token",
                expected=f"{job.id} keeps the status of attempt {job.attempt}",
                due=now + view.policy.term_grace,
                reason=why,
                caused_by=(result.id,),
            )
        )
    return wishes


def _why_refused(job: Job, result: Result) -> str:
    if result.attempt != job.attempt:
        return f"result of {result.job} carries token {result.attempt}, the newest attempt is {job.attempt}"
    if job.status in (JobStatus.QUARANTINED, JobStatus.SKIPPED):
        return f"result of {result.job} (attempt {result.attempt}) came after the job was {job.status.value}"
    return ""


# -- work waits and nobody works --------------------------------------------------------------------------------------


def _dead_zone(view: View, now: Millis) -> list[Action]:
    campaign, free = view.campaign, view.n_free_lanes
    if campaign is None or not free or view.open_runs():
        return []
    n_cpu = view.n_free_cpu_lanes
    ready = ready_with_a_lane(view, now, n_cpu=n_cpu, n_gpu=free - n_cpu)
    if not ready:
        return []
    since = _idle_since(view, ready)
    limit = view.policy.no_worker_after
    if now - since <= limit or open_incident_about(view, campaign.id, Signature.NO_WORKER):
        return []
    lately = losses_since(view, now - view.policy.fleet_window, now)
    cause = (
        f"no run for {now - since} ms (limit {limit} ms) with {len(ready)} jobs ready and {free} lanes free; "
        f"{len(lately)} runs lost in the last {view.policy.fleet_window} ms (limit {view.policy.fleet_losses_max})"
    )
    return [
        OpenIncident(
            incident=incident_id(campaign.id, Signature.NO_WORKER, since),
            signature=Signature.NO_WORKER,
            subject=campaign.id,
            remedy="the scheduler is asked again every cycle; a storm of losses must thin out first",
            expected="a run is open",
            due=now + view.policy.fleet_window,
            reason=cause,
            caused_by=(campaign.id, *(job.id for job in ready[:3])),
        )
    ]


def _idle_since(view: View, ready: list[Job]) -> Millis:
    """When the present stretch without a run can have begun at the earliest."""
    campaign, session = view.campaign, view.session
    ends = [run.ended_at for run in view.last_ended(1)]
    waits = [job.not_before for job in ready]
    begun = [0 if campaign is None else campaign.at, 0 if session is None else session.at]
    # The shortest wait among the ready jobs: before it was over nobody could have worked.
    return max([*ends, *begun, min(waits, default=0)])


# -- what came of it --------------------------------------------------------------------------------------------------


def _verified(view: View, now: Millis) -> list[Action]:
    return [
        closed(incident, outcome)
        for incident in view.open_incidents()
        if incident.agent == NAME and (outcome := _outcome(view, incident, now)) is not None
    ]


def _outcome(view: View, incident: Incident, now: Millis) -> Outcome | None:
    if incident.signature is Signature.LATE_RESULT:
        return Outcome(f"refused {now - incident.opened_at} ms after it came: {incident.cause}")
    if incident.signature is Signature.NO_WORKER:
        return _dead_zone_outcome(view, incident, now)
    if incident.signature is Signature.POISON_JOB:
        job = view.jobs.get(incident.subject)
        if job is not None and job.status is JobStatus.QUEUED:
            return None
        others = sum(1 for other in view.jobs_of_campaign() if other.id != incident.subject)
        status = "no longer on record" if job is None else job.status.value
        return Outcome(f"{status} {now - incident.opened_at} ms later; the campaign's other {others} jobs go on")
    return outcome_about_run(view, incident, now)


def _dead_zone_outcome(view: View, incident: Incident, now: Millis) -> Outcome | None:
    took = now - incident.opened_at
    runs = view.open_runs()
    if runs:
        return Outcome(f"{runs[0].id} is open in {runs[0].lane} after {took} ms")
    if not view.is_working:
        why = f"nothing is to be started any more after {took} ms: the campaign is not active"
        return Outcome(why, is_verified=False)
    if not view.queued_jobs():
        return Outcome(f"no job waits any more after {took} ms ({iso(now)})", is_verified=False)
    return None
