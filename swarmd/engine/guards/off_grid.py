"""Regions of high neighbourhood means among vectors that lie on no grid, by density (HDBSCAN).

For what a refinement tried, where the grid's form (`clusters.py`) has no cells to count. Needs the extra `regions`.
A region's size is a count of vectors, and a sampler puts its vectors where it expects high scores: it tells where a
plateau was looked at, and only then how wide it is.
"""

from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.guards.clusters import LEAST_NEIGHBOURS, LEVEL, neighbourhood_means

LEAST_VECTORS = 5


@dataclass(frozen=True, slots=True)
class DenseRegion:
    """Vectors of one region, `mean` being that of their neighbourhood means, and `centre` the highest of these."""

    centre: int
    vectors: IntArray
    mean: float

    @property
    def weight(self) -> float:
        """What regions are ranked by."""
        return self.vectors.size * self.mean


def density_clusters(
    places: FloatArray,
    scores: FloatArray,
    *,
    radius: float,
    level: float = LEVEL,
    least_vectors: int = LEAST_VECTORS,
) -> tuple[DenseRegion, ...]:
    """Regions of vectors whose neighbourhood mean is at least `level` times the highest, the heaviest first.

    Parameters
    ----------
    places : shape (n, n_params), every parameter on one scale (0 to 1 of its range, say)
    scores : shape (n,), finite, higher being better
    radius : how far a neighbour may be in each parameter, for the means
    level : in (0, 1]
    least_vectors : of a region, at least 2; vectors in none of them are noise

    Returns
    -------
    tuple of DenseRegion
        Ranked by number of vectors times mean. Empty where no vector has enough neighbours, where the highest mean is
        not positive, and where too few vectors are high.

    Raises
    ------
    ValueError
        If scikit-learn is not installed, or places and scores differ in number.

    Source: Campello, Moulavi and Sander (2013), Density-based clustering based on hierarchical density estimates;
    distances are those of the largest difference in a parameter, as the neighbourhoods are.
    """
    if places.ndim != 2 or places.shape[0] != scores.size:
        raise ValueError(f"density clusters: places {places.shape} of {scores.size} scores; give one row to each")
    if not 0.0 < level <= 1.0:
        raise ValueError(f"density clusters: level {level}; give a share in (0, 1], as a rule {LEVEL}")
    try:
        from sklearn.cluster import HDBSCAN
    except ImportError:
        raise ValueError("density clusters: scikit-learn is not installed; install the extra `regions`") from None
    means, counts = neighbourhood_means(places, scores, radius)
    asked = counts > LEAST_NEIGHBOURS
    highest = float(means[asked].max(initial=0.0))
    high = np.flatnonzero(asked & (means >= level * highest))
    if highest <= 0.0 or high.size < least_vectors:
        return ()
    # Vectors whose neighbourhoods touch are one region: by density alone an even plateau falls to pieces.
    search = HDBSCAN(
        min_cluster_size=least_vectors,
        metric="chebyshev",
        cluster_selection_epsilon=2.0 * radius,
        allow_single_cluster=True,
        copy=True,
    )
    labels = search.fit_predict(places[high])
    found = []
    for region in range(labels.max() + 1):
        vectors = high[labels == region].astype(np.int64)
        of_region = means[vectors]
        found.append(DenseRegion(int(vectors[np.argmax(of_region)]), vectors, float(of_region.mean())))
    return tuple(sorted(found, key=lambda each: (-each.weight, each.centre)))
