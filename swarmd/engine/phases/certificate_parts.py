"""Parts of a certificate that are shown rather than judged: curves, windows, regimes, and how to make it again.

Plain rows out of what the phase `validate` has computed; nothing is decided here.
"""

import shlex
from typing import Any

import numpy as np

from swarmd.engine.backtest import Simulation
from swarmd.engine.guards.regimes import N_REGIMES, REGIME_NAMES, RegimeBounds, fitted_regimes, regime_labels
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.phases.question import Question, bars_path
from swarmd.engine.phases.strict_figures import in_market
from swarmd.state.records.campaign_settings import ScoreSettings
from swarmd.state.records.search_settings import SearchSettings
from swarmd.state.units import iso
from swarmd.state.work_order import WorkOrder


def curve(bars: Bars, simulation: Simulation) -> dict[str, Any]:
    """Equity at the end of each day, 1.0 before the first."""
    ends = day_end_bars(bars.open_time)
    days = [iso(int(millis)).partition("T")[0] for millis in bars.open_time[ends].tolist()]
    return {"days": days, "equity": [round(value, 8) for value in simulation.equity[ends].tolist()]}


def window_rows(walked: dict[str, Any]) -> list[dict[str, Any]]:
    """The windows of the walk, each with what was chosen inside and what it earned outside."""
    return [
        {
            "number": window["number"],
            "fit_first": window["fit"]["first"],
            "first": window["test"]["first"],
            "last": window["test"]["last"],
            "is_annual_sharpe": None if window["choice"] is None else window["choice"]["metrics"].get("annual_sharpe"),
            "oos_return": None if window["outside"] is None else window["outside"].get("total_return"),
            "oos_annual_sharpe": None if window["outside"] is None else window["outside"].get("annual_sharpe"),
            "trades": 0 if window["outside"] is None else window["outside"].get("total_trades"),
        }
        for window in walked["windows"]
    ]


def regime_table(
    question: Question, inside: Simulation, outside: Simulation, regimes: dict[str, Any]
) -> list[dict[str, Any]]:
    """Each regime with its trades and profits on both stretches; empty where there are too few bars for regimes."""
    if "approved" not in regimes:
        return []
    close = question.bars.close
    bounds: RegimeBounds = fitted_regimes(close, is_stop=question.vault_bar)
    labels = regime_labels(close, bounds)
    within = labels[inside.trades.entry_bar]
    outer = labels[question.vault_bar :]
    without = outer[outside.trades.entry_bar]
    held = outer[in_market(outside.trades, outer.size)]
    rows = []
    for regime in range(N_REGIMES):
        mine, theirs = within == regime, without == regime
        rows.append(
            {
                "regime": REGIME_NAMES[regime],
                "is_trades": int(np.count_nonzero(mine)),
                "is_net_pnl": float(inside.trades.pnl[mine].sum()),
                "oos_trades": int(np.count_nonzero(theirs)),
                "oos_net_pnl": float(outside.trades.pnl[theirs].sum()),
                "oos_bars_in_market": int(np.count_nonzero(held == regime)),
                "approved": REGIME_NAMES[regime] in regimes["approved"],
            }
        )
    return rows


def reproduced_by(order: WorkOrder) -> list[str]:
    """Commands that make this certificate again from the same data: checked in place, and anew in a home of its own.

    A question with a space or a score of its own has no flags; its settings lie beside the results.
    """
    asked = order.campaign
    verify = f"swarmd champion verify {order.symbol} {asked.data.interval}"
    search, usual = asked.search, SearchSettings()
    is_plain = (
        not asked.space
        and asked.score.weights == ScoreSettings().weights
        and search.method == usual.method
        and search.prescreen.seed == search.refine.seed
        and (search.refine.warm_start, search.refine.pick) == (usual.refine.warm_start, usual.refine.pick)
        and search.reoptimize == usual.reoptimize
        and len(asked.strategy.modes) == 1
    )
    if not is_plain:
        return [verify, f"swarmd start CAMPAIGN.yaml   # the settings are in results/{asked.name}/run_meta.json"]
    data, costs, least, judged = asked.data, asked.costs, asked.constraints, asked.validation
    flags: list[tuple[str, object]] = [
        ("--data", bars_path(data, order.symbol)), ("--symbol", order.symbol), ("--interval", data.interval),
        *((("--start", data.start),) if data.start else ()), *((("--end", data.end),) if data.end else ()),
        *(("--known-gap", day) for day in data.known_gaps), ("--allow-gaps", data.allow_gaps),
        ("--strategy", asked.strategy.name), ("--mode", order.mode), ("--prescreen", search.prescreen.combos),
        ("--trials", search.refine.trials), ("--seed", search.refine.seed), ("--prune", search.refine.prune),
        ("--fee-bps", costs.fee_bps), ("--slippage-bps", costs.slippage_bps), ("--min-trades", least.min_trades),
        ("--max-drawdown", least.max_drawdown), ("--primary", asked.score.primary), ("--oos-share", data.oos_share),
        ("--crown-on", judged.crown_on), ("--surrogates", judged.surrogates), ("--paths", judged.paths),
    ]  # fmt: skip
    words = " ".join(f"{flag} {shlex.quote(str(value))}" for flag, value in flags)
    any_order = "" if least.enforce_tp_progression else " --any-tp-progression"
    return [verify, f"SWARMD_HOME=$(mktemp -d) swarmd optimize {words}{any_order}"]
