"""The compatibility profile `source_final_trigger`: the system that `final_trigger` comes from, as it keeps its books.

It differs from the execution semantics in everything but the decisions: a position is filled at the close that decided
it and first looked at on the bar after; each is sized from the initial capital, whatever was won since; every leg is a
trade and pays both sides' costs on its entry notional; what is open at the end is dropped; equity is capital plus what
exits have realised, marked on every row. Missing bars are no rows here. Called by the backtest command, for comparing
figures with published ones; nothing is searched or crowned by it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.indicators.true_range import average_true_range
from swarmd.engine.kernel.costs import BPS, Costs
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import BarStrategy, Params, checked_params, in_mode
from swarmd.engine.strategies.final_trigger import ATR_BARS, RISK, SHARES, FinalTrigger

SEMANTICS = "source_final_trigger"
CAPITAL = 10_000.0
WARM_UP_ROWS = 200
# How the rows behind the warm-up are divided; the last part takes what rounding leaves.
PARTS = {"is": 0.6, "val": 0.2, "oos": 0.2}
# Rows of a year of 365.25 days, of one hour each.
_ROWS_PER_YEAR = 8_766.0


@dataclass(frozen=True, slots=True)
class Legs:
    """Closed legs in the order of their exits; every array has shape (n_legs,). Rows are those of the part."""

    entry_row: IntArray
    exit_row: IntArray
    side: IntArray
    leg: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    notional: FloatArray
    cost: FloatArray
    pnl: FloatArray
    by_stop: IntArray


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of rows, run by itself: its legs and its equity in units of money, shape (n_rows,)."""

    rows: Bars
    legs: Legs
    equity: FloatArray

    def metrics(self) -> dict[str, float | int | None]:
        """The source system's figures; `profit_factor` is None without a losing leg."""
        pnl, equity = self.legs.pnl, self.equity
        returns = equity[1:] / equity[:-1] - 1.0
        deviation = float(np.std(returns)) if returns.size else 0.0
        lost = -float(pnl[pnl < 0.0].sum())
        peak = np.maximum.accumulate(equity)
        return {
            "total_trades": int(pnl.size),
            "total_return": float(equity[-1] / CAPITAL - 1.0),
            "annual_sharpe": float(np.mean(returns)) / deviation * math.sqrt(_ROWS_PER_YEAR)
            if deviation > 0.0
            else 0.0,
            "max_drawdown": float(np.max(1.0 - equity / peak)),
            "win_rate": float(np.mean(pnl > 0.0)) if pnl.size else 0.0,
            "profit_factor": float(pnl[pnl > 0.0].sum()) / lost if lost > 0.0 else None,
        }


def run_source_final_trigger(
    bars: Bars, strategy: BarStrategy, params: Mapping[str, Any], *, mode: str, costs: Costs
) -> dict[str, Part]:
    """The parts `is`, `val` and `oos` of the rows behind the warm-up, each with indicators begun anew.

    Raises
    ------
    ValueError
        For another strategy than `final_trigger`, bars of another interval than one hour, or too few of them.
    """
    if not isinstance(strategy, FinalTrigger):
        raise ValueError(f"semantics {SEMANTICS}: {strategy.card.name} given; these are the books of final_trigger")
    if bars.interval_minutes != 60:
        raise ValueError(f"semantics {SEMANTICS}: bars of {bars.interval_minutes} minutes given; give bars of one hour")
    decides, given = in_mode(strategy, mode), checked_params(strategy, params)
    assert isinstance(decides, FinalTrigger)
    rows = _rows(bars)
    n = rows.n_bars - WARM_UP_ROWS
    if n < 10:
        raise ValueError(f"semantics {SEMANTICS}: {rows.n_bars} rows given; {WARM_UP_ROWS} are dropped, give thousands")
    ends = [WARM_UP_ROWS + int(n * share) for share in np.cumsum(list(PARTS.values()))[:-1].round(12)]
    edges = [WARM_UP_ROWS, *ends, rows.n_bars]
    return {
        name: _part(_between(rows, start, stop), decides, given, costs)
        for name, start, stop in zip(PARTS, edges[:-1], edges[1:], strict=True)
    }


