"""Every choice of half of the blocks of time: which trial leads in it, and where that trial stands in the other half.

The arithmetic beneath the overfitting test, twice: from block sums for a hundred thousand trials, and row by row for
any metric. It draws no conclusion.
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.validation.rank_stability import average_ranks
from swarmd.engine.validation.returns_by_block import BlockSums

# Returns of one half, shape (n_rows, n_trials), to one figure per trial, higher being better.
HalfMetric = Callable[[FloatArray], FloatArray]

# A variance below the least, or below this share of the mean square, is rounding noise: the Sharpe ratio is then 0.
_LEAST_VARIANCE = 1e-30
_LEAST_VARIANCE_SHARE = 1e-12
_TILE = 1024


class Choices(NamedTuple):
    """Of every half-split, in the order of `cscv_combinations`; shape (n_splits,) each.

    `chosen` is the trial of the highest metric in sample, the first of equal ones; `ranks` its rank out of sample, 1
    for the worst, equal ones sharing the mean of their places; `is_metric`, `oos_metric` what it had in the two halves
    """

    chosen: IntArray
    ranks: FloatArray
    is_metric: FloatArray
    oos_metric: FloatArray


def cscv_combinations(S: int) -> tuple[tuple[int, ...], ...]:
    """The blocks in sample of every half-split of S blocks: C(S, S/2) of them, in lexicographic order.

    The blocks out of sample are the others; read from the end, the list holds them: the complement of the i-th is the
    i-th from behind.

    Raises
    ------
    ValueError
        If S is odd or below 2.
    """
    check_halves(S)
    return tuple(itertools.combinations(range(S), S // 2))


def check_halves(S: int) -> None:
    if S < 2 or S % 2:
        raise ValueError(f"cscv: {S} blocks cannot be halved; give an even number of at least 2, as a rule 16")


def choices_by_sums(blocks: BlockSums, *, is_sharpe: bool) -> Choices:
    """For the Sharpe ratio per period (n - 1; 0 where returns do not vary), or else the mean."""
    combinations = cscv_combinations(blocks.n_blocks)
    # The complement of a combination is its mirror image in the list, so half of them settle all.
    masks = np.array([sum(1 << block for block in half) for half in combinations[: len(combinations) // 2]], np.int64)
    return Choices(*_by_sums(blocks.sums, blocks.squares, masks, blocks.rows_per_block, is_sharpe))


def choices_by_rows(returns: FloatArray, n_blocks: int, metric: HalfMetric) -> Choices:
    """For a metric of the caller's, one call for each half: the slow road.

    Raises
    ------
    ValueError
        If the metric does not give one finite figure per trial.
    """
    combinations = cscv_combinations(n_blocks)
    n_rows, n_trials = returns.shape[0] // n_blocks, returns.shape[1]
    blocks = np.asarray(returns, np.float64)[returns.shape[0] % n_blocks :].reshape(n_blocks, n_rows, n_trials)
    chosen = np.empty(len(combinations), np.int64)
    ranks, inside, outside = np.empty((3, len(combinations)))
    for number, half in enumerate(combinations):
        others = [block for block in range(n_blocks) if block not in half]
        found, tested = (
            np.asarray(metric(blocks[part].reshape(-1, n_trials)), np.float64) for part in (list(half), others)
        )
        for figures in (found, tested):
            if figures.shape != (n_trials,) or not np.isfinite(figures).all():
                raise ValueError(
                    f"PBO: the metric gave shape {figures.shape} with {int((~np.isfinite(figures)).sum())} figures "
                    f"that are not finite; give one finite figure for each of {n_trials} trials"
                )
        best = int(np.argmax(found))
        chosen[number], ranks[number] = best, average_ranks(tested)[best]
        inside[number], outside[number] = found[best], tested[best]
    return Choices(chosen, ranks, inside, outside)


@njit(cache=True, nogil=True)
def _by_sums(
    sums: FloatArray, squares: FloatArray, masks: IntArray, rows_per_block: int, is_sharpe: bool
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Choices of all pairs of halves; bit b of a mask says that block b is in the first half of its pair.

    Each trial's figures come from the same operations in the same order wherever it stands, so copies tie exactly (a
    matrix product would not promise that).
    """
    n_blocks, n_trials = sums.shape
    n_pairs = masks.size
    n = rows_per_block * (n_blocks // 2)
    chosen = np.empty(2 * n_pairs, np.int64)
    ranks = np.empty(2 * n_pairs)
    inside = np.empty(2 * n_pairs)
    outside = np.empty(2 * n_pairs)
    metrics = np.empty((2, n_trials))
    total_squares = np.empty(_TILE)
    for pair in range(n_pairs):
        for half in range(2):
            # A tile of trials at a time, so that its running sums stay in the nearest cache.
            for start in range(0, n_trials, _TILE):
                stop = min(start + _TILE, n_trials)
                figures = metrics[half, start:stop]
                figures[:] = 0.0
                total_squares[:] = 0.0
                for block in range(n_blocks):
                    if (masks[pair] >> block) & 1 != half:
                        _add(figures, sums[block, start:stop])
                        if is_sharpe:
                            _add(total_squares, squares[block, start:stop])
                if is_sharpe:
                    _to_sharpe(figures, total_squares, n)
                else:
                    figures /= n
        for half in range(2):
            # The first half is the combination itself, the second its complement, from the end of the list.
            at = pair if half == 0 else 2 * n_pairs - 1 - pair
            best = 0
            for j in range(n_trials):
                if metrics[half, j] > metrics[half, best]:
                    best = j
            others = metrics[1 - half]
            tested = others[best]
            below = 0
            equal = 0
            for j in range(n_trials):
                below += others[j] < tested
                equal += others[j] == tested
            chosen[at] = best
            ranks[at] = below + (equal + 1) / 2.0
            inside[at] = metrics[half, best]
            outside[at] = tested
    return chosen, ranks, inside, outside


@njit(cache=True, nogil=True, inline="always")
def _add(into: FloatArray, values: FloatArray) -> None:
    for j in range(values.size):
        into[j] += values[j]


# Without a test for a divisor of 0 the loop is four wide; the divisor is none.
@njit(cache=True, nogil=True, error_model="numpy")
def _to_sharpe(totals: FloatArray, total_squares: FloatArray, n: int) -> None:
    """Sums of n returns become their Sharpe ratios, in place."""
    for j in range(totals.size):
        mean = totals[j] / n
        variance = (total_squares[j] - mean * totals[j]) / (n - 1)
        least = max(_LEAST_VARIANCE, _LEAST_VARIANCE_SHARE * total_squares[j] / n)
        ratio = mean / math.sqrt(max(variance, _LEAST_VARIANCE))
        totals[j] = ratio if variance > least else 0.0
