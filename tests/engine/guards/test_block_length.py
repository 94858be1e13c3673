"""Automatic block lengths: their law for memory known by construction, their caps, and their edges.

Held against the package arch in `tests/oracles/test_guards_against_arch.py`.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.block_length import politis_white_block_length, returns_block_length


def remembering(n: int, rho: float, seed: int) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal(n)
    for t in range(1, n):
        x[t] += rho * x[t - 1]
    return x


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.8])
def test_it_comes_close_to_the_length_of_a_known_memory(rho):
    """AR(1): G / g(0) = 2 rho / (1 - rho^2), so the best length is ((2 rho / (1 - rho^2))^2 n)^(1/3), stationary."""
    n = 4000
    best = ((2 * rho / (1 - rho * rho)) ** 2 * n) ** (1 / 3)
    found = np.median([politis_white_block_length(remembering(n, rho, seed)).stationary for seed in range(9)])
    assert found == pytest.approx(best, rel=0.2)


def test_the_circular_blocks_are_longer_by_the_cube_root_of_one_and_a_half():
    found = politis_white_block_length(remembering(1000, 0.5, 0))
    assert found.circular / found.stationary == pytest.approx(1.5 ** (1 / 3), rel=1e-12)


@pytest.mark.parametrize(("n", "cap"), [(13, 13 / 3), (16, 16 / 3), (31, 31 / 3)])
def test_a_short_memory_that_looks_long_is_capped_at_a_third_of_the_series_not_rounded_up(n, cap):
    found = [politis_white_block_length(remembering(n, 0.8, seed)).circular for seed in range(120)]
    assert max(found) == cap


@pytest.mark.parametrize("x", [[], [0.1], [0.1, 0.2, 0.3], [0.0] * 100, [0.1] * 100])
def test_without_memory_to_measure_blocks_are_single_periods(x):
    assert politis_white_block_length(x) == (1.0, 1.0)


def test_volatility_clusters_are_seen_in_the_squares():
    plain, both = [], []
    for seed in range(5):
        volatility = np.exp(0.15 * remembering(2000, 0.95, seed + 100))
        returns = 0.01 * volatility * np.random.default_rng(seed).standard_normal(2000)
        plain.append(politis_white_block_length(returns).stationary)
        both.append(returns_block_length(returns).stationary)
        assert both[-1] == max(plain[-1], politis_white_block_length(returns**2).stationary)
    assert np.median(plain) < 3
    assert min(both) > 25


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(-1, 1), min_size=0, max_size=60), st.sampled_from([1e-8, 3.0, 1e6]))
def test_it_stays_between_its_floor_and_its_cap_and_knows_no_scale(values, scale):
    x = np.array(values)
    found = politis_white_block_length(x)
    cap = max(1.0, min(3 * math.sqrt(x.size), x.size / 3))
    assert 1.0 <= found.stationary <= found.circular <= cap + 1e-12
    if x.size and np.ptp(x) > 1e-3:
        assert politis_white_block_length(x * scale) == pytest.approx(found, rel=1e-4)


def test_a_hole_is_refused_by_its_place():
    with pytest.raises(ValueError, match="block length: value 2 is nan"):
        politis_white_block_length([0.1, 0.2, math.nan, 0.1])
