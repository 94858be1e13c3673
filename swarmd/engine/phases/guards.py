"""Guards: the finalist of the second search meets the vault, and every figure of the strict table is computed.

All nine gates are told, whether an earlier one failed or not; all must pass. The walk forward repeats the search in
each window of the development bars, with fewer trials. In the branch of displacements the best of the re-optimised
lengths is the finalist. Writes `vault_opened.json` before the first look, then `guards.json`; taken up again after a
kill it goes on with the windows it had not searched, and comes to the same.
"""

from pathlib import Path
from typing import Any, NamedTuple

from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.strict_table import guards_passed
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.phases.desk import Desk, read_document
from swarmd.engine.phases.looks import note_look
from swarmd.engine.phases.question import Question, mode_folder, question_of, work_folder
from swarmd.engine.phases.refine import ALL_TRIALS_FILE
from swarmd.engine.phases.reoptimize import search_folder
from swarmd.engine.phases.report import tell_report
from swarmd.engine.phases.strict_judgement import (
    Inside,
    Outside,
    judged_inside,
    judged_outside,
    planned,
    stretch_document,
)
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.phases.vault import VAULT_FILE, open_vault, opened_for
from swarmd.engine.search.prescreen import TOP_FILE
from swarmd.engine.strategies.contract import StrategyCard
from swarmd.state.branches import CONSERVATIVE, DISPLACEMENT, DISPLACEMENTS, GRID, displacement_of
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.result import Figure, ResultSummary
from swarmd.state.work_order import WorkOrder

GUARDS_FILE = "guards.json"
SCHEMA = "swarmd.guards/1"


