#!/usr/bin/env python3
"""The markets of `bench_truth`: what is in each of them, and what any rule is truly worth there.

A market is some years of 4-hour bars of one kind: noise, a drift without timing, or the drift of one planted rule. All
share one volatility (`swarmd.engine.market.synth`). What a rule is truly worth is measured on 75 years of the same
kind that nobody searches. Not a command; `bench_truth` calls it.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.kernel.trades import Trades
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.planted import FEE_BPS, SLIPPAGE_BPS, PlantedRule, oracle_returns, strength_for
from swarmd.engine.market.shocks import DAYS_A_YEAR, draw_shocks
from swarmd.engine.market.synth import drift_market, noise_market, planted_market
from swarmd.engine.market.timeframes import DAY_MINUTES
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.strategies.contract import BarStrategy

INTERVAL = 240
YEARS = 6
COSTS = Costs(FEE_BPS, SLIPPAGE_BPS)
# Its lengths are fractions: no vector of the search is this rule.
RULE = PlantedRule(tf_fast=240, L_fast=7.4, tf_slow=480, L_slow=14.6)
DRIFT_SHARPE = 1.0
# No market of a run is made of this seed; the numbers of markets stay far below.
_TRUTH_SEED = 77_002_021
_TRUTH_YEARS = 75


@dataclass(frozen=True, slots=True)
class Kind:
    """What is in a market: `sharpe` is the planted rule's net annual Sharpe ratio, or that of holding the drift."""

    name: str
    sharpe: float = 0.0

    @property
    def label(self) -> str:
        return f"{self.name} {self.sharpe:.1f}" if self.name == "planted" else self.name

    @property
    def has_edge(self) -> bool:
        return self.name == "planted"

    @property
    def mode(self) -> str:
        """The mode that searches it: a drift is a trap for who may only buy."""
        return "balanced" if self.name == "drift" else "aggressive"

    def market(self, days: int, seed: int) -> Bars:
        if self.name == "noise":
            return noise_market(days, seed, INTERVAL)
        if self.name == "drift":
            return drift_market(days, seed, INTERVAL, annual_sharpe=DRIFT_SHARPE)
        return planted_market(days, seed, self.sharpe, INTERVAL, rule=RULE)[0]


NOISE, DRIFT = Kind("noise"), Kind("drift", DRIFT_SHARPE)
PLANTED = tuple(Kind("planted", sharpe) for sharpe in (1.0, 1.5, 2.0, 3.0))
KINDS = (NOISE, DRIFT, *PLANTED)


def seed_of(kind: Kind, number: int) -> int:
    """The seed of the kind's market of that number; no two markets of a run share their shocks."""
    return 1_000_000 * (1 + KINDS.index(kind)) + number


def parted(years: int) -> tuple[float, float]:
    """Years of development and of the vault, which is the last third."""
    return years * 2 / 3, years / 3


def clairvoyant_returns(kind: Kind, number: int, years: int) -> np.ndarray[Any, Any]:
    """Net daily returns, in the planted market of that number, of who has always known its rule."""
    rng = np.random.default_rng(seed_of(kind, number))
    shocks = draw_shocks(years * DAYS_A_YEAR * DAY_MINUTES // INTERVAL, rng, interval_minutes=INTERVAL)
    strength = strength_for(kind.sharpe, rule=RULE, interval_minutes=INTERVAL)
    return oracle_returns(shocks, strength.delta, RULE, interval_minutes=INTERVAL)[0]


@functools.lru_cache(maxsize=len(KINDS))
def _long_market(kind: Kind) -> tuple[Bars, np.ndarray[Any, Any]]:
    """A long market of the kind, and the return that each of its bars owes to nothing but chance."""
    days = _TRUTH_YEARS * DAYS_A_YEAR
    shocks = draw_shocks(days * DAY_MINUTES // INTERVAL, np.random.default_rng(_TRUTH_SEED), interval_minutes=INTERVAL)
    return kind.market(days, _TRUTH_SEED), shocks.noise


def true_sharpe(kind: Kind, strategy: BarStrategy, params: dict[str, Any], mode: str) -> float:
    """Net annual Sharpe ratio of the rule on 75 years that nobody searched.

    Each day's return is lessened by what chance alone, whose mean is known to be zero, gave the position that was held
    at the bar's open: without it 75 years would leave an error of 0.12, with it 0.02 or so.
    """
    bars, noise = _long_market(kind)
    run = run_backtest(bars, strategy, params, mode=mode, costs=COSTS)
    held = held_at_open(run.trades, bars.n_bars)
    luck = (held * noise).reshape(-1, DAY_MINUTES // INTERVAL).sum(axis=1)
    daily = daily_returns(run.equity, day_end_bars(bars.open_time))
    deviation = float(daily.std(ddof=1))
    if deviation == 0.0:
        return 0.0
    return float(daily.mean() - luck.mean()) / deviation * math.sqrt(DAYS_A_YEAR)


def held_at_open(trades: Trades, n_bars: int) -> np.ndarray[Any, Any]:
    """The side held into each bar from its open on; known before anything of the bar is."""
    held = np.zeros(n_bars)
    stops = trades.exit_bar + np.where(trades.left_at_open, 0, 1)
    for start, stop, side in zip(trades.entry_bar.tolist(), stops.tolist(), trades.side.tolist(), strict=True):
        held[start:stop] = side
    return held
