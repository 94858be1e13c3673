"""The worst fall of one screened vector, settled lazily: the second half of `fold`.

During the fold each trade gets bounds on its marks: they lie between stop and target, and day ends and exits give some
marks exactly. Afterwards only trades that could still hold the worst mark are looked at closely, and of those before
them only the ones that could have raised the peak, the likeliest first: some six ranges of closes per vector instead
of every bar. Bounds steer the search only; the value kept is always an exact minimum of equity over peak, so it is the
reference's to the last bit.

Indices are made unsigned where they are used: for a signed one numba tests whether it counts from the end.
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.entries import Entries
from swarmd.engine.kernel.exits import BY_STOP, Exits
from swarmd.engine.kernel.marks import TradeList, levels_reached, mark_of
from swarmd.engine.kernel.passage import BLOCK_BARS, BLOCK_SHIFT, N_LEVELS
from swarmd.engine.kernel.tape import Tape
from swarmd.engine.kernel.unowned import unowned
from swarmd.engine.kernel.vectors import extremes

# Pruning tests lean to the careful side by this much; it decides what is looked at, never what is kept.
SLACK = 1.0 + 1e-15


@njit(cache=True, inline="always")
def _close_range(
    close: FloatArray, block_low: FloatArray, block_high: FloatArray, start: int, stop: int
) -> tuple[float, float]:
    """Lowest and highest close of the bars [start, stop)."""
    low = high = close[np.uint32(start)]
    if stop - start < BLOCK_BARS:
        for u in range(start + 1, stop):
            low = min(low, close[np.uint32(u)])
            high = max(high, close[np.uint32(u)])
        return low, high
    # The first sixteen and the last sixteen bars, and the whole blocks between.
    low, high = extremes(close, close, start, start + BLOCK_BARS)
    end_low, end_high = extremes(close, close, stop - BLOCK_BARS, stop)
    low, high = min(low, end_low), max(high, end_high)
    first, last = (start + BLOCK_BARS - 1) >> BLOCK_SHIFT, stop >> BLOCK_SHIFT
    if last - first >= BLOCK_BARS:
        inner_low, inner_high = extremes(block_low, block_high, first, last)
        return min(low, inner_low), max(high, inner_high)
    for block in range(first, last):
        low = min(low, block_low[np.uint32(block)])
        high = max(high, block_high[np.uint32(block)])
    return low, high


@njit(cache=True)
def _walked(
    close: FloatArray,
    block_low: FloatArray,
    block_high: FloatArray,
    start: int,
    stop: int,
    side: int,
    before: float,
    paid: float,
    short_base: float,
    peak: float,
    worst: float,
) -> float:
    """The worst ratio when the closes of [start, stop) have been marked in their order, the peak rising on the way.

    By blocks where these settle it: one that brings no new peak, or no fall that matters even from its own.
    """
    u = start
    while u < stop:
        if u & (BLOCK_BARS - 1) == 0 and u + BLOCK_BARS <= stop:
            low, high = block_low[u >> BLOCK_SHIFT], block_high[u >> BLOCK_SHIFT]
            mark_low = mark_of(side, before, low if side > 0 else high, paid, short_base)
            mark_high = mark_of(side, before, high if side > 0 else low, paid, short_base)
            if mark_high <= peak or not mark_low < mark_high * worst * SLACK:
                if mark_high <= peak and mark_low < peak * worst * SLACK:
                    worst = min(worst, mark_low / peak)
                peak = max(peak, mark_high)
                u += BLOCK_BARS
                continue
        end = min(stop, (u | (BLOCK_BARS - 1)) + 1)
        while u < end:
            mark = mark_of(side, before, close[u], paid, short_base)
            peak = max(peak, mark)
            if mark < peak * worst * SLACK:
                worst = min(worst, mark / peak)
            u += 1
    return worst


@njit(cache=True, inline="always")
def worst_ratio(
    tape: Tape,
    entries: Entries,
    exits: Exits,
    trades: TradeList,
    n_trades: int,
    worst: float,
    long_in: float,
    short_quantity: float,
    short_base: float,
) -> float:
    """The exact minimum of equity over peak, from the fold's bounds and its best value so far."""
    sides, bars, slots, prices = (
        unowned(entries.side), unowned(entries.bar), unowned(entries.slot), unowned(entries.entry),
    )  # fmt: skip
    exit_bars, kinds = unowned(exits.bar), unowned(exits.kind)
    entry_at, befores, flat_after = unowned(trades.entry_at), unowned(trades.before), unowned(trades.is_flat_after)
    lows, highs = unowned(trades.mark_low), unowned(trades.mark_high)
    peak_lows, peak_highs = unowned(trades.peak_low), unowned(trades.peak_high)
    levels, passages, close = unowned(tape.levels), unowned(tape.passages), unowned(tape.close)
    block_low, block_high = unowned(tape.block_close_low), unowned(tape.block_close_high)
    peak = 1.0  # exact peak before trade `settled`
    settled = 0
    for trade in range(n_trades):
        k = np.uint32(trade)
        if not lows[k] < peak_highs[k] * worst * SLACK:
            continue
        at = np.uint32(entry_at[k])
        side = int(sides[at])
        e, u = int(bars[at]), int(exit_bars[at])
        before, after = befores[k], befores[np.uint32(trade + 1)]
        entry = prices[at]
        paid = entry * (long_in if side > 0 else short_quantity)
        is_flat_after = flat_after[k]
        if u > e and kinds[at] != BY_STOP:
            low = lows[k]
            reached = levels_reached(passages, int(slots[at]), 0 if side > 0 else N_LEVELS, u - e)
            if reached < N_LEVELS:
                distance = levels[reached]
                bound = entry * (1.0 - distance) if side > 0 else entry * (1.0 + distance)
                low = mark_of(side, before, bound, paid, short_base)
            if is_flat_after:
                low = min(low, after)
            if not low < peak_highs[k] * worst * SLACK:
                continue
        low = high = entry
        mark_low, mark_high = np.inf, 0.0
        if u > e:
            low, high = _close_range(close, block_low, block_high, e, u)
            mark_high = mark_of(side, before, high if side > 0 else low, paid, short_base)
            mark_low = mark_of(side, before, low if side > 0 else high, paid, short_base)
            highs[k] = mark_high
            if not (min(mark_low, after) if is_flat_after else mark_low) < peak_highs[k] * worst * SLACK:
                continue
        # The exact peak before this trade. The highest bound first: after it most of the others need no look.
        peak = max(peak, peak_lows[k])
        while True:
            bound = peak
            highest = -1
            for earlier in range(settled, trade):
                if highs[np.uint32(earlier)] > bound:
                    bound = highs[np.uint32(earlier)]
                    highest = earlier
            if highest < 0:
                break
            one = np.uint32(entry_at[np.uint32(highest)])
            is_long = sides[one] > 0
            lowest_close, highest_close = _close_range(
                close, block_low, block_high, int(bars[one]), int(exit_bars[one])
            )
            cost = prices[one] * (long_in if is_long else short_quantity)
            best = highest_close if is_long else lowest_close
            peak = max(peak, mark_of(1 if is_long else -1, befores[np.uint32(highest)], best, cost, short_base))
            highs[np.uint32(highest)] = 0.0
        settled = trade + 1
        peak_after = peak
        if u > e:
            if mark_high > peak:
                # A new peak inside the trade: a trough counts against it only if it came later.
                if mark_low < mark_high * worst * SLACK:
                    worst = _walked(close, block_low, block_high, e, u, side, before, paid, short_base, peak, worst)
                peak_after = mark_high
            elif mark_low < peak * worst * SLACK:
                worst = min(worst, mark_low / peak)
        if is_flat_after:
            peak_after = max(peak_after, after)
            if after < peak_after * worst * SLACK:
                worst = min(worst, after / peak_after)
        peak = peak_after
    return worst
