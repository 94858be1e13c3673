"""Keeps the pages for people true to the records: wishes those written anew that tell of an older state.

A page follows moments, not cycles: the opening of a session, the end of a phase, the end of a campaign; the tracker of
assets follows each answer about one, once a minute at most. What cannot be written (a full disk) is tried again with
growing waits, and given up until the next moment.
"""

from swarmd.agents.rules.backoff import backoff
from swarmd.agents.rules.ranking import PHASES
from swarmd.state.actions import Action, WriteDocuments
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.session import Session
from swarmd.state.records.step import StepStatus
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View

NAME = "curator"
_TRIES = 3
FOLDER = "docs/reference"
TRACKER_EVERY: Millis = MINUTE

# Each page with the moments it follows, beside the ends of campaigns, which all but the registry follow.
OF_SESSIONS = ("AGENT_REGISTRY.md", "BACKTEST_OPTIMIZE.md")
OF_ASSETS = ("phase2_candidates.txt", "pipeline_tracker.csv")
OF_PHASES = ("BACKTEST_OPTIMIZE.md", "KNOWLEDGE_BASE_BACKTEST.md", "WORKFLOW_EXPECTED_OUTCOMES_STATEFUL.md")

_ENDED = (CampaignStatus.STOPPED, CampaignStatus.DONE, CampaignStatus.CANCELLED)


def decide(view: View, now: Millis) -> list[Action]:
    session, campaign = view.session, view.campaign
    if session is None or campaign is None:
        return []
    of_phase, cause = _phase_moment(view, campaign)
    of_assets = _asset_moment(view, campaign, now)
    follow = {**dict.fromkeys(OF_SESSIONS, session.at), **dict.fromkeys(OF_PHASES, of_phase)}
    follow["BACKTEST_OPTIMIZE.md"] = max(session.at, of_phase)
    follow |= dict.fromkeys(OF_ASSETS, of_assets)
    stale = [name for name, moment in follow.items() if _written_at(view, campaign, name) < moment]
    if not stale:
        return []
    return _wished(view, tuple(sorted(stale)), max(follow[name] for name in stale), session, cause, now)


def page_id(campaign: str, name: str) -> str:
    """Where a page is kept: the tracker with the campaign's results, the others among the reference pages."""
    return f"results/{campaign}/{name}" if name in OF_ASSETS else f"{FOLDER}/{name}"


def _asset_moment(view: View, campaign: Campaign, now: Millis) -> Millis:
    """When an asset last had an answer, if the tracker is old enough to be written anew or the campaign has ended."""
    answered = view.last_answered.get(campaign.id, -1)
    if campaign.status in _ENDED:
        return max(answered, campaign.at)
    due = max(_written_at(view, campaign, name) for name in OF_ASSETS) + TRACKER_EVERY
    return answered if now >= due else -1


def _phase_moment(view: View, campaign: Campaign) -> tuple[Millis, str]:
    """When the last phase, or the campaign itself, came to an end: minus one while nothing has."""
    ends = [
        (step.at, step.id)
        for phase in PHASES
        if (step := view.steps.get(f"{campaign.id}.{phase.value}")) is not None
        and step.status is not StepStatus.PENDING
    ]
    if campaign.status in _ENDED:
        ends.append((campaign.at, campaign.id))
    return max(ends, default=(-1, campaign.id))


def _written_at(view: View, campaign: Campaign, name: str) -> Millis:
    known = view.documents.get(page_id(campaign.id, name))
    return -1 if known is None else known.at


def _wished(
    view: View, names: tuple[str, ...], moment: Millis, session: Session, cause: str, now: Millis
) -> list[Action]:
    tries = [
        taken.at
        for taken in view.actions.values()
        if isinstance(taken.action, WriteDocuments) and taken.action.names == names and taken.at >= moment
    ]
    wait = backoff(len(tries), first=view.policy.backoff_first, cap=view.policy.backoff_cap)
    if len(tries) >= _TRIES or (tries and now - max(tries) <= wait):
        return []
    what = f"session {session.id} began" if moment == session.at else f"{cause} ended"
    if set(names) <= set(OF_ASSETS):
        what = "the last answer about an asset came"
    why = f"{len(names)} pages are older than what they tell: {what} {now - moment} ms ago"
    return [WriteDocuments(names=names, reason=why, caused_by=(cause, session.id))]
