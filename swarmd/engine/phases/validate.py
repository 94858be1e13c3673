"""Validate: the finalist's certificate. Its search is priced by surrogates, the vault is opened, everything is told.

First all that the development bars say: the surrogates' p-value, the search walked forward, the neighbourhood, what a
sample of the search looks like. Then the vault, once, for this finalist; a campaign's vault is kept by `vault`, that of
all campaigns together by `looks`. Both tables are computed, whichever crowns. Writes `certificate.json`; a killed run
goes on where it was and comes to the same.
"""

import math
from collections.abc import Mapping
from typing import Any

from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.strict_table import guards_passed
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.phases.certificate_parts import curve, regime_table, reproduced_by, window_rows
from swarmd.engine.phases.claim import claim_of
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.evidence import Evidence, Found, evidence_of
from swarmd.engine.phases.looks import note_look
from swarmd.engine.phases.neighbourhood import MAP_UNITS, neighbourhood_map
from swarmd.engine.phases.question import Question, mode_folder, question_of
from swarmd.engine.phases.remembered import require_told
from swarmd.engine.phases.report import tell_report
from swarmd.engine.phases.sampled_search import SAMPLED, sampled_search
from swarmd.engine.phases.strict_judgement import (
    Outside,
    judged_inside,
    judged_outside,
    planned,
    stretch_document,
)
from swarmd.engine.phases.surrogate_share import heard_scores, real_score, refined
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.phases.tried import days_of, ledger_of, note_tried, tried_so_far
from swarmd.engine.phases.vault import WarmedUp, open_vault, opened_for
from swarmd.engine.second_opinion.opinion import second_opinion
from swarmd.engine.validation.whole_search import WholeSearch
from swarmd.state.records.result import Figure, ResultSummary
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import head_of
from swarmd.state.work_order import WorkOrder

CERTIFICATE_FILE = "certificate.json"
SCHEMA = "swarmd.certificate/1"


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
    require_told(desk.home, question.symbol, days_of(question.bars))
    plan = planned(question, params, order.campaign)
    desk.expect(plan.units + SAMPLED + MAP_UNITS)
    whole = heard_scores(order, desk, question, real_score(document))
    inside = judged_inside(question, plan, folder, order, desk)
    looked_at, now = SAMPLED + MAP_UNITS, desk.now()
    note_tried(question, desk.home, phase=order.phase.value, count=looked_at, run=order.run, at=now, folder=folder)
    sample = sampled_search(question, inside.run, desk, seed=order.campaign.search.prescreen.seed)
    ground = neighbourhood_map(question, params, desk)
    look = note_look(
        question, finalist, desk.home, run=order.run, at=desk.now(), folder=folder, campaign=order.campaign.name
    )
    marker = open_vault(folder, opened_for(question, finalist))
    outside = judged_outside(question, plan, inside, desk)
    claim = claim_of(order, desk, question, look, whole, outside)
    tried = tried_so_far(question, desk.home)
    found = Found(question, whole, inside, sample, look, outside, claim, tried, order.campaign.search.refine.seed)
    asked = order.campaign.validation
    evidence = evidence_of(found, alpha=asked.alpha)
    verdict = _verdict(evidence, outside, needs_both=asked.crown_on == "both")
    certificate = {
        "schema": SCHEMA,
        "verdict": verdict,
        "crown_on": asked.crown_on,
        "symbol": question.symbol,
        "interval": interval_name(question.bars.interval_minutes),
        "strategy": question.strategy_name,
        "mode": question.mode,
        "trial": finalist["number"],
        "params": params,
        "score": finalist["score"],
        **question.origin.document(seed=plan.seed, tried=tried),
        "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
        "development": stretch_document(question.development, inside.run),
        "vault": stretch_document(outside.vault, outside.run),
        "evidence": evidence.document,
        "strict": {"guards": guards_passed(outside.gates), "gates": [gate.document() for gate in outside.gates]},
        "surrogates": _surrogates(whole),
        "ledger": _ledger(question, desk.home, tried),
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
        verdict="fail" if verdict == "no" else "pass",
        headline=_headline(question, verdict, evidence, outside.gates),
        tried=inside.tried + sample.n_sampled,
        figures=_figures(certificate, outside),
        artifacts=(*artifacts, *tell_report(order, desk)),
    )


def _verdict(evidence: Evidence, outside: Outside, *, needs_both: bool) -> str:
    passes_strict = all(gate.passes for gate in outside.gates)
    if not evidence.carries or (needs_both and not passes_strict):
        return "no"
    return "gold" if passes_strict else "champion"


def _surrogates(whole: WholeSearch) -> dict[str, Any]:
    return {
        "planned": whole.planned,
        "searched": len(whole.scores),
        "as_good": whole.as_good,
        "real": whole.best,
        "maxima": [score if math.isfinite(score) else None for score in whole.scores],
    }


def _ledger(question: Question, home: Home, tried: int) -> dict[str, Any]:
    name, entries = ledger_of(question, home)
    return {"path": name.in_home, "lines": len(entries), "head": head_of(entries, name), "tried": tried}


def _second_opinion(question: Question, params: Mapping[str, Any], outside: Outside) -> dict[str, Any]:
    """The vault once more, by an engine nobody here wrote."""
    warmed = WarmedUp(question.strategy, question.bars, question.vault_bar)
    return second_opinion(outside.vault, warmed, params, mode=question.mode, costs=question.costs)


def _figures(certificate: dict[str, Any], outside: Outside) -> dict[str, Figure]:
    """The few that records keep."""
    metrics, evidence = certificate["vault"]["metrics"], certificate["evidence"]
    return {
        "verdict": certificate["verdict"],
        "guards": certificate["strict"]["guards"],
        "score": certificate["score"],
        "annual_sharpe": certificate["development"]["metrics"]["annual_sharpe"],
        "oos_annual_sharpe": metrics["annual_sharpe"],
        "oos_total_return": metrics["total_return"],
        "oos_max_drawdown": metrics["max_drawdown"],
        "oos_trades": metrics["total_trades"],
        "p": evidence["p"]["adjusted"],
        "p_surrogates": evidence["p"]["surrogates"],
        "p_vault": evidence["p"]["vault"],
        "forecast": evidence["forecast"]["shrunken_annual_sharpe"],
        "wfe": certificate["walk_forward"]["efficiency"],
        "sensitivity": next(gate.figure for gate in outside.gates if gate.name == "sensitivity"),
        "psr": outside.found.psr,
        "dsr": evidence["dsr"]["dsr"],
        "pbo": evidence["pbo"]["pbo"],
        "is_discovery": evidence["fdr"]["rejected"],
        "looks": certificate["looks_at_the_vault"],
        "trial": certificate["trial"],
        "tried": certificate["tried"],
    }


def _headline(question: Question, verdict: str, evidence: Evidence, strict: tuple[Gate, ...]) -> str:
    where, p = f"{question.symbol} {question.mode}", evidence.document["p"]
    priced = f"p {p['adjusted']:.4g} (search {p['surrogates']:.3g}, vault {p['vault']:.3g})"
    failed = [gate.told.removesuffix(": fail") for gate in evidence.gates if not gate.passes]
    missed = [gate.told.removesuffix(": fail") for gate in strict if not gate.passes]
    if verdict == "no":
        return f"{where}: {priced}; failed: {', '.join(failed or missed)}"
    if verdict == "gold":
        return f"{where}: {priced}; nothing failed, in both tables"
    return f"{where}: {priced}; all {len(evidence.gates)} gates passed; the strict table misses {', '.join(missed)}"
