"""Where a search found a plateau rather than a peak: neighbourhood means, and the regions in which they stay high.

The peak among thousands of noisy scores is the luckiest of them; a vector whose neighbours do well too owes less to
luck and moves less when the market does. On a grid by shifts, whatever its size; for vectors off the grid, as a
refinement makes them, by their distances.
"""

from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray

# The level of a region, as a share of the highest neighbourhood mean.
LEVEL = 0.8
# As many as the sensitivity asks for: fewer tell nothing of a neighbourhood.
LEAST_NEIGHBOURS = 2
# Means of the same scores in another order differ by this share at most.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Cluster:
    """One connected region of high neighbourhood means, `mean` being that of its neighbourhood means.

    `cells` : shape (volume, n_params), grid indices in C order; `centre` the one of the highest neighbourhood mean
    """

    centre: tuple[int, ...]
    volume: int
    mean: float
    cells: IntArray

    @property
    def weight(self) -> float:
        """What regions are ranked by."""
        return self.volume * self.mean


@dataclass(frozen=True, slots=True)
class StableCluster:
    """`centre` : the cell of the highest neighbourhood mean, `mean` that mean, `score` its own score.

    `clusters` : the regions above the level, the heaviest first; none where the highest mean is not positive, for then
        a share of it is no level. The centre lies in one of them, not always in the heaviest.
    `means` : neighbourhood mean of every cell, NaN where it is not asked
    """

    centre: tuple[int, ...]
    mean: float
    score: float
    clusters: tuple[Cluster, ...]
    means: FloatArray


def stable_cluster(
    scores: FloatArray, *, level: float = LEVEL, least_neighbours: int = LEAST_NEIGHBOURS
) -> StableCluster | None:
    """The middle of the best neighbourhood of a grid of scores, and its regions of high neighbourhood means.

    A cell's neighbourhood is itself and all cells at most one step away in every parameter, those without a score left
    out. The centre is the cell of the highest mean (equal to within rounding: the first in C order). A region is a set
    of cells with a mean of at least `level` times the highest, joined by steps in one parameter each; regions are
    ranked by volume times mean.

    Parameters
    ----------
    scores : one axis per parameter, in the order of its values; NaN where a vector has no valid result
    level : in (0, 1]
    least_neighbours : a cell with fewer scored neighbours is not asked: alone, a lucky peak would be its own plateau

    Returns
    -------
    StableCluster or None
        None where no cell has enough neighbours.

    Raises
    ------
    ValueError
        If a score is infinite, or the level is outside (0, 1].
    """
    if not 0.0 < level <= 1.0:
        raise ValueError(f"stable cluster: level {level}; give a share in (0, 1], as a rule {LEVEL}")
    grid = np.asarray(scores, np.float64)
    if np.isinf(grid).any():
        raise ValueError("stable cluster: a score is infinite; give NaN where a vector has no valid result")
    is_scored = np.isfinite(grid)
    counts = _box_sums(is_scored.astype(np.float64))
    asked = is_scored & (counts > least_neighbours)
    if not asked.any():
        return None
    sums = _box_sums(np.where(is_scored, grid, 0.0))
    means: FloatArray = np.where(asked, sums / np.maximum(counts, 1.0), np.nan)
    centre, highest = _first_highest(means)
    clusters = _regions(means, level * highest) if highest > 0.0 else ()
    return StableCluster(centre, float(means[centre]), float(grid[centre]), clusters, means)


def neighbourhood_means(places: FloatArray, scores: FloatArray, radius: float) -> tuple[FloatArray, IntArray]:
    """The same mean for vectors off the grid: of all scores at most `radius` away in every parameter.

    Parameters
    ----------
    places : shape (n, n_params), each parameter on a scale of the caller's
    scores : shape (n,), finite

    Returns
    -------
    means, counts : shape (n,) each; both include the vector itself, so that a lonely one has its own score and 1
    """
    means, counts = np.empty(scores.size), np.empty(scores.size, np.int64)
    for at, place in enumerate(places):
        # Not a hair's breadth stricter than a step of exactly the radius.
        near = np.all(np.abs(places - place) <= radius + 1e-12, axis=1)
        counts[at] = np.count_nonzero(near)
        means[at] = scores[near].sum() / counts[at]
    return means, counts


def _box_sums(values: FloatArray) -> FloatArray:
    """Sum over each cell and all within one step in every axis: one axis after the other, so 3 sums each, not 3^d."""
    for axis in range(values.ndim):
        along = np.moveaxis(values, axis, 0)
        summed = along.copy()
        summed[1:] += along[:-1]
        summed[:-1] += along[1:]
        values = np.moveaxis(summed, 0, axis)
    return values


def _first_highest(means: FloatArray) -> tuple[tuple[int, ...], float]:
    highest = float(np.nanmax(means))
    is_highest = means >= highest - _ROUNDING * abs(highest)
    return _cell(int(np.argmax(is_highest)), means.shape), highest


def _regions(means: FloatArray, level: float) -> tuple[Cluster, ...]:
    # scipy takes a while to import, and most who ask for a neighbourhood mean want no regions.
    from scipy import ndimage

    # NaN compares false: a cell that is not asked belongs to no region.
    is_high: BoolArray = means >= level * (1.0 - _ROUNDING)
    labels, n_regions = ndimage.label(is_high)
    found = []
    for region in range(1, n_regions + 1):
        is_inside = labels == region
        cells = np.argwhere(is_inside).astype(np.int64)
        centre, _ = _first_highest(np.where(is_inside, means, np.nan))
        found.append(Cluster(centre, int(cells.shape[0]), float(means[is_inside].mean()), cells))
    # The sort is stable: of equal weights the region that begins first comes first.
    return tuple(sorted(found, key=lambda cluster: -cluster.weight))


def _cell(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(index) for index in np.unravel_index(flat, shape))
