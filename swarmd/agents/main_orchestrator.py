"""Moves the campaign: queues its jobs, counts their results, answers what people ask, and knows when it is done.

Goal lock: a campaign is done only when every job is final and nothing actionable is left about its runs. A result
counts when it carries the token of the newest attempt; a failed gate skips what stands behind it, a search that falls
behind at a rung is stopped there, and where the guards say no, what is tried once more is queued behind them. Behind a
search that is judged by evidence its surrogate markets are queued, share by share, until they have said enough. An
honest "no" of a judge is an end like any other, not an incident.
"""

from collections import Counter, deque
from itertools import islice
from typing import assert_never

from swarmd.agents.rules.arrived import arrived
from swarmd.agents.rules.branches import branches
from swarmd.agents.rules.page_state import PageState, page_state
from swarmd.agents.rules.plan import PlannedJob, plan_size, planned_jobs
from swarmd.agents.rules.pulse import is_unkillable
from swarmd.agents.rules.readiness import ready_jobs
from swarmd.agents.rules.rungs import rungs
from swarmd.agents.rules.steering import VERBS, answer_to
from swarmd.agents.rules.surrogates import missing_shares, surplus
from swarmd.agents.rules.words import ENDINGS, ending, gate_word, is_stopped, several
from swarmd.state.actions import (
    Action,
    AnswerRequest,
    EndSession,
    QueueJob,
    RetryJob,
    SetCampaign,
    SettleJob,
    StopRun,
    WriteHandoff,
)
from swarmd.state.pipeline import phases_of
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.run import RunAlive, RunOrdered, RunStatus
from swarmd.state.records.session import Session
from swarmd.state.units import Millis
from swarmd.state.view import View

NAME = "main_orchestrator"
_STOPS = (Verb.STOP, Verb.STOP_NOW)
_OVERTAKEN = "overtaken"
# Queued in one cycle at most; the next follows at once. Nothing else must wait for thousands of jobs to be written.
_AT_ONCE = 500
_ENDED_BADLY = (JobStatus.FAILED, JobStatus.QUARANTINED, JobStatus.SKIPPED)


def decide(view: View, now: Millis) -> list[Action]:
    settled = [*_counted(view), *_stopped(view), *_unneeded(view), *_skipped(view)]
    overtaken = _overtaken(view)
    late = {wish.request for wish in overtaken}
    pending = sorted(
        (request for request in view.pending_requests() if request.id not in late), key=lambda each: (each.at, each.id)
    )
    stops = [request for request in pending if request.verb in _STOPS]
    if not stops and (leaving := _left_open(view)):
        return [*settled, *overtaken, *leaving]
    if stops:
        return [*settled, *overtaken, *_stopping(view, pending, stops, now, is_settling=bool(settled))]
    oldest = next((request for request in pending if request.verb in VERBS), None)
    steered = [] if oldest is None else _steered(view, oldest, now)
    # What is asked for may take up again what seems to be over.
    is_settling = bool(settled) or any(isinstance(wish, RetryJob) for wish in steered)
    return [
        *settled,
        *overtaken,
        *_killed(view),
        *_queued(view, now),
        *steered,
        *_done(view, now, is_settling=is_settling),
    ]


# -- jobs -------------------------------------------------------------------------------------------------------------


def _queued(view: View, now: Millis) -> list[Action]:
    """The jobs the campaign is made of and that are not on record yet, some of them in each cycle."""
    campaign = view.campaign
    if campaign is None or campaign.status is not CampaignStatus.ACTIVE:
        return []
    if view.n_jobs(campaign.id) >= _plan_size(view, campaign):
        # Only now: as long as the plan is not on record, its size is what tells that something is missing.
        called_for = [
            *((each.job, each.reason, each.caused_by) for each in branches(view).missing),
            *missing_shares(view, len(ready_jobs(view, now))),
        ]
        return [_queue(campaign, job, reason, causes) for job, reason, causes in called_for[:_AT_ONCE]]
    # What is on record once stays there: each cycle goes on where the last one found something missing.
    left = view.while_same("planned", (campaign,), lambda: deque(planned_jobs(campaign)))
    while left and left[0].id in view.jobs:
        left.popleft()
    missing = (job for job in left if job.id not in view.jobs)
    return [_queue(campaign, job, _planned_as(campaign, job), (campaign.id,)) for job in islice(missing, _AT_ONCE)]


