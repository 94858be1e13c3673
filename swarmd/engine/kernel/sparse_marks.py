"""Equity at bar closes without visiting them: drawdown, ruin and daily marks of a run, told stretch by stretch.

Between two fills equity is one function of the close, and each of its rounded operations keeps order. So its extremes
over a stretch are its values at the extremes of the closes, to the last bit, and so is the worst fall from an earlier
peak. Bars are walked only in blocks where a new peak and a new trough can share 16 bars. Levels that were not touched
bound the closes beforehand: most stretches can change neither peak nor worst fall, and are left at that.

Daily returns are written out, one per day, and summed with compensation: the yardstick sums them exactly.

Called by `sparse`, which says what is held from which bar to which; nothing here decides about trades.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.passage import BLOCK_BARS, BLOCK_SHIFT
from swarmd.engine.kernel.sparse_tables import CLOSE, CLOSE_HIGH, CLOSE_LOW, SparseTables, close_range

# Where `Curve.figures` keeps what: peak so far, smallest equity over peak, equity at the last day end.
PEAK, WORST, DAY_MARK = range(3)
DAYS_PER_YEAR = 365.0
LEAST_VARIANCE = 1e-30


class Curve(NamedTuple):
    """What is known of the equity curve up to some bar; working space, reused from run to run."""

    figures: FloatArray
    returns: FloatArray  # by day; 0 until the day is marked
    next_day: IntArray  # one number: the first day whose end is not marked yet


class Holding(NamedTuple):
    """What is open over a stretch of bars: equity at a price is `equity * (cash + size * (growth + rest * part))`.

    `part` is `base + side * (price / paid)`: `base` is 0 for a long, where adding it changes no bit.
    """

    side: float
    base: float
    paid: float
    equity: float
    cash: float
    size: float
    growth: float
    rest: float


@njit(cache=True)
def new_curve(n_days: int) -> Curve:
    """Space for the curve of one run at a time; `begin` makes it ready."""
    return Curve(np.empty(3, np.float64), np.empty(n_days, np.float64), np.empty(1, np.int64))


@njit(cache=True, inline="always")
def begin(curve: Curve) -> None:
    """The initial equity is the first peak and what the first day is measured from."""
    curve.figures[:] = 1.0
    curve.returns[:] = 0.0
    curve.next_day[0] = 0


@njit(cache=True, inline="always")
def mark_at(held: Holding, price: float) -> float:
    part = held.base + held.side * (price / held.paid)
    return held.equity * (held.cash + held.size * (held.growth + held.rest * part))


@njit(cache=True, inline="always")
def mark_range(held: Holding, one: float, other: float) -> tuple[float, float]:
    """Lowest and highest mark where the price lies between the two."""
    a, b = mark_at(held, one), mark_at(held, other)
    return min(a, b), max(a, b)


@njit(cache=True, inline="always")
def mark_held(
    tables: SparseTables, curve: Curve, held: Holding, start: int, stop: int, nearest: float, farthest: float
) -> int:
    """Marks the closes of the bars [start, stop); the first of them that ruins, or `stop`.

    `nearest` and `farthest` are levels not touched in these bars, times the side: of the stop and of the next target.
    """
    if start >= stop:
        return stop
    figures = curve.figures
    lowest, highest = tables.lowest_close, tables.highest_close
    worst_price, best_price = (lowest, highest) if held.side > 0.0 else (-highest, -lowest)
    if tables.is_bounded:
        worst_price, best_price = max(worst_price, nearest), min(best_price, farthest)
    low, high = mark_range(held, held.side * worst_price, held.side * best_price)
    if not (low > 0.0 and high <= figures[PEAK] and low / figures[PEAK] >= figures[WORST]):
        lowest, highest = close_range(tables, start, stop)
        low, high = mark_range(held, lowest, highest)
        if not low > 0.0:
            # What the drawdown was before does not matter: it is about to be 1.
            stop = _ruined_at(tables, held, start, stop)
        elif high <= figures[PEAK]:
            figures[WORST] = min(figures[WORST], low / figures[PEAK])
        elif low / high >= figures[WORST]:
            figures[PEAK] = high
        else:
            _walk(tables, curve, held, start, stop)
    day, n_days = curve.next_day[0], tables.day_ends.size
    before = figures[DAY_MARK]
    while day < n_days and tables.day_ends[day] < stop:
        mark = mark_at(held, tables.day_close[day])
        curve.returns[day] = mark / before - 1.0
        before = mark
        day += 1
    figures[DAY_MARK] = before
    curve.next_day[0] = day
    return stop


@njit(cache=True, inline="always")
def mark_flat(curve: Curve, equity: float) -> None:
    """Marks a bar whose close finds no position."""
    figures = curve.figures
    figures[PEAK] = max(figures[PEAK], equity)
    figures[WORST] = min(figures[WORST], equity / figures[PEAK])


@njit(cache=True, inline="always")
def mark_days_before(tables: SparseTables, curve: Curve, equity: float, bar: int) -> None:
    """Marks the days that end before this bar without a position; only the first of them can bring a return."""
    day, n_days = curve.next_day[0], tables.day_ends.size
    if day < n_days and tables.day_ends[day] < bar:
        curve.returns[day] = equity / curve.figures[DAY_MARK] - 1.0
        curve.figures[DAY_MARK] = equity
        while day < n_days and tables.day_ends[day] < bar:
            day += 1
        curve.next_day[0] = day


@njit(cache=True)
def annual_sharpe(returns: FloatArray) -> float:
    """As `metrics.daily.annual_sharpe`, operation by operation."""
    n = returns.size
    if n < 2:
        return 0.0
    total = _total(returns, 0.0, False)
    variance = _total(returns, total / n, True) / (n - 1)
    if not variance > LEAST_VARIANCE:
        return 0.0
    return float(total / n / np.sqrt(variance) * np.sqrt(DAYS_PER_YEAR))


@njit(cache=True)
def _total(x: FloatArray, mean: float, is_squared: bool) -> float:
    """Sum of x, or of the squares of x - mean, with Neumaier's compensation."""
    total = lost = 0.0
    for at in range(x.size):
        term = (x[at] - mean) * (x[at] - mean) if is_squared else x[at]
        grown = total + term
        lost += (total - grown) + term if abs(total) >= abs(term) else (term - grown) + total
        total = grown
    return total + lost


