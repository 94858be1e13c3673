"""Regions off the grid: two plateaus among scattered vectors, the heavier first, and noise in neither."""

import sys

import numpy as np
import pytest

from swarmd.engine.guards.off_grid import density_clusters


def a_search(heights=(1.0, 0.95), seed=14):
    """300 vectors, a wide plateau at the lower left and a narrow one at the upper right."""
    places = np.random.default_rng(seed).random((300, 2))
    wide = np.all(np.abs(places - 0.25) < 0.2, axis=1)
    narrow = np.all(np.abs(places - 0.8) < 0.13, axis=1)
    return places, np.where(wide, heights[0], np.where(narrow, heights[1], 0.0)), wide, narrow


def test_two_plateaus_are_two_regions_and_the_wider_comes_first():
    n_regions = []
    for seed in range(12):
        places, scores, wide, narrow = a_search((0.95, 1.0), seed)
        first, *others = density_clusters(places, scores, radius=0.08)
        assert wide[first.vectors].mean() > 0.9 or len(others) == 0
        assert first.centre in first.vectors
        for other in others:
            assert narrow[other.vectors].mean() > 0.9
            assert first.weight > other.weight
        n_regions.append(1 + len(others))
    # Now and then a few stray vectors join the two.
    assert set(n_regions) <= {1, 2}
    assert n_regions.count(2) >= 10


@pytest.mark.parametrize("seed", range(5))
def test_one_plateau_is_one_region(seed):
    places, scores, wide, _ = a_search((1.0, 0.0), seed)
    (found,) = density_clusters(places, scores, radius=0.08)
    # One just outside may have most of its neighbours inside.
    assert wide[found.vectors].mean() > 0.9


def test_where_everything_loses_or_too_few_are_high_there_is_none():
    places, scores, _, _ = a_search()
    assert density_clusters(places, scores - 2.0, radius=0.08) == ()
    assert density_clusters(places[:3], scores[:3] + 1.0, radius=2.0) == ()
    assert density_clusters(places, scores, radius=1e-9) == ()
    assert density_clusters(np.zeros((0, 2)), np.zeros(0), radius=0.1) == ()


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ValueError, match="install the extra `regions`"):
        density_clusters(np.zeros((9, 1)), np.ones(9), radius=0.1)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"places \(9,\) of 9 scores"):
        density_clusters(np.zeros(9), np.ones(9), radius=0.1)
    with pytest.raises(ValueError, match="level 2"):
        density_clusters(np.zeros((9, 1)), np.ones(9), radius=0.1, level=2)
