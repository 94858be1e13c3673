"""Screening one parameter vector: events, stop and target to six metrics, touching few of the bars.

The event-driven twin of `reference` for plain plans (all in, fixed stop and target). Each trade is resolved from the
tables of `passage`; equity is folded in the order of the trades, so return, win rate and profit factor are the same
bits as the reference's. Daily marks are looked at only inside trades, and whole days of a long by differences of
prefix sums.

Bounds on each trade's marks are noted on the way; `drawdown` settles the rest from them.

Measured against the reference on awkward and real data by the kernel tests: trade count, return, win rate, profit
factor and drawdown equal, Sharpe within 1e-11 relative.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.drawdown import SLACK, worst_ratio
from swarmd.engine.kernel.marks import TradeList, levels_reached, mark_of
from swarmd.engine.kernel.passage import BLOCK_BARS, BLOCK_SHIFT, N_LEVELS
from swarmd.engine.kernel.tape import HIGH, LOW, OPEN, RETURN_HIGH, RETURN_LOW, SQUARE_HIGH, SQUARE_LOW, Tape

Factors = tuple[float, float, float, float, float]

SCREEN_METRICS = ("total_trades", "total_return", "annual_sharpe", "max_drawdown", "win_rate", "profit_factor")
DAYS_PER_YEAR = 365.0
LEAST_VARIANCE = 1e-30
# By so much the bounds of a trade's marks are wider than the arithmetic says, for its rounding.
LOOSE = 1e-12


class EventList(NamedTuple):
    """Events of one pair on real bars. `slot` is the entry's row in the passage table, -1 for none."""

    bar: NDArray[np.int32]
    slot: NDArray[np.int32]
    side: NDArray[np.int8]


@njit(cache=True)
def level_below(levels: FloatArray, distance: float) -> int:
    """Index of the farthest tabulated level not beyond the distance; -1 where none is so near."""
    at = -1
    while at + 1 < N_LEVELS and levels[at + 1] <= distance:
        at += 1
    return at


@njit(cache=True, inline="always")
def _first_touch(tape: Tape, start: int, stop: int, lower: float, upper: float) -> int:
    """First bar in [start, stop) with low <= lower or high >= upper; `stop` when there is none."""
    bars, block_low, block_high = tape.bars, tape.block_low, tape.block_high
    u = start
    while u < stop:
        if u & (BLOCK_BARS - 1) == 0:
            block = u >> BLOCK_SHIFT
            while (block << BLOCK_SHIFT) < stop and block_low[block] > lower and block_high[block] < upper:
                block += 1
            u = block << BLOCK_SHIFT
            if u >= stop:
                return stop
        if (bars[u, LOW] <= lower) | (bars[u, HIGH] >= upper):
            return u
        u += 1
    return stop


