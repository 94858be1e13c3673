"""The returns of many trials as sums and sums of squares over equal blocks of time.

Mean and deviation over any choice of blocks follow from them, so a hundred thousand trials that would fill gigabytes
as daily returns take a few megabytes, and can be added up portion by portion. Made for the overfitting test.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class BlockSums:
    """Of each block and trial, shape (n_blocks, n_trials): the sum of returns, and that of their squares."""

    sums: FloatArray
    squares: FloatArray
    rows_per_block: int

    @property
    def n_blocks(self) -> int:
        return int(self.sums.shape[0])

    @property
    def n_trials(self) -> int:
        return int(self.sums.shape[1])


def block_sums(returns: ArrayLike, n_blocks: int) -> BlockSums:
    """Block sums of the newest `T - T % n_blocks` rows; the oldest `T % n_blocks` belong to no block.

    Parameters
    ----------
    returns : shape (T, n_trials), net returns per period, flat ones included; float32 is summed as float64
    n_blocks : of `T // n_blocks` rows each

    Raises
    ------
    ValueError
        If there are fewer rows than blocks, or a return is not finite; names its row and trial.
    """
    matrix = np.asarray(returns)
    if matrix.ndim != 2:
        raise ValueError(f"block sums: returns have shape {matrix.shape}; give rows of time and columns of trials")
    n_rows = matrix.shape[0] // n_blocks
    if not n_rows:
        raise ValueError(f"block sums: {matrix.shape[0]} rows do not fill {n_blocks} blocks; give more rows")
    oldest = matrix.shape[0] % n_blocks
    sums = np.empty((n_blocks, matrix.shape[1]))
    squares = np.empty_like(sums)
    for block in range(n_blocks):
        start = oldest + block * n_rows
        # One block at a time: the whole in float64, or its squares, would be as large as the returns again.
        rows = np.asarray(matrix[start : start + n_rows], np.float64)
        rows.sum(axis=0, out=sums[block])
        np.einsum("ij,ij->j", rows, rows, out=squares[block])
        if not np.isfinite(squares[block]).all():
            row, trial = np.argwhere(~np.isfinite(rows) | (np.abs(rows) > 1e150))[0].tolist()
            raise ValueError(
                f"block sums: the return of trial {trial} in row {start + row} is {rows[row, trial]}; "
                "leave no hole in the series"
            )
    return BlockSums(sums, squares, n_rows)


def joined_trials(portions: Iterable[BlockSums]) -> BlockSums:
    """The trials of all portions beside one another, in their order.

    Raises
    ------
    ValueError
        If there is no portion, or they were not cut into the same blocks.
    """
    parts = list(portions)
    cuts = {(part.n_blocks, part.rows_per_block) for part in parts}
    if len(cuts) != 1:
        raise ValueError(
            f"block sums: the portions have (blocks, rows) {sorted(cuts)}; cut all trials of one search alike"
        )
    return BlockSums(
        np.concatenate([part.sums for part in parts], axis=1),
        np.concatenate([part.squares for part in parts], axis=1),
        parts[0].rows_per_block,
    )
