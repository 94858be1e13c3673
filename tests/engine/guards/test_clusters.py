"""Stable clusters: neighbourhood means against a plain loop, and a plateau chosen before a needle."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from swarmd.engine.guards.clusters import neighbourhood_means, stable_cluster

GRIDS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=5),
    elements=st.one_of(st.just(np.nan), st.integers(-8, 8).map(lambda eighths: eighths / 8)),
)


def slow_means(scores, least_neighbours=2):
    means = np.full(scores.shape, np.nan)
    for cell in np.ndindex(scores.shape):
        near = [
            scores[other]
            for step in itertools.product((-1, 0, 1), repeat=scores.ndim)
            if all(0 <= c + s < n for c, s, n in zip(cell, step, scores.shape, strict=True))
            and np.isfinite(scores[other := tuple(c + s for c, s in zip(cell, step, strict=True))])
        ]
        if np.isfinite(scores[cell]) and len(near) > least_neighbours:
            means[cell] = sum(near) / len(near)
    return means


@settings(deadline=None, derandomize=True)
@given(GRIDS)
def test_a_plain_loop_finds_the_same_means_centre_and_regions(scores):
    means = slow_means(scores)
    found = stable_cluster(scores)
    if not np.isfinite(means).any():
        assert found is None
        return
    assert found.means == pytest.approx(means, nan_ok=True)
    highest = np.nanmax(means)
    assert found.mean == pytest.approx(highest)
    assert found.centre == next(cell for cell in np.ndindex(means.shape) if means[cell] >= highest - 1e-9)
    if highest <= 0:
        assert found.clusters == ()
        return
    is_high = np.nan_to_num(means, nan=-np.inf) >= 0.8 * highest - 1e-9
    assert sum(cluster.volume for cluster in found.clusters) == np.count_nonzero(is_high)
    assert len(found.clusters) == ndimage.label(is_high)[1]
    weights = [cluster.weight for cluster in found.clusters]
    assert weights == sorted(weights, reverse=True)
    for cluster in found.clusters:
        assert cluster.mean == pytest.approx(np.mean([means[tuple(cell)] for cell in cluster.cells]))
        assert tuple(cluster.centre) in {tuple(cell) for cell in cluster.cells.tolist()}
    assert any(found.centre in {tuple(cell) for cell in each.cells.tolist()} for each in found.clusters)


@settings(deadline=None, derandomize=True)
@given(GRIDS)
def test_vectors_off_the_grid_have_the_same_means_where_they_lie_on_one(scores):
    places = np.argwhere(np.isfinite(scores)).astype(np.float64)
    means, counts = neighbourhood_means(places, scores[np.isfinite(scores)], 1.0)
    enough = counts > 2
    assert means[enough] == pytest.approx(slow_means(scores)[np.isfinite(scores)][enough])


def test_a_plateau_is_chosen_before_a_higher_needle():
    scores = np.full((12, 12), 0.1)
    scores[2, 2] = 3.0
    scores[6:10, 6:10] = 1.0
    found = stable_cluster(scores)
    assert found.centre == (7, 7)
    assert (found.mean, found.score) == (pytest.approx(1.0), 1.0)
    # The whole neighbourhood of the needle has a mean of (3.0 + 8 * 0.1) / 9 = 0.42, far below the level.
    assert [cluster.volume for cluster in found.clusters] == [4]


def test_regions_are_ranked_by_volume_times_mean_and_not_by_their_height():
    scores = np.zeros((7, 20))
    scores[2:5, 1:4] = 1.0
    scores[1:6, 8:18] = 0.9
    found = stable_cluster(scores)
    assert found.centre == (3, 2)
    assert [(cluster.volume, cluster.centre) for cluster in found.clusters] == [(24, (2, 9)), (1, (3, 2))]


def test_a_lonely_lucky_cell_is_no_plateau():
    scores = np.full((6, 6), np.nan)
    scores[0, 0] = 9.0
    assert stable_cluster(scores) is None
    scores[3:, 3:] = 1.0
    assert stable_cluster(scores).centre == (3, 3)


def test_a_flat_grid_is_one_region_whatever_rounding_makes_of_its_means():
    found = stable_cluster(np.full((9, 9, 3), 0.1))
    assert found.centre == (0, 0, 0)
    assert [cluster.volume for cluster in found.clusters] == [243]


def test_where_everything_loses_there_is_a_centre_and_no_region():
    found = stable_cluster(np.full((4, 4), -1.0))
    assert (found.centre, found.clusters) == ((0, 0), ())


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="level 0"):
        stable_cluster(np.ones((3, 3)), level=0)
    with pytest.raises(ValueError, match="score is infinite"):
        stable_cluster(np.array([1.0, np.inf, 1.0]))


def test_in_noise_the_plateau_is_less_of_an_exaggeration_than_the_peak():
    rng = np.random.default_rng(6)
    peaks, means = [], []
    for _ in range(50):
        scores = rng.normal(0, 1, (15, 15))
        peaks.append(scores.max())
        means.append(stable_cluster(scores).mean)
    assert np.mean(means) < 0.5 * np.mean(peaks)