def guards(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Judge one finalist by the strict table; the vault is opened for it once.

    Raises
    ------
    OperatorError
        If there is no second search of this very data, or the vault was opened for another finalist.
    """
    mode, folder = mode_folder(order, desk), work_folder(order, desk.home)
    found = _finalist(order, mode)
    question = question_of(order, desk, displacement=displacement_of(found.branch))
    if found.search.get("data_sha256") != question.origin.data_sha256 or found.search.get("mode") != question.mode:
        raise OperatorError(f"{found.path} answers another question; run reoptimize again")
    finalist = found.search["trials"][found.search["finalist"]]
    params = finalist["params"]
    plan = planned(question, params, order.campaign)
    desk.expect(plan.units)
    inside = judged_inside(question, plan, folder, order, desk)
    note_look(question, finalist, desk.home, run=order.run, at=desk.now(), most=None, folder=folder)
    marker = open_vault(folder, {**opened_for(question, finalist), "branch": order.branch})
    outside = judged_outside(question, plan, inside, desk)
    tried = _tried_before(mode, folder) + inside.tried
    looks = len([*mode.glob(VAULT_FILE), *mode.glob(f"*/{VAULT_FILE}")])
    document = {
        **_verdict(question, finalist, inside, outside),
        "branch": order.branch,
        "found_by": found.branch,
        **question.origin.document(seed=plan.seed, tried=tried),
        "tried_here": inside.tried,
        "looks_at_the_vault": looks,
        **inside.document(),
        **outside.document(),
    }
    artifacts = (
        desk.write_json(folder / GUARDS_FILE, document, sync=True),
        desk.write(folder / "vault_trades.csv", trades_csv(outside.run.trades, outside.vault)),
        inside.walk_file,
        desk.home.relative(marker),
        *tell_report(order, desk),
    )
    figures = _figures(document, outside)
    figures |= _may_branch(question.strategy.card, order.campaign, question.mode, params)
    return ResultSummary(
        verdict=document["verdict"],
        headline=_headline(question, order.branch, document["guards"], outside.gates),
        tried=inside.tried,
        figures=figures,
        artifacts=artifacts,
    )


def _verdict(question: Question, finalist: dict[str, Any], inside: Inside, outside: Outside) -> dict[str, Any]:
    """Who was judged, by which gates, and how it fares on both stretches."""
    return {
        "schema": SCHEMA,
        "verdict": "pass" if all(gate.passes for gate in outside.gates) else "fail",
        "guards": guards_passed(outside.gates),
        "symbol": question.symbol,
        "interval": interval_name(question.bars.interval_minutes),
        "strategy": question.strategy_name,
        "mode": question.mode,
        "trial": finalist["number"],
        "params": finalist["params"],
        "score": finalist["score"],
        "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
        "gates": [gate.document() for gate in outside.gates],
        "development": stretch_document(question.development, inside.run),
        "vault": stretch_document(outside.vault, outside.run),
    }


def _figures(document: dict[str, Any], outside: Outside) -> dict[str, Figure]:
    """The few that records keep: every gate's, and what the tracker and the pages show beside them."""
    metrics, found = document["vault"]["metrics"], outside.found
    return {
        "guards": document["guards"],
        "score": document["score"],
        "annual_sharpe": document["development"]["metrics"]["annual_sharpe"],
        **{gate.name: gate.document()["figure"] for gate in outside.gates},
        "oos_trades": metrics["total_trades"],
        "oos_total_return": metrics["total_return"],
        "oos_max_drawdown": metrics["max_drawdown"],
        "psr": found.psr,
        "stress2_annual_sharpe": found.stress2,
        "stress3_net_profit": found.stress3.percentile,
        "looks": document["looks_at_the_vault"],
        "trial": document["trial"],
        "tried": document["tried"],
    }


class _Found(NamedTuple):
    """A second search with a finalist: its document, where it is, and the branch it was made in."""

    branch: str | None
    path: Path
    search: dict[str, Any]


def _finalist(order: WorkOrder, mode: Path) -> _Found:
    """The second search whose finalist is to be judged: of several lengths the one of the highest score, of equals the
    shortest."""
    made_in = GRID if order.branch == DISPLACEMENT else (order.branch,)
    paths = [(branch, search_folder(mode, branch) / ALL_TRIALS_FILE) for branch in made_in]
    # Of several lengths some may have come to nothing; of one the reading says what is missing.
    there = [(branch, path) for branch, path in paths if path.is_file()] if len(paths) > 1 else paths
    read = [_Found(branch, path, read_document(path, made_by="reoptimize")) for branch, path in there]
    found = [each for each in read if each.search.get("finalist") is not None]
    if not found:
        raise OperatorError(f"{paths[0][1]} has no valid trial to judge; widen the search and reoptimize again")
    return max(found, key=lambda each: each.search["trials"][each.search["finalist"]]["score"])


def _tried_before(mode: Path, mine: Path) -> int:
    """Vectors that were looked at before these guards: by the prescreen, by both searches, by earlier branches."""
    searches = [mode / ALL_TRIALS_FILE, *sorted(mode.glob(f"*/{ALL_TRIALS_FILE}"))]
    tried = sum(int(read_document(path, made_by="refine")["tried"]) for path in searches if path.is_file())
    if (screened := mode / TOP_FILE).is_file():
        tried += int(read_document(screened, made_by="prescreen")["tried"])
    judged = [path for path in (mode / GUARDS_FILE, *sorted(mode.glob(f"*/{GUARDS_FILE}"))) if path.parent != mine]
    return tried + sum(int(read_document(path, made_by="guards")["tried_here"]) for path in judged if path.is_file())


def _may_branch(card: StrategyCard, asked: CampaignSettings, mode: str, params: dict[str, Any]) -> dict[str, Figure]:
    """What could be tried once more: `displacement` is the finalist's where every length of the grid fits the
    strategy, `conservative` whether there is such a mode and no chain of the campaign has it."""
    spec = next((spec for spec in card.params if spec.name == DISPLACEMENT), None)
    varies = spec is not None and all(spec.refusal(length) is None for length in DISPLACEMENTS)
    is_other = CONSERVATIVE in card.modes and CONSERVATIVE not in (mode, *asked.strategy.modes)
    return {"displacement": params[DISPLACEMENT] if varies else None, "conservative": is_other}


def _headline(question: Question, branch: str | None, passed: str, gates: tuple[Gate, ...]) -> str:
    where = f"{question.symbol} {question.mode}{'' if branch is None else f', branch {branch}'}"
    failed = [gate.told.removesuffix(": fail") for gate in gates if not gate.passes]
    return f"{where}: {passed} guards" + (f"; failed: {', '.join(failed)}" if failed else "; nothing failed")
