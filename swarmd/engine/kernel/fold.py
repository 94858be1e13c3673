"""Screening one parameter vector: events, stop and target to six metrics, touching few of the bars.

The event-driven twin of `reference` for plain plans (all in, fixed stop and target). `exits` finds where each trade is
left; equity is folded here in the order of the trades, so return, win rate and profit factor are the same bits as the
reference's. Daily marks are looked at only inside trades, and whole days of a long by differences of prefix sums.
Bounds on each trade's marks are noted on the way; `drawdown` settles the rest from them.

Measured against the reference on awkward and real data by the kernel tests: trade count, return, win rate, profit
factor and drawdown equal, Sharpe within 1e-11, relative or (near zero, where good and bad days cancel) absolute.

Indices are made unsigned where they are used: for a signed one numba tests whether it counts from the end.
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.drawdown import SLACK, worst_ratio
from swarmd.engine.kernel.entries import Entries
from swarmd.engine.kernel.exits import AT_EVENT, BY_STOP, Exits, resolve_exits
from swarmd.engine.kernel.marks import TradeList, levels_reached, mark_of
from swarmd.engine.kernel.passage import N_LEVELS
from swarmd.engine.kernel.tape import RETURN_HIGH, RETURN_LOW, SQUARE_HIGH, SQUARE_LOW, Tape
from swarmd.engine.kernel.unowned import unowned

Factors = tuple[float, float, float, float, float]

SCREEN_METRICS = ("total_trades", "total_return", "annual_sharpe", "max_drawdown", "win_rate", "profit_factor")
DAYS_PER_YEAR = 365.0
LEAST_VARIANCE = 1e-30
# By so much the bounds of a trade's marks are wider than the arithmetic says, for its rounding.
LOOSE = 1e-12


@njit(cache=True, error_model="numpy")
def screen_plain(
    tape: Tape,
    entries: Entries,
    n_entries: int,
    may_repeat: bool,
    stop: float,
    target: float,
    shorts: bool,
    factors: Factors,
    exits: Exits,
    trades: TradeList,
    out: FloatArray,
    row: int,
) -> None:
    """The metrics of one vector into `out[:, row]`, in the order of SCREEN_METRICS. No stop, no target: infinity.

    `may_repeat`: an entry may come while a position of its side is open, and is then no order.
    """
    resolve_exits(tape, entries, n_entries, stop, target, shorts, exits)
    long_in, long_out, short_quantity, short_out, short_base = factors
    n_bars = tape.close.size
    # Taken out of their tuples once, and without their owners: counting references took longer than the work.
    bars, slots, sides = unowned(entries.bar), unowned(entries.slot), unowned(entries.side)
    entry_days, entry_prices, exit_days = unowned(entries.day), unowned(entries.entry), unowned(exits.day)
    exit_bars, exit_prices, kinds = unowned(exits.bar), unowned(exits.price), unowned(exits.kind)
    day_close, sums = unowned(tape.day_close), unowned(tape.day_sums)
    levels, passages = unowned(tape.levels), unowned(tape.passages)
    entry_at, before, flat_after = unowned(trades.entry_at), unowned(trades.before), unowned(trades.is_flat_after)
    lows, highs = unowned(trades.mark_low), unowned(trades.mark_high)
    peak_lows, peak_highs = unowned(trades.peak_low), unowned(trades.peak_high)
    long_high = (1.0 + target) / long_in * (1.0 + LOOSE)
    long_low = (1.0 - stop) / long_in * (1.0 - LOOSE)
    short_high = (short_base - (1.0 - target) / short_quantity) * (1.0 + LOOSE)
    short_low = short_base - (1.0 + stop) / short_quantity - LOOSE
    equity = 1.0
    peak_low = peak_high = 1.0
    worst = 1.0  # smallest equity over peak known so far
    mark = 1.0  # equity at the last day end
    exit_day = np.uint32(0)
    sum_r = sum_rr = 0.0
    won = lost = 0.0
    n = n_won = 0
    i = 0
    while i < n_entries:
        at = np.uint32(i)
        k = np.uint32(n)
        short = shorts and sides[at] < 0
        e, u = bars[at], exit_bars[at]
        kind = kinds[at]
        entry, price = entry_prices[at], exit_prices[at]
        entry_day = np.uint32(entry_days[at])
        by_signal = kind == AT_EVENT
        day = np.uint32(exit_days[at])
        if u == n_bars:
            by_signal = False
            u -= 1
            exit_bars[at] = u  # `drawdown` reads it
        i += 1
        if may_repeat:
            while i < n_entries and (bars[i] < u or (bars[i] == u and not by_signal)):
                i += 1
        if short:
            paid = entry * short_quantity
            growth = short_base - (price * short_out) / paid
        else:
            paid = entry * long_in
            growth = (price * long_out) / paid
        entry_at[k] = at
        before[k] = equity
        peak_lows[k] = peak_low

        # Daily marks: the one between the last exit and this entry, then those inside the trade.
        if entry_day > exit_day:
            r = equity / mark - 1.0
            sum_r += r
            sum_rr += r * r
            mark = equity
        if day > entry_day:
            if short:
                v = equity * (short_base - day_close[entry_day] / paid)
                r = v / mark - 1.0
                sum_r += r
                sum_rr += r * r
                for d in range(entry_day + 1, day):
                    later = equity * (short_base - day_close[np.uint32(d)] / paid)
                    r = later / v - 1.0
                    sum_r += r
                    sum_rr += r * r
                    v = later
            else:
                v = equity * (day_close[entry_day] / paid)
                r = v / mark - 1.0
                sum_r += r
                sum_rr += r * r
                if day > entry_day + 1:
                    last_day = np.uint32(day - 1)
                    sum_r += (sums[last_day, RETURN_HIGH] - sums[entry_day, RETURN_HIGH]) + (
                        sums[last_day, RETURN_LOW] - sums[entry_day, RETURN_LOW]
                    )
                    sum_rr += (sums[last_day, SQUARE_HIGH] - sums[entry_day, SQUARE_HIGH]) + (
                        sums[last_day, SQUARE_LOW] - sums[entry_day, SQUARE_LOW]
                    )
                    v = equity * (day_close[last_day] / paid)
            mark = v
            peak_low = max(peak_low, v)
            if v < peak_low * worst * SLACK:
                worst = min(worst, v / peak_low)
        exit_day = day

        # Bounds of the marks of this trade, for the drawdown.
        mark_high = equity * (short_high if short else long_high)
        # After a stop no mark inside the trade is below the realised equity.
        mark_low = np.inf if kind == BY_STOP else equity * (short_low if short else long_low)
        if u == e:
            mark_high, mark_low = 0.0, np.inf
        if mark_high > peak_high:
            reached = levels_reached(passages, slots[at], 0 if short else N_LEVELS, int(u - e))
            if reached < N_LEVELS:
                distance = levels[reached]
                bound = entry * (1.0 - distance) if short else entry * (1.0 + distance)
                mark_high = min(mark_high, mark_of(-1 if short else 1, equity, bound, paid, short_base))
            peak_high = max(peak_high, mark_high)

        after = equity * growth
        if not after > 0.0:
            after = 0.0
        change = after - equity
        if growth > 1.0:
            n_won += 1
            won += change
        else:
            lost -= change
        equity = after
        is_flat_after = not shorts or not by_signal or equity == 0.0
        if is_flat_after:
            peak_low = max(peak_low, equity)
            peak_high = max(peak_high, equity)
            mark_low = min(mark_low, equity)
            if equity < peak_low * worst * SLACK:
                worst = min(worst, equity / peak_low)
        flat_after[k] = is_flat_after
        lows[k] = mark_low
        highs[k] = mark_high
        peak_highs[k] = peak_high
        n += 1
        if equity == 0.0:
            break
    before[n] = equity
    n_days = tape.day_close.size
    if n > 0:
        r = equity / mark - 1.0
        sum_r += r
        sum_rr += r * r
    out[0, row] = n
    out[1, row] = equity - 1.0
    out[2, row] = _annual_sharpe(tape, entries, exits, trades, n, sum_r, sum_rr, n_days, factors)
    out[3, row] = 1.0 - worst_ratio(tape, entries, exits, trades, n, worst, long_in, short_quantity, short_base)
    out[4, row] = n_won / n if n > 0 else 0.0
    out[5, row] = won / lost if lost > 0.0 else np.inf


@njit(cache=True, inline="always")
def _annual_sharpe(
    tape: Tape,
    entries: Entries,
    exits: Exits,
    trades: TradeList,
    n_trades: int,
    sum_r: float,
    sum_rr: float,
    n_days: int,
    factors: Factors,
) -> float:
    if n_days < 2:
        return 0.0
    about_mean = sum_rr - sum_r * sum_r / n_days
    if about_mean < 1e-3 * sum_rr:
        # Returns that hardly vary (two days of data, say): their squares have swallowed the variance.
        about_mean = _squares_about_mean(tape, entries, exits, trades, n_trades, sum_r / n_days, n_days, factors)
    variance = about_mean / (n_days - 1.0)
    if not variance > LEAST_VARIANCE:
        return 0.0
    return float((sum_r / n_days) / np.sqrt(variance) * np.sqrt(DAYS_PER_YEAR))


@njit(cache=True, inline="always")
def _squares_about_mean(
    tape: Tape,
    entries: Entries,
    exits: Exits,
    trades: TradeList,
    n_trades: int,
    mean: float,
    n_days: int,
    factors: Factors,
) -> float:
    """Sum of (r - mean)^2 over all days, by walking them."""
    long_in, _, short_quantity, _, short_base = factors
    total = 0.0
    mark = 1.0
    k = 0
    for d in range(n_days):
        while k < n_trades and tape.day_of_bar[exits.bar[trades.entry_at[k]]] <= d:
            k += 1
        # Trade k, if any, is the first that leaves after this day's end.
        v = trades.before[k]
        if k < n_trades:
            at = trades.entry_at[k]
            if entries.day[at] <= d:
                side = int(entries.side[at])
                paid = entries.entry[at] * (long_in if side > 0 else short_quantity)
                v = mark_of(side, v, tape.day_close[d], paid, short_base)
        r = v / mark - 1.0 if mark > 0.0 else 0.0
        total += (r - mean) * (r - mean)
        mark = v
    return total
