"""Midranges are pandas' rolling extremes, and a regime is what its flag says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_builders import KINDS, awkward_ohlc

from swarmd.engine.indicators.ichimoku import midrange, regimes


@settings(max_examples=60, deadline=None, derandomize=True)
@given(kind=st.sampled_from(KINDS), n_bars=st.integers(1, 300), length=st.integers(1, 320), seed=st.integers(0, 99))
def test_a_midrange_is_half_way_between_the_rolling_extremes(kind: str, n_bars: int, length: int, seed: int):
    _, high, low, _ = awkward_ohlc(kind, n_bars, seed)
    expected = (pd.Series(high).rolling(length).max() + pd.Series(low).rolling(length).min()) / 2.0
    np.testing.assert_array_equal(midrange(high, low, length), expected.to_numpy())


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match="length is below 1"):
        midrange(np.ones(3), np.ones(3), 0)


def test_the_flag_is_raised_once_lowered_once_and_lies_at_nothing_before():
    marks = "-++.+-.--+-"  # a bar that is bullish, bearish, or neither
    regime, run = regimes(np.array([m == "+" for m in marks]), np.array([m == "-" for m in marks]))
    assert regime.tolist() == [0, 1, 1, 1, 1, -1, -1, -1, -1, 1, -1]
    assert run.tolist() == [0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4]
