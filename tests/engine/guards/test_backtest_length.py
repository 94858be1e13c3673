"""The minimum backtest length: the source's figures, and that a search of so many trials finds its target in noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.backtest_length import minimum_backtest_length


def test_five_years_bear_forty_five_trials():
    """The source: of five years of data no more than 45 independent configurations should be asked for an annual 1."""
    assert minimum_backtest_length(45, 1.0).exact_years == pytest.approx(5.0, abs=5e-3)
    assert minimum_backtest_length(46, 1.0).exact_years > 5.0


def test_the_bound_is_two_logarithms_over_the_square_of_the_target():
    found = minimum_backtest_length(200, 2.0)
    assert found.upper_bound_years == pytest.approx(2.0 * math.log(200) / 4.0, rel=1e-14)
    exact, bound = found
    assert (exact, bound) == (found.exact_years, found.upper_bound_years)


def test_over_that_many_years_the_best_of_noise_shows_the_target_on_average():
    years = minimum_backtest_length(45, 1.0).exact_years
    days = round(years * 365)
    noise = np.random.default_rng(5).standard_normal((60, 45, days))
    annual = noise.mean(axis=2) / noise.std(axis=2, ddof=1) * math.sqrt(365)
    # The deviation of the mean of 60 maxima is 0.03.
    assert annual.max(axis=1).mean() == pytest.approx(1.0, abs=0.08)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(1.0, 1e12), st.floats(0.1, 10.0))
def test_the_bound_lies_above_and_a_higher_target_needs_less(n_trials, target):
    found = minimum_backtest_length(n_trials, target)
    assert 0.0 <= found.exact_years <= found.upper_bound_years
    assert minimum_backtest_length(n_trials, 2.0 * target).exact_years == pytest.approx(found.exact_years / 4.0)


def test_one_trial_needs_no_history():
    assert minimum_backtest_length(1, 1.0) == (0.0, 0.0)


@pytest.mark.parametrize("target", [0.0, -1.0, math.nan, math.inf])
def test_a_target_that_is_not_positive_is_refused(target):
    with pytest.raises(ValueError, match="give a positive one"):
        minimum_backtest_length(10, target)
