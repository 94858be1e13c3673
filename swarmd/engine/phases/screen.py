"""Screen: the one finalist meets the vault, and every gate is told with its figure and its threshold.

Out-of-sample Sharpe, trades, walk-forward efficiency and the probabilistic Sharpe ratio of out-of-sample days decide;
the stress with doubled costs is shown beside them. Writes `vault_opened.json` first, then `screen.json` and
the report. Where the vault is kept for the guards, all of this happens on the last third of the development bars.
"""

import math
from pathlib import Path
from typing import Any

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.probabilistic_sharpe import SharpeEvidence, sharpe_evidence
from swarmd.engine.guards.soft_screen import soft_screen_gates
from swarmd.engine.guards.split_efficiency import split_efficiency
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.metrics.growth import bar_returns
from swarmd.engine.phases.desk import Desk, read_document
from swarmd.engine.phases.looks import LOOK, note_look
from swarmd.engine.phases.question import Question, mode_folder, question_of
from swarmd.engine.phases.refine import ALL_TRIALS_FILE
from swarmd.engine.phases.report import tell_report
from swarmd.engine.phases.strict_judgement import stretch_document
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.phases.vault import SCREEN_STRETCH_FILE, VAULT_FILE, WarmedUp, open_vault, opened_for
from swarmd.engine.search.prescreen import TOP_FILE
from swarmd.state.errors import OperatorError
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder

SCREEN_FILE = "screen.json"
SCHEMA = "swarmd.screen/1"
STRESS_FACTOR = 2.0
_LAST_THIRD = "the last third of the development bars"


