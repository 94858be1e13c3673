"""What is left of a result when trading is dearer, slower, or misses some trades.

Stress 1 doubles fee and slippage, stress 2 enters one bar later, stress 3 drops one trade in twenty at random. The
first two need the backtest again: it comes in as a function, so that no guard knows an engine.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.guards.series import checked_series

COST_FACTOR = 2.0
MOST_COST_BPS = 1000.0
DROPPED_SHARE = 0.05
N_DRAWS = 1000
PERCENTILE = 5.0

# (fee_bps, slippage_bps), per side, to a figure of the run at these costs.
AtCosts = Callable[[float, float], float]


def stress1_sharpe(evaluate: AtCosts, fee_bps: float, slippage_bps: float, *, factor: float = COST_FACTOR) -> float:
    """The Sharpe ratio at `factor` times the costs: fee and slippage alike.

    Parameters
    ----------
    evaluate : `evaluate(fee_bps, slippage_bps)` runs the same vector at these costs and gives its Sharpe ratio, of
        the unit that the result has (the strict table asks for an annual one)
    fee_bps, slippage_bps : the costs of the venue, per side, in basis points

    Raises
    ------
    ValueError
        If a cost is negative, or the factor below 1.
    """
    _check_costs(fee_bps, slippage_bps)
    if factor < 1.0:
        raise ValueError(f"stress 1: factor {factor} makes trading cheaper; give 1 or more, as a rule 2")
    return float(evaluate(fee_bps * factor, slippage_bps * factor))


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The cost per side at which nothing is earned: as basis points (fee + slippage) and as a multiple of the given.

    `is_bounded` is False where even `cost_bps` leaves a profit: the truth lies above it. `multiple` is None where the
    given costs are 0.
    """

    cost_bps: float
    multiple: float | None
    is_bounded: bool


def break_even_cost(
    evaluate: AtCosts,
    fee_bps: float,
    slippage_bps: float,
    *,
    most_bps: float = MOST_COST_BPS,
    tolerance_bps: float = 0.01,
) -> BreakEven:
    """Where the net result crosses 0 as fee and slippage grow together, in the proportion of those given, by halving.

    Parameters
    ----------
    evaluate : `evaluate(fee_bps, slippage_bps)` gives the net return (or any figure with its sign), which falls as
        costs rise
    fee_bps, slippage_bps : the costs of the venue, per side, in basis points; both 0 count as fee alone
    most_bps : where the search ends, fee + slippage
    tolerance_bps : how near it comes; the lower end, still in profit, is told

    Returns
    -------
    BreakEven
        0 where nothing is earned without any costs.
    """
    _check_costs(fee_bps, slippage_bps)
    given = fee_bps + slippage_bps
    fee_part = fee_bps / given if given > 0.0 else 1.0

    def earns(cost_bps: float) -> bool:
        return evaluate(cost_bps * fee_part, cost_bps * (1.0 - fee_part)) > 0.0

    def at(cost_bps: float, *, is_bounded: bool) -> BreakEven:
        return BreakEven(cost_bps, cost_bps / given if given > 0.0 else None, is_bounded)

    if not earns(0.0):
        return at(0.0, is_bounded=True)
    if earns(most_bps):
        return at(most_bps, is_bounded=False)
    low, high = 0.0, most_bps
    while high - low > tolerance_bps:
        middle = (low + high) / 2.0
        low, high = (middle, high) if earns(middle) else (low, middle)
    return at(low, is_bounded=True)


def stress2_sharpe(evaluate: Callable[[int], float], *, bars: int = 1) -> float:
    """The Sharpe ratio with every entry `bars` bars later, as `evaluate(bars)` runs it; see `entered_later`."""
    if bars < 0:
        raise ValueError(f"stress 2: entries {bars} bars later; give 0 or more, as a rule 1")
    return float(evaluate(bars))


def entered_later(position: FloatArray, *, bars: int = 1) -> FloatArray:
    """The wished position with each entry `bars` bars later and each exit where it was.

    Parameters
    ----------
    position : shape (n_bars,), wished position of every bar; an entry is a bar whose side (sign) is not that of the bar
        before, a turn from long to short included
    bars : a holding no longer than this is never entered

    Returns
    -------
    float64, shape (n_bars,)
        0 in the first `bars` bars of each holding, the position otherwise.
    """
    position = np.asarray(position, np.float64)
    side = np.sign(position)
    is_entry = np.concatenate(([True], side[1:] != side[:-1])) if side.size else np.zeros(0, np.bool_)
    starts = np.maximum.accumulate(np.where(is_entry, np.arange(side.size), 0))
    later: FloatArray = np.where(np.arange(side.size) - starts < bars, 0.0, position)
    return later


@dataclass(frozen=True, slots=True)
class DroppedTrades:
    """`percentile` of the net result over the draws; None without trades. `passes` where it is above 0."""

    percentile: float | None
    n_dropped: int
    n_trades: int

    @property
    def passes(self) -> bool:
        return self.percentile is not None and self.percentile > 0.0


def stress3_dropped_trades(
    trades: Sequence[float] | FloatArray,
    *,
    share: float = DROPPED_SHARE,
    n_draws: int = N_DRAWS,
    percentile: float = PERCENTILE,
    seed: int = 0,
    is_compounded: bool = False,
) -> DroppedTrades:
    """The net profit of the trades that are left when a share of them is missed at random, at a low percentile.

    Parameters
    ----------
    trades : net profit or loss of each closed trade: in any one unit, and what is left is summed; with `is_compounded`
        as a share of the equity it was entered with, at least -1, and what is left compounds into a share of the first
        equity. An account that trades all it has is to be asked so: its last trades are in money a multiple of its
        first ones, and a sum holds each missed one for as many times more than what is missed with it
    share : of the trades dropped in each draw, rounded up to whole trades, without replacement
    n_draws, percentile : 1000 draws, and their 5th percentile, linearly between neighbours
    seed : the same seed gives the same figure

    Raises
    ------
    ValueError
        If a trade is not finite, or loses more than everything where it compounds, or a setting makes no sense.
    """
    if not 0.0 <= share < 1.0 or n_draws < 1 or not 0.0 <= percentile <= 100.0:
        raise ValueError(
            f"stress 3: share {share}, {n_draws} draws, percentile {percentile}; "
            "give a share in [0, 1), at least 1 draw and a percentile in [0, 100]"
        )
    pnl = checked_series(trades, of="stress 3", noun="trade")
    if not pnl.size:
        return DroppedTrades(None, 0, 0)
    # Not a hair above: a twentieth of 20 trades is 1, whatever the floats make of it.
    n_dropped = math.ceil(share * pnl.size - 1e-9)
    rng = np.random.default_rng(seed)
    missed = (rng.choice(pnl.size, n_dropped, replace=False) for _ in range(n_draws))
    if is_compounded:
        if pnl.min() < -1.0:
            at = int(pnl.argmin())
            raise ValueError(f"stress 3: trade {at} is {pnl[at]} of its equity; give returns of at least -1")
        left = [float(np.prod(np.delete(1.0 + pnl, places))) - 1.0 for places in missed]
    else:
        total = math.fsum(pnl.tolist())
        left = [total - math.fsum(pnl[places].tolist()) for places in missed]
    return DroppedTrades(float(np.percentile(left, percentile)), n_dropped, int(pnl.size))


def _check_costs(fee_bps: float, slippage_bps: float) -> None:
    if not (0.0 <= fee_bps < math.inf and 0.0 <= slippage_bps < math.inf):
        raise ValueError(f"stress: fee {fee_bps} bps, slippage {slippage_bps} bps; give finite costs of 0 or more")
