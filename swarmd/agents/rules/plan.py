"""The jobs a campaign is made of: one preflight an asset, then for each mode a chain of the phases behind it.

A search with rungs is a chain of refine jobs, one a rung and the whole search last, under the phase's own name.
What is tried once more after the guards said no is no part of this plan (``branches``): it follows from their answer.
Nor are surrogate markets (``surrogates``).
"""

from dataclasses import dataclass

from swarmd.agents.rules.ranking import priorities
from swarmd.state.pipeline import phases_of
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
    trials: int | None = None
    branch: str | None = None
    surrogates: tuple[int, int] | None = None


def planned_jobs(campaign: Campaign) -> list[PlannedJob]:
    """In the order of the tiers, each job after the one it waits for."""
    plan: list[PlannedJob] = []
    priority_of, steps = priorities(campaign), _steps(campaign)
    for symbol in campaign.settings.symbols():
        priority = priority_of[symbol]
        preflight = job_id(campaign.id, symbol, "", Phase.PREFLIGHT)
        plan.append(PlannedJob(preflight, symbol, "", Phase.PREFLIGHT, priority, ()))
        for mode in campaign.settings.strategy.modes:
            before = preflight
            for phase, trials in steps:
                job = job_id(campaign.id, symbol, mode, phase, trials)
                plan.append(PlannedJob(job, symbol, mode, phase, priority, (before,), trials))
                before = job
    return plan


def plan_size(campaign: Campaign) -> int:
    """How many jobs ``planned_jobs`` gives, without making them: it is asked every cycle."""
    settings = campaign.settings
    return len(settings.symbols()) * (1 + len(set(settings.strategy.modes)) * len(_steps(campaign)))


def chain_of(campaign: Campaign, symbol: str, mode: str) -> list[str]:
    """Ids of the jobs of an asset and mode behind its preflight, in their order."""
    return [job_id(campaign.id, symbol, mode, phase, trials) for phase, trials in _steps(campaign)]


def _steps(campaign: Campaign) -> list[tuple[Phase, int | None]]:
    steps: list[tuple[Phase, int | None]] = []
    for phase in phases_of(campaign.settings)[1:]:
        if phase is Phase.REFINE:
            steps += [(phase, trials) for trials in campaign.settings.rungs()]
        steps.append((phase, None))
    return steps
