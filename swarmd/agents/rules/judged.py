"""Searches that were held against data they had not seen: how each was judged, by which result, and what it missed.

Shared by the analyst, who counts lessons from them, and by the ledger of hypotheses. Pure.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from swarmd.agents.rules.branches import branches_of
from swarmd.agents.rules.plan import chain_of
from swarmd.agents.rules.words import said_no
from swarmd.state.pipeline import judging_phase
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.result import Result
from swarmd.state.records.run import run_id
from swarmd.state.view import View

# A gate as a headline tells it: ``wfe 0.41 (> 0.6)``. A test holds this to what the engine's gates say of themselves.
_GATE = re.compile(r"([a-z][a-z0-9_]*) (?:undefined|-?[0-9.]+(?:e[+-]?[0-9]+)?|-?inf|nan) \((?:>=|<=|>|<|=)")


@dataclass(frozen=True, slots=True)
class Judged:
    """One search with the finalist that was judged: ``missed`` are the gates it did not pass, by name."""

    symbol: str
    mode: str
    job: Job
    result: Result
    passed: bool
    missed: tuple[str, ...]

    def figure(self, name: str) -> float | None:
        value = self.result.summary.figures.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number and value is not None else None


def judged_searches(view: View, campaign: Campaign) -> Iterator[Judged]:
    """In the order of the tiers and modes; those that were not judged, or not yet, are left out."""
    for symbol in campaign.settings.symbols():
        for mode in campaign.settings.strategy.modes:
            if (found := judged_search(view, campaign, symbol, mode)) is not None:
                yield found


def judged_search(view: View, campaign: Campaign, symbol: str, mode: str) -> Judged | None:
    judge = judge_of(campaign, jobs_of_search(view, campaign, symbol, mode))
    result = None if judge is None else result_of_job(view, judge)
    if judge is None or result is None or not (judge.status is JobStatus.DONE or said_no(view, judge)):
        return None
    passed = judge.status is JobStatus.DONE
    # What passed tells of gates as well: of those it passed, or of a second table that crowns nobody here.
    return Judged(symbol, mode, judge, result, passed, () if passed else gates_missed(result.summary.headline))


def jobs_of_search(view: View, campaign: Campaign, symbol: str, mode: str) -> list[Job]:
    """Its chain, and what was tried once more, as far as they are on record."""
    chain = (view.jobs.get(id) for id in chain_of(campaign, symbol, mode))
    return [*(job for job in chain if job is not None), *branches_of(view, campaign, symbol, mode)]


def judge_of(campaign: Campaign, jobs: Iterable[Job]) -> Job | None:
    """The job that looked at the unseen data: of several finalists' guards those that passed, or the first."""
    asked = judging_phase(campaign.settings)
    judges = [job for job in jobs if job.phase is asked]
    return next((job for job in judges if job.status is JobStatus.DONE), judges[0] if judges else None)


def result_of_job(view: View, job: Job) -> Result | None:
    return view.results.get(run_id(job.id, job.attempt))


def gates_missed(headline: str) -> tuple[str, ...]:
    """``…; failed: p 0.77 (<= 0.01), plateau -0.15 (>= 0.5)``: the gates behind the word, each once."""
    _, word, told = headline.partition("failed: ")
    return tuple(dict.fromkeys(_GATE.findall(told))) if word else ()


def n_judged(view: View, campaign: Campaign) -> int:
    """How many judgements of the campaign have ended, without looking at any of them."""
    phase: Phase = judging_phase(campaign.settings)
    return sum(view.tally.get((campaign.id, phase, status), 0) for status in (JobStatus.DONE, JobStatus.FAILED))
