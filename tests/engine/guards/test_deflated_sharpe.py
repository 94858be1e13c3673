"""The deflated Sharpe ratio: the source's worked example, packages, and its alarms on searches of noise."""

import math

import jsharpe
import numpy as np
import pytest
import sharpebench
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.deflated_sharpe import deflated_sharpe_ratio
from swarmd.engine.guards.probabilistic_sharpe import probabilistic_sharpe_ratio, sharpe_evidence

# Five years of days, an annual 2.5, an annual variance across trials of 1/2, skew -3 and kurtosis 10, 250 days a year.
EXAMPLE = {"sr": 2.5 / math.sqrt(250), "trial_variance": 0.5 / 250, "n_obs": 1250, "skew": -3.0, "kurtosis": 10.0}


def test_the_published_example():
    """One hundred trials: benchmark 0.1132 a day, 0.9004, not to be believed at 95 %; of forty-six trials, 0.9505."""
    found = deflated_sharpe_ratio(n_trials=100, **EXAMPLE)
    assert (found.sr0, found.dsr) == pytest.approx((0.1132, 0.9004), abs=5e-5)
    assert deflated_sharpe_ratio(n_trials=46, **EXAMPLE).dsr == pytest.approx(0.9505, abs=5e-5)


def test_annual_figures_with_a_count_of_days_make_the_same_winner_certain():
    """The classic mistake: nothing is left of the doubt. The contract is per period, and the example holds it there."""
    annual = EXAMPLE | {"sr": 2.5, "trial_variance": 0.5, "kurtosis": 3.0, "skew": 0.0}
    assert deflated_sharpe_ratio(n_trials=100, **annual).dsr > 1 - 1e-9


def test_independent_packages_agree_under_both_variances():
    returns = np.random.default_rng(0).standard_t(5, 300) * 0.01 + 0.001
    e = sharpe_evidence(returns)
    found = deflated_sharpe_ratio(e.sr, 0.0025, 100, e.n_obs, e.skew, e.kurtosis)
    assert found.dsr == pytest.approx(sharpebench.deflated_sharpe_ratio(returns, 100, 0.05), rel=1e-5)
    sr0 = jsharpe.expected_maximum_sharpe_ratio(100, 0.0025)
    deviation = math.sqrt(jsharpe.sharpe_ratio_variance(sr0, 300, gamma3=e.skew, gamma4=e.kurtosis, rho=0.1))
    later = deflated_sharpe_ratio(e.sr, 0.0025, 100, 300, e.skew, e.kurtosis, ar1=0.1, variance="null")
    assert later.dsr == pytest.approx(0.5 * math.erfc(-(e.sr - sr0) / deviation / math.sqrt(2.0)), rel=1e-9)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(-0.2, 0.4), st.floats(0.0, 0.01), st.floats(1.0, 1e6), st.floats(1.0, 100.0))
def test_more_trials_never_raise_it_and_one_trial_deflates_nothing(sr, trial_variance, n_trials, factor):
    rest = {"n_obs": 500, "skew": -0.5, "kurtosis": 6.0}
    few = deflated_sharpe_ratio(sr, trial_variance, n_trials, **rest)
    many = deflated_sharpe_ratio(sr, trial_variance, n_trials * factor, **rest)
    assert 0.0 <= many.dsr <= few.dsr * (1 + 1e-12) <= 1.0 + 1e-9
    assert deflated_sharpe_ratio(sr, trial_variance, 1, **rest) == (
        probabilistic_sharpe_ratio(sr, 0.0, 500, -0.5, 6.0),
        0.0,
    )


def test_on_searches_of_noise_the_plain_ratio_alarms_nearly_always_and_the_deflated_one_rarely():
    rng = np.random.default_rng(11)
    plain = deflated = 0
    for _ in range(150):
        trials = rng.standard_t(5, (200, 365))
        ratios = trials.mean(axis=1) / trials.std(axis=1, ddof=1)
        winner = sharpe_evidence(trials[np.argmax(ratios)])
        plain += winner.psr() >= 0.95
        deflated += (
            deflated_sharpe_ratio(winner.sr, ratios.var(ddof=1), 200, winner.n_obs, winner.skew, winner.kurtosis).dsr
            >= 0.95
        )
    assert plain == 150
    assert deflated <= 7


def test_a_negative_variance_across_trials_is_refused():
    with pytest.raises(ValueError, match=r"variance across trials is -0\.1"):
        deflated_sharpe_ratio(0.1, -0.1, 10, 100, 0.0, 3.0)
