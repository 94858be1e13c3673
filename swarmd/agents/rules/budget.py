"""What a campaign has used up, and what it may: time by the clock, money, lane time, the size of the home.

Pure sums over the View for the guard of the budget, the opening of a session and the pages. What the sessions before
used up stands in the campaign's record (``settled`` brings it up to date when a session opens); the rest is the present
session's own. Nothing is counted while no daemon works on the campaign: it was stopped then, or nobody looked after it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from swarmd.agents.rules.node_costs import nodes_cost
from swarmd.agents.rules.words import several
from swarmd.state.records.campaign import Campaign, CampaignStatus, Spent
from swarmd.state.records.campaign_settings import BudgetSettings
from swarmd.state.records.job import JobStatus
from swarmd.state.records.run import AnyRun, RunEnded
from swarmd.state.records.session import SessionStatus
from swarmd.state.units import HOUR, Millis, spoken
from swarmd.state.view import View

SPENT = "budget spent"  # how the reason of a campaign begins that was stopped for it
WARNED_FROM = 0.80
_STEP = 0.05
Kind = Literal["cpu", "gpu"]
# Ended runs are remembered in thousands (``state/store/tables``): long before one is forgotten its time is on record.
_SETTLED_EVERY = 2_000
_WORKED_ON = (CampaignStatus.ACTIVE, CampaignStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class Use:
    """One measure of the budget: ``used`` and ``limit`` in the same unit, which ``said`` puts into words."""

    what: str
    used: float
    limit: float

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit > 0 else 1.0

    @property
    def told(self) -> str:
        return f"{self.what} {self.said(self.used)} of {self.said(self.limit)}"

    @property
    def warning(self) -> str:
        """The same words until the next step is passed, so that a standing warning is one record; empty below 80 %."""
        level = int(min(self.share, 1.0) / _STEP + 1e-9) * _STEP
        if level < WARNED_FROM - 1e-9:
            return ""
        passed = f"{self.said(level * self.limit)} of {self.said(self.limit)}"
        return f"{self.what} is past {level:.0%} of its budget ({passed})"

    def said(self, amount: float) -> str:
        match self.what:
            case "money":
                return f"{amount:.2f}"
            case "disk":
                return f"{amount / (1 << 30):.2f} GiB"
            case _:
                return spoken(round(amount))


def has_budget(budget: BudgetSettings) -> bool:
    return bool(budget.wall or budget.total is not None or budget.device_time or budget.disk is not None)


def uses(view: View, campaign: Campaign, now: Millis) -> list[Use]:
    """Every measure the campaign limits."""
    kinds = tuple(campaign.settings.limits.budget.device_time)
    return [*uses_by_the_clock(view, campaign, now), *uses_of_lanes(view, campaign, kinds, now)]


def uses_near_their_limit(view: View, campaign: Campaign, now: Millis) -> list[Use]:
    """Those without lane time that cannot be near its limit yet: thousands of runs are not added up each second."""
    near = [
        kind
        for kind, limit in campaign.settings.limits.budget.device_time.items()
        if _lane_time_at_most(view, campaign, kind, now) >= WARNED_FROM * limit
    ]
    return [*uses_by_the_clock(view, campaign, now), *uses_of_lanes(view, campaign, near, now)]


def uses_by_the_clock(view: View, campaign: Campaign, now: Millis) -> list[Use]:
    """Wall time, money and disk."""
    budget = campaign.settings.limits.budget
    found: list[Use] = []
    if budget.wall is not None or budget.total is not None:
        wall = wall_time(view, campaign, now)
        if budget.wall is not None:
            found.append(Use("wall time", wall, budget.wall))
        if budget.total is not None:
            found.append(
                Use("money", wall / HOUR * (budget.cost_per_hour or 0.0) + _nodes(view, campaign, now), budget.total)
            )
    if budget.disk is not None:
        found.append(Use("disk", view.gauge("home.bytes"), budget.disk))
    return found


def uses_of_lanes(view: View, campaign: Campaign, kinds: Collection[Kind], now: Millis) -> list[Use]:
    """Lane time of its runs on devices of these kinds, whether it brought anything or not."""
    if not kinds:
        return []
    limits, spent = campaign.settings.limits.budget.device_time, campaign.spent.device_time
    lanes = _lane_time(view, campaign, now) if _is_under_way(view, campaign) else {}
    return [Use(f"{kind} lane time", spent.get(kind, 0) + lanes.get(kind, 0), limits[kind]) for kind in kinds]


def wall_time(view: View, campaign: Campaign, now: Millis) -> Millis:
    """Time daemons worked on it. A pause counts, for the machine is kept for it; being stopped does not."""
    if not _is_under_way(view, campaign):
        return campaign.spent.wall
    until = now if campaign.status in _WORKED_ON else min(now, campaign.at)
    return campaign.spent.wall + max(0, until - campaign.started_at)


def _nodes(view: View, campaign: Campaign, now: Millis) -> float:
    """Money for the nodes of a cluster; what the sessions before spent on them is on record."""
    before = campaign.spent.nodes_cost
    return before + nodes_cost(view, campaign, now) if _is_under_way(view, campaign) else before


def _lane_time_at_most(view: View, campaign: Campaign, kind: str, now: Millis) -> Millis:
    """What it can have come to if no lane of the kind ever stood idle: cheap, and never too low."""
    n_lanes = sum(1 for lane in view.lanes.values() if _kind(lane.device) == kind)
    return campaign.spent.device_time.get(kind, 0) + n_lanes * max(0, now - _lanes_since(campaign))


def settled(view: View) -> Campaign | None:
    """The campaign last worked on with everything its last session used up added to ``spent``; None without one.

    For the opening of the next session, which journals it. A session that was lost counts up to its last sign of life.
    """
    campaign = view.campaign
    if campaign is None or not view.sessions:
        return campaign
    last = [*view.sessions.values()][-1]
    until = last.at if last.status is SessionStatus.CLOSED else _last_sign(view)
    lanes = _lane_time(view, campaign, until)
    if campaign.status not in _WORKED_ON:
        ends = (run.ended_at for run in view.runs.values() if isinstance(run, RunEnded) and _is_of(view, run, campaign))
        until = min(until, max((campaign.at, *ends)))
    before = campaign.spent
    spent = Spent(
        wall=before.wall + max(0, until - campaign.started_at),
        nodes_cost=before.nodes_cost + nodes_cost(view, campaign, until),
        device_time=_added(before.device_time, lanes),
    )
    return campaign.model_copy(update={"spent": spent})


def lanes_settled(view: View, now: Millis) -> Campaign | None:
    """The campaign with its lane time up to now added to ``spent``, where so many of its session's runs have ended that
    some of them may be forgotten soon; None where nothing is to be settled.

    Asked by the daemon some times a minute, which journals it.
    """
    campaign = view.campaign
    if campaign is None or not campaign.settings.limits.budget.device_time or campaign.status not in _WORKED_ON:
        return None
    since = _lanes_since(campaign)
    n_ended = sum(1 for run in view.runs.values() if isinstance(run, RunEnded) and run.ended_at >= since)
    if n_ended < _SETTLED_EVERY or not _is_under_way(view, campaign):
        return None
    spent = campaign.spent.model_copy(
        update={"device_time": _added(campaign.spent.device_time, _lane_time(view, campaign, now))}
    )
    return campaign.model_copy(update={"at": now, "spent": spent, "lanes_settled_at": now})


def _added(before: Mapping[str, Millis], more: Mapping[str, Millis]) -> dict[str, Millis]:
    return {kind: before.get(kind, 0) + more.get(kind, 0) for kind in {**before, **more}}


def is_out_of_budget(campaign: Campaign | None) -> bool:
    """Whether it was stopped because its budget was spent, by its own record."""
    return (
        campaign is not None and campaign.status is CampaignStatus.STOPPED and campaign.reason.startswith(f"{SPENT}:")
    )


def is_still_out_of_budget(view: View, campaign: Campaign) -> bool:
    """Whether it was stopped for its budget and that has not been raised since: taken up, it would stop again."""
    if not is_out_of_budget(campaign):
        return False
    return any(use.share >= 1.0 for use in uses(view, campaign, campaign.at))


def what_is_left(view: View, campaign: Campaign) -> int:
    """How many of its jobs are still to do."""
    return sum(1 for job in view.jobs.values() if job.campaign == campaign.id and job.status is JobStatus.QUEUED)


def refusal_to_start(view: View, campaign: Campaign, file: str) -> str:
    """Why there is no use in taking it up again, in numbers, and what a person can do; empty where there is.

    ``campaign`` is settled, with the budget that would be in force. Runs that are still open are reason enough for a
    session: somebody must see them to their end.
    """
    if campaign.status is CampaignStatus.DONE or not has_budget(campaign.settings.limits.budget):
        return ""
    # At the instant it was last taken up: what came after that is in ``spent`` already.
    over = [use for use in uses(view, campaign, campaign.started_at) if use.share >= 1.0]
    left = what_is_left(view, campaign)
    if not over or not left or view.open_runs():
        return ""
    return (
        f"campaign {campaign.id!r} has spent its budget ({', '.join(use.told for use in over)}) with "
        f"{several(left, 'job')} still to do; raise limits.budget in {file} and give that file to `swarmd start`"
    )


def _is_under_way(view: View, campaign: Campaign) -> bool:
    """Whether a session has taken it up: before that, and after another campaign was begun, its account is settled."""
    session, current = view.session, view.campaign
    return session is not None and current is not None and current.id == campaign.id


def _lane_time(view: View, campaign: Campaign, until: Millis) -> dict[str, Millis]:
    """Of the stretch since its session took it up, or it was settled; a run that was there before is cut in two."""
    total: dict[str, Millis] = {}
    since = _lanes_since(campaign)
    for run in view.runs.values():
        lane = view.lanes.get(run.lane)
        if lane is None or not _is_of(view, run, campaign):
            continue
        end = min(run.ended_at, until) if isinstance(run, RunEnded) else until
        kind = _kind(lane.device)
        total[kind] = total.get(kind, 0) + max(0, end - max(run.ordered_at, since))
    return total


def _lanes_since(campaign: Campaign) -> Millis:
    return max(campaign.started_at, campaign.lanes_settled_at)


def _is_of(view: View, run: AnyRun, campaign: Campaign) -> bool:
    job = view.jobs.get(run.job)
    return job is not None and job.campaign == campaign.id


def _kind(device: str) -> str:
    return device.rstrip("0123456789")


def _last_sign(view: View) -> Millis:
    """The latest instant of anything a daemon measured or decided: gauges are renewed each minute at the least."""
    seen = chain(view.gauges.values(), view.beats.values(), view.runs.values(), view.actions.values())
    return max((record.at for record in seen), default=0)
