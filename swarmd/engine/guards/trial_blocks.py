"""Returns of very many trials, summed by blocks of time: what tests of the best of them need, at a hundredth the size.

250,000 trials over 1,460 days are 2.9 GB; over 60 blocks they are 120 MB. Blocks longer than the memory of the returns
are independent of one another, so that tests may draw or flip them whole.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray
from swarmd.engine.guards.block_length import returns_block_length

# Below, signs of blocks have too few arrangements to show a small p-value; by default there are more.
LEAST_BLOCKS = 8
_DEFAULT_LEAST_BLOCKS = 20
# Trials whose memory is looked at where no block length is given.
_LOOKED_AT = 32


class TrialBlocks(NamedTuple):
    """Sums of each trial's returns over consecutive blocks of time, shape (n_blocks, n_trials), of `n_obs` periods.

    Trials join by columns: `TrialBlocks(np.hstack([a.sums, b.sums]), a.n_obs)`, both from the same blocks.
    """

    sums: FloatArray
    n_obs: int


def blocked_trials(returns: ArrayLike, block_length: float | None = None) -> TrialBlocks:
    """Sums over consecutive blocks as equal as whole periods allow; every period is in one.

    Parameters
    ----------
    returns : shape (n_obs, n_trials), or (n_obs,) for a single trial; net, flat periods included, in excess of the
        benchmark
    block_length : periods, at least 1, leaving at least 8 blocks; None for the median of `returns_block_length`
        (circular) of up to 32 trials, at most what leaves 20 blocks

    Raises
    ------
    ValueError
        For values that are not finite (names the first), fewer than 8 blocks, no trials.
    """
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = matrix[:, np.newaxis]
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"trial blocks: shape {matrix.shape}; give (n_obs, n_trials), one trial or more")
    n_obs, n_trials = matrix.shape
    if block_length is None:
        columns = np.unique(np.linspace(0, n_trials - 1, min(n_trials, _LOOKED_AT)).astype(np.int64))
        wanted = float(np.median([returns_block_length(matrix[:, column]).circular for column in columns]))
        block_length = max(1.0, min(wanted, n_obs / _DEFAULT_LEAST_BLOCKS))
    if not 1.0 <= block_length < math.inf:
        raise ValueError(f"trial blocks: block length {block_length}; give at least 1 period")
    n_blocks = round(n_obs / block_length)
    if n_blocks < LEAST_BLOCKS:
        raise ValueError(
            f"trial blocks: {n_obs} periods in blocks of {block_length:g} make {n_blocks} blocks; "
            f"give shorter blocks or more periods, at least {LEAST_BLOCKS} blocks"
        )
    starts = np.arange(n_blocks) * n_obs // n_blocks
    sums = np.add.reduceat(matrix, starts, axis=0)
    # Looked for in the sums, which any hole reaches: no second pass over gigabytes.
    if not np.isfinite(sums).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(
            f"trial blocks: return {row} of trial {column} is {matrix[row, column]}; leave no hole in the series"
        )
    return TrialBlocks(sums, n_obs)


def as_trial_blocks(returns: ArrayLike | TrialBlocks, block_length: float | None) -> TrialBlocks:
    """Block sums as they are, or of returns; for the tests that take either."""
    if not isinstance(returns, TrialBlocks):
        return blocked_trials(returns, block_length)
    if block_length is not None:
        raise ValueError("trial blocks: the blocks are made; give block_length together with returns only")
    sums, n_obs = returns
    if sums.ndim != 2 or len(sums) < LEAST_BLOCKS or not sums.shape[1] or not np.isfinite(sums).all():
        raise ValueError(
            f"trial blocks: shape {sums.shape}; give finite sums, at least {LEAST_BLOCKS} blocks of one trial or more"
        )
    return TrialBlocks(np.asarray(sums, dtype=np.float64), n_obs)