@njit(cache=True)
def _ruined_at(tables: SparseTables, held: Holding, start: int, stop: int) -> int:
    """First bar in [start, stop) whose mark is not above zero."""
    u = start
    while u < stop:
        if u & (BLOCK_BARS - 1) == 0:
            block = u >> BLOCK_SHIFT
            low, _ = mark_range(held, tables.blocks[block, CLOSE_LOW], tables.blocks[block, CLOSE_HIGH])
            if low > 0.0:
                u += BLOCK_BARS
                continue
        if not mark_at(held, tables.bars[u, CLOSE]) > 0.0:
            return u
        u += 1
    return stop


@njit(cache=True)
def _walk(tables: SparseTables, curve: Curve, held: Holding, start: int, stop: int) -> None:
    """Peak and worst fall through [start, stop) in their order: blocks where that settles them, bars where not."""
    peak, worst = curve.figures[PEAK], curve.figures[WORST]
    u = start
    while u < stop:
        if u & (BLOCK_BARS - 1) == 0 and u + BLOCK_BARS <= stop:
            block = u >> BLOCK_SHIFT
            low, high = mark_range(held, tables.blocks[block, CLOSE_LOW], tables.blocks[block, CLOSE_HIGH])
            if high <= peak:
                worst = min(worst, low / peak)
                u += BLOCK_BARS
                continue
            if low / high >= worst:
                peak = high
                u += BLOCK_BARS
                continue
            end = u + BLOCK_BARS
        else:
            end = min(stop, (u | (BLOCK_BARS - 1)) + 1)
        while u < end:
            mark = mark_at(held, tables.bars[u, CLOSE])
            peak = max(peak, mark)
            worst = min(worst, mark / peak)
            u += 1
    curve.figures[PEAK], curve.figures[WORST] = peak, worst
