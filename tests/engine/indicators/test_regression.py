"""Rolling lines are numpy's least squares, however long the series has slid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_builders import KINDS, awkward_ohlc

from swarmd.engine.indicators.regression import line_fit


@settings(max_examples=40, deadline=None, derandomize=True)
@given(kind=st.sampled_from(KINDS), n_bars=st.integers(1, 250), length=st.integers(2, 120), seed=st.integers(0, 99))
def test_mean_and_slope_are_those_of_each_window_by_itself(kind: str, n_bars: int, length: int, seed: int):
    close = awkward_ohlc(kind, n_bars, seed)[3]
    mean, slope = line_fit(close, length)
    assert np.isnan(mean[: length - 1]).all()
    for t in range(length - 1, n_bars):
        window = close[t - length + 1 : t + 1]
        scale = np.abs(window).max()
        assert mean[t] == pytest.approx(window.mean(), abs=1e-10 * scale)
        assert slope[t] == pytest.approx(np.polyfit(np.arange(length), window, 1)[0], abs=1e-10 * scale)


def test_half_a_million_bars_later_it_is_still_exact_on_a_straight_line():
    mean, slope = line_fit(1e4 + 0.25 * np.arange(500_000), 500)
    np.testing.assert_allclose(slope[499:], 0.25, rtol=1e-9)
    np.testing.assert_allclose(mean[499:], 1e4 + 0.25 * (np.arange(499, 500_000) - 249.5), rtol=1e-12)


def test_a_length_below_two_is_refused():
    with pytest.raises(ValueError, match="length is below 2"):
        line_fit(np.ones(3), 1)