def _plan_size(view: View, campaign: Campaign) -> int:
    return view.while_same("plan_size", (campaign,), lambda: plan_size(campaign))


def _queue(campaign: Campaign, job: PlannedJob, reason: str, caused_by: tuple[str, ...]) -> QueueJob:
    return QueueJob(
        job=job.id,
        campaign=campaign.id,
        symbol=job.symbol,
        mode=job.mode,
        phase=job.phase,
        priority=job.priority,
        after=job.after,
        trials=job.trials,
        branch=job.branch,
        surrogates=job.surrogates,
        reason=reason,
        caused_by=caused_by,
    )


def _planned_as(campaign: Campaign, job: PlannedJob) -> str:
    asked = campaign.settings.search.refine.trials
    rung = "" if job.trials is None else f", rung {job.trials} of {asked} trials"
    phases = phases_of(campaign.settings)
    return f"phase {phases.index(job.phase) + 1} of {len(phases)}{rung}, tier {job.priority}"


def _counted(view: View) -> list[Action]:
    """Results that carry the token of the newest attempt, turned into the end of their job."""
    return [
        SettleJob(
            job=job.id,
            status=JobStatus.DONE if result.summary.verdict == "pass" else JobStatus.FAILED,
            run=result.id,
            reason=result.summary.headline,
            caused_by=(result.id,),
        )
        for job, result in arrived(view)
    ]


def _stopped(view: View) -> list[Action]:
    """Searches that their cohort has left behind: the rung that would come next is not run."""
    return [
        SettleJob(job=each.job.id, status=JobStatus.SKIPPED, reason=each.reason, caused_by=each.caused_by)
        for each in rungs(view).hopeless.values()
    ]


def _unneeded(view: View) -> list[Action]:
    """Shares of surrogate markets whose answer is settled without them; a run that is at one is asked to leave it."""
    wishes: list[Action] = []
    for each in surplus(view):
        run = view.open_run_of(each.job.id)
        if run is None:
            job, why = each.job.id, each.reason
            wishes.append(SettleJob(job=job, status=JobStatus.SKIPPED, reason=why, caused_by=each.caused_by))
        elif isinstance(run, RunAlive) and run.status is RunStatus.RUNNING:
            wishes.append(StopRun(run=run.id, how="term", reason=each.reason, caused_by=(run.id, *each.caused_by)))
    return wishes


def _skipped(view: View) -> list[Action]:
    """Jobs whose gate will never open, the whole chain at once, with the reason of the gate that closed first.

    Not the crown of a chain that branches: what is tried once more comes to its end before it.
    """
    awaited = branches(view).awaited
    # A crown may await its branches for hours, and all that time there is nothing to skip.
    if all(job.id in awaited for job in view.shut_jobs):
        return []
    wishes: list[Action] = []
    closed: dict[str, str] = {}
    for job in view.jobs_behind(view.shut_jobs):
        for name in job.after:
            gate = view.jobs.get(name)
            if gate is not None and gate.status in _ENDED_BADLY:
                is_first = gate.status is not JobStatus.SKIPPED or is_stopped(view, gate)
                # Short: the gate's own record holds its whole story, and each job behind it would repeat it.
                closed[name] = gate_word(view, gate) if is_first else gate.reason
        shut = next((name for name in job.after if name in closed), None)
        if shut is None or job.id in awaited or view.open_run_of(job.id) is not None:
            continue
        closed[job.id] = closed[shut]
        wishes.append(SettleJob(job=job.id, status=JobStatus.SKIPPED, reason=closed[shut], caused_by=(shut,)))
    return wishes


# -- requests ---------------------------------------------------------------------------------------------------------


