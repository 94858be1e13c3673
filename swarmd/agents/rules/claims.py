"""Claims that somebody states of a campaign in figures of their own: may one still be stated, and does it hold?

Pure, for the hypothesis runner. What is stated after a search in its scope has begun is no hypothesis, and a figure
that nobody measured speaks neither for a claim nor against it.
"""

from dataclasses import dataclass
from statistics import median

from swarmd.agents.rules.judged import Judged, jobs_of_search, judged_search, result_of_job
from swarmd.agents.rules.words import several
from swarmd.state.pipeline import judging_phase
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.claim import MEASURED, Metric, StatedClaim
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus, Verdict
from swarmd.state.records.job import Phase, job_id
from swarmd.state.view import View

_EVIDENCE_KEPT = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a claim: how many of those that were measured hold it, the middle figure, and the words."""

    status: Verdict
    measured: float | None
    held: int
    n: int
    tried: int
    why: str
    evidence: tuple[str, ...]


def members(campaign: Campaign, scope: StatedClaim | Hypothesis) -> list[tuple[str, str]]:
    """The assets and modes that a claim is about, of those the campaign has."""
    wanted = scope.scope
    return [
        (symbol, mode)
        for symbol in campaign.settings.symbols()
        if not wanted.assets or symbol in wanted.assets
        for mode in campaign.settings.strategy.modes
        if not wanted.modes or mode in wanted.modes
    ]


def refusal_to_state(view: View, campaign: Campaign, claim: StatedClaim) -> str:
    """Why the claim cannot be stated of this campaign, in numbers; empty where it can."""
    if unfit := unfit_for(campaign, claim):
        return unfit
    if campaign.status in (CampaignStatus.DONE, CampaignStatus.CANCELLED):
        return f"{campaign.id} is {campaign.status.value}: 0 of its searches are still to begin"
    about = members(campaign, claim)
    begun = [member for member in about if _has_begun(view, campaign, *member)]
    if not begun:
        return ""
    first = ".".join((campaign.id, *begun[0]))
    return (
        f"{len(begun)} of {several(len(about), 'search', 'searches')} in its scope have begun (first {first}): what is "
        "stated afterwards is no hypothesis; state it of another campaign before that starts"
    )


def unfit_for(campaign: Campaign, claim: StatedClaim | Hypothesis) -> str:
    """What the claim names that the campaign does not have, or does not measure."""
    asked = campaign.settings
    if strangers := [symbol for symbol in claim.scope.assets if symbol not in asked.symbols()]:
        return f"{strangers[0]} is none of the {several(len(asked.symbols()), 'asset')} of {campaign.id}"
    if unknown := [mode for mode in claim.scope.modes if mode not in asked.strategy.modes]:
        return f"{unknown[0]} is none of the {several(len(asked.strategy.modes), 'mode')} of {campaign.id}"
    if claim.scope.strategy and claim.scope.strategy != asked.strategy.name:
        return f"{campaign.id} searches 1 strategy, {asked.strategy.name}, not {claim.scope.strategy}"
    judge = judging_phase(asked)
    if claim.metric not in MEASURED[judge]:
        return f"{judge.value} measures {len(MEASURED[judge])} figures, and {claim.metric.value} is none of them"
    return ""


def _has_begun(view: View, campaign: Campaign, symbol: str, mode: str) -> bool:
    first = view.jobs.get(job_id(campaign.id, symbol, mode, Phase.PRESCREEN))
    return first is not None and first.attempt > 0


def is_over(view: View, campaign: Campaign, claim: Hypothesis) -> bool:
    """Whether every search in its scope has come to its end."""
    for symbol, mode in members(campaign, claim):
        last = job_id(campaign.id, symbol, mode, Phase.CROWN)
        if last in view.unsettled or last not in view.jobs:
            return False
    return True


def found(view: View, campaign: Campaign, claim: Hypothesis) -> Finding:
    """For a claim whose searches are over."""
    about = members(campaign, claim)
    measured: list[tuple[Judged, float]] = []
    tried = 0
    for symbol, mode in about:
        results = (result_of_job(view, job) for job in jobs_of_search(view, campaign, symbol, mode))
        tried += sum(result.summary.tried for result in results if result is not None)
        judged = judged_search(view, campaign, symbol, mode)
        figure = None if judged is None else judged.figure(claim.metric.value)
        if judged is not None and figure is not None:
            measured.append((judged, figure))
    evidence = tuple(judged.result.id for judged, _ in measured[:_EVIDENCE_KEPT])
    n = len(measured)
    if n == 0:
        unfit = unfit_for(campaign, claim)
        why = (
            unfit or f"0 of {several(len(about), 'search', 'searches')} in its scope came to a finalist that was judged"
        )
        return Finding(HypothesisStatus.NOT_JUDGED, None, 0, 0, tried, why, evidence)
    held = sum(1 for _, figure in measured if claim.comparison.holds(figure, claim.threshold))
    is_met = claim.among.is_met(held, n)
    status: Verdict = HypothesisStatus.SUPPORTED if is_met else HypothesisStatus.NOT_SUPPORTED
    return Finding(
        status, median(figure for _, figure in measured), held, n, tried, _why(claim, measured, held, about), evidence
    )


def _why(claim: Hypothesis, measured: list[tuple[Judged, float]], held: int, about: list[tuple[str, str]]) -> str:
    n, digits = len(measured), 4 if claim.metric in (Metric.P, Metric.P_SURROGATES, Metric.P_VAULT) else 2
    against = [
        f"{judged.symbol} {judged.mode} {figure:.{digits}f}"
        for judged, figure in measured
        if not claim.comparison.holds(figure, claim.threshold)
    ]
    claimed = f"{claim.metric.value} {claim.comparison.words} {claim.threshold:g}"
    told = f"{claimed} held in {held} of {n} that were judged (claimed of {claim.among.value})"
    if against:
        told += f"; not in {', '.join(against[:3])}" + (f" and {len(against) - 3} more" if len(against) > 3 else "")
    if n < len(about):
        told += f"; {len(about) - n} of {len(about)} in its scope came to no such figure"
    return told
