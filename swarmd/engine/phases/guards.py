"""Guards: the finalist of the second search meets the vault, and every figure of the strict table is computed.

All nine gates are told, whether an earlier one failed or not; all must pass. The walk forward repeats the search in
each window of the development bars, with fewer trials. In the branch of displacements the best of the re-optimised
lengths is the finalist. Writes `vault_opened.json` before the first look, then `guards.json`; taken up again after a
kill it goes on with the windows it had not searched, and comes to the same.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.strict_table import guards_passed, strict_gates
from swarmd.engine.guards.top10 import top10_share
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.phases.desk import Desk, read_document
from swarmd.engine.phases.question import Question, mode_folder, question_of, work_folder
from swarmd.engine.phases.refine import ALL_TRIALS_FILE
from swarmd.engine.phases.reoptimize import search_folder
from swarmd.engine.phases.strict_figures import (
    N_VAULT_RUNS,
    OnVault,
    n_neighbours,
    on_vault,
    regimes_of,
    sensitivity_of,
)
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.phases.vault import VAULT_FILE, open_vault
from swarmd.engine.phases.walk import walk, windows_for
from swarmd.engine.search.methods import procedure_of
from swarmd.engine.search.prescreen import TOP_FILE
from swarmd.engine.search.score import Constraints
from swarmd.engine.strategies.contract import StrategyCard
from swarmd.engine.validation.walk_forward import LEAST_WINDOWS
from swarmd.state.branches import CONSERVATIVE, DISPLACEMENT, DISPLACEMENTS, GRID, displacement_of
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign import CampaignSettings, SearchSettings
from swarmd.state.records.result import Figure, ResultSummary
from swarmd.state.work_order import WorkOrder

GUARDS_FILE = "guards.json"
SCHEMA = "swarmd.guards/1"
# The windows of the walk forward, below the guards' own folder.
_WALK_FOLDER = "walk"


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
    params, seed = finalist["params"], order.campaign.search.refine.seed
    search = _walked_search(order.campaign.search)
    windows = windows_for(question, search)
    asked = search.reoptimize.window_trials
    procedure = procedure_of(search.procedure, question.strategy, question.space, trials=asked, seed=seed)
    n_trials = procedure.n_trials
    desk.expect(len(windows) * (n_trials + 1) + n_neighbours(question, params) + N_VAULT_RUNS + 2)
    walker = _fewer_trades(question, windows[0].fit_stop - windows[0].fit_start)
    walked, walk_written = walk(walker, search, procedure, windows, folder / _WALK_FOLDER, desk, name=order.job)
    inside = run_backtest(question.development, question.strategy, params, mode=question.mode, costs=question.costs)
    desk.work(1)
    sensitivity, beside = sensitivity_of(question, params, inside.metrics.annual_sharpe, desk)
    marker = open_vault(folder, _opened_for(question, finalist, order))
    outside = on_vault(question, params, desk, seed=seed)
    mismatch, regimes = regimes_of(question, inside, outside.run)
    desk.work(1)
    metrics = outside.run.metrics
    gates = strict_gates(
        wfe=walked["efficiency"],
        oos_annual_sharpe=metrics.annual_sharpe,
        oos_trades=metrics.total_trades,
        mc_p=outside.mc_p,
        sensitivity=sensitivity.variance,
        bootstrap_lower_bound=outside.bootstrap_lower_bound,
        top10_share=top10_share(outside.run.trades.pnl),
        stress1_annual_sharpe=outside.stress1,
        regime_mismatch=mismatch,
    )
    # The finalist's runs on both stretches and under stress count as one vector.
    tried_here = walked["tried"] + sensitivity.n_given + 1
    tried = _tried_before(mode, folder) + tried_here
    looks = len([*mode.glob(VAULT_FILE), *mode.glob(f"*/{VAULT_FILE}")])
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)
    document = {
        **_verdict(question, finalist, gates, inside, outside.run, vault),
        "branch": order.branch,
        "found_by": found.branch,
        **question.origin.document(seed=seed, tried=tried),
        "tried_here": tried_here,
        "looks_at_the_vault": looks,
        "walk_forward": {
            "windows": len(windows),
            "trials_each": n_trials,
            "efficiency": walked["efficiency"],
            "undefined_because": walked["efficiency_undefined_because"],
            "share_of_profitable_windows": walked["share_of_profitable_windows"],
            "worst_window": walked["worst_window"],
            "file": walk_written,
        },
        "sensitivity": beside,
        **outside.document,
        "regimes": regimes,
    }
    artifacts = (
        desk.write_json(folder / GUARDS_FILE, document, sync=True),
        desk.write(folder / "vault_trades.csv", trades_csv(outside.run.trades, vault)),
        walk_written,
        desk.home.relative(marker),
    )
    figures = _figures(document, gates, outside)
    figures |= _may_branch(question.strategy.card, order.campaign, question.mode, params)
    return ResultSummary(
        verdict=document["verdict"],
        headline=_headline(question, order.branch, document["guards"], gates),
        tried=tried_here,
        figures=figures,
        artifacts=artifacts,
    )


def _verdict(
    question: Question,
    finalist: dict[str, Any],
    gates: tuple[Gate, ...],
    inside: Simulation,
    outside: Simulation,
    vault: Bars,
) -> dict[str, Any]:
    """Who was judged, by which gates, and how it fares on both stretches."""
    return {
        "schema": SCHEMA,
        "verdict": "pass" if all(gate.passes for gate in gates) else "fail",
        "guards": guards_passed(gates),
        "symbol": question.symbol,
        "interval": interval_name(question.bars.interval_minutes),
        "strategy": question.strategy_name,
        "mode": question.mode,
        "trial": finalist["number"],
        "params": finalist["params"],
        "score": finalist["score"],
        "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
        "gates": [gate.document() for gate in gates],
        "development": _stretch(question.development, inside),
        "vault": _stretch(vault, outside),
    }


def _figures(document: dict[str, Any], gates: tuple[Gate, ...], outside: OnVault) -> dict[str, Figure]:
    """The few that records keep: every gate's, and what the tracker and the pages show beside them."""
    metrics = document["vault"]["metrics"]
    return {
        "guards": document["guards"],
        "score": document["score"],
        "annual_sharpe": document["development"]["metrics"]["annual_sharpe"],
        **{gate.name: gate.document()["figure"] for gate in gates},
        "oos_trades": metrics["total_trades"],
        "oos_total_return": metrics["total_return"],
        "oos_max_drawdown": metrics["max_drawdown"],
        "psr": outside.psr,
        "stress2_annual_sharpe": outside.stress2,
        "stress3_net_profit": outside.stress3.percentile,
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


def _walked_search(search: SearchSettings) -> SearchSettings:
    """As the campaign walks forward, with as many windows at least as an efficiency takes."""
    asked = search.walk_forward
    return search.model_copy(
        update={"walk_forward": asked.model_copy(update={"windows": max(asked.windows, LEAST_WINDOWS)})}
    )


def _fewer_trades(question: Question, fit_bars: int) -> Question:
    """The least number of trades is asked of all development bars: of a window's, in proportion."""
    share = fit_bars / question.development.n_bars
    least = max(1, math.ceil(question.constraints.min_trades * share))
    return replace(question, constraints=Constraints(least, question.constraints.max_drawdown))


def _opened_for(question: Question, finalist: dict[str, Any], order: WorkOrder) -> dict[str, Any]:
    return {
        "symbol": question.symbol,
        "mode": question.mode,
        "branch": order.branch,
        "strategy": question.strategy_name,
        "trial": finalist["number"],
        "params": finalist["params"],
        "score": finalist["score"],
        "vault_bar": question.vault_bar,
        "data_sha256": question.origin.data_sha256,
    }


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


def _stretch(bars: Bars, simulation: Simulation) -> dict[str, Any]:
    return {
        "first_open_ms": int(bars.open_time[0]),
        "last_open_ms": int(bars.open_time[-1]),
        "bars": bars.n_bars,
        "metrics": simulation.metrics.as_json(),
    }
