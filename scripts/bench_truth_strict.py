#!/usr/bin/env python3
"""What `bench_truth` asks of one finalist besides the surrogates: the vault, the strict table, the quality gates.

The figures are those of the guards phase, on a question made in memory; only the walk of windows is gone here, since
the phase keeps a study on the disk for each. Verdicts are drawn from the figures by `bench_truth_rules`. Not a command.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_truth_markets import held_at_open
from bench_truth_search import STRATEGY

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.guards.probabilistic_sharpe import sharpe_evidence
from swarmd.engine.guards.regimes import fitted_regimes, regime_labels, regime_mismatch
from swarmd.engine.guards.split_efficiency import split_efficiency
from swarmd.engine.guards.strict_table import strict_gates
from swarmd.engine.guards.top10 import top10_excess, top10_share
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.metrics.growth import bar_returns
from swarmd.engine.phases.desk import quiet_desk
from swarmd.engine.phases.question import Question
from swarmd.engine.phases.strict_figures import in_market, on_vault, sensitivity_of
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.search.provenance import Provenance
from swarmd.engine.search.score import Constraints
from swarmd.engine.search.searched_market import MarketSearch, searched_market
from swarmd.engine.search.split import vault_start
from swarmd.engine.search.windows import even_windows
from swarmd.engine.validation.walk_forward import LEAST_WINDOWS, walk_forward_efficiency
from swarmd.state.store.files import Home

VAULT_SHARE = 1 / 3
# A fit is so many tests long, as a campaign has it unless told otherwise.
_FIT = 4.0
_DESK = quiet_desk(Home(Path("unused")), lambda: 0)

Figures = dict[str, Any]


def question_of(bars: Bars, search: MarketSearch) -> Question:
    """What the guards would be asked of this market."""
    return Question(
        symbol=bars.symbol,
        mode=search.mode,
        strategy=search.strategy,
        strategy_name=STRATEGY.card.name,
        space=search.space,
        costs=search.costs,
        rule=search.rule,
        constraints=search.constraints,
        bars=bars,
        vault_bar=vault_start(bars.n_bars, VAULT_SHARE),
        origin=Provenance(bars.symbol, "made up", "bench", None),
    )


def figures_of(question: Question, params: dict[str, Any], search: MarketSearch, *, window_trials: int) -> Figures:
    """Every figure that a gate of either table asks for, the vault's p-value among them."""
    inside = run_backtest(question.development, question.strategy, params, mode=question.mode, costs=question.costs)
    sensitivity, _ = sensitivity_of(question, params, inside.metrics.annual_sharpe, _DESK)
    vault = on_vault(question, params, _DESK, seed=0)
    outside = vault.run
    # Of nine cells as the strict table has them, and of the three of either measure.
    mismatch = _mismatch(question, inside, outside, lambda cell: cell)
    bars = question.bars.between(question.vault_bar, question.bars.n_bars)
    day_ends = day_end_bars(bars.open_time)
    daily = daily_returns(outside.equity, day_ends)
    gates = strict_gates(
        wfe=_walk_efficiency(question, search, window_trials),
        oos_annual_sharpe=outside.metrics.annual_sharpe,
        oos_trades=outside.metrics.total_trades,
        mc_p=vault.mc_p,
        sensitivity=sensitivity.variance,
        bootstrap_lower_bound=vault.bootstrap_lower_bound,
        top10_share=top10_share(outside.trades.pnl),
        stress1_annual_sharpe=vault.stress1,
        regime_mismatch=mismatch,
    )
    evidence = sharpe_evidence(daily)
    return {
        "development_sharpe": inside.metrics.annual_sharpe,
        "development_trades": inside.metrics.total_trades,
        "vault_sharpe": outside.metrics.annual_sharpe,
        "vault_trades": outside.metrics.total_trades,
        "vault_exposure": outside.metrics.exposure,
        "vault_skew": evidence.skew,
        "vault_kurtosis": evidence.kurtosis,
        "p_vault": evidence.p_value(),
        "p_vault_over_holding": _p_over_holding(outside, bars, daily),
        "stress1": vault.stress1,
        "stress2": vault.stress2,
        "stress3": vault.stress3.percentile,
        "top10_excess": top10_excess(outside.trades.pnl).ratio,
        "plateau": sensitivity.p10_ratio,
        "regimes_9": mismatch,
        "regimes_trend": _mismatch(question, inside, outside, lambda cell: cell // 3),
        "regimes_volatility": _mismatch(question, inside, outside, lambda cell: cell % 3),
        "strict": {gate.name: gate.figure for gate in gates},
        "strict_failed": [gate.name for gate in gates if not gate.passes],
    }


def searched_everywhere(question: Question, params: dict[str, Any]) -> Figures:
    """The last third of a market that was searched as a whole, taken for out of sample, as the naive do."""
    run = run_backtest(question.bars, question.strategy, params, mode=question.mode, costs=question.costs)
    returns = bar_returns(run.equity)
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)
    equity = run.equity[question.vault_bar :] / run.equity[question.vault_bar - 1]
    daily = daily_returns(equity, day_end_bars(vault.open_time))
    return {
        "sharpe": sharpe_evidence(daily).sr * math.sqrt(365),
        "wfe": split_efficiency(returns[: question.vault_bar], returns[question.vault_bar :]),
    }


