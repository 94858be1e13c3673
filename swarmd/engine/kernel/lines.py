"""EMA lines by the hundred in two bytes a value, and exact all the same.

Screening asks of two lines only which one is higher. So values are kept as **codes**: within a stretch of time (a day,
or some days) one monotone map takes every line's value to an int16. A higher code means a higher value; only equal
codes leave the question open, and then `value_at` replays both lines from their last **checkpoint**, with the same
operations in the same order. All lines of a data set share the map, hence they are made together. A quarter of the
memory of float64, and four times as many comparisons per vector instruction.

Time counts base bars completed since the UTC midnight before the data, so that every timeframe's boundaries are
multiples of its factor, and no stretch ends inside a bar of any timeframe.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray

Codes = NDArray[np.int16]

CHECKPOINT_SHIFT = 5
CHECKPOINT_EVERY = 1 << CHECKPOINT_SHIFT
# So many codes may be read past the end of any line: the crossings are looked for in whole vectors.
PADDING = 96
# The map is fitted to the range of a few lines per timeframe. A line that leaves it is cut at the ends of the range,
# which keeps the order and makes more ties.
_MARGIN = 0.02
_LEAST_STRETCH_BARS = 96
_TOP_CODE = 65535.0
_CODE_OFFSET = 32768


@dataclass(frozen=True, slots=True)
class ClosesOf:
    """The complete bars of one timeframe: `factor` base bars each, `close[0]` in force from index `first` on.

    Index j of a timeframe is the time `j * factor`. `lengths` are those of the EMAs wanted of it, ascending.
    """

    factor: int
    first: int
    close: FloatArray
    lengths: IntArray


class EmaLines(NamedTuple):
    """Line i has the code `codes[start[i] + j]` from time `j * factor[i]` on, and is valid from `valid_time[i]`.

    Codes of j below `first[i]` say nothing. The exact value at `first[i] + q * CHECKPOINT_EVERY` is
    `checkpoints[checkpoint_start[i] + q]`; the close that made the value at j is `closes[close_start[i] + j]`.
    """

    codes: Codes
    start: IntArray
    factor: IntArray
    first: IntArray
    valid_time: IntArray
    alpha: FloatArray
    checkpoints: FloatArray
    checkpoint_start: IntArray
    closes: FloatArray
    close_start: IntArray


class _Map(NamedTuple):
    """Per stretch of `bars` base bars: `code = (value - low) * scale`, cut to the range of the type."""

    low: FloatArray
    scale: FloatArray
    bars: int


def ema_lines(timeframes: list[ClosesOf], *, bars_per_day: int) -> EmaLines:
    """The lines of all timeframes, in the order given and by length within each.

    Where a timeframe has no complete bar its lines have no codes, and `valid_time` lies behind all data.
    """
    n_lines = [of.lengths.size for of in timeframes]
    first = np.repeat([of.first for of in timeframes], n_lines).astype(np.int64)
    factor = np.repeat([of.factor for of in timeframes], n_lines).astype(np.int64)
    n_closes = np.repeat([of.close.size for of in timeframes], n_lines).astype(np.int64)
    length = np.concatenate([of.lengths for of in timeframes]).astype(np.int64)
    width = first + n_closes + PADDING
    n_checkpoints = n_closes // CHECKPOINT_EVERY + 1
    ends = np.cumsum([of.close.size for of in timeframes])
    close_start = np.repeat(ends - [of.close.size for of in timeframes], n_lines) - first
    lines = EmaLines(
        codes=np.zeros(int(width.sum()), np.int16),
        start=np.cumsum(width) - width,
        factor=factor,
        first=first,
        valid_time=(first + length - 1) * factor,
        alpha=np.asarray(2.0 / (length + 1.0), np.float64),
        checkpoints=np.empty(int(n_checkpoints.sum())),
        checkpoint_start=np.cumsum(n_checkpoints) - n_checkpoints,
        closes=np.concatenate([of.close for of in timeframes]),
        close_start=close_start.astype(np.int64),
    )
    # Four at a time, all of one timeframe.
    at = np.cumsum(n_lines) - n_lines
    quads = [
        (start + four, min(4, n - four))
        for start, n, of in zip(at, n_lines, timeframes, strict=True)
        if of.close.size
        for four in range(0, n, 4)
    ]
    if quads:
        _fill(lines, n_closes, _fitted_map(timeframes, bars_per_day), np.array(quads, np.int64))
    return lines


def _fitted_map(timeframes: list[ClosesOf], bars_per_day: int) -> _Map:
    """A map for the shortest, the longest and a middle line of each timeframe, hence nearly for all."""
    bars = bars_per_day * -(-_LEAST_STRETCH_BARS // bars_per_day)
    last = max((of.first + of.close.size) * of.factor for of in timeframes)
    low, high = np.full(last // bars + 1, np.inf), np.full(last // bars + 1, -np.inf)
    for of in timeframes:
        if of.close.size:
            for length in {int(of.lengths[0]), int(of.lengths[of.lengths.size // 2]), int(of.lengths[-1])}:
                _widen(of.close, 2.0 / (length + 1.0), of.first, of.factor, bars, low, high)
    is_used = low <= high
    low[~is_used] = high[~is_used] = 0.0
    width = (high - low) * (1.0 + 2 * _MARGIN)
    with np.errstate(divide="ignore", over="ignore"):
        scale = np.where(width > 0.0, _TOP_CODE / width, 0.0)
    # A stretch without movement, or with too little to divide by: every code the same, and all of it replayed.
    return _Map(low - _MARGIN * (high - low), np.where(scale < 1e300, scale, 0.0), bars)


@njit(cache=True)
def _widen(
    close: FloatArray, alpha: float, first: int, factor: int, bars: int, low: FloatArray, high: FloatArray
) -> None:
    e = close[0]
    for k in range(close.size):
        e = e + alpha * (close[k] - e)
        at = (first + k) * factor // bars
        low[at] = min(low[at], e)
        high[at] = max(high[at], e)


@njit(cache=True, inline="always")
def _code(value: float, low: float, scale: float) -> np.int16:
    return np.int16(np.int32(max(min((value - low) * scale, _TOP_CODE), 0.0)) - _CODE_OFFSET)


@njit(cache=True, error_model="numpy")
def _fill_four(lines: EmaLines, n_closes: int, mapped: _Map, line: int, n: int) -> None:
    """Up to four lines of one timeframe side by side: one chain alone would wait for its own last sum at every step."""
    l0, l1, l2, l3 = line, line + min(1, n - 1), line + min(2, n - 1), line + min(3, n - 1)
    a0, a1, a2, a3 = lines.alpha[l0], lines.alpha[l1], lines.alpha[l2], lines.alpha[l3]
    first, factor = lines.first[line], lines.factor[line]
    size = first + n_closes
    c0 = lines.codes[lines.start[l0] : lines.start[l0] + size]
    c1 = lines.codes[lines.start[l1] : lines.start[l1] + size]
    c2 = lines.codes[lines.start[l2] : lines.start[l2] + size]
    c3 = lines.codes[lines.start[l3] : lines.start[l3] + size]
    close = lines.closes[lines.close_start[line] + first : lines.close_start[line] + size]
    e0 = e1 = e2 = e3 = close[0]
    k = 0
    while k < n_closes:
        at = (first + k) * factor // mapped.bars
        low, scale = mapped.low[at], mapped.scale[at]
        # To the end of the stretch.
        end = min(n_closes, ((at + 1) * mapped.bars + factor - 1) // factor - first)
        while k < end:
            x = close[k]
            if k > 0:
                e0 = e0 + a0 * (x - e0)
                e1 = e1 + a1 * (x - e1)
                e2 = e2 + a2 * (x - e2)
                e3 = e3 + a3 * (x - e3)
            if k & (CHECKPOINT_EVERY - 1) == 0:
                q = k >> CHECKPOINT_SHIFT
                lines.checkpoints[lines.checkpoint_start[l0] + q] = e0
                lines.checkpoints[lines.checkpoint_start[l1] + q] = e1
                lines.checkpoints[lines.checkpoint_start[l2] + q] = e2
                lines.checkpoints[lines.checkpoint_start[l3] + q] = e3
            c0[first + k] = _code(e0, low, scale)
            c1[first + k] = _code(e1, low, scale)
            c2[first + k] = _code(e2, low, scale)
            c3[first + k] = _code(e3, low, scale)
            k += 1


@njit(cache=True, parallel=True)
def _fill(lines: EmaLines, n_closes: IntArray, mapped: _Map, quads: IntArray) -> None:
    for at in prange(quads.shape[0]):
        line = quads[at, 0]
        _fill_four(lines, n_closes[line], mapped, line, quads[at, 1])


@njit(cache=True, inline="always")
def value_at(lines: EmaLines, line: int, j: int) -> float:
    """The exact value of a line at index j, not below `first`: the same bits as `indicators.moving.ema` gives."""
    k = j - lines.first[line]
    q = k >> CHECKPOINT_SHIFT
    e = lines.checkpoints[lines.checkpoint_start[line] + q]
    alpha = lines.alpha[line]
    at = lines.close_start[line] + lines.first[line] + (q << CHECKPOINT_SHIFT)
    for i in range(at + 1, lines.close_start[line] + j + 1):
        e = e + alpha * (lines.closes[i] - e)
    return float(e)
