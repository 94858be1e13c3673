"""Rolling mean and deviation against exact fractions, against independent libraries, and on what ruins running sums."""

from fractions import Fraction
from math import isqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swarmd.engine.arrays import FloatArray
from swarmd.engine.indicators.bands import PIECE, rolling_moments

WINDOWS = (1, 2, 3, 7, 8, 20, 64, 100, 200, 255)


def walk(n: int, seed: int, *, level: float = 100.0, step: float = 0.01) -> FloatArray:
    return level + np.cumsum(np.random.default_rng(seed).standard_normal(n) * step)


def exact_moments(values: list[float]) -> tuple[Fraction, Fraction]:
    """Mean and population variance without any rounding."""
    exact = [Fraction(value) for value in values]
    mean = sum(exact, Fraction(0)) / len(exact)
    return mean, sum(((value - mean) ** 2 for value in exact), Fraction(0)) / len(exact)


def root(value: Fraction) -> Fraction:
    """The square root to 40 digits."""
    digits = 10**80
    return Fraction(isqrt(int(value * digits * digits)), digits)


@pytest.mark.parametrize(("level", "step"), [(100.0, 0.5), (1e6, 1e-3), (1e9, 1e-5), (1e-7, 1e-9)])
def test_mean_and_deviation_are_exact_to_the_last_digits_at_any_level_of_the_price(level: float, step: float):
    x = walk(600, 1, level=level, step=step)
    for window in WINDOWS[1:]:
        mean, deviation = rolling_moments(x, window)
        for at in range(window - 1, x.size, 61):
            wanted, variance = exact_moments(x[at - window + 1 : at + 1].tolist())
            assert abs(Fraction(mean[at]) - wanted) <= 4e-16 * abs(wanted)
            spread = root(variance)
            assert abs(Fraction(deviation[at]) - spread) <= 4e-15 * spread


@pytest.mark.parametrize("window", WINDOWS)
def test_numpy_agrees(window: int):
    x = walk(700, 2)
    cut = np.lib.stride_tricks.sliding_window_view(x, window)
    mean, deviation = (values[window - 1 :] for values in rolling_moments(x, window))
    np.testing.assert_allclose(mean, cut.mean(axis=1), rtol=1e-14)
    np.testing.assert_allclose(deviation, cut.std(axis=1), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("window", "k"), [(20, 2.0), (200, 1.5)])
def test_bands_are_those_of_pandas(window: int, k: float):
    x = walk(1000, 3)
    rolling = pd.Series(x).rolling(window)
    theirs = rolling.mean(), rolling.std(ddof=0)
    mean, deviation = rolling_moments(x, window)
    for side in (-k, 0.0, k):
        np.testing.assert_allclose(mean + side * deviation, theirs[0] + side * theirs[1], rtol=1e-12, atol=0.0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    values=st.lists(st.integers(1, 10**6), min_size=1, max_size=60),
    window=st.integers(1, 40),
    cents=st.sampled_from([1.0, 0.01, 1e-8]),
)
@example(values=[7], window=1, cents=0.01)
@example(values=[7, 7], window=3, cents=0.01)
def test_any_prices_give_the_exact_moments_of_each_window(values: list[int], window: int, cents: float):
    x = np.array(values) * cents
    mean, deviation = rolling_moments(x, window)
    assert np.isnan(mean[: window - 1]).all()
    assert np.isnan(deviation[: window - 1]).all()
    for at in range(window - 1, x.size):
        wanted, variance = exact_moments(x[at - window + 1 : at + 1].tolist())
        largest = Fraction(x[at - window + 1 : at + 1].max())
        assert abs(Fraction(mean[at]) - wanted) <= Fraction(4e-16) * largest
        assert abs(Fraction(deviation[at]) - root(variance)) <= 4e-15 * root(variance)


def test_a_calm_stretch_after_a_wild_one_is_as_exact_as_if_there_had_been_none():
    calm = walk(300, 4)
    wild = np.concatenate((calm[:100] * 1e12, calm))
    for alone, after in zip(rolling_moments(calm, 50), rolling_moments(wild, 50), strict=True):
        assert after[-250:].tolist() == alone[-250:].tolist()


@pytest.mark.parametrize("window", WINDOWS)
def test_the_same_values_give_the_same_bits_wherever_the_series_begins_and_ends(window: int):
    x = walk(600, 5)
    whole, part = rolling_moments(x, window), rolling_moments(x[13:500].copy(), window)
    for long, short in zip(whole, part, strict=True):
        assert short[window - 1 :].tolist() == long[13 + window - 1 : 500].tolist()


@pytest.mark.parametrize("window", [2, 200, 3000])
def test_where_one_piece_of_work_ends_and_the_next_begins_nothing_is_seen(window: int):
    x = walk(3 * PIECE + 2 * window + 17, 6)
    whole = rolling_moments(x, window)
    for end in (PIECE, PIECE + window - 1, PIECE + window, 2 * PIECE + window, 3 * window, 4 * window, x.size):
        alone = rolling_moments(x[end - window : end].copy(), window)
        assert [values[-1] for values in alone] == [values[end - 1] for values in whole]
    assert not np.isnan(np.concatenate([values[window - 1 :] for values in whole])).any()


@pytest.mark.parametrize("window", WINDOWS)
def test_equal_values_have_their_own_mean_and_no_deviation(window: int):
    mean, deviation = rolling_moments(np.full(400, 0.1 + 0.2), window)
    assert set(mean[window - 1 :].tolist()) == {0.1 + 0.2}
    assert set(deviation[window - 1 :].tolist()) == {0.0}


def test_fewer_values_than_the_window_and_none_at_all_give_none():
    assert np.isnan(np.concatenate(rolling_moments(np.ones(4), 5))).all()
    assert rolling_moments(np.empty(0), 3)[0].size == 0


def test_a_window_below_one_is_refused():
    with pytest.raises(ValueError, match="window is below 1"):
        rolling_moments(np.ones(3), 0)
