"""Where one line crosses another, each known only at its own bars' closes.

Two forms of one rule. `crossing_events` takes the two lines of one run. `pair_crossings` is its fast twin for
screening: it walks the slow line's intervals and looks at the fast line only where the slow value lies between the
extremes that the fast line takes in that interval, which the pairs of one fast line share (`interval_extremes`).

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

Codes = NDArray[np.int8]
# Eight int8 codes of 1, or of -1, read as one word.
ALL_ABOVE = np.uint64(0x0101010101010101)
ALL_BELOW = np.uint64(0xFFFFFFFFFFFFFFFF)


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
    bar = np.union1d(fast.known_at, slow.known_at)
    # Between these bars neither line changes.
    bar = np.concatenate(([first], bar[bar > first])).astype(np.int64)
    above = _value_at(fast, bar) > _value_at(slow, bar)
    changed = np.flatnonzero(above[1:] != above[:-1]) + 1
    fill = bar[changed] + 1
    fills = fill < n_bars
    return Events(fill[fills], np.where(above[changed], 1, -1).astype(np.int64)[fills])


def _value_at(line: SampledLine, bar: IntArray) -> FloatArray:
    return line.values[np.searchsorted(line.known_at, bar, side="right") - 1]


@njit(cache=True)
def interval_extremes(
    fast: FloatArray,
    fast_factor: int,
    slow_factor: int,
    first: int,
    stop_time: int,
    lowest: FloatArray,
    highest: FloatArray,
) -> None:
    """Extremes of the fast line over each interval of the slow one, for intervals `first` and later.

    Time is counted in base bars completed since the UTC midnight before the data, so that every timeframe's boundaries
    are multiples of its factor. `fast[j]` is in force from time `j * fast_factor`; interval q is
    [q, q + 1) * slow_factor, cut at `stop_time`.
    """
    for q in range(first, (stop_time - 1) // slow_factor + 1):
        j = q * slow_factor // fast_factor
        end = (min((q + 1) * slow_factor, stop_time) - 1) // fast_factor
        low = high = fast[j]
        while j < end:
            j += 1
            low = min(low, fast[j])
            high = max(high, fast[j])
        lowest[q] = low
        highest[q] = high


@njit(cache=True)
def _decided(slow: FloatArray, lowest: FloatArray, highest: FloatArray, codes: Codes) -> None:
    """Per interval 1 where the whole fast line is above, -1 where none of it is, 0 where it must be looked at.

    A loop of its own over slices that begin at 0, so that it is compiled to vector instructions.
    """
    for i in range(slow.size):
        codes[i] = np.int8(lowest[i] > slow[i]) - np.int8(highest[i] <= slow[i])


@njit(cache=True)
def pair_crossings(
    fast: FloatArray,
    slow: FloatArray,
    lowest: FloatArray,
    highest: FloatArray,
    fast_factor: int,
    slow_factor: int,
    valid_time: int,
    stop_time: int,
    codes: Codes,
    times: IntArray,
) -> tuple[int, int]:
    """Writes the times of crossings in (valid_time, stop_time) to `times`; returns their number and the first side.

    Sides alternate. `lowest` and `highest` must be known for the intervals after that of `valid_time`; `codes` is
    working space, a multiple of 8 long and longer than there are intervals.
    """
    if valid_time >= stop_time:
        return 0, 1
    n = 0
    q = valid_time // slow_factor
    j = valid_time // fast_factor
    above = fast[j] > slow[q]
    first_side = -1 if above else 1
    # The interval in which the lines become valid, from that moment on.
    edge = min((q + 1) * slow_factor, stop_time)
    while (j + 1) * fast_factor < edge:
        j += 1
        if (fast[j] > slow[q]) != above:
            above = not above
            times[n] = j * fast_factor
            n += 1
    first = q + 1
    end_q = (stop_time - 1) // slow_factor + 1
    n_intervals = end_q - first
    _decided(slow[first:end_q], lowest[first:end_q], highest[first:end_q], codes)
    words = codes.view(np.uint64)
    is_aligned = slow_factor % fast_factor == 0
    ratio = slow_factor // fast_factor
    last = (stop_time - 1) // fast_factor
    i = 0
    while i < n_intervals:
        if i & 7 == 0:
            # Eight intervals at a time, while they say what is known.
            same = ALL_ABOVE if above else ALL_BELOW
            while i + 8 <= n_intervals and words[i >> 3] == same:
                i += 8
            if i >= n_intervals:
                break
        code = codes[i]
        q = first + i
        i += 1
        if code != 0:
            if (code > 0) != above:
                above = code > 0
                times[n] = q * slow_factor
                n += 1
            continue
        level = slow[q]
        # 45-minute bars against hours: the interval begins inside a fast bar, so its first look is at its own boundary.
        if is_aligned:
            j = q * ratio
            end = min(j + ratio - 1, last)
        else:
            j = q * slow_factor // fast_factor
            end = min(((q + 1) * slow_factor - 1) // fast_factor, last)
        # Written whether it is a crossing or not, and counted if it is: a branch here is a coin toss to the processor.
        is_above = fast[j] > level
        times[n] = q * slow_factor
        n += int(is_above != above)
        above = is_above
        for k in range(j + 1, end + 1):
            is_above = fast[k] > level
            times[n] = k * fast_factor
            n += int(is_above != above)
            above = is_above
    return n, first_side
