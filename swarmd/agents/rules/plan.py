"""The jobs a campaign is made of: one preflight an asset, then for each mode a chain of the phases behind it."""

from dataclasses import dataclass

from swarmd.agents.rules.ranking import PHASES, priority_of
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Phase, job_id


@dataclass(frozen=True, slots=True)
class PlannedJob:
    id: str
    symbol: str
    mode: str
    phase: Phase
    priority: int
    after: tuple[str, ...]


def planned_jobs(campaign: Campaign) -> list[PlannedJob]:
    """In the order of the tiers, each job after the one it waits for."""
    plan: list[PlannedJob] = []
    for symbol in campaign.settings.symbols():
        priority = priority_of(campaign, symbol)
        preflight = job_id(campaign.id, symbol, "", Phase.PREFLIGHT)
        plan.append(PlannedJob(preflight, symbol, "", Phase.PREFLIGHT, priority, ()))
        for mode in campaign.settings.strategy.modes:
            before = preflight
            for phase in PHASES[1:]:
                job = job_id(campaign.id, symbol, mode, phase)
                plan.append(PlannedJob(job, symbol, mode, phase, priority, (before,)))
                before = job
    return plan


def plan_size(campaign: Campaign) -> int:
    """How many jobs ``planned_jobs`` gives, without making them: it is asked every cycle."""
    settings = campaign.settings
    return len(settings.symbols()) * (1 + len(set(settings.strategy.modes)) * (len(PHASES) - 1))
