"""Keeps the pages for people true to the records: wishes those written anew that tell of an older state.

A page follows moments, not cycles: the opening of a session, the end of a phase, the end of a campaign; the tracker of
assets follows each answer about one, once a minute at most. What cannot be written (a full disk) is tried again with
growing waits, and given up until the next moment.

While a campaign works, the handoff page is written every few hours (``handoff_every``) besides that of each end. What
was learned goes into the knowledge base when there is something new to learn from, once in a while
(``knowledge_every``) and when the campaign ends; a base that cannot be reached is told of, and tried again with growing
waits. Nothing is lost meanwhile: all that the records teach is put each time.
"""

from swarmd.agents.rules.backoff import backoff
from swarmd.agents.rules.page_state import PageState, page_state
from swarmd.agents.rules.ranking import PHASES
from swarmd.agents.rules.words import several
from swarmd.state.actions import Action, KeepKnowledge, Say, WriteDocuments, WriteHandoff
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.errand import KNOWLEDGE, Errand, ErrandStatus
from swarmd.state.records.session import Session
from swarmd.state.records.step import StepStatus
from swarmd.state.units import HOUR, MINUTE, Millis, spoken
from swarmd.state.view import View

NAME = "curator"
_TRIES = 3
FOLDER = "docs/reference"
TRACKER_EVERY: Millis = MINUTE

# Each page with the moments it follows, beside the ends of campaigns, which all but the registry follow.
OF_SESSIONS = ("AGENT_REGISTRY.md", "BACKTEST_OPTIMIZE.md")
OF_ASSETS = ("phase2_candidates.txt", "pipeline_tracker.csv")
OF_PHASES = ("BACKTEST_OPTIMIZE.md", "KNOWLEDGE_BASE_BACKTEST.md", "WORKFLOW_EXPECTED_OUTCOMES_STATEFUL.md")

# Between tries to reach a knowledge base that does not answer.
RETRY_FIRST: Millis = MINUTE
RETRY_CAP: Millis = HOUR
_TOPIC = "knowledge"

_ENDED = (CampaignStatus.STOPPED, CampaignStatus.DONE, CampaignStatus.CANCELLED)


def decide(view: View, now: Millis) -> list[Action]:
    session, campaign = view.session, view.campaign
    if session is None or campaign is None:
        return []
    return [
        *_pages(view, session, campaign, now),
        *_handoff(view, session, campaign, now),
        *_knowledge(view, session, campaign, now),
        *_unreachable(view),
    ]


def _pages(view: View, session: Session, campaign: Campaign, now: Millis) -> list[Action]:
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
        for taken in view.efforts
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


# -- the page of every few hours --------------------------------------------------------------------------------------


def _handoff(view: View, session: Session, campaign: Campaign, now: Millis) -> list[Action]:
    """Beside those of a stop and of a campaign's end, which others ask for."""
    if campaign.status is not CampaignStatus.ACTIVE:
        return []
    every = view.policy.handoff_every
    pages = view.documents
    told = view.while_same(
        f"{NAME}/told", (pages,), lambda: [each.at for each in pages.values() if "HANDOFF" in each.id]
    )
    written = max(told, default=-1)
    last = max(written, session.at)
    if now - last < every:
        return []
    # What cannot be written is given up until as long again has passed.
    since = last + every * ((now - last) // every)
    if page_state(view, since, now) is not PageState.DUE:
        return []
    why = f"{campaign.id} works, and the last page tells of {spoken(now - last)} ago (every {spoken(every)})"
    return [WriteHandoff(reason=why, caused_by=(campaign.id, session.id))]


# -- what was learned -------------------------------------------------------------------------------------------------


def _knowledge(view: View, session: Session, campaign: Campaign, now: Millis) -> list[Action]:
    moment, cause = _learned_at(view, campaign)
    last = view.errands.get(KNOWLEDGE)
    since = max(session.at, last.began_at if last is not None else -1)
    # A crash is no time for housekeeping: while it works, it is done once in a while and not when something happens.
    is_soon = campaign.status not in _ENDED and now - since < view.policy.knowledge_every
    if moment < 0 or is_soon or (last is not None and not _may_go(last, moment, now)):
        return []
    known = ", ".join(
        (
            several(len(view.failures), "failure point"),
            several(len(view.lessons), "lesson"),
            several(len(view.hypotheses), "claim"),
        )
    )
    return [KeepKnowledge(reason=f"{known} on record, the newest {now - moment} ms old", caused_by=(cause,))]


def _may_go(last: Errand, moment: Millis, now: Millis) -> bool:
    match last.status:
        case ErrandStatus.RUNNING:
            return False
        case ErrandStatus.FAILED:
            return now - last.ended_at > backoff(last.failures, first=RETRY_FIRST, cap=RETRY_CAP)
        case ErrandStatus.DONE:
            return last.began_at < moment


def _learned_at(view: View, campaign: Campaign) -> tuple[Millis, str]:
    """When there was last something new to learn from, and what: minus one while there is nothing."""
    of = view.failures, view.lessons, view.champions
    news = [*view.while_same(f"{NAME}/news", of, lambda: _newest(view))]
    if (answered := view.last_answered.get(campaign.id)) is not None:
        news.append((answered, campaign.id))
    if news and campaign.status in _ENDED:
        news.append((campaign.at, campaign.id))
    return max(news, default=(-1, campaign.id))


def _newest(view: View) -> list[tuple[Millis, str]]:
    """Of failure points, lessons and champions the last one each."""
    failures = ((each.at, each.id) for each in view.failures.values())
    lessons = ((each.at, each.id) for each in view.lessons.values())
    champions = ((each.since, each.id) for each in view.champions.values())
    return [max(each) for kind in (failures, lessons, champions) if (each := [*kind])]


def _unreachable(view: View) -> list[Action]:
    """Said from the second time in a row on, once; taken back when it was reached."""
    last, said = view.errands.get(KNOWLEDGE), view.findings.get(f"{NAME}/{_TOPIC}")
    is_said = said is not None and said.text != ""
    if last is not None and last.status is ErrandStatus.FAILED and last.failures > 1 and not is_said:
        text = f"the knowledge base was not reached {last.failures} times in a row: {last.outcome}; it is tried again"
        return [Say(topic=_TOPIC, reason=text, caused_by=(last.id,))]
    if last is not None and last.status is ErrandStatus.DONE and is_said:
        return [Say(topic=_TOPIC, reason="", caused_by=(last.id,))]
    return []