def screen(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Evaluate the best trial of the refinement on the vault, once.

    Raises
    ------
    OperatorError
        If there is no refinement of this very data, or the vault was opened for another finalist.
    """
    question = question_of(order, desk)
    folder = mode_folder(order, desk)
    refined = read_document(folder / ALL_TRIALS_FILE, made_by="refine")
    finalist = _finalist(folder, refined, question)
    params = finalist["params"]
    desk.expect(3)
    desk.safe_point()
    marker = open_vault(
        folder,
        opened_for(question, finalist),
        SCREEN_STRETCH_FILE if order.campaign.is_strict else VAULT_FILE,
    )
    # Told and not refused: one campaign has one finalist here, and this chain asks nothing of the others.
    is_vault = not order.campaign.is_strict
    note_look(
        question, finalist, desk.home, phase=LOOK if is_vault else order.phase.value, run=order.run, at=desk.now(),
        most=None, folder=folder,
    )  # fmt: skip
    inside = run_backtest(question.development, question.strategy, params, mode=question.mode, costs=question.costs)
    desk.work(1)
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)
    outside = on_vault(question, params, question.costs)
    desk.work(1)
    stressed = on_vault(question, params, doubled(question.costs))
    desk.work(1)
    wfe = split_efficiency(bar_returns(inside.equity), bar_returns(outside.equity))
    evidence = sharpe_evidence(daily_returns(outside.equity, day_end_bars(vault.open_time)))
    psr = evidence.psr()
    alpha = order.campaign.validation.alpha
    gates = soft_screen_gates(
        oos_annual_sharpe=outside.metrics.annual_sharpe,
        oos_trades=outside.metrics.total_trades,
        wfe=wfe,
        psr=psr,
        alpha=alpha,
        stretch=_LAST_THIRD if order.campaign.is_strict else "the vault",
    )
    tried = refined["tried"] + _prescreen_tried(folder)
    document = _document(
        question, finalist, inside, outside, stressed, evidence, gates, vault, wfe=wfe, psr=psr, alpha=alpha,
        tried=tried, seed=refined["seed"],
    )  # fmt: skip
    if order.campaign.is_strict:
        document["stands_for_the_vault"] = _LAST_THIRD
    trades_file = "screen_trades.csv" if order.campaign.is_strict else "vault_trades.csv"
    artifacts = (
        desk.write_json(folder / SCREEN_FILE, document, sync=True),
        desk.write(folder / trades_file, trades_csv(outside.trades, vault)),
        desk.home.relative(marker),
        *tell_report(order, desk),
    )
    passed = all(gate.passes for gate in gates)
    return ResultSummary(
        verdict="pass" if passed else "fail",
        headline=_headline(question, gates),
        tried=1,
        figures={
            "score": finalist["score"],
            "annual_sharpe": inside.metrics.annual_sharpe,
            "oos_annual_sharpe": outside.metrics.annual_sharpe,
            "oos_total_return": outside.metrics.total_return,
            "oos_max_drawdown": outside.metrics.max_drawdown,
            "oos_trades": outside.metrics.total_trades,
            "wfe": wfe,
            "psr": psr,
            "stress_annual_sharpe": stressed.metrics.annual_sharpe,
            "trial": finalist["number"],
            "tried": tried,
        },
        artifacts=artifacts,
    )


def on_vault(question: Question, params: dict[str, Any], costs: Costs) -> Simulation:
    """The vector on the vault, its indicators warmed up on the bars before."""
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)
    warmed = WarmedUp(question.strategy, question.bars, question.vault_bar)
    return run_backtest(vault, warmed, params, mode=question.mode, costs=costs)


def doubled(costs: Costs) -> Costs:
    return Costs(costs.fee_bps * STRESS_FACTOR, costs.slippage_bps * STRESS_FACTOR)


def _finalist(folder: Path, refined: dict[str, Any], question: Question) -> dict[str, Any]:
    if refined.get("data_sha256") != question.origin.data_sha256 or refined.get("mode") != question.mode:
        raise OperatorError(f"{folder / ALL_TRIALS_FILE} answers another question; run refine again")
    number = refined.get("finalist")
    if number is None:
        raise OperatorError(
            f"{folder / ALL_TRIALS_FILE} has no valid trial to screen; widen the search and refine again"
        )
    finalist: dict[str, Any] = refined["trials"][number]
    return finalist


def _prescreen_tried(folder: Path) -> int:
    """Vectors the prescreen looked at; a refinement without one had none."""
    path = folder / TOP_FILE
    return int(read_document(path, made_by="prescreen")["tried"]) if path.is_file() else 0


def _headline(question: Question, gates: tuple[Gate, ...]) -> str:
    failed = [gate for gate in gates if not gate.passes]
    where = f"{question.symbol} {question.mode}"
    if not failed:
        return f"{where}: all {len(gates)} gates passed: {'; '.join(gate.told for gate in gates)}"
    return f"{where}: {len(failed)} of {len(gates)} gates failed: {'; '.join(gate.told for gate in failed)}"


def _document(
    question: Question,
    finalist: dict[str, Any],
    inside: Simulation,
    outside: Simulation,
    stressed: Simulation,
    evidence: SharpeEvidence,
    gates: tuple[Gate, ...],
    vault: Bars,
    *,
    wfe: float | None,
    psr: float,
    alpha: float,
    tried: int,
    seed: int,
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "verdict": "pass" if all(gate.passes for gate in gates) else "fail",
        "symbol": question.symbol,
        "interval": interval_name(question.bars.interval_minutes),
        "strategy": question.strategy_name,
        "mode": question.mode,
        "trial": finalist["number"],
        "params": finalist["params"],
        "score": finalist["score"],
        **question.origin.document(seed=seed, tried=tried),
        "costs": {"fee_bps": question.costs.fee_bps, "slippage_bps": question.costs.slippage_bps},
        "development": stretch_document(question.development, inside),
        "vault": stretch_document(vault, outside),
        "stress": {"cost_factor": STRESS_FACTOR, "metrics": stressed.metrics.as_json()},
        "wfe": wfe,
        "psr": psr,
        "alpha": alpha,
        "daily": {
            "sharpe": evidence.sr,
            "days": evidence.n_obs,
            "skew": evidence.skew,
            "kurtosis": evidence.kurtosis,
            "is_defined": evidence.is_defined and math.isfinite(evidence.sr),
        },
        "gates": [gate.document() for gate in gates],
    }
