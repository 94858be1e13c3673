"""Effort follows promise: who goes on after a rung of the search, who stops there, and who still waits for the others.

The assets of a cohort are compared when each of them has ended the rung, by what came of it and not by when: a decision
is the same however often the swarm was killed meanwhile (ADR 0013). The orchestrator settles the hopeless ones,
readiness holds those that wait. Of each cohort the better half goes on, and with it everybody whose search has found a
sound Sharpe ratio already, with a trial that trades often enough for the screen to see it: strong neighbours stop
nobody who keeps what is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from swarmd.agents.rules.words import is_stopped
from swarmd.state.cohorts import cohorts, held_words, waited_for
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.run import run_id
from swarmd.state.tracker import SOUND_SHARPE
from swarmd.state.view import View

Chain = tuple[str, str]
"""An asset and a mode."""


class Finisher(NamedTuple):
    """An asset that is done with a rung: its finalist's score, and the best annual Sharpe of any valid trial that
    trades often enough for the screen, minus infinity where none does.

    A figure that is not known is None. Nobody is stopped for one.
    """

    symbol: str
    score: float | None
    sharpe: float | None

    @property
    def is_sound(self) -> bool:
        return self.score is None or self.sharpe is None or self.sharpe >= SOUND_SHARPE


@dataclass(frozen=True, slots=True)
class Stopped:
    """Not worth the next rung: ``place`` of ``finishers`` by score, of whom ``going_on`` go on; ``last`` is the one
    who still went on for the score."""

    symbol: str
    place: int
    finishers: int
    going_on: int
    score: float
    sharpe: float
    last: str


def stopped(finishers: Sequence[Finisher]) -> list[Stopped]:
    """Who stops, of those who are done with a rung, given in the order of the file, which breaks ties."""
    ranked = sorted(finishers, key=lambda each: float("inf") if each.score is None else -each.score)
    half = -(-len(ranked) // 2)
    going_on = half + sum(1 for each in ranked[half:] if each.is_sound)
    return [
        Stopped(
            symbol=each.symbol,
            place=place,
            finishers=len(ranked),
            going_on=going_on,
            score=each.score,
            sharpe=each.sharpe,
            last=ranked[half - 1].symbol,
        )
        for place, each in enumerate(ranked[half:], start=half + 1)
        if not each.is_sound and each.score is not None and each.sharpe is not None
    ]


@dataclass(frozen=True, slots=True)
class Hopeless:
    """A job that is not to be run any more, why in figures, and the results that say so."""

    job: Job
    reason: str
    caused_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rungs:
    """What stands between two rungs: chains that wait for their cohort, in words, and those that will not go on."""

    waiting: Mapping[Chain, str]
    hopeless: Mapping[Chain, Hopeless]

    @property
    def is_empty(self) -> bool:
        return not self.waiting and not self.hopeless

    def holds(self, job: Job) -> bool:
        """Whether it may not start, and with it all that stands behind it in its chain."""
        return (job.symbol, job.mode) in self.waiting or (job.symbol, job.mode) in self.hopeless

    def why(self, job: Job) -> str:
        """Empty where nothing holds it."""
        chain = job.symbol, job.mode
        hopeless = self.hopeless.get(chain)
        return self.waiting.get(chain, "") if hopeless is None else hopeless.reason


_NONE = Rungs({}, {})


def rungs(view: View) -> Rungs:
    """Of the campaign, as long as jobs and results stand: only jobs that come next in their chain are looked at."""
    return view.while_same("rungs", (view.campaign, view.jobs, view.results), lambda: _rungs(view))


def _rungs(view: View) -> Rungs:
    campaign = view.campaign
    if campaign is None or not campaign.settings.rungs():
        return _NONE
    waiting: dict[Chain, str] = {}
    hopeless: dict[Chain, Hopeless] = {}
    for members, mode, trials, jobs in _before_a_rung(view, campaign):
        ids = _rung_ids(campaign.id, members, mode, trials)
        if waits := waited_for(ids, lambda id: id not in view.unsettled and id in view.jobs):
            words = held_words(trials, [id.split(".")[1] for id in waits])
            waiting |= {(job.symbol, mode): words for job in jobs}
            continue
        # Whoever is sound goes on whatever the others have: mostly there is nobody to compare.
        if all(_finisher(view, view.jobs[job.after[0]]).is_sound for job in jobs):
            continue
        rungs_done = [job for id in ids if (job := view.jobs[id]).status is JobStatus.DONE]
        ends = {each.symbol: each for each in stopped([_finisher(view, rung) for rung in rungs_done])}
        for job in jobs:
            if job.symbol in ends:
                hopeless[job.symbol, mode] = _hopeless(view, campaign, job, trials, ends[job.symbol])
    # As they were queued: those that were looked at come in no order, and the same tables decide the same.
    ordered = view.in_order(each.job for each in hopeless.values())
    return Rungs(waiting, {(job.symbol, job.mode): hopeless[job.symbol, job.mode] for job in ordered})


def _before_a_rung(view: View, campaign: Campaign) -> Iterable[tuple[tuple[str, ...], str, int, list[Job]]]:
    """Cohorts of which somebody is done with a rung and has not begun the next: their members, the mode, the rung's
    trials, and those jobs."""
    cohort_of = _cohort_of(campaign.settings.symbols(), campaign.settings.assets.batch_size)
    groups: dict[tuple[str, str, int], tuple[tuple[str, ...], str, int, list[Job]]] = {}
    for job in view.ungated_jobs:
        if job.phase is not Phase.REFINE or job.attempt or not job.after or job.campaign != campaign.id:
            continue
        trials = view.jobs[job.after[0]].trials
        if trials is None:
            continue
        members = cohort_of.get(job.symbol, (job.symbol,))
        groups.setdefault((members[0], job.mode, trials), (members, job.mode, trials, []))[3].append(job)
    return groups.values()


@lru_cache(maxsize=8)
def _cohort_of(symbols: tuple[str, ...], size: int) -> Mapping[str, tuple[str, ...]]:
    return {symbol: group for group in cohorts(symbols, size) for symbol in group}


@lru_cache(maxsize=1_024)
def _rung_ids(campaign: str, members: tuple[str, ...], mode: str, trials: int) -> tuple[str, ...]:
    return tuple(job_id(campaign, symbol, mode, Phase.REFINE, trials) for symbol in members)


def _finisher(view: View, job: Job) -> Finisher:
    result = view.results.get(run_id(job.id, job.attempt))
    figures = result.summary.figures if result is not None else {}
    score, sharpe = figures.get("score"), figures.get("best_annual_sharpe", figures.get("annual_sharpe"))
    if "paced_annual_sharpe" in figures:
        paced = figures["paced_annual_sharpe"]
        sharpe = float("-inf") if paced is None else paced
    return Finisher(
        symbol=job.symbol,
        score=float(score) if isinstance(score, int | float) else None,
        sharpe=float(sharpe) if isinstance(sharpe, int | float) else None,
    )


def _hopeless(view: View, campaign: Campaign, job: Job, trials: int, end: Stopped) -> Hopeless:
    asked = campaign.settings.search.refine.trials
    sound = f"best annual Sharpe {end.sharpe:.2f} below {SOUND_SHARPE:g}"
    if end.sharpe == float("-inf"):
        sound = f"0 of {trials} trials valid and trading often enough for the screen"
    going_on = f"{end.going_on} {'goes' if end.going_on == 1 else 'go'} on"
    reason = (
        f"stopped after {trials} of {asked} trials: score {end.score:.2f}, number {end.place} of {end.finishers} in "
        f"its cohort ({going_on}), {sound}"
    )
    rungs_of = (
        view.jobs[job_id(campaign.id, symbol, job.mode, Phase.REFINE, trials)] for symbol in (job.symbol, end.last)
    )
    return Hopeless(job, reason, tuple(run_id(rung.id, rung.attempt) for rung in rungs_of))


@dataclass(frozen=True, slots=True)
class Saved:
    """Trials of the searches that have ended: those spent, those that were asked for, and how many searches stopped."""

    searches: int
    stopped: int
    spent: int
    asked: int

    @property
    def share(self) -> float:
        return 1.0 - self.spent / self.asked if self.asked else 0.0


def trials_saved(view: View, campaign: Campaign) -> Saved:
    """What rungs have saved. A search that did not begin, or came to no end of its own, saved nothing by a rung."""
    settings = campaign.settings
    searches = stopped_early = spent = 0
    for symbol in settings.symbols():
        for mode in settings.strategy.modes:
            ids = (job_id(campaign.id, symbol, mode, Phase.REFINE, trials) for trials in (*settings.rungs(), None))
            jobs = [job for id in ids if (job := view.jobs.get(id)) is not None]
            results = [view.results.get(run_id(job.id, job.attempt)) for job in jobs]
            tried = sum(result.summary.tried for result in results if result is not None)
            if not tried or any(job.status in (JobStatus.QUEUED, JobStatus.QUARANTINED) for job in jobs):
                continue
            searches += 1
            spent += tried
            stopped_early += any(is_stopped(view, job) for job in jobs)
    return Saved(searches, stopped_early, spent, settings.search.refine.trials * searches)
