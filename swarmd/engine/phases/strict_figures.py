"""What the strict table asks of one finalist, computed: its vault, its neighbours, its stresses, its regimes.

Called by the guards phase, one function a question, each with a document that says how the figure came about. Runs come
from the engine, statistics from the guards; no threshold and no verdict is in here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.guards.bootstrap_sharpe import LEAST_RESAMPLES, stationary_bootstrap_sharpe_ci
from swarmd.engine.guards.probabilistic_sharpe import sharpe_evidence
from swarmd.engine.guards.regimes import (
    REGIME_NAMES,
    RegimeMismatch,
    fitted_regimes,
    regime_labels,
    regime_mismatch,
    trend_of,
)
from swarmd.engine.guards.sensitivity import ParameterSensitivity, parameter_sensitivity
from swarmd.engine.guards.sign_flip import sign_flip_p_value
from swarmd.engine.guards.stress import DroppedTrades, stress1_sharpe, stress2_sharpe, stress3_dropped_trades
from swarmd.engine.guards.timing import circular_shift_p_value
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.kernel.trades import Trades
from swarmd.engine.market.bars import Bars
from swarmd.engine.metrics.daily import DAYS_PER_YEAR, daily_returns
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.later import Later
from swarmd.engine.phases.question import Question
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.search.neighbours import neighbours
from swarmd.engine.strategies.contract import BarStrategy

Vector = Mapping[str, float | int]
CONFIDENCE = 0.95
# Runs on the vault beside the finalist's own: dearer, and one bar later.
N_VAULT_RUNS = 3
# Signs are cheap to flip, so that there are more of them than of other paths.
_FLIPS = 9_999


def n_neighbours(question: Question, params: Vector) -> int:
    return len(neighbours(params, question.space, question.strategy))


def sensitivity_of(question: Question, params: Vector, centre: float, desk: Desk) -> tuple[ParameterSensitivity, Any]:
    """Of the annual Sharpe ratio on the development bars, one step aside in each parameter.

    A neighbour that trades little or nothing counts with what it earns; one that cannot be evaluated has no score.
    """
    scores: list[float | None] = []
    told = []
    for beside in neighbours(params, question.space, question.strategy):
        try:
            run = run_backtest(
                question.development, question.strategy, beside.params, mode=question.mode, costs=question.costs
            )
            scores.append(run.metrics.annual_sharpe)
        except (ValueError, ArithmeticError):
            scores.append(None)
        told.append({"parameter": beside.parameter, "value": beside.value, "annual_sharpe": scores[-1]})
        desk.work(1)
    found = parameter_sensitivity(centre, scores)
    return found, {"of": "annual Sharpe ratio on the development bars", **asdict(found), "beside": told}


@dataclass(frozen=True, slots=True)
class OnVault:
    """The finalist on the vault, as it stands there and under stress; `document` tells how each figure came about."""

    run: Simulation
    mc_p: float
    bootstrap_lower_bound: float
    psr: float
    stress1: float
    stress2: float
    stress3: DroppedTrades
    document: dict[str, Any]


def on_vault(question: Question, params: Vector, desk: Desk, *, seed: int, paths: int = LEAST_RESAMPLES) -> OnVault:
    """All that is asked of the vault, in `N_VAULT_RUNS` runs."""
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)

    def run(costs: Costs, strategy: BarStrategy = question.strategy) -> Simulation:
        warmed = WarmedUp(strategy, question.bars, question.vault_bar)
        simulation = run_backtest(vault, warmed, params, mode=question.mode, costs=costs)
        desk.work(1)
        return simulation

    costs = question.costs
    found = run(costs)
    stress1 = stress1_sharpe(
        lambda fee, slippage: run(Costs(fee, slippage)).metrics.annual_sharpe, costs.fee_bps, costs.slippage_bps
    )
    stress2 = stress2_sharpe(lambda bars: run(costs, Later(question.strategy, bars)).metrics.annual_sharpe)
    stress3 = stress3_dropped_trades(found.trades.account_return, seed=seed, is_compounded=True)
    daily = daily_returns(found.equity, day_end_bars(vault.open_time))
    mc_p = sign_flip_p_value(daily, n_resamples=max(paths, _FLIPS), seed=seed)
    interval = stationary_bootstrap_sharpe_ci(
        daily, CONFIDENCE, periods_per_year=DAYS_PER_YEAR, n_resamples=paths, seed=seed
    )
    psr = sharpe_evidence(daily).psr()
    document = {
        "days": int(daily.size),
        "monte_carlo": {
            "test": "sign flip",
            "of": "daily net returns on the vault, flat days included",
            # Net of costs, and no search has seen them. The permutation of positions would take them for forgetful,
            # and rules hold for days; the circular shift keeps that and is shown beside.
            "p": mc_p,
            "circular_shift_p": circular_shift_p_value(*_positions_and_returns(found.trades, vault)),
        },
        "bootstrap": {
            "of": "annual Sharpe ratio of the same days",
            "confidence": CONFIDENCE,
            "resamples": paths,
            "lower": interval.lower,
            "upper": interval.upper,
        },
        "stress": {
            "1": {"what": "fee and slippage doubled", "annual_sharpe": stress1},
            "2": {"what": "orders one bar later", "annual_sharpe": stress2},
            "3": {
                "what": "one trade in twenty missed, 1000 times",
                "fifth_percentile_of_net_profit": stress3.percentile,
                "dropped": stress3.n_dropped,
                "trades": stress3.n_trades,
                "passes": stress3.passes,
            },
        },
        "psr": psr,
    }
    return OnVault(found, mc_p, interval.lower, psr, stress1, stress2, stress3, document)


@dataclass(frozen=True, slots=True)
class Regimes:
    """Share of the vault's bars in the market in regimes not earned on the development bars; None where undefined.

    `mismatch` is by trend and volatility, nine cells, as the strict table has it; `by_trend` by trend alone, which a
    rule of a few hundred trades can earn.
    """

    mismatch: float | None
    by_trend: float | None
    document: dict[str, Any]


def regimes_of(question: Question, inside: Simulation, outside: Simulation) -> Regimes:
    """Where the finalist earned its regimes, and in which of them it was on the vault."""
    close = question.bars.close
    try:
        bounds = fitted_regimes(close, is_stop=question.vault_bar)
    except ValueError as refusal:
        return Regimes(None, None, {"undefined_because": str(refusal)})
    labels = regime_labels(close, bounds)
    held = in_market(outside.trades, question.bars.n_bars - question.vault_bar)

    def mismatch_by(regimes: IntArray) -> RegimeMismatch:
        return regime_mismatch(
            regimes[inside.trades.entry_bar], inside.trades.pnl, regimes[question.vault_bar :], held
        )  # fmt: skip

    found, by_trend = mismatch_by(labels), mismatch_by(trend_of(labels))
    names = {regime: REGIME_NAMES[regime] if regime >= 0 else "unknown" for regime in (*found.approved, *found.bars)}
    return Regimes(
        found.share,
        by_trend.share,
        {
            "approved": [names[regime] for regime in found.approved],
            "bars_in_market": {names[regime]: count for regime, count in found.bars.items()},
            "share_not_earned": found.share,
            "trend_share_not_earned": by_trend.share,
            "lookback_bars": bounds.lookback,
        },
    )


def in_market(trades: Trades, n_bars: int) -> BoolArray:
    """Whether a position was open in each bar; one that was left at the open was not open in that bar."""
    held: BoolArray = _positions(trades, n_bars) != 0.0
    return held


def _positions(trades: Trades, n_bars: int) -> FloatArray:
    position = np.zeros(n_bars)
    stops = trades.exit_bar + np.where(trades.left_at_open, 0, 1)
    for start, stop, side in zip(trades.entry_bar.tolist(), stops.tolist(), trades.side.tolist(), strict=True):
        position[start:stop] = side
    return position


def _positions_and_returns(trades: Trades, bars: Bars) -> tuple[FloatArray, FloatArray]:
    """The side held in each bar, and what the market did from its open to the next one's."""
    following = np.append(bars.open[1:], bars.close[-1])
    return _positions(trades, bars.n_bars), following / bars.open - 1.0
