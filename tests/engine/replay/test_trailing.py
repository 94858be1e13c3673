"""The trailing window: the moments of numpy, whatever the batches, and no leftovers of what has gone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.replay.trailing import Trailing


def slow(values: np.ndarray, window: int) -> tuple[list[float], list[float]]:
    parts = [values[max(0, at + 1 - window) : at + 1] for at in range(values.size)]
    full = [part.size == window for part in parts]
    return (
        [float(part.mean()) if is_full else np.nan for part, is_full in zip(parts, full, strict=True)],
        [float(part.std()) if is_full else np.nan for part, is_full in zip(parts, full, strict=True)],
    )


@pytest.mark.parametrize("window", [1, 2, 7, 50, 200])
@pytest.mark.parametrize("offset", [0.0, 181.69, 60_000.0, 1e9])
def test_the_moments_are_those_of_each_window(window: int, offset: float):
    values = offset + np.random.default_rng(1).normal(0.0, 0.5, 500)
    mean, deviation = Trailing(window).moments(values)
    wanted_mean, wanted = slow(values, window)
    np.testing.assert_allclose(mean, wanted_mean, rtol=1e-14, atol=1e-15)
    # Values themselves are rounded: at 1e9 a float has seven digits after the point.
    np.testing.assert_allclose(deviation, wanted, rtol=1e-9, atol=1e-12 * offset)


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    window=st.integers(1, 20),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_batches_change_no_bit(values: list[float], window: int, cuts: list[int]):
    array = np.array(values)
    whole = Trailing(window).moments(array)
    trailing = Trailing(window)
    parts = [trailing.moments(part) for part in np.split(array, sorted(min(cut, array.size) for cut in cuts))]
    for at in range(2):
        np.testing.assert_array_equal(np.concatenate([part[at] for part in parts]), whole[at])


def test_values_that_are_alike_have_no_deviation_even_after_a_storm():
    rng = np.random.default_rng(3)
    values = np.concatenate((rng.normal(0, 1e7, 100) * np.pi, np.full(60, 0.1)))
    mean, deviation = Trailing(20).moments(values)
    assert deviation[119:].tolist() == [0.0] * 41
    assert mean[-1] == 0.1
    assert np.all(deviation[19:119] > 0.0)


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="a window of 0 values; give at least 1"):
        Trailing(0)
