"""Which of several ready jobs goes first: preflights, tier, later phase and rung, better prescreen, first queued.

Preflights first: they take seconds, and bad data should be known in the evening. Later phases then: an asset that is
nearly done frees its place in the batch, and a champion tonight is worth more than ten half-done screens.
``priority`` is the tier's position, 1 for the first; a person may move an asset before or behind all others.
"""

from collections.abc import Iterable, Iterator, Mapping

from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, Phase, job_id
from swarmd.state.records.run import run_id
from swarmd.state.view import View

PHASES = tuple(Phase)
_PLACES = {phase: place for place, phase in enumerate(PHASES)}


def priorities(campaign: Campaign) -> Mapping[str, int]:
    """Position of each asset's tier, from 1: the first that names it.

    It is written into a job when that is queued; ``urgency`` is what counts when it is to start.
    """
    tiers = [*enumerate(campaign.settings.assets.tiers.values(), start=1)]
    return {symbol: place for place, symbols in reversed(tiers) for symbol in symbols}


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


def ranked(view: View, jobs: Iterable[Job]) -> Iterator[Job]:
    """The jobs in the order in which they should start; ties keep the order in which they were queued.

    One after the other: of thousands of ready ones a few are asked for, and only their like are compared by score.
    """
    alike: dict[tuple[bool, int, int, float], list[Job]] = {}
    for job in jobs:
        trials = float("-inf") if job.trials is None else -job.trials
        key = job.phase is not Phase.PREFLIGHT, urgency(view, job), -_PLACES[job.phase], trials
        alike.setdefault(key, []).append(job)
    for key in sorted(alike):
        yield from sorted(alike[key], key=lambda job: -prescreen_score(view, job))
