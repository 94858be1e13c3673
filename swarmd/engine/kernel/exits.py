"""Where each possible trade of one vector is left, found by skipping bars.

Three passes over the entries of a pair, so that no load is waited for. The first, without a branch, takes from the
passage table the soonest bar at which stop or target can be touched; where that is not before the next opposite event,
the trade is settled (more than half of them). The second searches the bars of the others from there on in single
precision, sixteen at a time, jumps over blocks of sixteen that cannot touch either level, and asks for the bar it
finds. The third looks at that bar in full precision.

Indices are made unsigned where they are used: for a signed one numba tests whether it counts from the end.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.entries import Entries, Whole
from swarmd.engine.kernel.passage import BLOCK_BARS, BLOCK_SHIFT, N_LEVELS
from swarmd.engine.kernel.tape import HIGH, LOW, OPEN, SingleArray, Tape, outer_above, outer_below
from swarmd.engine.kernel.unowned import unowned
from swarmd.engine.kernel.vectors import lowest_bit, prefetch, touched_16

# How an entry is left: at the next opposite event (or the end of the data), by its stop, by its target.
AT_EVENT, BY_STOP, BY_TARGET = 0, 1, 2
# Rows of the passage table are asked for so many entries ahead.
_AHEAD = 24


class Exits(NamedTuple):
    """One exit per entry; `start` and `candidate` are working space of the passes."""

    bar: Whole
    price: FloatArray
    kind: NDArray[np.int8]
    day: Whole
    start: Whole
    candidate: Whole


@njit(cache=True)
def exit_list(n: int) -> Exits:
    """Space for n exits."""
    return Exits(
        np.empty(n, np.int32),
        np.empty(n, np.float64),
        np.empty(n, np.int8),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
    )


@njit(cache=True, inline="always")
def level_below(levels: FloatArray, distance: float) -> int:
    """Index of the farthest tabulated level not beyond the distance; the nearest is never beyond one asked for."""
    at = 0
    while at + 1 < N_LEVELS and levels[at + 1] <= distance:
        at += 1
    return at


@njit(cache=True, inline="always")
def _first_likely_touch(
    outer_low: SingleArray,
    outer_high: SingleArray,
    block_low: SingleArray,
    block_high: SingleArray,
    start: int,
    stop: int,
    low: np.float32,
    high: np.float32,
) -> int:
    """First bar in [start, stop) whose outer low is not above `low` or outer high not below `high`; else `stop`."""
    u = start
    while True:
        touched = touched_16(outer_low, outer_high, u, low, high)
        if touched != np.uint64(0):
            return int(min(u + lowest_bit(touched), stop))
        block = (u >> BLOCK_SHIFT) + 1
        while True:
            if (block << BLOCK_SHIFT) >= stop:
                return stop
            blocks = touched_16(block_low, block_high, block, low, high)
            if blocks != np.uint64(0):
                block += lowest_bit(blocks)
                break
            block += BLOCK_BARS
        u = block << BLOCK_SHIFT
        if u >= stop:
            return stop


@njit(cache=True, inline="always")
def resolve_exits(tape: Tape, entries: Entries, n: int, stop: float, target: float, shorts: bool, exits: Exits) -> None:
    """Writes the exit of each of n entries. No stop, no target: infinity."""
    stop_level = level_below(tape.levels, stop)
    target_level = level_below(tape.levels, target)
    table, bars = unowned(tape.passages), unowned(tape.bars)
    outer_low, outer_high = unowned(tape.outer_low), unowned(tape.outer_high)
    block_low, block_high = unowned(tape.outer_block_low), unowned(tape.outer_block_high)
    side, slot, entry_bar = unowned(entries.side), unowned(entries.slot), unowned(entries.bar)
    until, leave, entry = unowned(entries.until), unowned(entries.leave), unowned(entries.entry)
    until_day, day_of_bar, day = unowned(entries.until_day), unowned(tape.day_of_bar), unowned(exits.day)
    bar, price, kind = unowned(exits.bar), unowned(exits.price), unowned(exits.kind)
    first, candidate = unowned(exits.start), unowned(exits.candidate)
    n_candidates = 0
    for i in range(n):
        at, k = np.uint32(i), np.uint32(n_candidates)
        prefetch(table, np.int64(slot[np.uint32(i + _AHEAD)]))
        row = np.uint32(slot[at])
        short = shorts and side[at] < 0
        down = table[row, np.uint32(target_level if short else stop_level)]
        up = table[row, np.uint32(N_LEVELS + (stop_level if short else target_level))]
        start = np.int64(entry_bar[at]) + np.int64(min(down, up))
        bar[at] = until[at]
        price[at] = leave[at]
        kind[at] = AT_EVENT
        day[at] = until_day[at]
        # Written whether it is a candidate or not, and counted if it is: a branch here is a coin toss.
        first[k] = start
        candidate[k] = i
        is_candidate = start < until[at]
        likely = start if is_candidate else np.int64(0)
        prefetch(outer_low, likely)
        prefetch(outer_high, likely)
        n_candidates += int(is_candidate)
    below_stop, above_target = 1.0 - stop, 1.0 + target
    below_target, above_stop = 1.0 - target, 1.0 + stop
    for c in range(n_candidates):
        one = np.uint32(c)
        at = np.uint32(candidate[one])
        short = shorts and side[at] < 0
        low = outer_above(entry[at] * (below_target if short else below_stop))
        high = outer_below(entry[at] * (above_stop if short else above_target))
        u = _first_likely_touch(
            outer_low, outer_high, block_low, block_high, int(first[one]), int(until[at]), low, high
        )
        first[one] = u
        prefetch(bars, u)
        prefetch(day_of_bar, u)
    for c in range(n_candidates):
        one = np.uint32(c)
        at = np.uint32(candidate[one])
        short = shorts and side[at] < 0
        lower = entry[at] * (below_target if short else below_stop)
        upper = entry[at] * (above_stop if short else above_target)
        u, end = int(first[one]), int(until[at])
        while u < end:
            touched = np.uint32(u)
            if (bars[touched, LOW] <= lower) | (bars[touched, HIGH] >= upper):
                # The stop is the lower level of a long and the upper one of a short; it comes first.
                by_stop = bars[touched, HIGH] >= upper if short else bars[touched, LOW] <= lower
                bar[at] = u
                day[at] = day_of_bar[touched]
                price[at] = min(bars[touched, OPEN], lower) if by_stop != short else max(bars[touched, OPEN], upper)
                kind[at] = BY_STOP if by_stop else BY_TARGET
                break
            # Rounded outwards it was touched, and is not: one bar in millions.
            u = _first_likely_touch(
                outer_low, outer_high, block_low, block_high, u + 1, end, outer_above(lower), outer_below(upper)
            )
