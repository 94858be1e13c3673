"""What a request of a person comes to: the wishes that follow from it, and the answer in numbers.

Pure, for ``main_orchestrator``, which asks for the oldest request that is no stop. Each answer says what is so now;
what cannot be done is refused with its figures, and what is so already is a yes. Whatever must outlive the answer is
written into the records (a campaign that is cancelled, a run that was killed), so that a daemon that dies in between
changes nothing.
"""

from dataclasses import dataclass

from swarmd.agents.rules.budget import is_still_out_of_budget
from swarmd.agents.rules.fresh_start import fresh_start
from swarmd.agents.rules.ranking import priorities
from swarmd.agents.rules.words import several
from swarmd.state.actions import Action, PlaceAsset, RetryJob, SetCampaign, StopRun
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.request import Request, Verb
from swarmd.state.records.run import RunEnded, RunOrdered, RunStatus
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View

# What is asked of a campaign. To stop is asked of the session; what else there is another agent takes up.
VERBS = frozenset({Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.KILL, Verb.RETRY, Verb.PRIORITISE})
_ENDED = (CampaignStatus.DONE, CampaignStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Answer:
    """``wishes`` follow from the request in the same cycle; a refusal has none."""

    text: str
    wishes: tuple[Action, ...] = ()
    is_refused: bool = False


def answer_to(view: View, request: Request, now: Millis) -> Answer:
    campaign = view.campaign
    if campaign is None:
        told = f"nothing to {request.verb.value}: 0 campaigns on record; `swarmd start CAMPAIGN.yaml` begins one"
        return _refused(told)
    match request.verb:
        case Verb.CANCEL:
            return _cancelled(view, campaign, request)
        case Verb.KILL:
            return _killed(view, campaign, request, now)
        case Verb.RETRY:
            return _retried(view, campaign, request)
        case Verb.PRIORITISE:
            return _placed(view, campaign, request)
        case _:
            return _moved(view, campaign, request)


def _refused(text: str) -> Answer:
    return Answer(text, is_refused=True)


# -- pause, resume ----------------------------------------------------------------------------------------------------


def _moved(view: View, campaign: Campaign, request: Request) -> Answer:
    queued, running = len(view.queued_jobs()), len(view.open_runs())
    match request.verb, campaign.status:
        case Verb.PAUSE, CampaignStatus.ACTIVE:
            waiting = several(queued - running, "further job")
            text = f"paused: {several(running, 'open run')} to finish, {waiting} to wait"
            return Answer(text, (_set(campaign, CampaignStatus.PAUSED, request, text),))
        case Verb.RESUME, CampaignStatus.STOPPED if is_still_out_of_budget(view, campaign):
            return _refused(
                f"not resumed: {campaign.reason}; raise limits.budget in {campaign.file} and give it to `swarmd start`"
            )
        case Verb.RESUME, CampaignStatus.PAUSED | CampaignStatus.STOPPED:
            text = f"resumed: {several(queued, 'job')} to do, {several(running, 'run')} open"
            return Answer(text, (_set(campaign, CampaignStatus.ACTIVE, request, text),))
        case (Verb.PAUSE, CampaignStatus.PAUSED) | (Verb.RESUME, CampaignStatus.ACTIVE):
            so = f"{several(running, 'run')} open, {several(queued, 'job')} to do"
            return Answer(f"{campaign.id} is {campaign.status.value} already: {so}")
        case _:
            return _refused(_nothing_to(request, campaign))


def _nothing_to(request: Request, campaign: Campaign) -> str:
    why = campaign.reason or "no reason given"
    return f"nothing to {request.verb.value}: {campaign.id} is {campaign.status.value} ({why})"


def _set(campaign: Campaign, status: CampaignStatus, request: Request, text: str) -> SetCampaign:
    asked = f"asked by {request.asked_by}: {text}"
    return SetCampaign(campaign=campaign.id, status=status, reason=asked, caused_by=(request.id,))


# -- cancel, kill -----------------------------------------------------------------------------------------------------


def _cancelled(view: View, campaign: Campaign, request: Request) -> Answer:
    """The status is all that is set here: as long as it stands, whatever still runs of the campaign is killed."""
    if request.subject not in ("", campaign.id):
        return _refused(f"nothing to cancel: {request.subject!r} is not under way, {campaign.id} is")
    running, queued = len(view.open_runs()), len(view.queued_jobs())
    match campaign.status:
        case CampaignStatus.CANCELLED:
            return Answer(f"{campaign.id} is cancelled already: {several(running, 'run')} open")
        case CampaignStatus.DONE:
            return _refused(_nothing_to(request, campaign))
        case _:
            text = f"cancelled for good: {several(running, 'run')} killed, {several(queued, 'job')} left undone"
            return Answer(text, (_set(campaign, CampaignStatus.CANCELLED, request, text),))


def _killed(view: View, campaign: Campaign, request: Request, now: Millis) -> Answer:
    """A run by its own name, or whichever is open in a lane."""
    name = request.subject
    run = view.runs.get(name) or view.run_in(name)
    if run is None:
        if name in view.lanes:
            return _refused(f"nothing to kill: {name} has no open run ({several(len(view.open_runs()), 'run')} open)")
        return _refused(
            f"nothing to kill: {name!r} is neither a run nor a lane on record "
            f"({several(len(view.open_runs()), 'open run')} in {several(len(view.lanes), 'lane')})"
        )
    if isinstance(run, RunEnded):
        return _refused(f"nothing to kill: {run.id} ended {spoken(now - run.ended_at)} ago as {run.status.value}")
    if isinstance(run, RunOrdered):
        return _refused(
            f"{run.id} was ordered {spoken(now - run.ordered_at)} ago and has 0 processes yet: ask again in a moment"
        )
    if run.killed_at:
        return Answer(f"{run.id} was killed {spoken(now - run.killed_at)} ago and has not gone yet")
    job = view.jobs.get(run.job)
    if job is None or job.campaign != campaign.id or campaign.status in _ENDED:
        follows = f"no attempt of {run.job} follows"
    elif campaign.status is CampaignStatus.ACTIVE:
        follows = f"{run.job} stays queued, attempt {run.attempt + 1} follows, and this one counts as no loss"
    else:
        follows = f"{run.job} stays queued, attempt {run.attempt + 1} waits while {campaign.id} is {campaign.status}"
    stopping = " (it was stopping)" if run.status is RunStatus.STOPPING else ""
    why = f"asked by {request.asked_by} to kill it (attempt {run.attempt} in {run.lane})"
    kill = StopRun(run=run.id, how="kill", reason=why, caused_by=(run.id, request.id))
    return Answer(f"killed {run.id} in {run.lane}, pid {run.pid}{stopping}: {follows}", (kill,))


# -- retry, prioritise ------------------------------------------------------------------------------------------------


def _retried(view: View, campaign: Campaign, request: Request) -> Answer:
    found = fresh_start(view, campaign, request.subject)
    if not found.jobs:
        return Answer(found.text, is_refused=found.is_refused)
    wishes: list[Action] = []
    if campaign.status is CampaignStatus.DONE:
        wishes.append(_set(campaign, CampaignStatus.ACTIVE, request, f"taken up again to retry {request.subject}"))
    why = f"asked by {request.asked_by} to retry {request.subject}"
    wishes += [RetryJob(job=job, reason=why, caused_by=(job, request.id)) for job in found.jobs]
    waits = "" if campaign.status in (CampaignStatus.ACTIVE, CampaignStatus.DONE) else _waiting(campaign)
    return Answer(f"{found.text}{waits}", tuple(wishes))


def _waiting(campaign: Campaign) -> str:
    return f"; it waits while {campaign.id} is {campaign.status.value}"


def _placed(view: View, campaign: Campaign, request: Request) -> Answer:
    symbol, symbols = request.subject, campaign.settings.symbols()
    if symbol not in symbols:
        return _refused(f"nothing to prioritise: {symbol!r} is none of the {len(symbols)} assets of {campaign.id}")
    if campaign.status in _ENDED:
        return _refused(_nothing_to(request, campaign))
    left = sum(1 for job in view.queued_jobs() if job.symbol == symbol)
    if not left and any(job.symbol == symbol for job in view.jobs_of_campaign()):
        return _refused(f"nothing to prioritise: {symbol} has 0 jobs to do in {campaign.id}")
    places = {each: campaign.places.get(each, place) for each, place in priorities(campaign).items()}
    others = [place for each, place in places.items() if each != symbol]
    is_first = request.place == "first"
    if not others or (places[symbol] < min(others) if is_first else places[symbol] > max(others)):
        return Answer(f"{symbol} is {request.place} already, of {several(len(symbols), 'asset')}")
    place = min(others) - 1 if is_first else max(others) + 1
    text = f"{symbol} goes {request.place} of {several(len(symbols), 'asset')}: {several(left, 'job')} to do"
    asked = f"asked by {request.asked_by}: {text}"
    moved = PlaceAsset(campaign=campaign.id, symbol=symbol, place=place, reason=asked, caused_by=(request.id,))
    return Answer(f"{text}; running work goes on", (moved,))
