"""The null distribution of the best of many trials: signs of blocks of time, flipped for all trials at once.

A block keeps its sign or loses it in every trial together, so that what makes trials alike stays. Each trial's total is
measured in the root of its sum of squares over blocks, which no flip changes: that is the t-statistic in another scale,
*studentised anew in every resample*, and it costs one product of matrices.

Why not weights drawn from the blocks and the deviation of the sample, as the textbook has it: the deviation of few
blocks is itself uncertain, and the best of thousands is the one whose deviation came out small. On 1,000 independent
worthless trials in 16 blocks that form rejects at 5 % in 73 of 100 markets, this one in 5 (36 blocks: 35 and 5 to 10).
"""

from collections.abc import Iterator

import numpy as np

from swarmd.engine.arrays import FloatArray

# Trials are handled in groups of this many numbers a group (32 MB), whatever their count.
_GROUP_NUMBERS = 2**22


def root_of_squares(sums: FloatArray) -> FloatArray:
    """Root of each trial's sum of squares over blocks, shape (n_trials,)."""
    squares: FloatArray = np.einsum("gk,gk->k", sums, sums)
    return np.sqrt(squares)


def self_normalised(sums: FloatArray) -> FloatArray:
    """Total over root of the sum of squares of blocks, shape (n_trials,); in [-sqrt(n_blocks), sqrt(n_blocks)].

    0 for a trial that never traded. One whose blocks are all alike has the largest value there is, and rightly a
    p-value no smaller than that of any other all of whose blocks are gains.
    """
    norms = root_of_squares(sums)
    statistics: FloatArray = sums.sum(axis=0)
    np.divide(statistics, norms, out=statistics, where=norms > 0.0)
    return statistics


def flipped_signs(n_resamples: int, n_blocks: int, seed: int) -> FloatArray:
    """Fair signs, shape (n_resamples, n_blocks)."""
    drawn = np.random.default_rng(seed).integers(0, 2, size=(n_resamples, n_blocks))
    return np.where(drawn == 1, 1.0, -1.0)


def trial_groups(n_resamples: int, n_trials: int) -> Iterator[slice]:
    """Consecutive groups of trials, few enough that resamples x trials of a group fit into memory."""
    size = max(1, _GROUP_NUMBERS // n_resamples)
    for start in range(0, n_trials, size):
        yield slice(start, min(start + size, n_trials))
