"""A whole campaign for tests: every job that its plan has, not begun or come to its end, each to be changed by name.

``chains = ended(a_climb())``, then ``chains.job("AUSDT.refine", status="skipped")`` and ``chains.view()``. Jobs are
named without their campaign and mode. A job that is done has a result of its only attempt.
"""

from dataclasses import dataclass, field
from typing import Any

from builders import CAMPAIGN, a_campaign, a_job, a_result, a_view, the_settings

from swarmd.agents.rules.plan import planned_jobs
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.result import Result, ResultSummary
from swarmd.state.records.run import run_id
from swarmd.state.view import View


def a_climb(**assets: Any) -> Campaign:
    """Searches with one rung, of 50 trials, and two cohorts: AUSDT, BUSDT, CUSDT and then DUSDT, EUSDT."""
    tiers = {"ONE": ["AUSDT", "BUSDT", "CUSDT"], "TWO": ["DUSDT", "EUSDT"]}
    return _campaign(assets={"tiers": tiers, "batch_size": 3, **assets}, search={"refine": {"rungs": [50]}})


def a_strict_one() -> Campaign:
    """Judged by guards: AUSDT is important, BUSDT is not."""
    assets = {"tiers": {"ONE": ["AUSDT"], "TWO": ["BUSDT"]}}
    return _campaign(
        assets=assets, search={"refine": {"rungs": []}}, validation={"crown_on": "source_strict"}
    )  # fmt: skip


def a_priced_one() -> Campaign:
    """Judged by surrogate markets, one asset."""
    return _campaign(assets={"tiers": {"ONE": ["AUSDT"]}}, validation={"crown_on": "evidence"})


def _campaign(**settings: Any) -> Campaign:
    return a_campaign(settings=the_settings(**settings))


@dataclass
class Chains:
    """``job``, ``answer`` and ``add`` change it; ``view`` shows it."""

    campaign: Campaign
    jobs: dict[str, Job] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)

    def job(self, name: str, **fields: Any) -> "Chains":
        """Change a planned job; ``answered=False`` takes its result away."""
        if not fields.pop("answered", True):
            del self.results[run_id(_full(name), self.jobs[_full(name)].attempt)]
        self.jobs[_full(name)] = Job.model_validate(self.jobs[_full(name)].model_dump() | fields)
        return self

    def answer(self, name: str, **figures: Any) -> "Chains":
        """What its newest attempt says; a key that is None by name stays as the figure None."""
        job = self.jobs[_full(name)]
        summary = ResultSummary(verdict="pass", headline="it is told", figures=figures)
        id = run_id(job.id, job.attempt)
        self.results[id] = a_result(id, job=job.id, attempt=job.attempt).model_copy(update={"summary": summary})
        return self

    def add(self, name: str, phase: str, **fields: Any) -> "Chains":
        """A job that the plan does not have: a branch, or a share of surrogate markets; if done, with an answer."""
        symbol = name.partition(".")[0]
        self.jobs[_full(name)] = job = a_job(symbol, phase, **{"id": _full(name), **fields})
        return self.answer(name) if job.status is JobStatus.DONE else self

    def without(self, name: str) -> "Chains":
        del self.jobs[_full(name)]
        return self

    def at(self, name: str) -> Job:
        return self.jobs[_full(name)]

    def view(self, **tables: Any) -> View:
        known = {"campaigns": [self.campaign], "jobs": self.jobs.values(), "results": self.results.values()}
        return a_view(**(known | tables))


def queued(campaign: Campaign) -> Chains:
    """Nothing of it is begun."""
    jobs = [
        a_job(
            each.symbol, each.phase.value, id=each.id, mode=each.mode, priority=each.priority, after=each.after,
            trials=each.trials,
        )
        for each in planned_jobs(campaign)
    ]  # fmt: skip
    return Chains(campaign, {job.id: job for job in jobs})


def ended(campaign: Campaign, *, score: float = 0.5, best_annual_sharpe: float = 1.0) -> Chains:
    """All of it is done, and everybody is sound."""
    chains = queued(campaign)
    chains.campaign = campaign.model_copy(update={"status": CampaignStatus.DONE})
    for id in [*chains.jobs]:
        name = id.removeprefix(f"{CAMPAIGN}.").replace(".balanced.", ".")
        chains.job(name, status="done", attempt=1)
        chains.answer(name, score=score, best_annual_sharpe=best_annual_sharpe)
    return chains


def _full(name: str) -> str:
    """``AUSDT.refine-50``: majors.AUSDT.balanced.refine-50."""
    symbol, _, step = name.partition(".")
    return ".".join((CAMPAIGN, symbol, *([] if step == Phase.PREFLIGHT else ["balanced"]), step))
