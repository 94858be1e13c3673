"""Where one line crosses another, each known only at its own bars' closes.

Two forms of one rule. `crossing_events` takes the two lines of one run. `pair_crossings` is its fast twin for
screening: it walks the slow line's intervals, sixty-four at a time, and looks at the fast line only where the slow
value lies between the extremes that the fast line takes in that interval, which the pairs of one fast line share
(`interval_extremes`). It compares the lines' codes, and their exact values where codes are equal.

The rule: the state is "above" where fast > slow, strictly; equality is below. A crossing is a change of state between
two bar closes at which both lines are valid, so the first valid close never crosses. It fills at the open of the next
bar; one at the close of the last bar fills nowhere.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.events import Events, no_events
from swarmd.engine.kernel.lines import Codes, EmaLines, value_at
from swarmd.engine.kernel.unowned import unowned
from swarmd.engine.kernel.vectors import above_of_64, compare_16, lowest_bit, prefetch

Ticks = NDArray[np.int32]
_ONE = np.uint64(1)
_NONE = np.uint64(0)
_ALL = ~_NONE


@dataclass(frozen=True, slots=True)
class SampledLine:
    """Values of a line and the bars at whose close each becomes known (rising); valid from the `lookback`-th value
    on.
    """

    values: FloatArray
    known_at: IntArray
    lookback: int


def crossing_events(fast: SampledLine, slow: SampledLine, n_bars: int) -> Events:
    """Events of one pair of lines: +1 where fast rises above slow, -1 where it falls to it or below."""
    if fast.values.size < fast.lookback or slow.values.size < slow.lookback:
        return no_events()
    first = max(int(fast.known_at[fast.lookback - 1]), int(slow.known_at[slow.lookback - 1]))
    # Between these bars neither line changes. Two rising runs: a stable sort only merges them.
    bar = np.sort(np.concatenate((fast.known_at, slow.known_at)), kind="stable")
    after = bar[np.concatenate(([True], bar[1:] != bar[:-1])) & (bar > first)]
    bar = np.concatenate(([first], after)).astype(np.int64)
    above = _value_at(fast, bar) > _value_at(slow, bar)
    changed = np.flatnonzero(above[1:] != above[:-1]) + 1
    fill = bar[changed] + 1
    fills = fill < n_bars
    return Events(fill[fills], np.where(above[changed], 1, -1).astype(np.int64)[fills])


def _value_at(line: SampledLine, bar: IntArray) -> FloatArray:
    return line.values[np.searchsorted(line.known_at, bar, side="right") - 1]


@njit(cache=True, error_model="numpy")
def interval_extremes(
    fast: Codes, fast_factor: int, slow_factor: int, first: int, stop_time: int, lowest: Codes, highest: Codes
) -> None:
    """Extremes of the fast line's codes over each interval of the slow one, for intervals `first` and later.

    Time is counted in base bars completed since the UTC midnight before the data, so that every timeframe's boundaries
    are multiples of its factor. `fast[j]` is in force from time `j * fast_factor`; interval q is
    [q, q + 1) * slow_factor, cut at `stop_time`.
    """
    end_q = (stop_time - 1) // slow_factor + 1
    ratio = slow_factor // fast_factor
    if slow_factor % fast_factor == 0:
        # All but the last interval, which may be cut, have the same number of fast values.
        for q in range(first, end_q - 1):
            low = high = fast[q * ratio]
            for j in range(q * ratio + 1, (q + 1) * ratio):
                low = min(low, fast[j])
                high = max(high, fast[j])
            lowest[q] = low
            highest[q] = high
        first = max(first, end_q - 1)
    for q in range(first, end_q):
        j = q * slow_factor // fast_factor
        low = high = fast[j]
        for k in range(j + 1, (min((q + 1) * slow_factor, stop_time) - 1) // fast_factor + 1):
            low = min(low, fast[k])
            high = max(high, fast[k])
        lowest[q] = low
        highest[q] = high


@njit(cache=True, inline="always")
def _is_above(lines: EmaLines, fast: int, slow: int, j: int, q: int) -> bool:
    code, level = lines.codes[lines.start[fast] + j], lines.codes[lines.start[slow] + q]
    if code != level:
        return bool(code > level)
    return bool(value_at(lines, fast, j) > value_at(lines, slow, q))


@njit(cache=True, error_model="numpy")
def pair_crossings(
    lines: EmaLines,
    fast: int,
    slow: int,
    lowest: Codes,
    highest: Codes,
    valid_time: int,
    stop_time: int,
    tick_bars: int,
    ticks: Ticks,
) -> tuple[int, int]:
    """Writes the times of crossings in (valid_time, stop_time) to `ticks`; returns their number and the first side.

    They are written in ticks of `tick_bars`, which divides both factors. Sides alternate. `lowest` and `highest` must
    be known for the intervals after that of `valid_time`, and padded to be read in words of 64; `ticks` holds two more
    than there are fast bars and intervals.
    """
    if valid_time >= stop_time:
        return 0, 1
    # n, m: base bars per bar of the fast and the slow timeframe; j, q: their indices.
    n, m = lines.factor[fast], lines.factor[slow]
    fast_ticks, slow_ticks = n // tick_bars, m // tick_bars
    q = valid_time // m
    j = valid_time // n
    above = int(_is_above(lines, fast, slow, j, q))
    first_side = 1 - 2 * above
    found = 0
    # The interval in which the lines become valid, from that moment on.
    edge = min((q + 1) * m, stop_time)
    while (j + 1) * n < edge:
        j += 1
        is_above = int(_is_above(lines, fast, slow, j, q))
        ticks[found] = j * fast_ticks
        found += int(is_above != above)
        above = is_above
    codes = unowned(lines.codes)
    fast_codes, slow_codes = codes[lines.start[fast] :], codes[lines.start[slow] :]
    first, end = q + 1, (stop_time - 1) // m + 1
    last = (stop_time - 1) // n
    is_aligned = m % n == 0
    ratio = m // n
    # Of the interval before: all above, all below (both false where it must be looked at).
    was_above, was_below = np.uint64(above), np.uint64(1 - above)
    word = first & ~63
    while word < end:
        # The slow line is read once, from far away: two cache lines a word, eight words ahead.
        prefetch(slow_codes, np.int64(word + 8 * 64))
        prefetch(slow_codes, np.int64(word + 8 * 64 + 32))
        all_above = above_of_64(lowest, slow_codes, word)
        all_below = above_of_64(slow_codes, highest, word)
        live = _ALL
        if word < first:
            # The predecessor of the first interval lies in the same word.
            live = _ALL << np.uint64(first - word)
            before = _ONE << np.uint64(first - word - 1)
            all_above = (all_above & live) | (before if was_above != _NONE else _NONE)
            all_below = (all_below & live) | (before if was_below != _NONE else _NONE)
            was_above = was_below = _NONE
        if end - word < 64:
            live &= (_ONE << np.uint64(end - word)) - _ONE
        # To visit: what is undecided, what is decided otherwise than its predecessor, and what follows the undecided.
        changed = (all_above ^ ((all_above << _ONE) | was_above)) | (all_below ^ ((all_below << _ONE) | was_below))
        visit = (~(all_above | all_below) | changed) & live
        was_above, was_below = all_above >> np.uint64(63), all_below >> np.uint64(63)
        while visit != _NONE:
            q = word + lowest_bit(visit)
            visit &= visit - _ONE
            level = slow_codes[np.uint32(q)]
            j = q * ratio if is_aligned else q * m // n
            # Bit i speaks of fast value j + i; up to sixteen at a time.
            rest = min(((q + 1) * m - 1) // n, last) - j + 1
            starts_inside = not is_aligned and j * n < q * m
            while True:
                width = min(rest, 16)
                inside = (np.int64(1) << width) - 1
                compared = compare_16(fast_codes, np.int64(j), level)
                ties = (compared >> 16) & inside
                is_above = compared & 0xFFFF
                while ties != 0:
                    i = lowest_bit(np.uint64(ties))
                    ties &= ties - 1
                    if value_at(lines, fast, j + i) > value_at(lines, slow, q):
                        is_above |= np.int64(1) << i
                turns = (is_above ^ ((is_above << 1) | above)) & inside
                above = (is_above >> (width - 1)) & 1
                if starts_inside:
                    # 45-minute bars against hours: the first look is at the interval's own boundary.
                    ticks[found] = q * slow_ticks
                    found += turns & 1
                    turns &= ~1
                    starts_inside = False
                while turns != 0:
                    ticks[np.uint32(found)] = (j + lowest_bit(np.uint64(turns))) * fast_ticks
                    found += 1
                    turns &= turns - 1
                rest -= width
                if rest == 0:
                    break
                j += width
        word += 64
    return found, first_side
