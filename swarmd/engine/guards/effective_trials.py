"""How many independent trials a correlated crowd of them is worth.

Neighbouring parameter vectors earn nearly the same returns: 200,000 of them are not 200,000 chances. Feeds the deflated
Sharpe ratio. Four estimates, because they differ by orders of magnitude and a reader should see that; one is used, and
has a way of its own for crowds whose correlations would fill no memory.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from swarmd.engine.arrays import FloatArray

CLUSTER_CORRELATION = 0.7
# Correlations rounded for a report, or estimated pair by pair, are off by this much; a negative share of the spectrum
# beyond it is no correlation matrix.
_TOLERANCE = 1e-6
_NEGATIVE_SHARE = 0.01
# Deviations of a constant are the rounding of its mean.
_CONSTANT = 1e-13
_GROUP_TRIALS = 4096


class EffectiveTrials(NamedTuple):
    """Estimates of one number, each in [1, N] but for `by_average_correlation`. `effective_rank` is the one used."""

    effective_rank: float
    participation_ratio: float
    clusters: int
    by_average_correlation: float
    average_correlation: float

    def __float__(self) -> float:
        return self.effective_rank


def effective_number_of_trials(correlation: ArrayLike) -> EffectiveTrials:
    """Effective number of independent trials behind a correlation matrix of the trials' returns.

    Parameters
    ----------
    correlation : shape (n_trials, n_trials), symmetric with ones on the diagonal

    Returns
    -------
    EffectiveTrials
        `effective_rank`: exp(entropy of the eigenvalues over their sum), the one used. `participation_ratio`:
        (sum of eigenvalues)^2 / sum of their squares, never above the former. `clusters`: groups of average linkage
        within which trials correlate by 0.7 or more on average (distance 1 - correlation, cut at 0.3; a trial and its
        mirror image are two groups, for the better of the two is a choice). `average_correlation`: the mean r off the
        diagonal, 0 for one trial, and `by_average_correlation`: r + (1 - r) * N, of the deflated Sharpe ratio's
        appendix. Not used: a long and a short variant of one rule cancel in r, and N mirrored copies count as more
        than N.

    Raises
    ------
    ValueError
        For a matrix that is no correlation matrix. Trials that never vary have no correlation: leave them out.

    Source: Roy and Vetterli (2007), The effective rank, EUSIPCO; Bailey and López de Prado (2014), appendix 3.
    """
    matrix = _checked(correlation)
    n_trials = len(matrix)
    if n_trials == 1:
        return EffectiveTrials(1.0, 1.0, 1, 1.0, 0.0)
    eigenvalues = np.linalg.eigvalsh(matrix)
    negative = -float(eigenvalues[eigenvalues < 0.0].sum())
    if negative > _NEGATIVE_SHARE * n_trials:
        raise ValueError(
            f"effective number of trials: eigenvalues below 0 sum to -{negative:.4g} of {n_trials}; "
            "that is no correlation matrix, compute all its entries from the same rows"
        )
    shares = _shares(eigenvalues)
    average = float((matrix.sum() - n_trials) / (n_trials * (n_trials - 1)))
    return EffectiveTrials(
        effective_rank=_rank(shares, n_trials),
        participation_ratio=min(max(1.0 / float(shares @ shares), 1.0), float(n_trials)),
        clusters=_clusters(matrix),
        by_average_correlation=average + (1.0 - average) * n_trials,
        average_correlation=average,
    )


def effective_rank_of_returns(returns: ArrayLike) -> float:
    """`effective_rank` of the trials' correlations, without the matrix of n_trials x n_trials.

    The correlations have the same eigenvalues other than 0 as the standardised returns' products across trials, a
    matrix of n_obs x n_obs. For 200,000 trials over 60 blocks that is 60 x 60 in place of 320 GB.

    Parameters
    ----------
    returns : shape (n_obs, n_trials), per period or summed by blocks; trials that never vary are left out

    Returns
    -------
    float
        In [1, min(n_trials, n_obs - 1)]: n_obs returns cannot show more independent trials than that. 1 without a trial
        that varies.

    Raises
    ------
    ValueError
        For another shape, fewer than two rows, or a return that is not finite (names the first).
    """
    matrix = np.asarray(returns, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 2:
        raise ValueError(f"effective number of trials: returns of shape {matrix.shape}; give (n_obs >= 2, n_trials)")
    products = np.zeros((matrix.shape[0], matrix.shape[0]))
    varying = 0
    for start in range(0, matrix.shape[1], _GROUP_TRIALS):
        group = matrix[:, start : start + _GROUP_TRIALS]
        if not np.isfinite(group).all():
            row, column = np.argwhere(~np.isfinite(group))[0]
            raise ValueError(
                f"effective number of trials: return {row} of trial {start + column} is {group[row, column]}; "
                "leave no hole in the series"
            )
        deviations = group - group.mean(axis=0)
        norms = np.sqrt(np.einsum("tk,tk->k", deviations, deviations))
        varies = norms > _CONSTANT * np.abs(group).max(axis=0, initial=0.0)
        standard = deviations[:, varies] / norms[varies]
        products += standard @ standard.T
        varying += standard.shape[1]
    if not varying:
        return 1.0
    return _rank(_shares(np.linalg.eigvalsh(products)), min(varying, matrix.shape[0] - 1))


def _shares(eigenvalues: ArrayLike) -> FloatArray:
    values = np.asarray(eigenvalues, dtype=np.float64)
    shares: FloatArray = values[values > 0.0]
    shares /= shares.sum()
    return shares


def _rank(shares: FloatArray, most: int) -> float:
    # Rounding may leave [1, most] by an ulp, which a logarithm or a quantile further on would not forgive.
    return min(max(math.exp(-float(shares @ np.log(shares))), 1.0), float(most))


def _clusters(matrix: FloatArray) -> int:
    distances = squareform(np.maximum(1.0 - matrix, 0.0), checks=False)
    # The tolerance keeps a correlation of exactly 0.7 inside.
    threshold = 1.0 - CLUSTER_CORRELATION + 1e-12
    return int(fcluster(linkage(distances, method="average"), threshold, criterion="distance").max())


def _checked(correlation: ArrayLike) -> FloatArray:
    matrix = np.array(correlation, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"effective number of trials: shape {matrix.shape}; give a square matrix of 1 trial or more")
    wrong = ~(np.abs(matrix) <= 1.0 + _TOLERANCE)
    if wrong.any():
        row, column = np.unravel_index(np.argmax(wrong), wrong.shape)
        raise ValueError(
            f"effective number of trials: correlation of trials {row} and {column} is {matrix[row, column]}; "
            "leave out trials that never vary"
        )
    off = np.abs(matrix.diagonal() - 1.0) > _TOLERANCE
    if off.any():
        at = int(np.argmax(off))
        raise ValueError(
            f"effective number of trials: correlation of trial {at} with itself is {matrix[at, at]}, not 1; "
            "give correlations, not covariances"
        )
    skewed = np.abs(matrix - matrix.T) > _TOLERANCE
    if skewed.any():
        row, column = np.unravel_index(np.argmax(skewed), skewed.shape)
        raise ValueError(
            f"effective number of trials: {matrix[row, column]} at ({row}, {column}) but {matrix[column, row]} at "
            f"({column}, {row}); give a symmetric matrix"
        )
    symmetric: FloatArray = (matrix + matrix.T) / 2.0
    np.fill_diagonal(symmetric, 1.0)
    return symmetric
