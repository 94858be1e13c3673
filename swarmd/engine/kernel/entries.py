"""The crossings of one pair as possible entries, with all that the vectors of the pair share about them.

Made by `batch` once per pair of lines, read by `exits` and `fold` for each of the pair's stops and targets. Where an
entry can lead is known before any stop is: the bar of the next opposite event, the price there, the days of both.

Indices are made unsigned where they are used: for a signed one numba tests whether it counts from the end.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.crossings import Ticks
from swarmd.engine.kernel.tape import OPEN, PADDING, Tape
from swarmd.engine.kernel.unowned import unowned

Whole = NDArray[np.int32]


class Entries(NamedTuple):
    """Possible entries in the order of their bars; working space, reused from pair to pair.

    `until` is the bar of the next opposite event, or the number of bars where none is left; `leave` the price at which
    a position held so long is left, `until_day` the day.
    """

    bar: Whole
    until: Whole
    slot: Whole  # row of the passage table; its last row for bars that have none
    side: NDArray[np.int8]
    day: Whole
    until_day: Whole
    entry: FloatArray
    leave: FloatArray


class Clock(NamedTuple):
    """Where the bars lie in time. A tick is the greatest step whose multiples are all boundaries of all timeframes.

    Ticks count from the UTC midnight before the data, and the passage table has a row for each: `first_tick` and later.
    """

    n_bars: int
    lead: int  # base bars between the UTC midnight before the data and its first bar
    first_tick: int  # the first that is not before the data
    tick_bars: int


@njit(cache=True)
def entry_list(n: int) -> Entries:
    """Space for n entries, and for asking a few beyond the last."""
    n += PADDING
    return Entries(
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.int8),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
        np.empty(n, np.float64),
        np.empty(n, np.float64),
    )


@njit(cache=True, error_model="numpy")
def entries_of(ticks: Ticks, n: int, first_side: int, tape: Tape, clock: Clock, shorts: bool, entries: Entries) -> int:
    """Writes the entries that n crossings of alternating sides give where every bar is real; returns their number.

    `ticks[n]` is overwritten.
    """
    bar, until, slot = unowned(entries.bar), unowned(entries.until), unowned(entries.slot)
    side, day, until_day = unowned(entries.side), unowned(entries.day), unowned(entries.until_day)
    entry, leave = unowned(entries.entry), unowned(entries.leave)
    row_open, row_day = unowned(tape.row_open), unowned(tape.row_day)
    step = 1 if shorts else 2
    first = 0 if shorts or first_side > 0 else 1
    # The bar after the last stands behind the crossings, so that the last one is like the others.
    ticks[n] = clock.first_tick + row_open.size - 1
    n_entries = 0
    for i in range(first, n, step):
        at = np.uint32(n_entries)
        row = np.uint32(ticks[np.uint32(i)] - clock.first_tick)
        end = np.uint32(ticks[np.uint32(i + 1)] - clock.first_tick)
        slot[at] = row
        bar[at] = ticks[np.uint32(i)] * clock.tick_bars - clock.lead
        until[at] = ticks[np.uint32(i + 1)] * clock.tick_bars - clock.lead
        entry[at] = row_open[row]
        leave[at] = row_open[end]
        day[at] = row_day[row]
        until_day[at] = row_day[end]
        side[at] = first_side if (i & 1) == 0 else -first_side
        n_entries += 1
    # The last entry runs into that bar where no opposite crossing follows it.
    if n > first and (n - 1 - first) % step == 0:
        until[n_entries - 1] = clock.n_bars
    return n_entries


@njit(cache=True, error_model="numpy")
def _settled(ticks: Ticks, sides: NDArray[np.int8], n: int, first_side: int, clock: Clock, next_real: IntArray) -> int:
    """Crossings as bars, in place, with their sides; moved off synthetic bars by the rule of `on_real_bars`."""
    kept = 0
    side = first_side
    for i in range(n):
        bar = next_real[ticks[i] * clock.tick_bars - clock.lead]
        if bar < next_real.size:
            if kept > 0 and ticks[kept - 1] == bar:
                kept -= 1
            ticks[kept] = bar
            sides[kept] = side
            kept += 1
        side = -side
    return kept


@njit(cache=True, error_model="numpy")
def settled_entries_of(
    ticks: Ticks,
    sides: NDArray[np.int8],
    n: int,
    first_side: int,
    tape: Tape,
    clock: Clock,
    next_real: IntArray,
    shorts: bool,
    entries: Entries,
) -> int:
    """`entries_of` where some bars are synthetic: `next_real` has a value per bar; `ticks` and `sides` are used up.

    An entry may come while its side is already held: two crossings moved to one bar leave the later one alone.
    """
    n = _settled(ticks, sides, n, first_side, clock, next_real)
    last_row = tape.passages.shape[0] - 1
    n_entries = 0
    for i in range(n):
        bar, side = int(ticks[i]), int(sides[i])
        if side < 0 and not shorts:
            continue
        j = i + 1
        while j < n and sides[j] == side:
            j += 1
        until = int(ticks[j]) if j < n else clock.n_bars
        row = (bar + clock.lead) // clock.tick_bars - clock.first_tick
        is_on_tick = (bar + clock.lead) % clock.tick_bars == 0
        entries.bar[n_entries] = bar
        entries.until[n_entries] = until
        entries.slot[n_entries] = row if is_on_tick else last_row
        entries.side[n_entries] = side
        entries.day[n_entries] = tape.day_of_bar[bar]
        entries.until_day[n_entries] = tape.day_of_bar[min(until, clock.n_bars - 1)]
        entries.entry[n_entries] = tape.bars[bar, OPEN]
        entries.leave[n_entries] = tape.bars[until, OPEN] if until < clock.n_bars else tape.close[clock.n_bars - 1]
        n_entries += 1
    return n_entries