def vault_sharpe(question: Question, params: dict[str, Any]) -> float:
    """Of any vector."""
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)
    warmed = WarmedUp(question.strategy, question.bars, question.vault_bar)
    return run_backtest(vault, warmed, params, mode=question.mode, costs=question.costs).metrics.annual_sharpe


def _p_over_holding(outside: Simulation, bars: Bars, daily: np.ndarray[Any, Any]) -> float:
    """p of the vault's days less what the market gave the share of it that was held on average: timing alone."""
    market = daily_returns(bars.close / bars.open[0], day_end_bars(bars.open_time))
    share = held_at_open(outside.trades, bars.n_bars).mean()
    return sharpe_evidence(daily - share * market).p_value()


def _mismatch(
    question: Question, inside: Simulation, outside: Simulation, of_cell: Callable[[Any], Any]
) -> float | None:
    """Share of the vault's bars in the market in regimes not earned on the development bars."""
    close = question.bars.close
    cells = regime_labels(close, fitted_regimes(close, is_stop=question.vault_bar))
    labels = np.where(cells >= 0, of_cell(cells), -1)
    return regime_mismatch(
        labels[inside.trades.entry_bar],
        inside.trades.pnl,
        labels[question.vault_bar :],
        in_market(outside.trades, question.bars.n_bars - question.vault_bar),
    ).share


def _walk_efficiency(question: Question, search: MarketSearch, trials: int) -> float | None:
    """The search repeated in each window of the development bars, without a prescreen, scored on the test behind it."""
    development = question.development
    found = []
    for window in even_windows(development.n_bars, windows=LEAST_WINDOWS, fit=_FIT, purge=0, embargo=0, anchored=False):
        fit = development.between(window.fit_start, window.fit_stop)
        least = max(1, math.ceil(search.constraints.min_trades * fit.n_bars / development.n_bars))
        smaller = replace(
            search, combos=0, trials=trials, constraints=Constraints(least, search.constraints.max_drawdown)
        )
        pick = searched_market(fit, smaller, {}).pick
        if pick is None:
            continue
        params = pick.trial.params
        history = development.between(0, window.test_stop)
        warmed = WarmedUp(question.strategy, history, window.test_start)
        test = history.between(window.test_start, window.test_stop)
        inside = run_backtest(fit, question.strategy, params, mode=question.mode, costs=question.costs)
        outside = run_backtest(test, warmed, params, mode=question.mode, costs=question.costs)
        found.append((bar_returns(inside.equity).sum(), fit.n_bars, bar_returns(outside.equity).sum(), test.n_bars))
    if not found:
        return None
    is_returns, is_bars, oos_returns, oos_bars = zip(*found, strict=True)
    return walk_forward_efficiency(
        is_returns=list(map(float, is_returns)),
        is_bars=list(is_bars),
        oos_returns=list(map(float, oos_returns)),
        oos_bars=list(oos_bars),
    ).wfe
