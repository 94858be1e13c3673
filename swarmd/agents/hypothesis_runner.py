"""Keeps the ledger of hypotheses: stated before the first combination is tried, judged by what was found.

Every asset and mode of a campaign gets the standard claim that there is an edge. Besides there are those of the
campaign's file and of persons, in figures of their own; one that comes after a search in its scope has begun is
refused. Each is judged once, when its searches are over, and names the results behind the verdict.

A campaign that judges by the strict table keeps the data of the claim for the guards, and these judge it there.
*Supported*: a finalist passed every gate out of sample. *Not supported*: a phase did its work and the answer was no,
or the search fell behind at a rung without having found what is claimed even in sample.
*Not judged*: the chain ended without an answer (data unfit, quarantine), which says nothing about the market. A
prescreen that had begun before its claim was stated gets none: what is stated afterwards is no hypothesis.
"""

from itertools import islice
from typing import Literal

from swarmd.agents.rules.branches import branches_of
from swarmd.agents.rules.claims import found, is_over, refusal_to_state
from swarmd.agents.rules.judged import judge_of, result_of_job
from swarmd.agents.rules.plan import chain_of
from swarmd.agents.rules.words import gate_word, is_stopped, said_no
from swarmd.state.actions import Action, AnswerRequest, JudgeHypothesis, StateHypothesis
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.claim import StatedClaim, claim_id
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus, Verdict
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.request import Request, Verb
from swarmd.state.records.result import Result
from swarmd.state.units import Millis
from swarmd.state.view import View

NAME = "hypothesis_runner"

# What each table asks of the out-of-sample annual Sharpe ratio; a test holds it equal to the engine's own gate.
LEAST_SHARPE = {"source_soft": 0.8, "source_strict": 1.0, "evidence": 0.0}
# Stated in one cycle at most, and yet more than are started in one: a claim comes before what is to show it.
_AT_ONCE = 250


def decide(view: View, now: Millis) -> list[Action]:
    campaign = view.campaign
    asked = [
        wish for request in view.pending_requests() if request.verb is Verb.STATE for wish in _asked(view, request)
    ]
    if campaign is None:
        return asked
    return [*asked, *_of_file(view, campaign), *_stated(view, campaign), *_judged(view, campaign)]


def _asked(view: View, request: Request) -> list[Action]:
    """A person's claim: into the ledger, or refused with the figures; of a campaign that is still to come as well."""
    claim, campaign = request.claim, view.campaigns.get(request.subject)
    if claim is None or not request.subject:
        return [_answer(request, "refused: the request names 0 claims or no campaign", is_refused=True)]
    id = claim_id(request.subject, claim)
    if id in view.hypotheses:
        return [_answer(request, f"stated already as {id}, in 1 place of the ledger")]
    if campaign is not None and (refusal := refusal_to_state(view, campaign, claim)):
        return [_answer(request, f"refused: {refusal}", is_refused=True)]
    when = "before its campaign is known" if campaign is None else "with 0 searches in its scope begun"
    stated = _statement(request.subject, claim, "person", f"stated by {request.asked_by}, {when}", (request.id,))
    return [stated, _answer(request, f"stated as {id}: {claim.in_figures()}")]


def _answer(request: Request, text: str, *, is_refused: bool = False) -> AnswerRequest:
    return AnswerRequest(request=request.id, reason=text, is_refused=is_refused, caused_by=(request.id,))


def _of_file(view: View, campaign: Campaign) -> list[Action]:
    """The claims of the campaign's file. It cannot change once the campaign has begun, so none of them comes late."""
    why = f"stated in the campaign's file {campaign.file}, with 0 searches in its scope begun"
    return [
        _statement(campaign.id, claim, "campaign", why, (campaign.id,))
        for claim in campaign.settings.hypotheses
        if claim_id(campaign.id, claim) not in view.hypotheses and not refusal_to_state(view, campaign, claim)
    ]


def _statement(
    campaign: str, claim: StatedClaim, origin: Literal["campaign", "person"], why: str, causes: tuple[str, ...]
) -> StateHypothesis:
    return StateHypothesis(
        hypothesis=claim_id(campaign, claim),
        campaign=campaign,
        symbol="",
        mode="",
        claim=claim.claim,
        threshold=claim.threshold,
        origin=origin,
        stated=claim,
        reason=why,
        caused_by=causes,
    )


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
    # Over is a chain whose last job is settled, if only because an earlier one closed the way to it.
    standard = [_verdict(view, campaign, each) for each in view.ripe_hypotheses if each.campaign == campaign.id]
    authored = [each for each in view.authored_hypotheses if each.campaign == campaign.id]
    return [*standard, *(_finding(view, campaign, each) for each in authored if is_over(view, campaign, each))]


def _finding(view: View, campaign: Campaign, hypothesis: Hypothesis) -> JudgeHypothesis:
    """A claim in figures of its own, over all searches in its scope."""
    came = found(view, campaign, hypothesis)
    return JudgeHypothesis(
        hypothesis=hypothesis.id,
        status=came.status,
        measured=came.measured,
        tried=came.tried,
        held=came.held,
        n=came.n,
        evidence=came.evidence,
        reason=f"{came.why} ({came.tried:,} tried)",
        caused_by=(hypothesis.id, *came.evidence[:5]),
    )


def _verdict(view: View, campaign: Campaign, hypothesis: Hypothesis) -> JudgeHypothesis:
    """From its chain: what was measured on the data of the claim, and how the first phase that did not pass ended."""
    ids = chain_of(campaign, hypothesis.symbol, hypothesis.mode)
    chain = [job for id in ids if (job := view.jobs.get(id)) is not None]
    branched = branches_of(view, campaign, hypothesis.symbol, hypothesis.mode)
    tried = sum(result.summary.tried for job in (*chain, *branched) if (result := result_of_job(view, job)) is not None)
    judge = judge_of(campaign, [*chain, *branched])
    screened = None if judge is None else result_of_job(view, judge)
    measured = _measured(screened)
    claimed = f"(claimed above {hypothesis.threshold:g})"
    figures = "" if measured is None else f"annual Sharpe {measured:.2f} out of sample {claimed}; "
    status, why = _outcome(view, chain, branched, judge)
    return JudgeHypothesis(
        hypothesis=hypothesis.id,
        status=status,
        measured=measured,
        tried=tried,
        held=int(status is HypothesisStatus.SUPPORTED),
        n=int(status is not HypothesisStatus.NOT_JUDGED),
        evidence=() if screened is None else (screened.id,),
        reason=f"{figures}{why} ({tried:,} tried)",
        caused_by=(hypothesis.id, chain[-1].id if screened is None else screened.id),
    )


def _outcome(view: View, chain: list[Job], branched: list[Job], judge: Job | None) -> tuple[Verdict, str]:
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


def _measured(result: Result | None) -> float | None:
    value = None if result is None else result.summary.figures.get("oos_annual_sharpe")
    return float(value) if isinstance(value, int | float) else None