def _overtaken(view: View) -> list[AnswerRequest]:
    """Stops meant for a session that has died since: whoever started this one wants it to run."""
    session = view.session
    if session is None:
        return []
    return [
        AnswerRequest(
            request=request.id,
            reason=f"{_OVERTAKEN}: its session died, and {session.id} began {session.at - request.at} ms later",
            caused_by=(request.id, session.id),
        )
        for request in view.pending_requests()
        if request.verb in _STOPS and request.at < session.at
    ]


def _left_open(view: View) -> list[Action]:
    """The end once more, where a stop is answered and the session still open: the disk was full at that very moment."""
    session = view.session
    if session is None or view.is_working:
        return []
    stop = next((each for each in reversed([*view.requests.values()]) if _was_granted(each, session)), None)
    return [] if stop is None else [EndSession(reason=stop.answer, caused_by=(stop.id, session.id))]


def _was_granted(request: Request, session: Session) -> bool:
    """A stop of this session that was answered; the answer's instant is the record's."""
    is_answered = request.verb in _STOPS and request.status is RequestStatus.ANSWERED
    return is_answered and request.at >= session.at and not request.answer.startswith(_OVERTAKEN)


def _stopping(
    view: View, pending: list[Request], stops: list[Request], now: Millis, *, is_settling: bool
) -> list[Action]:
    """Drain, then hand over and leave. A later ``stop --now`` turns a drain into an end."""
    stop = stops[0]
    causes = tuple(request.id for request in stops)
    is_now = any(request.verb is Verb.STOP_NOW for request in stops)
    wishes: list[Action] = []
    campaign = view.campaign
    if campaign is not None and campaign.status in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED):
        why = f"asked by {stop.asked_by} to stop with {several(len(view.open_runs()), 'run')} open"
        wishes.append(SetCampaign(campaign=campaign.id, status=CampaignStatus.STOPPED, reason=why, caused_by=causes))
    for request in pending:
        if request.verb in VERBS:
            text = f"not done: the swarm is stopping (request {stop.id}); `swarmd start` takes the campaign up again"
            caused_by = (request.id, stop.id)
            wishes.append(AnswerRequest(request=request.id, reason=text, is_refused=True, caused_by=caused_by))
    wishes += [wish for run in view.live_runs() if (wish := _stop_run(run, is_now, stop, causes)) is not None]
    if is_settling or any(_may_still_end(view, run, now) for run in view.open_runs()):
        return wishes
    return [*wishes, *_leaving(view, stops, now)]


def _leaving(view: View, stops: list[Request], now: Millis) -> list[Action]:
    """The page first; once it is written, or cannot be, the answers and the end of the session."""
    causes = tuple(request.id for request in stops)
    left = len(view.open_runs())
    queued = view.n_queued_jobs
    match page_state(view, stops[0].at, now):
        case PageState.DUE:
            why = f"the session ends on request of {stops[0].asked_by} with {several(queued, 'job')} still to do"
            return [WriteHandoff(reason=why, caused_by=causes)]
        case PageState.AWAITED:
            return []
        case PageState.WRITTEN | PageState.GIVEN_UP as page:
            behind = f"; {several(left, 'run')} could not be ended, left behind" if left else ""
            unwritten = "; the handoff page could not be written" if page is PageState.GIVEN_UP else ""
            again = "; `swarmd start` takes them up again" if queued else ""
            text = f"stopped with {several(queued, 'job')} still to do{behind}{unwritten}{again}"
            answers = (AnswerRequest(request=each.id, reason=text, caused_by=(each.id,)) for each in stops)
            return [*answers, EndSession(reason=text, caused_by=causes)]
        case page:
            assert_never(page)


def _stop_run(run: RunAlive, is_now: bool, stop: Request, causes: tuple[str, ...]) -> StopRun | None:
    if run.killed_at > 0 or (not is_now and run.status is RunStatus.STOPPING):
        return None
    why = f"asked by {stop.asked_by} to stop{' at once' if is_now else ''} (attempt {run.attempt} in {run.lane})"
    return StopRun(run=run.id, how="kill" if is_now else "term", reason=why, caused_by=(run.id, *causes))


