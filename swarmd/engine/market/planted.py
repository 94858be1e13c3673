"""A planted edge: prices that drift along the position of one moving-average rule, as strongly as was asked.

`synth.py` calls it. The rule reads the prices it moves, so path and position are one loop; its averages are written out
here because the market may not know the engine's indicators. Strength is found by bisection on the oracle's net Sharpe,
the oracle being who trades the rule itself at the costs of every backtest.
"""

import functools
import math
from dataclasses import dataclass

import numba
import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.shocks import DAYS_A_YEAR, LARGEST_RETURN, Shocks, draw_shocks
from swarmd.engine.market.timeframes import DAY_MINUTES, htf_close

FEE_BPS = 5.0
SLIPPAGE_BPS = 2.0

# Two stretches of their own: on one the strength is found, on the other the true Sharpe is measured. Neither depends
# on a market's seed, since strength belongs to the model: markets of different seeds have one truth.
_CALIBRATION_SEED = 20_010_914
_MEASURING_SEED = 20_080_915
_YEARS = 40
_HIGHEST_SHARPE = 6.0
_LARGEST_DELTA = 0.04  # of short bars a Sharpe of about 10; 40 years of more would overflow the equity
_HIGHEST_GROSS_SHARPE = 10.0  # the same bound for bars so long that few of them make a year


@dataclass(frozen=True, slots=True)
class PlantedRule:
    """Long while the fast average is above the slow one, short while below, from the first cross on.

    Timeframes in minutes, lengths in bars of their timeframe. The lengths are fractions so that no search over whole
    lengths can hit them.
    """

    # Chosen so that stops as wide as a search offers hardly touch it (about 13 hours a trade): on ten years at a true
    # Sharpe of 3.0, the nearest whole lengths with a 5 % stop and a 15 % target keep 3.52 of the oracle's 3.53.
    tf_fast: int = 15
    L_fast: float = 12.4
    tf_slow: int = 60
    L_slow: float = 20.6


@dataclass(frozen=True, slots=True)
class Strength:
    """Drift in units of the bar's deviation, and what it is worth to the oracle, measured on a long fresh path."""

    delta: float
    net_annual_sharpe: float
    trades_a_year: float


def planted_path(
    shocks: Shocks, delta: float, rule: PlantedRule, *, interval_minutes: int
) -> tuple[FloatArray, FloatArray]:
    """Simple returns of each bar and the position held over it (-1, 0, 1), decided at the close before."""
    for minutes in (rule.tf_fast, rule.tf_slow):
        htf_close(np.zeros(0), 0, interval_minutes, minutes)  # refuses what cannot be made of these bars
    returns, position = _planted_loop(
        shocks.sigma, shocks.noise, delta,
        rule.tf_fast // interval_minutes, rule.L_fast, rule.tf_slow // interval_minutes, rule.L_slow,
    )  # fmt: skip
    return returns, position


@functools.lru_cache(maxsize=32)
def strength_for(net_annual_sharpe: float, *, rule: PlantedRule, interval_minutes: int) -> Strength:
    """The drift at which the oracle's net annual Sharpe is the one asked, within 0.005 on the calibrating stretch."""
    if not 0 < net_annual_sharpe <= _HIGHEST_SHARPE:
        raise DataError(
            f"a net annual Sharpe of {net_annual_sharpe:g} cannot be planted; ask for 0 to {_HIGHEST_SHARPE:g}"
        )
    shocks = _long_stretch(_CALIBRATION_SEED, interval_minutes)
    low, high, sharpe = 0.0, _LARGEST_DELTA, math.nan
    furthest = _HIGHEST_GROSS_SHARPE / math.sqrt(DAYS_A_YEAR * DAY_MINUTES / interval_minutes)
    if furthest > high and oracle_sharpe(shocks, high, rule, interval_minutes=interval_minutes)[0] < net_annual_sharpe:
        low, high = high, furthest
    while high - low > 1e-7:
        delta = (low + high) / 2
        sharpe, _ = oracle_sharpe(shocks, delta, rule, interval_minutes=interval_minutes)
        if abs(sharpe - net_annual_sharpe) < 0.005:
            break
        low, high = (delta, high) if sharpe < net_annual_sharpe else (low, delta)
    else:
        raise DataError(
            f"{rule} reaches a net annual Sharpe of {sharpe:.2f}, not {net_annual_sharpe:g}; plant a slower one"
        )
    fresh = _long_stretch(_MEASURING_SEED, interval_minutes)
    measured, trades_a_year = oracle_sharpe(fresh, delta, rule, interval_minutes=interval_minutes)
    return Strength(delta=delta, net_annual_sharpe=measured, trades_a_year=trades_a_year)