def _rows(bars: Bars) -> Bars:
    """The bars that were traded, one after the other: the source knows no grid."""
    return _kept(bars, np.flatnonzero(~bars.synthetic))


def _between(rows: Bars, start: int, stop: int) -> Bars:
    return _kept(rows, np.arange(start, stop))


def _kept(bars: Bars, at: IntArray) -> Bars:
    o, h, low, c, v = (np.ascontiguousarray(x[at]) for x in (bars.open, bars.high, bars.low, bars.close, bars.volume))
    return Bars(bars.symbol, bars.interval_minutes, bars.open_time[at], o, h, low, c, v, bars.synthetic[at])


def _part(rows: Bars, strategy: FinalTrigger, params: Params, costs: Costs) -> Part:
    regime, run = strategy.regime(rows, params)
    agreed = strategy.agreement(rows, params)
    atr = average_true_range(rows.high, rows.low, rows.close, ATR_BARS)
    # A position has three legs at most, and a run of a regime one position.
    whole, real = np.empty((3 * (int(run[-1]) + 1), 5), np.int64), np.empty((3 * (int(run[-1]) + 1), 5))
    n_legs = _walk(
        rows.high, rows.low, rows.close, np.where(agreed == regime, regime, 0), run, atr, float(params["sl"]),
        np.array([float(params[f"tp{n}"]) for n in (1, 2, 3)]), np.array(SHARES),
        (costs.fee_bps + costs.slippage_bps) * BPS, whole, real,
    )  # fmt: skip
    w, r = whole[:n_legs].T, real[:n_legs].T
    legs = Legs(w[0], w[1], w[2], w[3], r[0], r[1], r[2], r[3], r[4], w[4])
    realised = np.bincount(legs.exit_row, weights=legs.pnl, minlength=rows.n_bars)
    equity: FloatArray = CAPITAL + np.cumsum(realised, dtype=np.float64)
    return Part(rows, legs, equity)


@njit(cache=True)
def _walk(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    wish: IntArray,
    run: IntArray,
    atr: FloatArray,
    stop: float,
    targets: FloatArray,
    shares: FloatArray,
    cost_per_side: float,
    whole: IntArray,
    real: FloatArray,
) -> int:
    """Writes a row per closed leg: entry, exit, side, leg, whether by the stop; entry, exit, notional, cost, profit."""
    n = 0
    side = leg = entered = 0
    entry = unit = level = notional = 0.0
    run_taken = -1
    for t in range(close.size):
        if side != 0:
            adverse, favour = (low[t], high[t]) if side > 0 else (high[t], low[t])
            if side * adverse <= side * level:
                while leg < 3:
                    n = _closed(
                        n, entered, t, side, leg, 1, entry, level, notional * shares[leg], cost_per_side, whole, real
                    )
                    leg += 1
            else:
                while leg < 3 and side * favour >= side * (entry + side * targets[leg] * unit):
                    price = entry + side * targets[leg] * unit
                    n = _closed(
                        n, entered, t, side, leg, 0, entry, price, notional * shares[leg], cost_per_side, whole, real
                    )
                    # Behind the first leg the stop waits at the entry, behind the second at the first target.
                    level = entry if leg == 0 else entry + side * targets[0] * unit
                    leg += 1
            if leg == 3:
                side = 0
        if side == 0 and wish[t] != 0 and run[t] != run_taken and atr[t] > 0.0:
            side, leg, entered, run_taken = wish[t], 0, t, run[t]
            entry, unit = close[t], atr[t]
            level = entry - side * stop * unit
            notional = CAPITAL * RISK / (stop * unit / entry)
    return n


@njit(cache=True, inline="always")
def _closed(
    n: int,
    entered: int,
    left: int,
    side: int,
    leg: int,
    by_stop: int,
    entry: float,
    price: float,
    notional: float,
    cost_per_side: float,
    whole: IntArray,
    real: FloatArray,
) -> int:
    whole[n, 0], whole[n, 1], whole[n, 2], whole[n, 3], whole[n, 4] = entered, left, side, leg, by_stop
    cost = 2.0 * notional * cost_per_side
    real[n, 0], real[n, 1], real[n, 2], real[n, 3] = entry, price, notional, cost
    real[n, 4] = notional * side * (price - entry) / entry - cost
    return n + 1
