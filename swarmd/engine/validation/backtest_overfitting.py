"""The probability of backtest overfitting: how often the best trial of one half of time is no better than the median in
the other.

It judges a *search*, so it must see every trial of it. Given the survivors of a filter that looked at all of the time
it alarms on anything (the best half of a survivor leaves its worse half to the test); given near copies of one true
edge it says one half, because which copy leads is chance. So `tried` is asked for, and the loss out of sample is told
beside it. From block sums (`returns_by_block.py`); called by the validation.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.validation.rank_stability import average_ranks
from swarmd.engine.validation.returns_by_block import BlockSums, block_sums

# Returns of one half, shape (n_rows, n_trials), to one figure per trial, higher being better.
HalfMetric = Callable[[FloatArray], FloatArray]
Metric = Literal["sharpe", "mean"] | HalfMetric

# A variance below the least, or below this share of the mean square, is rounding noise: the Sharpe ratio is then 0.
_LEAST_VARIANCE = 1e-30
_LEAST_VARIANCE_SHARE = 1e-12
_TILE = 1024


@dataclass(frozen=True, slots=True)
class BacktestOverfitting:
    """What all half-splits say together, and each of them in the order of `cscv_combinations`.

    `pbo` : share of the splits with a logit <= 0
    `probability_of_oos_loss` : share of the splits whose choice has a metric below 0 out of sample
    `slope`, `intercept` : least squares of the choice's metric out of sample on that in sample; None where the latter
        does not vary
    `chosen` : the trial chosen in sample; `omega` its relative rank out of sample, in (0, 1); `logits` ln(omega /
        (1 - omega)); `is_metric`, `oos_metric` its metric per period in the two halves; all of shape (n_splits,)
    """

    pbo: float
    probability_of_oos_loss: float
    slope: float | None
    intercept: float | None
    n_trials: int
    n_blocks: int
    rows_per_block: int
    chosen: IntArray
    omega: FloatArray
    logits: FloatArray
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
    if S < 2 or S % 2:
        raise ValueError(f"cscv: {S} blocks cannot be halved; give an even number of at least 2, as a rule 16")
    return tuple(itertools.combinations(range(S), S // 2))


def probability_of_backtest_overfitting(
    returns: FloatArray | BlockSums, S: int = 16, metric: Metric = "sharpe", *, tried: int | None = None
) -> BacktestOverfitting:
    """PBO by combinatorially symmetric cross-validation.

    Time is cut into S even blocks, the oldest T mod S rows dropped. Each half of the blocks is in sample once: the
    trial of the highest metric there (the first of equal ones) is ranked among all trials by its metric in the other
    half, 1 for the worst, equal ones sharing the mean of their places: `omega = rank / (N + 1)`.

    Parameters
    ----------
    returns : shape (T, N), net returns per period of all N trials of the search, flat ones included; or their
        `BlockSums`, which take S / T of the memory and may be added up portion by portion
    S : number of blocks, even; 16 give 12,870 splits. The time taken is proportional to N * C(S, S/2)
    metric : "sharpe" (per period, n - 1; 0 where returns do not vary), "mean", or a function from the rows of a half
        to one figure per trial, which needs the returns themselves and holds half of them at a time
    tried : how many trials the search evaluated in all, if known

    Returns
    -------
    BacktestOverfitting
        `pbo` is near 1/2 for a search in noise, near 0 where the same true edge leads in both halves.

    Raises
    ------
    ValueError
        If S is odd or does not fit, N is below 2, a return is not finite, or `tried` says that trials are missing.

    Source: Bailey, Borwein, López de Prado and Zhu (2017), The probability of backtest overfitting, Journal of
    Computational Finance 20(4).
    """
    combinations = cscv_combinations(S)
    n_trials = returns.n_trials if isinstance(returns, BlockSums) else int(np.shape(returns)[-1])
    if n_trials < 2:
        raise ValueError(f"PBO: {n_trials} trials; a choice takes at least 2")
    if tried is not None and n_trials < tried:
        raise ValueError(
            f"PBO: {n_trials} trials of {tried} that were tried; give all of them, for among the survivors of a "
            "filter the figure alarms on anything"
        )
    if callable(metric):
        if isinstance(returns, BlockSums):
            raise ValueError("PBO: a metric of your own needs the returns; give them in place of block sums")
        n_rows = block_sums(returns, S).rows_per_block
        chosen, ranks, inside, outside = _by_rows(returns, combinations, n_rows, metric)
    else:
        if metric not in ("sharpe", "mean"):
            raise ValueError(f"PBO: metric {metric!r} is unknown; give 'sharpe', 'mean' or a function")
        blocks = returns if isinstance(returns, BlockSums) else block_sums(returns, S)
        if blocks.n_blocks != S:
            raise ValueError(f"PBO: the sums are of {blocks.n_blocks} blocks and S is {S}; give the same")
        n_rows = blocks.rows_per_block
        if metric == "sharpe" and n_rows * S < 4:
            raise ValueError(f"PBO: {n_rows * S} rows leave halves too short for a Sharpe ratio; give at least 4 rows")
        # The complement of a combination is its mirror image in the list, so half of them settle all.
        masks = np.array([sum(1 << b for b in half) for half in combinations[: len(combinations) // 2]], np.int64)
        chosen, ranks, inside, outside = _by_sums(blocks.sums, blocks.squares, masks, n_rows, metric == "sharpe")
    omega: FloatArray = ranks / (n_trials + 1)
    # Of the rank rather than of omega: at the very middle it is 0, not a rounding error beside it.
    logits: FloatArray = np.log(ranks / (n_trials + 1 - ranks))
    slope, intercept = _line(inside, outside)
    return BacktestOverfitting(
        pbo=float(np.mean(logits <= 0.0)),
        probability_of_oos_loss=float(np.mean(outside < 0.0)),
        slope=slope,
        intercept=intercept,
        n_trials=n_trials,
        n_blocks=S,
        rows_per_block=n_rows,
        chosen=chosen,
        omega=omega,
        logits=logits,
        is_metric=inside,
        oos_metric=outside,
    )


def _line(x: FloatArray, y: FloatArray) -> tuple[float | None, float | None]:
    off = x - x.mean()
    spread = float(off @ off)
    if spread <= _LEAST_VARIANCE:
        return None, None
    slope = float(off @ (y - y.mean())) / spread
    return slope, float(y.mean()) - slope * float(x.mean())


def _by_rows(
    returns: FloatArray, combinations: tuple[tuple[int, ...], ...], n_rows: int, metric: HalfMetric
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """The slow road for any metric: chosen trial, its rank, its metric in sample and out, of every combination."""
    n_blocks = 2 * len(combinations[0])
    blocks = np.asarray(returns, np.float64)[returns.shape[0] % n_blocks :].reshape(n_blocks, n_rows, -1)
    chosen = np.empty(len(combinations), np.int64)
    ranks, inside, outside = np.empty((3, len(combinations)))
    for number, half in enumerate(combinations):
        others = [block for block in range(n_blocks) if block not in half]
        found, tested = (
            np.asarray(metric(blocks[part].reshape(-1, blocks.shape[2])), np.float64) for part in (list(half), others)
        )
        for figures in (found, tested):
            if figures.shape != (blocks.shape[2],) or not np.isfinite(figures).all():
                raise ValueError(
                    f"PBO: the metric gave shape {figures.shape} with {int((~np.isfinite(figures)).sum())} figures "
                    f"that are not finite; give one finite figure for each of {blocks.shape[2]} trials"
                )
        best = int(np.argmax(found))
        chosen[number], ranks[number] = best, average_ranks(tested)[best]
        inside[number], outside[number] = found[best], tested[best]
    return chosen, ranks, inside, outside


@njit(cache=True, nogil=True)
def _by_sums(
    sums: FloatArray, squares: FloatArray, masks: IntArray, rows_per_block: int, is_sharpe: bool
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """The same from block sums, for mean and Sharpe ratio; bit b of a mask says that block b is in its half.

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
