"""The worst fall of one screened vector, settled lazily: the second half of `fold`.

During the fold each trade gets bounds on its marks: they lie between stop and target, and day ends and exits give some
marks exactly. Afterwards only trades that could still hold the worst mark are looked at closely, which is some six
ranges of closes per vector instead of every bar. Bounds steer the search only; the value kept is always an exact
minimum of equity over peak, so it is the reference's to the last bit.
"""

from numba import njit

from swarmd.engine.kernel.marks import TradeList, levels_reached, mark_of
from swarmd.engine.kernel.passage import BLOCK_BARS, BLOCK_SHIFT, N_LEVELS
from swarmd.engine.kernel.tape import Tape

# Pruning tests lean to the careful side by this much; it decides what is looked at, never what is kept.
SLACK = 1.0 + 1e-15


@njit(cache=True)
def _close_range(tape: Tape, start: int, stop: int) -> tuple[float, float]:
    """Lowest and highest close of the bars [start, stop)."""
    close = tape.close
    low = high = close[start]
    u = start
    while u < stop:
        if u & (BLOCK_BARS - 1) == 0 and u + BLOCK_BARS <= stop:
            block = u >> BLOCK_SHIFT
            low = min(low, tape.block_close_low[block])
            high = max(high, tape.block_close_high[block])
            u += BLOCK_BARS
        else:
            low = min(low, close[u])
            high = max(high, close[u])
            u += 1
    return low, high


@njit(cache=True)
def worst_ratio(tape: Tape, trades: TradeList, n_trades: int, worst: float, short_base: float) -> float:
    """The exact minimum of equity over peak, from the fold's bounds and its best value so far."""
    peak = 1.0  # exact peak before trade `settled`
    settled = 0
    for k in range(n_trades):
        if not trades.mark_low[k] < trades.peak_high[k] * worst * SLACK:
            continue
        side = int(trades.side[k])
        e, u = int(trades.entry_bar[k]), int(trades.exit_bar[k])
        before, after, paid, entry = trades.before[k], trades.after[k], trades.paid[k], trades.entry[k]
        is_flat_after = trades.is_flat_after[k]
        slot = int(trades.slot[k])
        if u > e and not trades.by_stop[k] and slot >= 0:
            low = trades.mark_low[k]
            reached = levels_reached(tape, slot, 0 if side > 0 else N_LEVELS, u - e)
            if reached < N_LEVELS:
                distance = tape.levels[reached]
                bound = entry * (1.0 - distance) if side > 0 else entry * (1.0 + distance)
                low = mark_of(side, before, bound, paid, short_base)
            if is_flat_after:
                low = min(low, after)
            if not low < trades.peak_high[k] * worst * SLACK:
                continue
        while settled < k:
            if trades.mark_high[settled] > max(peak, trades.peak_low[settled]):
                low, high = _close_range(tape, int(trades.entry_bar[settled]), int(trades.exit_bar[settled]))
                best = high if trades.side[settled] > 0 else low
                peak = max(
                    peak,
                    mark_of(int(trades.side[settled]), trades.before[settled], best, trades.paid[settled], short_base),
                )
            settled += 1
        peak = max(peak, trades.peak_low[k])
        peak_after = peak
        if u > e:
            low, high = _close_range(tape, e, u)
            mark_high = mark_of(side, before, high if side > 0 else low, paid, short_base)
            mark_low = mark_of(side, before, low if side > 0 else high, paid, short_base)
            if mark_high > peak:
                # A new peak inside the trade: a trough counts against it only if it came later.
                if mark_low < mark_high * worst * SLACK:
                    walked = peak
                    for t in range(e, u):
                        v = mark_of(side, before, tape.close[t], paid, short_base)
                        walked = max(walked, v)
                        if v < walked * worst * SLACK:
                            worst = min(worst, v / walked)
                peak_after = mark_high
            elif mark_low < peak * worst * SLACK:
                worst = min(worst, mark_low / peak)
        if is_flat_after:
            peak_after = max(peak_after, after)
            if after < peak_after * worst * SLACK:
                worst = min(worst, after / peak_after)
    return worst
