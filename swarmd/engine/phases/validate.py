"""Validate: the finalist's certificate. Its search is priced by surrogates, the vault is opened, everything is told.

First all that the development bars say: the surrogates' p-value, the search walked forward, the neighbourhood, what a
sample of the search looks like. Then the vault, once, for this finalist; a campaign's vault is kept by `vault`, that of
all campaigns together by `looks`. Both tables are computed, whichever crowns. Writes `certificate.json`; a killed run
goes on where it was and comes to the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from swarmd.engine.guards.adjusted_p import adjusted_p_values
from swarmd.engine.guards.combined_p import combined_p_value
from swarmd.engine.guards.evidence_table import evidence_gates
from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.online_discoveries import online_fdr
from swarmd.engine.guards.probabilistic_sharpe import SharpeEvidence, sharpe_evidence
from swarmd.engine.guards.strict_table import guards_passed
from swarmd.engine.guards.top10 import top10_excess
from swarmd.engine.guards.track_record_length import minimum_track_record_length
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.metrics.daily import DAYS_PER_YEAR, daily_returns
from swarmd.engine.phases.certificate_parts import curve, regime_table, reproduced_by, window_rows
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.looks import Look, note_look
from swarmd.engine.phases.neighbourhood import MAP_UNITS, neighbourhood_map
from swarmd.engine.phases.question import Question, mode_folder, question_of
from swarmd.engine.phases.sampled_search import (
    SAMPLED,
    SampledSearch,
    deflation,
    overfitting,
    sampled_search,
    superior_ability,
)
from swarmd.engine.phases.strict_figures import in_market
from swarmd.engine.phases.strict_judgement import (
    Inside,
    Outside,
    judged_inside,
    judged_outside,
    planned,
    stretch_document,
)
from swarmd.engine.phases.surrogate_share import heard_scores, real_score, refined
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.phases.tried import heads_in, ledger_of, note_tried, require_told, tried_so_far
from swarmd.engine.phases.vault import WarmedUp, open_vault
from swarmd.engine.phases.vault_evidence import vault_evidence
from swarmd.engine.second_opinion.opinion import second_opinion
from swarmd.engine.validation.forecast import Forecast, shrunken_sharpe
from swarmd.engine.validation.whole_search import SearchPValue, WholeSearch
from swarmd.state.records.result import Figure, ResultSummary
from swarmd.state.store.discovery_ledger import Tested, note_p_value
from swarmd.state.store.trial_ledger import head_of
from swarmd.state.work_order import WorkOrder

CERTIFICATE_FILE = "certificate.json"
SCHEMA = "swarmd.certificate/1"
# Of all tests that the home's daemons ever make: at most so large a share of the discoveries is to be false.
FDR = 0.10
_YEAR_MINUTES = DAYS_PER_YEAR * 1440.0


@dataclass(frozen=True, slots=True)
class Claim:
    """The p-values of one finalist: of its search, of its vault, of both, and adjusted for the asset's other finalists.

    `stream` is every adjusted p-value the home has ever asked with, this one last.
    """

    search: SearchPValue
    vault: float
    combined: float
    adjusted: float
    finalists: int
    stream: tuple[float, ...]


def validate(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Judge the finalist of the refinement; the verdict is a pass where it may be crowned.

    Raises
    ------
    OperatorError
        If the search or its surrogates are missing or of other data, the ledger was changed, or the vault is spent.
    """
    question = question_of(order, desk)
    document = refined(order, desk, question)
    finalist = document["trials"][document["finalist"]]
    params, folder = finalist["params"], mode_folder(order, desk)
    require_told(question, desk.home, heads_in(folder))
    plan = planned(question, params, order.campaign)
    desk.expect(plan.units + SAMPLED + MAP_UNITS)
    whole = heard_scores(order, desk, question, real_score(document))
    inside = judged_inside(question, plan, folder, order, desk)
    note_tried(
        question, desk.home, phase=order.phase.value, count=SAMPLED + MAP_UNITS, run=order.run, at=desk.now(),
        folder=folder,
    )  # fmt: skip
    sample = sampled_search(question, inside.run, desk, seed=order.campaign.search.prescreen.seed)
    ground = neighbourhood_map(question, params, desk)
    look = note_look(question, finalist, desk.home, run=order.run, at=desk.now(), folder=folder)
    marker = open_vault(folder, _opened_for(question, finalist))
    outside = judged_outside(question, plan, inside, desk)
    claim = _claim(order, desk, question, look, whole, outside)
    judged = _judged(order, desk, question, sample, inside, outside, whole, claim, look)
    certificate = {
        "schema": SCHEMA,
        "verdict": judged.verdict,
        "crown_on": order.campaign.validation.crown_on,
        "symbol": question.symbol,
        "interval": interval_name(question.bars.interval_minutes),
        "strategy": question.strategy_name,
        "mode": question.mode,
        "trial": finalist["number"],
        "params": params,
        "score": finalist["score"],
        **question.origin.document(seed=plan.seed, tried=judged.tried),
        "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
        "development": stretch_document(question.development, inside.run),
        "vault": stretch_document(outside.vault, outside.run),
        "evidence": judged.evidence,
        "strict": {"guards": guards_passed(outside.gates), "gates": [gate.document() for gate in outside.gates]},
        "surrogates": {
            "planned": whole.planned,
            "searched": len(whole.scores),
            "as_good": whole.as_good,
            "real": whole.best,
            "maxima": [score if math.isfinite(score) else None for score in whole.scores],
        },
        "ledger": judged.ledger,
        "looks_at_the_vault": look.finalists,
        **inside.document(),
        **outside.document(),
        "curves": {
            "development": curve(question.development, inside.run),
            "vault": curve(outside.vault, outside.run),
        },
        "neighbourhood": ground,
        "second_opinion": _second_opinion(question, params, outside),
        "reproduce": reproduced_by(order),
    }
    certificate["walk_forward"]["windows"] = window_rows(inside.walked)
    certificate["regimes"]["table"] = regime_table(question, inside.run, outside.run, outside.regimes.document)
    artifacts = (
        desk.write_json(folder / CERTIFICATE_FILE, certificate, sync=True),
        desk.write(folder / "vault_trades.csv", trades_csv(outside.run.trades, outside.vault)),
        inside.walk_file,
        desk.home.relative(marker),
    )
    return ResultSummary(
        verdict="fail" if judged.verdict == "no" else "pass",
        headline=_headline(question, judged, outside.gates),
        tried=inside.tried + sample.n_sampled,
        figures=_figures(certificate, judged, outside, claim),
        artifacts=artifacts,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """The evidence with its gates, the forecast, and what the ledger counts."""

    verdict: str
    gates: tuple[Gate, ...]
    evidence: dict[str, Any]
    forecast: Forecast
    ledger: dict[str, Any]
    tried: int


def _judged(
    order: WorkOrder,
    desk: Desk,
    question: Question,
    sample: SampledSearch,
    inside: Inside,
    outside: Outside,
    whole: WholeSearch,
    claim: Claim,
    look: Look,
) -> _Judged:
    tried = tried_so_far(question, desk.home)
    path, entries = ledger_of(question, desk.home)
    within = _daily_evidence(question.development.open_time, inside.run.equity)
    pbo, trades = overfitting(sample), outside.run.trades
    n_bars = outside.vault.n_bars
    gates = evidence_gates(
        p=claim.adjusted,
        alpha=order.campaign.validation.alpha,
        searched_in_vault=look.searched,
        pbo=pbo["pbo"],
        stress1_annual_sharpe=outside.found.stress1,
        stress3_net_profit=outside.found.stress3.percentile,
        plateau=inside.sensitivity.p10_ratio,
        top10_excess=top10_excess(trades.pnl, seed=order.campaign.search.refine.seed).ratio if len(trades) else None,
        regime_mismatch=outside.regimes.by_trend,
        oos_trades=outside.run.metrics.total_trades,
        exposure=float(in_market(trades, n_bars).mean()),
    )
    forecast = _forecast(question, inside, outside, whole)
    evidence = {
        "gates": [gate.document() for gate in gates],
        "p": {
            "surrogates": claim.search.p,
            "standard_error": claim.search.standard_error,
            "told_by": claim.search.told_by,
            "vault": claim.vault,
            "combined": claim.combined,
            "adjusted": claim.adjusted,
            "finalists": claim.finalists,
            "alpha": order.campaign.validation.alpha,
        },
        "fdr": _discovery(claim.stream),
        "dsr": deflation(sample, within, tried=tried),
        "pbo": pbo,
        "spa": superior_ability(sample, seed=order.campaign.search.refine.seed),
        "forecast": {
            "raw_annual_sharpe": inside.run.metrics.annual_sharpe,
            "vault_annual_sharpe": outside.run.metrics.annual_sharpe,
            "shrunken_annual_sharpe": forecast.shrunken,
            "se_annual": forecast.standard_error,
            "how": "development and vault, less what selection alone gives, shrunk towards 0",
        },
        "minimum_track_record_years": _track_record_years(within),
    }
    passes_strict = all(gate.passes for gate in outside.gates)
    carries = all(gate.passes for gate in gates)
    if order.campaign.validation.crown_on == "both":
        carries = carries and passes_strict
    verdict = ("gold" if passes_strict else "champion") if carries else "no"
    ledger = {"path": desk.home.relative(path), "lines": len(entries), "head": head_of(entries, path), "tried": tried}
    return _Judged(verdict, gates, evidence, forecast, ledger, tried)


def _claim(order: WorkOrder, desk: Desk, question: Question, look: Look, whole: WholeSearch, outside: Outside) -> Claim:
    """The p-values, the last of them told to the ledger of discoveries before anybody knows what follows."""
    search = whole.p_value()
    direction = question.strategy.card.mode(question.mode).direction
    vault = vault_evidence(outside.vault, outside.run, direction).p_value()
    combined = combined_p_value([search.p, vault])
    # As many as the campaign will ask of this vault, or as have looked at it already. What the others' p-values are is
    # not always known here, so that each counts as the least favourable: Bonferroni's first step of Holm's.
    finalists = max(look.finalists, len(order.campaign.strategy.modes))
    adjusted = float(adjusted_p_values([combined, *[1.0] * (finalists - 1)], "holm")[0])
    tested = Tested(
        symbol=question.symbol,
        family=question.strategy.card.name,
        mode=question.mode,
        finalist=look.finalist,
        data=question.origin.data_sha256,
        p=adjusted,
        run=order.run,
    )
    return Claim(search, vault, combined, adjusted, finalists, note_p_value(desk.home, tested, desk.now()))


def _second_opinion(question: Question, params: Mapping[str, Any], outside: Outside) -> dict[str, Any]:
    """The vault once more, by an engine nobody here wrote."""
    warmed = WarmedUp(question.strategy, question.bars, question.vault_bar)
    return second_opinion(outside.vault, warmed, params, mode=question.mode, costs=question.costs)


def _daily_evidence(open_time: Any, equity: Any) -> SharpeEvidence:
    return sharpe_evidence(daily_returns(equity, day_end_bars(open_time)))


def _discovery(stream: tuple[float, ...]) -> dict[str, Any]:
    """Where this test stands among all that were ever made in this home."""
    found = online_fdr(stream, FDR, "lord++")
    return {
        "method": "lord++",
        "level": float(found.levels[-1]),
        "fdr": FDR,
        "test": len(stream),
        "rejected": bool(found.rejected[-1]),
    }


def _forecast(question: Question, inside: Inside, outside: Outside, whole: WholeSearch) -> Forecast:
    heard = [score for score in whole.scores if math.isfinite(score)]
    found = inside.run.metrics.annual_sharpe
    return shrunken_sharpe(
        development_sharpe=found,
        development_years=question.development.n_bars * question.bars.interval_minutes / _YEAR_MINUTES,
        # What the search finds where nothing is there, as a Sharpe ratio: as far below the finalist's as the scores are.
        selection_bias=max(0.0, found - (whole.best - fmean(heard))) if heard else 0.0,
        vault_sharpe=outside.run.metrics.annual_sharpe,
        vault_years=outside.vault.n_bars * question.bars.interval_minutes / _YEAR_MINUTES,
    )


def _track_record_years(evidence: SharpeEvidence) -> float | None:
    if not evidence.is_defined:
        return None
    days = minimum_track_record_length(evidence.sr, 0.0, evidence.skew, evidence.kurtosis, 0.95)
    return days / DAYS_PER_YEAR if math.isfinite(days) else None


def _opened_for(question: Question, finalist: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "symbol": question.symbol,
        "mode": question.mode,
        "strategy": question.strategy_name,
        "trial": finalist["number"],
        "params": finalist["params"],
        "score": finalist["score"],
        "vault_bar": question.vault_bar,
        "data_sha256": question.origin.data_sha256,
    }


def _figures(certificate: dict[str, Any], judged: _Judged, outside: Outside, claim: Claim) -> dict[str, Figure]:
    """The few that records keep."""
    metrics, evidence = certificate["vault"]["metrics"], judged.evidence
    return {
        "verdict": judged.verdict,
        "guards": certificate["strict"]["guards"],
        "score": certificate["score"],
        "annual_sharpe": certificate["development"]["metrics"]["annual_sharpe"],
        "oos_annual_sharpe": metrics["annual_sharpe"],
        "oos_total_return": metrics["total_return"],
        "oos_max_drawdown": metrics["max_drawdown"],
        "oos_trades": metrics["total_trades"],
        "p": claim.adjusted,
        "p_surrogates": claim.search.p,
        "p_vault": claim.vault,
        "forecast": judged.forecast.shrunken,
        "wfe": certificate["walk_forward"]["efficiency"],
        "sensitivity": next(gate.figure for gate in outside.gates if gate.name == "sensitivity"),
        "psr": outside.found.psr,
        "dsr": evidence["dsr"]["dsr"],
        "pbo": evidence["pbo"]["pbo"],
        "is_discovery": evidence["fdr"]["rejected"],
        "looks": certificate["looks_at_the_vault"],
        "trial": certificate["trial"],
        "tried": judged.tried,
    }


def _headline(question: Question, judged: _Judged, strict: tuple[Gate, ...]) -> str:
    where, p = f"{question.symbol} {question.mode}", judged.evidence["p"]
    priced = f"p {p['adjusted']:.4g} (search {p['surrogates']:.3g}, vault {p['vault']:.3g})"
    failed = [gate.told.removesuffix(": fail") for gate in judged.gates if not gate.passes]
    missed = [gate.told.removesuffix(": fail") for gate in strict if not gate.passes]
    if judged.verdict == "no":
        return f"{where}: {priced}; failed: {', '.join(failed or missed)}"
    if judged.verdict == "gold":
        return f"{where}: {priced}; nothing failed, in both tables"
    return f"{where}: {priced}; all {len(judged.gates)} gates passed; the strict table misses {', '.join(missed)}"


def certificate_path(folder: Path) -> Path:
    """Where a mode's certificate lies."""
    return folder / CERTIFICATE_FILE
