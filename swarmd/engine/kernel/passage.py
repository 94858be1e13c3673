"""How soon a price can first be reached: the tables by which screening skips bars.

Two devices, both exact. **Blocks** hold the lowest low and highest high of 16 bars, so that a search for a touched
level jumps over 16 bars that cannot touch it. The **first-passage table** holds, for each possible entry bar and each
of 16 levels down and 16 up, the bars until the low (high) first reaches that distance from the open. Since rounding
`open * (1 - x)` keeps order, the entry for a level nearer than the stop is a lower bound on when the stop is touched;
the search starts there, and in most trades the bound already lies behind the exit.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, aligned_empty

BLOCK_SHIFT = 4
BLOCK_BARS = 1 << BLOCK_SHIFT
N_LEVELS = 16
# uint16 entries saturate here: two weeks of 5-minute bars, and a table of one cache line per entry.
HORIZON_BARS = 4096

PassageTable = NDArray[np.uint16]


def passage_levels(distances: FloatArray) -> FloatArray:
    """Sixteen distances, geometric from the nearest that will be asked for towards the farthest."""
    finite = distances[np.isfinite(distances)]
    nearest = float(finite.min(initial=0.15))
    farthest = max(float(finite.max(initial=nearest)), nearest * 1.01)
    return np.asarray(nearest * (farthest / nearest) ** (np.arange(N_LEVELS) / N_LEVELS), np.float64)


@njit(cache=True)
def block_minima(x: FloatArray) -> FloatArray:
    """Lowest value of each block of 16 bars; the last block may be short."""
    out = np.empty((x.size + BLOCK_BARS - 1) >> BLOCK_SHIFT, np.float64)
    for block in range(out.size):
        out[block] = np.min(x[block << BLOCK_SHIFT : (block + 1) << BLOCK_SHIFT])
    return out


@njit(cache=True)
def block_maxima(x: FloatArray) -> FloatArray:
    """Highest value of each block of 16 bars; the last block may be short."""
    out = np.empty((x.size + BLOCK_BARS - 1) >> BLOCK_SHIFT, np.float64)
    for block in range(out.size):
        out[block] = np.max(x[block << BLOCK_SHIFT : (block + 1) << BLOCK_SHIFT])
    return out


@njit(cache=True)
def _passages(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    block_low: FloatArray,
    block_high: FloatArray,
    levels: FloatArray,
    first: int,
    stride: int,
    table: PassageTable,
    row_from: int,
    row_to: int,
) -> None:
    n_bars = open_.size
    for row in range(row_from, row_to):
        entry = first + row * stride
        cap = min(n_bars, entry + HORIZON_BARS)
        for level in range(N_LEVELS):
            table[row, level] = HORIZON_BARS
            table[row, N_LEVELS + level] = HORIZON_BARS
        u = entry
        for level in range(N_LEVELS):
            price = open_[entry] * (1.0 - levels[level])
            while u < cap and low[u] > price:
                u += 1
                if u & (BLOCK_BARS - 1) == 0:
                    while u < cap and block_low[u >> BLOCK_SHIFT] > price:
                        u += BLOCK_BARS
            if u >= cap:
                break
            table[row, level] = u - entry
        u = entry
        for level in range(N_LEVELS):
            price = open_[entry] * (1.0 + levels[level])
            while u < cap and high[u] < price:
                u += 1
                if u & (BLOCK_BARS - 1) == 0:
                    while u < cap and block_high[u >> BLOCK_SHIFT] < price:
                        u += BLOCK_BARS
            if u >= cap:
                break
            table[row, N_LEVELS + level] = u - entry


def first_passages(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    block_low: FloatArray,
    block_high: FloatArray,
    levels: FloatArray,
    first: int,
    stride: int,
) -> PassageTable:
    """Table of shape (n_entries + 1, 32) for the entry bars `first, first + stride, ...`.

    Column j: bars until low <= open * (1 - levels[j]); column 16 + j: until high >= open * (1 + levels[j]); saturated
    at the horizon. 0 means the entry bar itself, and is all that the last row says: it is for entries at other bars.
    """
    n_rows = max(0, (open_.size - first + stride - 1) // stride)
    # A row is a cache line, and asked for ahead as one.
    table = aligned_empty((n_rows + 1, 2 * N_LEVELS), np.uint16)
    table[n_rows] = 0
    _all_passages(open_, high, low, block_low, block_high, levels, first, stride, table)
    return table


@njit(cache=True, parallel=True)
def _all_passages(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    block_low: FloatArray,
    block_high: FloatArray,
    levels: FloatArray,
    first: int,
    stride: int,
    table: PassageTable,
) -> None:
    n_rows = table.shape[0] - 1
    parts = 64
    for part in prange(parts):
        _passages(
            open_, high, low, block_low, block_high, levels, first, stride, table,
            n_rows * part // parts, n_rows * (part + 1) // parts,
        )  # fmt: skip
