"""Pricing a finalist: which shares of its surrogate markets are searched next, and when its judgement may begin.

A finalist is judged when enough surrogates were searched: all that are planned, or as many as brought five as good.
One share is always under way or in the queue for it; more of them where lanes would stand idle otherwise, which may
turn out to have been in vain. What the answer is follows from the shares in the order of their numbers, so neither the
number of lanes nor who was done first has a say in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from swarmd.agents.rules.plan import PlannedJob
from swarmd.agents.rules.words import gate_word
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.run import run_id
from swarmd.state.surrogates import Priced, Share, priced, shares
from swarmd.state.view import View

_ENDED_BADLY = (JobStatus.FAILED, JobStatus.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Pricing:
    """A judgement that waits: what is known of its surrogates, the shares that are open on record, those to come, and
    the first that came to a bad end."""

    judgement: Job
    known: Priced
    open_shares: tuple[Job, ...]
    to_come: tuple[Share, ...]
    spoilt: Job | None

    @property
    def holds(self) -> bool:
        return not self.known.is_settled

    @property
    def why(self) -> str:
        """Empty where the judgement may begin."""
        return f"held: {self.known.told}" if self.holds else ""


@dataclass(frozen=True, slots=True)
class Surplus:
    """A share that nobody needs any more, why, and the record that says so."""

    job: Job
    reason: str
    caused_by: tuple[str, ...]


def pricings(view: View) -> Mapping[str, Pricing]:
    """By id of the judgement, as long as jobs and results stand: only judgements whose search is done are looked at."""
    return view.while_same("pricings", (view.campaign, view.jobs, view.results), lambda: _pricings(view))


def _pricings(view: View) -> dict[str, Pricing]:
    campaign = view.campaign
    if campaign is None or not campaign.settings.asks_evidence:
        return {}
    waiting = [job for job in view.ungated_jobs if job.phase is Phase.VALIDATE and job.campaign == campaign.id]
    planned = campaign.settings.validation.surrogates
    return {job.id: _pricing(view, job, planned) for job in view.in_order(waiting)}


def _pricing(view: View, judgement: Job, planned: int) -> Pricing:
    known = [(share, view.jobs.get(_id_of(judgement, share))) for share in shares(planned)]
    figures = (
        None if job is None or job.status is not JobStatus.DONE else view.results.get(run_id(job.id, job.attempt))
        for _, job in known
    )
    return Pricing(
        judgement,
        priced(planned, (None if result is None else result.summary.figures for result in figures)),
        tuple(job for _, job in known if job is not None and job.status is JobStatus.QUEUED),
        tuple(share for share, job in known if job is None),
        next((job for _, job in known if job is not None and job.status in _ENDED_BADLY), None),
    )


def missing_shares(view: View, n_ready: int) -> Iterator[tuple[PlannedJob, str, tuple[str, ...]]]:
    """Shares to queue now, each with its reason and causes: one for every judgement that has none, then as many as keep
    one more than there are free lanes in the queue."""
    room = view.n_free_cpu_lanes + 1 - n_ready
    open_ones = [each for each in pricings(view).values() if each.holds and each.spoilt is None and each.to_come]
    for nth in range(max((len(each.to_come) for each in open_ones), default=0)):
        for each in open_ones:
            if nth >= len(each.to_come):
                continue
            is_idle = nth == 0 and not each.open_shares
            if not is_idle and room <= 0:
                continue
            room -= 1
            yield _planned(each.judgement, each.to_come[nth]), each.known.told, (each.judgement.id,)


def surplus(view: View) -> list[Surplus]:
    """Open shares of judgements whose answer is settled, and the judgements that cannot be made any more."""
    found: list[Surplus] = []
    for each in pricings(view).values():
        if not each.holds:
            why = f"not needed: {each.known.told}"
            found += [Surplus(job, why, (each.judgement.id,)) for job in each.open_shares]
        elif each.spoilt is not None:
            why = f"{gate_word(view, each.spoilt)}: {each.spoilt.reason}"
            found += [Surplus(job, why, (each.spoilt.id,)) for job in (*each.open_shares, each.judgement)]
    return found


def _planned(judgement: Job, share: Share) -> PlannedJob:
    return PlannedJob(
        _id_of(judgement, share),
        judgement.symbol,
        judgement.mode,
        Phase.SURROGATES,
        judgement.priority,
        judgement.after,
        surrogates=share,
    )


def _id_of(judgement: Job, share: Share) -> str:
    return _share_id(judgement.campaign, judgement.symbol, judgement.mode, share[0])


@lru_cache(maxsize=8_192)
def _share_id(campaign: str, symbol: str, mode: str, first: int) -> str:
    return job_id(campaign, symbol, mode, Phase.SURROGATES, first=first)
