"""What every oracle is given and gives back, and how a run of ours is held against it.

An oracle is another project's backtester. It gets real bars only and orders by the bar whose open should fill them, and
answers with trades and equity on our grid. Signals, the waiting of an order through a gap and the metrics are written
down a second time here, in the obvious dense way, so that nothing of ours stands behind both sides of a comparison.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.backtest import Simulation
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.kernel.trades import Trades
from swarmd.engine.market.bars import Bars

MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Orders:
    """Sides (+1 up, -1 down) by the bar whose open fills them; only bars that really traded."""

    side_at: dict[int, int]

    @classmethod
    def waiting(cls, bar: IntArray, side: IntArray, bars: Bars) -> "Orders":
        """An order due on a bar that never traded waits for the next one that did; a later order replaces it."""
        side_at = {}
        for due, wish in zip(bar.tolist(), side.tolist(), strict=True):
            while due < bars.n_bars and bars.synthetic[due]:
                due += 1
            if due < bars.n_bars:
                side_at[due] = wish
        return cls(side_at)


def ema_crossings(bars: Bars, fast: tuple[int, int], slow: tuple[int, int]) -> tuple[IntArray, IntArray]:
    """Bars at whose open a crossing of two EMAs (minutes, length) fills, and its side, by looking at every bar."""
    line, known_from = zip(*(_line_at_every_bar(bars, *which) for which in (fast, slow)), strict=True)
    is_up = line[0] > line[1]
    first = max(known_from) + 1
    crossed = np.flatnonzero(is_up[1:] != is_up[:-1]) + 1
    crossed = crossed[(crossed >= first) & (crossed < bars.n_bars - 1)]
    return crossed + 1, np.where(is_up[crossed], 1, -1)


def _line_at_every_bar(bars: Bars, minutes: int, length: int) -> tuple[FloatArray, int]:
    """The EMA as known at the close of each bar, and the first bar at which it is valid (n_bars where it never is)."""
    factor = minutes // bars.interval_minutes
    closes_at = bars.open_time // MINUTE_MS + bars.interval_minutes
    completes = np.flatnonzero(closes_at % minutes == 0)
    completes = completes[completes >= factor - 1]
    values: list[float] = []
    ema = 0.0
    for close in bars.close[completes].tolist():
        ema = close if not values else ema + 2.0 / (length + 1.0) * (close - ema)
        values.append(ema)
    latest = np.searchsorted(completes, np.arange(bars.n_bars), side="right")
    valid = int(completes[length - 1]) if completes.size >= length else bars.n_bars
    return np.concatenate(([np.nan], values))[latest], valid


@dataclass(frozen=True, slots=True)
class PeerRun:
    """An oracle's trades in the order of entry, at prices before slippage, and its equity at every bar close."""

    entry_bar: IntArray
    exit_bar: IntArray
    side: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    pnl: FloatArray
    equity: FloatArray

    def metrics(self, bars: Bars) -> dict[str, float]:
        """The screening metrics of its trades and its equity."""
        day = bars.open_time // DAY_MS
        marks = np.append(1.0, self.equity[np.append(day[1:] != day[:-1], True)])
        returns = marks[1:] / marks[:-1] - 1.0
        deviation = returns.std(ddof=1) if returns.size > 1 else 0.0
        lost = -self.pnl[self.pnl < 0.0].sum()
        return {
            "total_trades": self.pnl.size,
            "total_return": float(self.equity[-1] - 1.0),
            "annual_sharpe": float(returns.mean() / deviation * np.sqrt(365.0)) if deviation > 1e-15 else 0.0,
            "max_drawdown": float((1.0 - self.equity / np.maximum.accumulate(np.append(1.0, self.equity))[1:]).max()),
            "win_rate": float((self.pnl > 0.0).mean()) if self.pnl.size else 0.0,
            "profit_factor": float(self.pnl[self.pnl > 0.0].sum() / lost) if lost else float("inf"),
        }


def equity_on_grid(bars: Bars, real: IntArray, marks: FloatArray, final: float) -> FloatArray:
    """Equity at the closes of the real bars, held through those that never traded; the last bar closes what is open."""
    latest = np.searchsorted(real, np.arange(bars.n_bars), side="right") - 1
    return np.append(marks[latest][:-1], final)


def differences(ours: Simulation, theirs: PeerRun, *, price: float = 1e-12, equity: float = 1e-10) -> list[str]:
    """What does not agree, in words; bars and sides exactly, prices and equity within these relative tolerances."""
    trades = ours.trades
    found = []
    if len(trades) != theirs.pnl.size:
        found.append(f"{len(trades)} trades, the oracle has {theirs.pnl.size}")
    n = min(len(trades), theirs.pnl.size)
    rows = np.zeros(n, np.bool_)
    for name in ("entry_bar", "exit_bar", "side"):
        rows |= getattr(trades, name)[:n] != getattr(theirs, name)[:n]
    for name in ("entry_price", "exit_price"):
        rows |= ~np.isclose(getattr(trades, name)[:n], getattr(theirs, name)[:n], rtol=price, atol=0.0)
    if rows.any():
        at = int(np.argmax(rows))
        found.append(f"{rows.sum()} of {n} trades differ, first number {at}: {_told(trades, at)} / {_told(theirs, at)}")
    apart = np.abs(ours.equity - theirs.equity)
    # Written so that what is no number is apart.
    if not (apart <= equity).all():
        at = int(np.argmax(~(apart <= equity)))
        found.append(f"equity is {ours.equity[at]} at bar {at}, the oracle's {theirs.equity[at]}")
    return found


def metric_differences(
    ours: dict[str, float], theirs: dict[str, float], *, rel: float = 1e-9, abs_: float = 1e-10
) -> list[str]:
    """Metrics that do not agree, in words; the number of trades exactly."""
    return [
        f"{name} is {ours[name]}, the oracle's {theirs[name]}"
        for name in theirs
        if not np.isclose(ours[name], theirs[name], rtol=0.0 if name == "total_trades" else rel, atol=abs_)
    ]


def unequal_bits(ours: Simulation, other: Simulation) -> list[str]:
    """Columns of trades, equity or metrics that are not the same bits."""
    trade_columns = [field.name for field in fields(ours.trades)]
    apart = [c for c in trade_columns if not np.array_equal(getattr(ours.trades, c), getattr(other.trades, c))]
    if not np.array_equal(ours.equity, other.equity):
        apart.append("equity")
    if ours.metrics != other.metrics:
        apart.append("metrics")
    return [f"not the same bits: {', '.join(apart)}"] if apart else []


def screening_differences(found: dict[str, Any], ours: Simulation) -> list[str]:
    """Screening metrics that are not the single run's: the same bits, the Sharpe ratio within 1e-9."""
    wanted = {name: getattr(ours.metrics, name) for name in SCREEN_METRICS}
    return [
        f"screening has {name} {found[name]!r}, a single run {wanted[name]!r}"
        for name in SCREEN_METRICS
        if not (
            np.isclose(found[name], wanted[name], rtol=1e-9, atol=1e-9)
            if name == "annual_sharpe"
            else found[name] == wanted[name]
        )
    ]


def _told(trades: Trades | PeerRun, at: int) -> str:
    side = "long" if trades.side[at] > 0 else "short"
    bars = f"{trades.entry_bar[at]}..{trades.exit_bar[at]}"
    return f"{side} {bars} at {trades.entry_price[at]!r}, {trades.exit_price[at]!r}"