def _may_still_end(view: View, run: RunOrdered | RunAlive, now: Millis) -> bool:
    """Worth waiting for. A process that survives SIGKILL, or an order nothing came of, must not hold a stop up."""
    if isinstance(run, RunOrdered):
        return now - run.ordered_at <= view.policy.start_within
    return not is_unkillable(run, policy=view.policy, now=now)


def _steered(view: View, request: Request, now: Millis) -> list[Action]:
    """What is no stop, the oldest request only, one a cycle: each is answered from what the one before brought."""
    answer = answer_to(view, request, now)
    told = AnswerRequest(request=request.id, reason=answer.text, is_refused=answer.is_refused, caused_by=(request.id,))
    return [*answer.wishes, told]


def _killed(view: View) -> list[Action]:
    """Whatever lives of a campaign that was cancelled: asked of what is, so that no death in between matters."""
    campaign = view.campaign
    if campaign is None or campaign.status is not CampaignStatus.CANCELLED:
        return []
    why = f"{campaign.id} is cancelled"
    return [
        StopRun(
            run=run.id,
            how="kill",
            reason=f"{why} (attempt {run.attempt} in {run.lane})",
            caused_by=(run.id, campaign.id),
        )
        for run in view.live_runs()
        if run.killed_at == 0
    ]


# -- the end ----------------------------------------------------------------------------------------------------------


def _done(view: View, now: Millis, *, is_settling: bool) -> list[Action]:
    campaign = view.campaign
    if campaign is None or is_settling:
        return []
    if campaign.status is CampaignStatus.ACTIVE:
        return _finished(view, campaign, now)
    if campaign.status in (CampaignStatus.DONE, CampaignStatus.CANCELLED):
        return _handed_over(view, campaign, now)
    return []


def _finished(view: View, campaign: Campaign, now: Millis) -> list[Action]:
    if view.n_queued_jobs or view.n_jobs(campaign.id) < _plan_size(view, campaign):
        return []
    jobs = view.jobs_of_campaign()
    own = {job.id for job in jobs}
    if any(job.id not in own for job in planned_jobs(campaign)):
        return []
    if any(run.job in own and _may_still_end(view, run, now) for run in view.open_runs()):
        return []
    subjects = own | {run.id for run in view.runs.values() if run.job in own}
    if any(incident.subject in subjects and now < incident.due for incident in view.open_incidents()):
        return []
    text = f"{several(len(jobs), 'job')} settled, 0 to do: {_counts(view, jobs)}"
    return [SetCampaign(campaign=campaign.id, status=CampaignStatus.DONE, reason=text, caused_by=(campaign.id,))]


def _counts(view: View, jobs: list[Job]) -> str:
    count = Counter(ending(view, job) for job in jobs)
    crowned = sum(1 for job in jobs if job.phase is Phase.CROWN and job.status is JobStatus.DONE)
    parts = [f"{count[word]} {word}" for word in ENDINGS if count[word]]
    return f"{', '.join(parts)}; {crowned} crowned"


def _handed_over(view: View, campaign: Campaign, now: Millis) -> list[Action]:
    """The page of a campaign's end, then the end of the session if it was opened for this.

    Of one that was cancelled when its runs are gone: the page tells of them.
    """
    is_cancelled = campaign.status is CampaignStatus.CANCELLED
    if is_cancelled and any(_may_still_end(view, run, now) for run in view.open_runs()):
        return []
    page = page_state(view, campaign.at, now)
    told = f"{campaign.id} is {campaign.status.value}: {campaign.reason}"
    if page is PageState.DUE:
        return [WriteHandoff(reason=told, caused_by=(campaign.id,))]
    session = view.session
    if page is PageState.AWAITED or session is None or not session.until_done:
        return []
    if any(_may_still_end(view, run, now) for run in view.open_runs()):
        return []
    return [EndSession(reason=told, caused_by=(campaign.id, session.id))]
