"""Keeps a campaign within its budget: time by the clock, money, lane time, the size of the home.

Past 80 % it says so, and again with each twentieth. At 100 % nothing new is started and what runs may end by itself,
within the grace; what overruns that is asked to stop at a safe point, where its work is kept. Then the handoff, and the
end of the session if it was opened until done. What is left stays queued: a raised budget takes it up again. Money is
the price of this machine and that of each node of the cluster, for as long as it was there.
"""

from swarmd.agents.rules.budget import (
    SPENT,
    Use,
    has_budget,
    is_out_of_budget,
    uses_near_their_limit,
    what_is_left,
)
from swarmd.agents.rules.losses import awaits_result, newest_run
from swarmd.agents.rules.node_costs import cost_per_hour
from swarmd.agents.rules.page_state import PageState, page_state
from swarmd.agents.rules.pulse import is_unkillable
from swarmd.agents.rules.signatures import incident_id
from swarmd.agents.rules.words import several
from swarmd.state.actions import (
    Action,
    CloseIncident,
    EndSession,
    OpenIncident,
    Say,
    SetCampaign,
    StopRun,
    WriteHandoff,
)
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.incident import Signature
from swarmd.state.records.job import Job
from swarmd.state.records.run import RunAlive, RunOrdered, RunStatus
from swarmd.state.units import HOUR, Millis, spoken
from swarmd.state.view import View

NAME = "budget_guard"
_TOPIC = "budget"


def decide(view: View, now: Millis) -> list[Action]:
    campaign = view.campaign
    if campaign is None or view.session is None:
        return []
    if is_out_of_budget(campaign):
        return _drained(view, campaign, now)
    closed = _closed(view, campaign, f"{campaign.id} goes on within its budget, raised or its own", now)
    if campaign.status not in (CampaignStatus.ACTIVE, CampaignStatus.PAUSED):
        return closed
    found = uses_near_their_limit(view, campaign, now) if has_budget(campaign.settings.limits.budget) else []
    over = [use for use in found if use.share >= 1.0]
    if over and (left := what_is_left(view, campaign)):
        return _spent(view, campaign, over, left, now)
    return [*closed, *_warned(view, found, campaign)]


def _warned(view: View, found: list[Use], campaign: Campaign) -> list[Action]:
    text = "; ".join(use.warning for use in found if use.warning)
    return _said(view, text, campaign.id)


def _said(view: View, text: str, cause: str) -> list[Action]:
    known = view.findings.get(f"{NAME}/{_TOPIC}")
    is_said = text == (known.text if known is not None else "")
    return [] if is_said else [Say(topic=_TOPIC, reason=text, caused_by=(cause,))]


# -- at 100 % ---------------------------------------------------------------------------------------------------------


def _spent(view: View, campaign: Campaign, over: list[Use], left: int, now: Millis) -> list[Action]:
    running = len(view.open_runs())
    told = ", ".join(use.told for use in over)
    why = f"{SPENT}: {told}, with {several(left, 'job')} still to do and {several(running, 'run')} open"
    grace = _grace(view, campaign)
    return [
        SetCampaign(campaign=campaign.id, status=CampaignStatus.STOPPED, reason=why, caused_by=(campaign.id,)),
        OpenIncident(
            incident=incident_id(campaign.id, Signature.BUDGET_SPENT, now),
            signature=Signature.BUDGET_SPENT,
            subject=campaign.id,
            remedy=f"start nothing new; give {several(running, 'open run')} {spoken(grace)} to end; hand over",
            expected="0 runs open, the handoff page written, and nothing started before a person raises the budget",
            due=now + grace + view.policy.term_grace + view.policy.start_within,
            reason=why,
            caused_by=(campaign.id,),
        ),
        *_said(view, why, campaign.id),
    ]


def _grace(view: View, campaign: Campaign) -> Millis:
    """For how long running work may overrun: its share of whichever limit is the shortest in time."""
    budget = campaign.settings.limits.budget
    limits = [limit for limit in (budget.wall, *budget.device_time.values()) if limit is not None]
    price = (budget.cost_per_hour or 0.0) + cost_per_hour(view, campaign)
    if budget.total is not None and price:
        limits.append(round(budget.total / price * HOUR))
    # Where disk alone is limited nothing says how long an end may take: as long as a run may.
    return round(budget.grace * min(limits)) if limits else campaign.settings.limits.run_timeout


def _drained(view: View, campaign: Campaign, now: Millis) -> list[Action]:
    """Wait for what runs; then the page, and the end of a session that was opened until done."""
    overrun, grace = now - campaign.at, _grace(view, campaign)
    if any(_may_still_end(view, run, now) for run in view.open_runs()):
        if overrun <= grace:
            return []
        why = f"{campaign.id} is {spoken(overrun)} over its budget (grace {spoken(grace)}): stop at a safe point"
        return [
            StopRun(run=run.id, how="term", reason=f"{why} (attempt {run.attempt})", caused_by=(run.id, campaign.id))
            for run in view.live_runs()
            if run.status is RunStatus.RUNNING
        ]
    if any(_result_is_coming(view, job, now) for job in view.queued_jobs()):
        return []
    left = what_is_left(view, campaign)
    if not left:
        # What ran had been the last of it: then the question is answered, and its end is a campaign's ordinary one.
        why = f"the last runs settled within the grace ({spoken(overrun)}): 0 jobs still to do"
        return [SetCampaign(campaign=campaign.id, status=CampaignStatus.ACTIVE, reason=why, caused_by=(campaign.id,))]
    outcome = f"0 runs open {spoken(overrun)} later, {several(left, 'job')} kept for a raised budget"
    return [*_closed(view, campaign, outcome, now), *_handed_over(view, campaign, left, now)]


def _may_still_end(view: View, run: RunOrdered | RunAlive, now: Millis) -> bool:
    """Worth waiting for: neither a process that survives SIGKILL nor an order nothing came of must hold up an end."""
    if isinstance(run, RunOrdered):
        return now - run.ordered_at <= view.policy.start_within
    return not is_unkillable(run, policy=view.policy, now=now)


def _result_is_coming(view: View, job: Job, now: Millis) -> bool:
    """It is here and about to be counted, or its run has ended well a moment ago."""
    run = newest_run(view, job)
    return run is not None and (run.id in view.results or awaits_result(view, run, now))


def _closed(view: View, campaign: Campaign, outcome: str, now: Millis) -> list[Action]:
    return [
        CloseIncident(
            incident=incident.id,
            reason=f"{outcome} ({now - incident.opened_at} ms after it was spent)",
            caused_by=(incident.id, campaign.id),
        )
        for incident in view.open_incidents()
        if incident.signature is Signature.BUDGET_SPENT and incident.agent == NAME
    ]


def _handed_over(view: View, campaign: Campaign, left: int, now: Millis) -> list[Action]:
    page, session = page_state(view, campaign.at, now), view.session
    told = f"{campaign.reason}; {several(left, 'job')} left; raise limits.budget in {campaign.file} and start it again"
    if page is PageState.DUE:
        return [WriteHandoff(reason=told, caused_by=(campaign.id,))]
    if page is PageState.AWAITED or session is None or not session.until_done:
        return []
    return [EndSession(reason=told, caused_by=(campaign.id, session.id))]
