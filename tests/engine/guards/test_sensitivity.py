"""Parameter sensitivity: its formula, what makes it undefined, and a plateau against a needle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.sensitivity import parameter_sensitivity

SCORES = st.lists(st.floats(-5, 5), min_size=2, max_size=30)


def test_an_example_by_hand():
    # Differences 0.2, 0.2 and 0.4 of 2: squares 0.04, 0.04 and 0.16, a mean of 0.08, over 4.
    found = parameter_sensitivity(2.0, [1.8, 2.2, 1.6])
    assert found.variance == pytest.approx(0.02)
    # Mean 5.6 / 3, deviations with n - 1; the percentile lies a fifth of the way from 1.6 to 1.8.
    assert found.cv == pytest.approx(np.std([1.8, 2.2, 1.6], ddof=1) / (5.6 / 3))
    assert found.p10_ratio == pytest.approx(1.64 / 2.0)
    assert (found.n_valid, found.n_given, found.undefined_because) == (3, 3, None)


@settings(deadline=None, derandomize=True)
@given(st.floats(0.01, 10), SCORES, st.floats(0.01, 100))
def test_a_plain_loop_says_the_same_and_the_unit_does_not_matter(centre, neighbours, unit):
    found = parameter_sensitivity(centre, neighbours)
    slow = sum((score - centre) ** 2 for score in neighbours) / len(neighbours) / centre**2
    assert found.variance == pytest.approx(slow, rel=1e-9, abs=1e-12)
    scaled = parameter_sensitivity(centre * unit, [score * unit for score in neighbours])
    assert scaled.variance == pytest.approx(found.variance, rel=1e-9, abs=1e-9)
    assert scaled.p10_ratio == pytest.approx(found.p10_ratio, rel=1e-9, abs=1e-9)


def test_a_flat_neighbourhood_has_none():
    found = parameter_sensitivity(1.3, [1.3] * 8)
    assert (found.variance, found.cv, found.p10_ratio) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("centre", "neighbours", "why"),
    [
        # The trap: a steady loss, squared, would look like a plateau.
        (-1.0, [-1.0, -1.0, -1.0], "-1, not positive"),
        (0.0, [0.0, 0.0, 0.0], "0, not positive"),
        (math.nan, [1.0, 1.0], "score is nan"),
        (math.inf, [1.0, 1.0], "score is inf"),
        (None, [1.0, 1.0], "score is None"),
        (1.0, [], "0 of 0 neighbours"),
        (1.0, [1.0], "1 of 1 neighbours are valid, fewer than 2"),
        (1.0, [1.0, None, math.nan, math.inf], "1 of 4 neighbours are valid"),
    ],
)
def test_undefined_with_the_reason(centre, neighbours, why):
    found = parameter_sensitivity(centre, neighbours)
    assert (found.variance, found.cv, found.p10_ratio) == (None, None, None)
    assert why in found.undefined_because
    assert found.n_given == len(neighbours)


def test_neighbours_without_a_result_are_counted_and_left_out():
    found = parameter_sensitivity(1.0, np.array([0.9, np.nan, 1.1]))
    assert found.variance == pytest.approx(0.01)
    assert (found.n_valid, found.n_given) == (2, 3)


def test_neighbours_that_lose_on_the_whole_have_no_coefficient_of_variation():
    assert parameter_sensitivity(1.0, [-1.0, -2.0]).cv is None


def test_a_plateau_passes_ten_percent_and_a_needle_does_not():
    rng = np.random.default_rng(3)
    plateau = 1.5 + rng.normal(0, 0.2, 16)
    needle = rng.normal(0.2, 0.2, 16)
    assert parameter_sensitivity(1.5, plateau).variance < 0.1 < parameter_sensitivity(1.5, needle).variance
