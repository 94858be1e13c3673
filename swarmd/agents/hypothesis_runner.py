"""Keeps the ledger of hypotheses: stated before the first combination is tried, judged by what the screen found.

A campaign that judges by the strict table keeps the data of the claim for the guards, and these judge it there.
*Supported*: a finalist passed every gate out of sample. *Not supported*: a phase did its work and the answer was no,
or the search fell behind at a rung without having found what is claimed even in sample.
*Not judged*: the chain ended without an answer (data unfit, quarantine), which says nothing about the market. A
prescreen that had begun before its claim was stated gets none: what is stated afterwards is no hypothesis.
"""

from itertools import islice
from typing import Literal

from swarmd.agents.rules.branches import branches_of
from swarmd.agents.rules.plan import chain_of
from swarmd.agents.rules.words import gate_word, is_stopped, said_no
from swarmd.state.actions import Action, JudgeHypothesis, StateHypothesis
from swarmd.state.pipeline import judging_phase
from swarmd.state.records.campaign import Campaign, CampaignSettings
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.result import Result
from swarmd.state.records.run import run_id
from swarmd.state.units import Millis
from swarmd.state.view import View

NAME = "hypothesis_runner"

Judged = Literal[HypothesisStatus.SUPPORTED, HypothesisStatus.NOT_SUPPORTED, HypothesisStatus.NOT_JUDGED]

# What each table asks of the out-of-sample annual Sharpe ratio; a test holds it equal to the engine's own gate.
LEAST_SHARPE = {"source_soft": 0.8, "source_strict": 1.0, "evidence": 0.0}
# Stated in one cycle at most, and yet more than are started in one: a claim comes before what is to show it.
_AT_ONCE = 250
_LAST = f".{Phase.CROWN.value}"


def decide(view: View, now: Millis) -> list[Action]:
    campaign = view.campaign
    if campaign is None:
        return []
    return [*_stated(view, campaign), *_judged(view, campaign)]


def _stated(view: View, campaign: Campaign) -> list[Action]:
    known = view.hypotheses
    wanted = len(campaign.settings.symbols()) * len(campaign.settings.strategy.modes)
    if view.n_hypotheses.get(campaign.id, 0) >= wanted:
        return []
    unsaid = (
        job
        for job in view.queued_jobs()
        if job.phase is Phase.PRESCREEN and job.attempt == 0 and _chain(job) not in known
    )
    return [_claim(campaign, job) for job in islice(unsaid, _AT_ONCE)]


def _chain(job: Job) -> str:
    return job.id.removesuffix(f".{job.phase.value}")


def _claim(campaign: Campaign, job: Job) -> StateHypothesis:
    asked = campaign.settings
    threshold = LEAST_SHARPE[_table(asked)]
    claim = (
        f"{asked.strategy.name} {job.mode} on {job.symbol} ({asked.data.interval} bars) has an edge after costs "
        f"({asked.costs.fee_bps:g} bps fee, {asked.costs.slippage_bps:g} bps slippage): on the last "
        f"{asked.data.oos_share:.0%} of the data, not looked at before, its annual Sharpe ratio is above {threshold:g}"
    )
    return StateHypothesis(
        hypothesis=_chain(job),
        campaign=campaign.id,
        symbol=job.symbol,
        mode=job.mode,
        claim=claim,
        threshold=threshold,
        reason=f"stated with 0 of {asked.search.prescreen.combos:,} combinations tried",
        caused_by=(job.id, campaign.id),
    )


def _table(asked: CampaignSettings) -> str:
    """What is asked on the data of the claim."""
    if asked.validation.crown_on == "evidence":
        return "evidence"
    return asked.validation.screen if asked.validation.crown_on == "screen" else asked.validation.strict


def _judged(view: View, campaign: Campaign) -> list[Action]:
    # Over is a chain whose last job is settled, if only because an earlier one closed the way to it. Hundreds are asked
    # after in every cycle, and next to none is over.
    jobs, queued = view.jobs, view.unsettled
    return [
        _verdict(view, campaign, each)
        for each in view.stated_hypotheses
        if (last := each.id + _LAST) not in queued and last in jobs and each.campaign == campaign.id
    ]


def _verdict(view: View, campaign: Campaign, hypothesis: Hypothesis) -> JudgeHypothesis:
    """From its chain: what was measured on the data of the claim, and how the first phase that did not pass ended."""
    ids = chain_of(campaign, hypothesis.symbol, hypothesis.mode)
    chain = [job for id in ids if (job := view.jobs.get(id)) is not None]
    branched = branches_of(view, campaign, hypothesis.symbol, hypothesis.mode)
    tried = sum(result.summary.tried for job in (*chain, *branched) if (result := _result(view, job)) is not None)
    judge = _judge(campaign, [*chain, *branched])
    screened = None if judge is None else _result(view, judge)
    measured = _measured(screened)
    claimed = f"(claimed above {hypothesis.threshold:g})"
    figures = "" if measured is None else f"annual Sharpe {measured:.2f} out of sample {claimed}; "
    status, why = _answer(view, chain, branched, judge)
    return JudgeHypothesis(
        hypothesis=hypothesis.id,
        status=status,
        measured=measured,
        tried=tried,
        reason=f"{figures}{why} ({tried:,} tried)",
        caused_by=(hypothesis.id, chain[-1].id if screened is None else screened.id),
    )


def _judge(campaign: Campaign, jobs: list[Job]) -> Job | None:
    """The job that looked at the data of the claim: of several finalists' guards those that passed, or the first."""
    asked = judging_phase(campaign.settings)
    judges = [job for job in jobs if job.phase is asked]
    return next((job for job in judges if job.status is JobStatus.DONE), judges[0] if judges else None)


def _answer(view: View, chain: list[Job], branched: list[Job], judge: Job | None) -> tuple[Judged, str]:
    if judge is not None and judge.status is JobStatus.DONE:
        crown = next(job for job in (*chain, *branched) if job.phase is Phase.CROWN and job.branch == judge.branch)
        # The niche may be held by somebody better: that is no verdict on the claim.
        return HypothesisStatus.SUPPORTED, f"{judge.reason}; crown {crown.status.value}: {crown.reason}"
    no = next((job for job in chain if said_no(view, job)), None)
    if no is not None:
        branches = [job.branch for job in branched if job.branch is not None and said_no(view, job)]
        too = f"; so did {', '.join(dict.fromkeys(branches))}" if branches else ""
        return HypothesisStatus.NOT_SUPPORTED, f"{no.phase.value} said no: {no.reason}{too}"
    left_behind = next((job for job in chain if is_stopped(view, job)), None)
    if left_behind is not None:
        return HypothesisStatus.NOT_SUPPORTED, left_behind.reason
    ended = next((job for job in chain if job.status is not JobStatus.DONE), chain[-1])
    word = ended.reason if ended.status is JobStatus.SKIPPED else f"{gate_word(view, ended)}: {ended.reason}"
    return HypothesisStatus.NOT_JUDGED, word


def _result(view: View, job: Job) -> Result | None:
    return view.results.get(run_id(job.id, job.attempt))


def _measured(result: Result | None) -> float | None:
    value = None if result is None else result.summary.figures.get("oos_annual_sharpe")
    return float(value) if isinstance(value, int | float) else None
