"""Which of several ready jobs goes first: preflights, tier, later phase and rung, better prescreen, first queued.

Preflights first: they take seconds, and bad data should be known in the evening. Later phases then: an asset that is
nearly done frees its place in the batch, and a champion tonight is worth more than ten half-done screens.
``priority`` is the tier's position, 1 for the first; a person may move an asset before or behind all others.
"""

from collections.abc import Iterable

from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, Phase, job_id
from swarmd.state.records.run import run_id
from swarmd.state.view import View

PHASES = tuple(Phase)


def priority_of(campaign: Campaign, symbol: str) -> int:
    """Position of the asset's tier, from 1; an asset of no tier comes last.

    It is written into a job when that is queued; ``urgency`` is what counts when it is to start.
    """
    tiers = campaign.settings.assets.tiers.values()
    return next((place for place, symbols in enumerate(tiers, start=1) if symbol in symbols), len(tiers) + 1)


def urgency(view: View, job: Job) -> int:
    """Its tier's position, or the place that a person gave its asset since."""
    campaign = view.campaigns.get(job.campaign)
    return job.priority if campaign is None else campaign.places.get(job.symbol, job.priority)


def prescreen_score(view: View, job: Job) -> float:
    """Best score the prescreen of this asset and mode found; minus infinity where it has not run or does not say."""
    if job.phase in (Phase.PREFLIGHT, Phase.PRESCREEN):
        return float("-inf")
    before = view.jobs.get(job_id(job.campaign, job.symbol, job.mode, Phase.PRESCREEN))
    result = view.results.get(run_id(before.id, before.attempt)) if before is not None else None
    if result is None:
        return float("-inf")
    score = result.summary.figures.get("score")
    return float(score) if isinstance(score, int | float) else float("-inf")


def ranked(view: View, jobs: Iterable[Job]) -> list[Job]:
    """The jobs in the order in which they should start; ties keep the order in which they were queued."""
    return sorted(
        jobs,
        key=lambda job: (
            job.phase is not Phase.PREFLIGHT,
            urgency(view, job),
            -PHASES.index(job.phase),
            float("-inf") if job.trials is None else -job.trials,
            -prescreen_score(view, job),
        ),
    )
