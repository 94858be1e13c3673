"""Decaying sums: the power of two against the mathematical library, and the sum against its definition."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.replay.decay import decayed_sum, halvings

NO_UNIT = np.empty(0)


def halved(elapsed: np.ndarray, half_life: float = 1.0) -> np.ndarray:
    out = np.empty(elapsed.size)
    halvings(elapsed, 1.0 / half_life, out)
    return out


def summed(elapsed: np.ndarray, values: np.ndarray, half_life: float, *cuts: int, unit: np.ndarray = NO_UNIT) -> list:
    carried, found = np.zeros(1), []
    edges = [0, *sorted(cuts), values.size]
    for start, stop in pairwise(edges):
        out = np.empty(stop - start)
        decayed_sum(elapsed[start:stop], values[start:stop], unit[start:stop], half_life, carried, out)
        found += out.tolist()
    return found


def test_halvings_are_those_of_the_mathematical_library():
    rng = np.random.default_rng(1)
    gaps = np.concatenate((rng.uniform(0, 60, 100_000), 10.0 ** rng.uniform(-12, 2.9, 100_000)))
    assert np.max(np.abs(halved(gaps) / np.exp2(-gaps) - 1.0)) <= 2 * np.finfo(float).eps


def test_whole_half_lives_are_exact_and_nothing_is_left_after_a_thousand():
    assert halved(np.arange(60.0)).tolist() == [2.0**-n for n in range(60)]
    assert halved(np.array([1e4, 1e18, 1e300])).tolist() == [2.0**-1000] * 3


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.floats(0, 1e3), min_size=1, max_size=40),
    half_life=st.floats(0.01, 1e4),
    cuts=st.lists(st.integers(0, 40), max_size=3),
    seed=st.integers(0, 99),
)
def test_the_sum_is_that_of_all_values_by_their_age_whatever_the_batches(
    gaps: list[float], half_life: float, cuts: list[int], seed: int
):
    elapsed = np.array(gaps)
    values = np.random.default_rng(seed).integers(-9, 10, elapsed.size).astype(float)
    found = summed(elapsed, values, half_life)
    at = np.cumsum(elapsed)
    wanted = [math.fsum(values[: n + 1] * np.exp2(-(at[n] - at[: n + 1]) / half_life)) for n in range(elapsed.size)]
    # An age is a difference of sums of gaps, which is rounded more than the gaps are.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * (1.0 + at[-1] / half_life) * 10 * elapsed.size)
    assert summed(elapsed, values, half_life, *(min(cut, elapsed.size) for cut in cuts)) == found


def test_blocks_leave_no_seam():
    rng = np.random.default_rng(2)
    elapsed, values = rng.exponential(1.0, 3000), rng.normal(size=3000)
    total, wanted = 0.0, []
    for gap, value in zip(elapsed.tolist(), values.tolist(), strict=True):
        total = total * 2.0 ** (-gap / 5.0) + value
        wanted.append(total)
    assert summed(elapsed, values, 5.0) == pytest.approx(wanted, rel=1e-12, abs=1e-13)


def test_units_divide_and_what_is_none_leaves_nothing():
    found = summed(np.zeros(3), np.ones(3), 1.0, unit=np.array([2.0, 0.0, np.nan]))
    assert found[0] == 0.5
    assert np.isnan(found[1:]).all()
