"""Efficiency, adaptive averages and places in a range: against plain windows, and where nothing moves."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.plain_final_trigger import efficiency, kama, place
from price_builders import KINDS, awkward_ohlc

from swarmd.engine.indicators.adaptive import efficiency_ratio, kaufman_average, place_in_range


@settings(max_examples=50, deadline=None, derandomize=True)
@given(kind=st.sampled_from(KINDS), n_bars=st.integers(1, 200), length=st.integers(1, 60), seed=st.integers(0, 99))
def test_ratio_average_and_place_are_those_of_each_window_by_itself(kind: str, n_bars: int, length: int, seed: int):
    close = awkward_ohlc(kind, n_bars, seed)[3]
    plain = close.tolist()
    # Where a window hardly moves at all the ratio is one of rounding errors; it is compared absolutely.
    np.testing.assert_allclose(
        efficiency_ratio(close, length), [efficiency(plain, length, t) for t in range(n_bars)], rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(
        kaufman_average(close, length, 0.666, 0.0645),
        kama(plain, length, lambda er: (er * (0.666 - 0.0645) + 0.0645) ** 2),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        place_in_range(close, length), [place(plain, t, length) for t in range(n_bars)], rtol=1e-12, atol=1e-12
    )


def test_a_straight_way_is_wholly_efficient_and_a_way_there_and_back_not_at_all():
    assert efficiency_ratio(np.arange(10.0), 4)[4:].tolist() == [1.0] * 6
    assert efficiency_ratio(np.array([1.0, 2.0] * 5), 4)[4:].tolist() == [0.0] * 6
    assert efficiency_ratio(np.full(10, 3.3), 4)[4:].tolist() == [0.0] * 6


def test_kaufmans_extremes_are_exponential_averages():
    """At an efficiency of 1 the factor is that of the fastest, squared."""
    rising = kaufman_average(np.arange(100.0), 10, 2 / 3, 2 / 31)
    lag = np.arange(100.0) - rising
    factor = (2 / 3) ** 2
    assert lag[-1] == pytest.approx((1 - factor) / factor, rel=1e-9)


def test_a_value_that_is_not_known_makes_its_windows_unknown():
    x = np.array([1.0, math.nan, 3.0, 4.0, 5.0, 6.0])
    assert np.isnan(place_in_range(x, 3)).tolist() == [True, True, True, True, False, False]


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match="length is below 1"):
        efficiency_ratio(np.ones(3), 0)