def oracle_sharpe(shocks: Shocks, delta: float, rule: PlantedRule, *, interval_minutes: int) -> tuple[float, float]:
    """The oracle's net annual Sharpe of daily returns, and its trades a year.

    Each day's return is lessened by what the noise alone, whose mean is known to be zero, gave the position that day:
    a control variate, without which 40 years would leave an error of 0.16 in the Sharpe.
    """
    daily, position, n_trades = oracle_returns(shocks, delta, rule, interval_minutes=interval_minutes)
    luck = (position * shocks.noise).reshape(daily.shape[0], -1).sum(axis=1)
    mean = float(np.mean(daily) - np.mean(luck))
    n_years = daily.shape[0] / DAYS_A_YEAR
    return mean / float(np.std(daily, ddof=1)) * math.sqrt(DAYS_A_YEAR), n_trades / n_years


def oracle_returns(
    shocks: Shocks, delta: float, rule: PlantedRule, *, interval_minutes: int
) -> tuple[FloatArray, FloatArray, int]:
    """Net returns of each day of who trades the rule itself, the position over each bar, and how many trades."""
    returns, position = planted_path(shocks, delta, rule, interval_minutes=interval_minutes)
    equity, n_trades = _oracle_equity(returns, position, FEE_BPS / 1e4, SLIPPAGE_BPS / 1e4)
    bars_a_day = DAY_MINUTES // interval_minutes
    marks = np.concatenate((np.ones(1), equity[bars_a_day - 1 :: bars_a_day]))
    return np.diff(marks) / marks[:-1], position, n_trades


def _long_stretch(seed: int, interval_minutes: int) -> Shocks:
    n_bars = _YEARS * DAYS_A_YEAR * DAY_MINUTES // interval_minutes
    return draw_shocks(n_bars, np.random.default_rng(seed), interval_minutes=interval_minutes)


@numba.njit(cache=True)
def _planted_loop(
    sigma: FloatArray,
    noise: FloatArray,
    delta: float,
    n_fast: int,
    L_fast: float,
    n_slow: int,
    L_slow: float,
) -> tuple[FloatArray, FloatArray]:
    n_bars = sigma.shape[0]
    returns, position = np.empty(n_bars), np.empty(n_bars)
    price, held = 1.0, 0.0
    fast, slow = 0.0, 0.0
    was_up, was_valid = False, False
    for bar in range(n_bars):
        position[bar] = held
        move = delta * sigma[bar] * held + noise[bar]
        returns[bar] = min(max(move, -LARGEST_RETURN), LARGEST_RETURN)
        price *= 1.0 + returns[bar]
        closed = bar + 1
        if closed % n_fast == 0:
            fast = price if closed == n_fast else fast + 2.0 / (L_fast + 1.0) * (price - fast)
        if closed % n_slow == 0:
            slow = price if closed == n_slow else slow + 2.0 / (L_slow + 1.0) * (price - slow)
        is_valid = closed // n_fast >= L_fast and closed // n_slow >= L_slow
        is_up = fast > slow
        if is_valid and was_valid and is_up != was_up:
            held = 1.0 if is_up else -1.0
        was_up, was_valid = is_up, is_valid
    return returns, position


@numba.njit(cache=True)
def _oracle_equity(returns: FloatArray, position: FloatArray, fee: float, slippage: float) -> tuple[FloatArray, int]:
    """Equity at each close of who holds `position` all-in, net of costs; a short's profit is linear in price.

    The factors are those of the simulator: what a unit of price costs going in and gives coming out, fee and slippage
    included, for a long (k) and a short (s).
    """
    k_in, k_out = (1.0 + slippage) * (1.0 + fee), (1.0 - slippage) * (1.0 - fee)
    s_in, s_out = (1.0 - slippage) * (1.0 + fee), (1.0 + slippage) * (1.0 + fee)
    s_cash = 1.0 + (1.0 - slippage) * (1.0 - fee) / s_in
    equity = np.empty(returns.shape[0])
    cash, mark, move, held, n_trades = 1.0, 1.0, 1.0, 0.0, 0
    for bar in range(returns.shape[0]):
        if position[bar] != held:
            if held > 0.0:
                cash *= move * k_out / k_in
            elif held < 0.0:
                cash *= s_cash - move * s_out / s_in
            held, move = position[bar], 1.0
            n_trades += 1
        move *= 1.0 + returns[bar]
        if held > 0.0:
            mark = cash * move / k_in
        elif held < 0.0:
            mark = cash * (s_cash - move / s_in)
        equity[bar] = mark
    return equity, n_trades
