"""The expected maximum of worthless trials: against the integral, a package, and simulation by another road."""

import math

import jsharpe
import numpy as np
import pytest
import sharpebench
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.expected_maximum import expected_maximum_sharpe


def exact_expectation(n_trials: int) -> float:
    """The integral of x times the density of the maximum, on a fine grid; error function by math.erf alone."""
    x = np.linspace(-9.0, 12.0, 40_001)
    cdf = np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in x])
    return float(np.sum((x[1:] + x[:-1]) / 2.0 * np.diff(cdf**n_trials)))


def test_it_is_close_to_the_exact_expectation_and_closer_with_more_trials():
    errors = [expected_maximum_sharpe(n) / exact_expectation(n) - 1.0 for n in (5, 10, 100, 1000)]
    assert errors == pytest.approx([0.0255, 0.0233, 0.0092, 0.0042], abs=2e-4)


@pytest.mark.parametrize("n_trials", [2, 10, 45, 1000, 250_000])
def test_independent_packages_agree(n_trials):
    ours = expected_maximum_sharpe(n_trials, 0.3)
    assert ours == pytest.approx(jsharpe.expected_maximum_sharpe_ratio(n_trials, 0.09), rel=1e-9)
    assert ours == pytest.approx(sharpebench.expected_max_sharpe(0.3, n_trials), rel=1e-6)


def test_one_trial_has_nothing_to_choose_from():
    assert expected_maximum_sharpe(1) == 0.0
    assert expected_maximum_sharpe(1.0, 5.0) == 0.0
    assert expected_maximum_sharpe(100, 0.0) == 0.0


def test_more_trials_than_a_float_can_subtract_from_one_still_count():
    # Extreme-value theory: sqrt(2 ln N) is approached from below.
    assert 0.95 < expected_maximum_sharpe(1e30) / math.sqrt(2.0 * math.log(1e30)) < 1.0
    assert expected_maximum_sharpe(1e300) > expected_maximum_sharpe(1e30)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(1.0, 1e9), st.floats(1.0, 1e3))
def test_it_never_falls_with_the_trials_and_is_never_negative(n_trials, factor):
    few, many = expected_maximum_sharpe(n_trials), expected_maximum_sharpe(n_trials * factor)
    assert 0.0 <= few <= many * (1 + 1e-12)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((0.5,), "0.5 trials"), ((math.inf,), "inf trials"), ((math.nan,), "nan trials"), ((10, -1.0), "deviation")],
)
def test_impossible_arguments_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        expected_maximum_sharpe(*arguments)