@njit(cache=True)
def screen_plain(
    tape: Tape,
    events: EventList,
    n_events: int,
    stop: float,
    target: float,
    shorts: bool,
    factors: Factors,
    trades: TradeList,
    out: FloatArray,
) -> None:
    """The metrics of one vector into `out`, in the order of SCREEN_METRICS. No stop, no target: infinity."""
    long_in, long_out, short_quantity, short_out, short_base = factors
    n_bars = tape.close.size
    stop_level = level_below(tape.levels, stop)
    target_level = level_below(tape.levels, target)
    tabulated = stop_level >= 0 and target_level >= 0
    below_stop, above_target = 1.0 - stop, 1.0 + target
    below_target, above_stop = 1.0 - target, 1.0 + stop
    long_high = above_target / long_in * (1.0 + LOOSE)
    long_low = below_stop / long_in * (1.0 - LOOSE)
    short_high = (short_base - below_target / short_quantity) * (1.0 + LOOSE)
    short_low = short_base - above_stop / short_quantity - LOOSE
    equity = 1.0
    peak_low = peak_high = 1.0
    worst = 1.0  # smallest equity over peak known so far
    mark = 1.0  # equity at the last day end
    exit_day = 0
    sum_r = sum_rr = 0.0
    won = lost = 0.0
    n = n_won = 0
    i = 0
    while i < n_events:
        side = int(events.side[i])
        if side < 0 and not shorts:
            i += 1
            continue
        e = int(events.bar[i])
        slot = int(events.slot[i])
        j = i + 1
        while j < n_events and events.side[j] == side:
            j += 1
        x = int(events.bar[j]) if j < n_events else n_bars
        entry = tape.bars[e, OPEN]
        u = e
        if side > 0:
            lower, upper = entry * below_stop, entry * above_target
            if tabulated and slot >= 0:
                u += int(min(tape.passages[slot, stop_level], tape.passages[slot, N_LEVELS + target_level]))
        else:
            lower, upper = entry * below_target, entry * above_stop
            if tabulated and slot >= 0:
                u += int(min(tape.passages[slot, target_level], tape.passages[slot, N_LEVELS + stop_level]))
        by_stop = False
        by_signal = False
        u = _first_touch(tape, u, x, lower, upper)
        if u < x:
            # The stop is the lower level of a long and the upper one of a short; it comes first.
            if side > 0:
                by_stop = bool(tape.bars[u, LOW] <= lower)
                price = min(tape.bars[u, OPEN], lower) if by_stop else max(tape.bars[u, OPEN], upper)
            else:
                by_stop = bool(tape.bars[u, HIGH] >= upper)
                price = max(tape.bars[u, OPEN], upper) if by_stop else min(tape.bars[u, OPEN], lower)
            i += 1
            # An event for the side already held is no order.
            while i < j and events.bar[i] <= u:
                i += 1
        else:
            i = j
            by_signal = x < n_bars
            u = x if by_signal else n_bars - 1
            price = tape.bars[u, OPEN] if by_signal else tape.close[u]
        if side > 0:
            paid = entry * long_in
            growth = (price * long_out) / paid
        else:
            paid = entry * short_quantity
            growth = short_base - (price * short_out) / paid
        trades.entry_bar[n] = e
        trades.exit_bar[n] = u
        trades.slot[n] = slot
        trades.side[n] = side
        trades.by_stop[n] = by_stop
        trades.entry[n] = entry
        trades.paid[n] = paid
        trades.before[n] = equity
        trades.peak_low[n] = peak_low

        # Daily marks: the one between the last exit and this entry, then those inside the trade.
        entry_day, day = tape.day_of_bar[e], tape.day_of_bar[u]
        if entry_day > exit_day:
            r = equity / mark - 1.0
            sum_r += r
            sum_rr += r * r
            mark = equity
        if day > entry_day:
            v = mark_of(side, equity, tape.day_close[entry_day], paid, short_base)
            r = v / mark - 1.0
            sum_r += r
            sum_rr += r * r
            if side > 0:
                if day > entry_day + 1:
                    sums = tape.day_sums
                    sum_r += (sums[day - 1, RETURN_HIGH] - sums[entry_day, RETURN_HIGH]) + (
                        sums[day - 1, RETURN_LOW] - sums[entry_day, RETURN_LOW]
                    )
                    sum_rr += (sums[day - 1, SQUARE_HIGH] - sums[entry_day, SQUARE_HIGH]) + (
                        sums[day - 1, SQUARE_LOW] - sums[entry_day, SQUARE_LOW]
                    )
                    v = mark_of(side, equity, tape.day_close[day - 1], paid, short_base)
            else:
                for d in range(entry_day + 1, day):
                    later = mark_of(side, equity, tape.day_close[d], paid, short_base)
                    r = later / v - 1.0
                    sum_r += r
                    sum_rr += r * r
                    v = later
            mark = v
            peak_low = max(peak_low, v)
            if v < peak_low * worst * SLACK:
                worst = min(worst, v / peak_low)
        exit_day = day

        # Bounds of the marks of this trade, for the drawdown.
        mark_high = equity * (long_high if side > 0 else short_high)
        # After a stop no mark inside the trade is below the realised equity.
        mark_low = np.inf if by_stop else equity * (long_low if side > 0 else short_low)
        if u == e:
            mark_high, mark_low = 0.0, np.inf
        if mark_high > peak_high:
            if slot >= 0:
                reached = levels_reached(tape, slot, N_LEVELS if side > 0 else 0, u - e)
                if reached < N_LEVELS:
                    distance = tape.levels[reached]
                    bound = entry * (1.0 + distance) if side > 0 else entry * (1.0 - distance)
                    mark_high = min(mark_high, mark_of(side, equity, bound, paid, short_base))
            peak_high = max(peak_high, mark_high)

        after = equity * growth
        if not after > 0.0:
            after = 0.0
        if growth > 1.0:
            n_won += 1
            won += after - equity
        else:
            lost -= after - equity
        equity = after
        is_flat_after = not shorts or not by_signal or equity == 0.0
        if is_flat_after:
            peak_low = max(peak_low, equity)
            peak_high = max(peak_high, equity)
            mark_low = min(mark_low, equity)
            if equity < peak_low * worst * SLACK:
                worst = min(worst, equity / peak_low)
        trades.after[n] = equity
        trades.is_flat_after[n] = is_flat_after
        trades.mark_low[n] = mark_low
        trades.mark_high[n] = mark_high
        trades.peak_high[n] = peak_high
        n += 1
        if equity == 0.0:
            break
    n_days = tape.day_close.size
    if n > 0:
        r = equity / mark - 1.0
        sum_r += r
        sum_rr += r * r
    out[0] = n
    out[1] = equity - 1.0
    out[2] = _annual_sharpe(tape, trades, n, equity, sum_r, sum_rr, n_days, short_base)
    out[3] = 1.0 - worst_ratio(tape, trades, n, worst, short_base)
    out[4] = n_won / n if n > 0 else 0.0
    out[5] = won / lost if lost > 0.0 else np.inf


@njit(cache=True)
def _annual_sharpe(
    tape: Tape,
    trades: TradeList,
    n_trades: int,
    equity: float,
    sum_r: float,
    sum_rr: float,
    n_days: int,
    short_base: float,
) -> float:
    if n_days < 2:
        return 0.0
    about_mean = sum_rr - sum_r * sum_r / n_days
    if about_mean < 1e-3 * sum_rr:
        # Returns that hardly vary (two days of data, say): their squares have swallowed the variance.
        about_mean = _squares_about_mean(tape, trades, n_trades, equity, sum_r / n_days, n_days, short_base)
    variance = about_mean / (n_days - 1.0)
    if not variance > LEAST_VARIANCE:
        return 0.0
    return float((sum_r / n_days) / np.sqrt(variance) * np.sqrt(DAYS_PER_YEAR))


@njit(cache=True)
def _squares_about_mean(
    tape: Tape, trades: TradeList, n_trades: int, equity: float, mean: float, n_days: int, short_base: float
) -> float:
    """Sum of (r - mean)^2 over all days, by walking them."""
    total = 0.0
    mark = 1.0
    k = 0
    for d in range(n_days):
        while k < n_trades and tape.day_of_bar[trades.exit_bar[k]] <= d:
            k += 1
        # Trade k, if any, is the first that leaves after this day's end.
        if k < n_trades:
            v = trades.before[k]
            if tape.day_of_bar[trades.entry_bar[k]] <= d:
                v = mark_of(int(trades.side[k]), v, tape.day_close[d], trades.paid[k], short_base)
        else:
            v = equity
        r = v / mark - 1.0 if mark > 0.0 else 0.0
        total += (r - mean) * (r - mean)
        mark = v
    return total
