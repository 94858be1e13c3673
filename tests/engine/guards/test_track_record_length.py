"""The minimum track record length: the source's table, an independent package, and the ratio it is the inverse of."""

import math

import jsharpe
import numpy as np
import pytest
import sharpebench
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.probabilistic_sharpe import probabilistic_sharpe_ratio, sharpe_evidence
from swarmd.engine.guards.track_record_length import minimum_track_record_length

SHAPES = st.sampled_from([(0.0, 3.0), (-0.72, 5.78), (-2.448, 10.164), (1.5, 8.0)])


@pytest.mark.parametrize(
    ("periods_per_year", "skew", "kurtosis", "years"),
    [(250, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_published_years_to_show_two_above_one(periods_per_year, skew, kurtosis, years):
    """An annual 2 against an annual 1 at 95 %: from daily, weekly, monthly returns, and those of hedge funds."""
    root = math.sqrt(periods_per_year)
    length = minimum_track_record_length(2 / root, 1 / root, skew, kurtosis, 0.95)
    assert length / periods_per_year == pytest.approx(years, abs=5e-3)


def test_annual_ratios_with_a_count_of_days_claim_a_track_record_of_a_week():
    """The classic mistake in figures: 683 days by the day, 8 by the year."""
    root = math.sqrt(250)
    assert minimum_track_record_length(2 / root, 1 / root, 0.0, 3.0, 0.95) == pytest.approx(682.8, abs=0.1)
    assert minimum_track_record_length(2.0, 1.0, 0.0, 3.0, 0.95) < 10


def test_independent_packages_agree_under_both_variances():
    returns = np.random.default_rng(0).standard_t(5, 300) * 0.01 + 0.001
    e = sharpe_evidence(returns)
    ours = minimum_track_record_length(e.sr, 0.02, e.skew, e.kurtosis, 0.95)
    assert ours == pytest.approx(sharpebench.min_track_record_length(returns, 0.02, 0.95), rel=1e-6)
    for rho in (-0.3, 0.0, 0.2):
        later = minimum_track_record_length(e.sr, 0.02, e.skew, e.kurtosis, 0.95, ar1=rho, variance="null")
        theirs = jsharpe.minimum_track_record_length(e.sr, 0.02, gamma3=e.skew, gamma4=e.kurtosis, rho=rho)
        assert later == pytest.approx(theirs, rel=1e-12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.floats(0.02, 0.5), st.floats(-0.3, 0.0), SHAPES, st.floats(0.55, 0.999), st.sampled_from(["observed", "null"])
)
def test_at_that_length_the_confidence_is_reached_exactly(sr, benchmark, shape, confidence, variance):
    length = minimum_track_record_length(sr, benchmark, *shape, confidence, ar1=0.1, variance=variance)
    if length >= 2:
        reached = probabilistic_sharpe_ratio(sr, benchmark, length, *shape, ar1=0.1, variance=variance)
        assert reached == pytest.approx(confidence, rel=1e-9)


def test_no_length_shows_what_is_not_there():
    assert minimum_track_record_length(0.1, 0.1, 0.0, 3.0, 0.95) == math.inf
    assert minimum_track_record_length(0.0, 0.1, 0.0, 3.0, 0.95, variance="null") == math.inf


def test_at_even_odds_the_formula_leaves_the_one_lost_observation():
    assert minimum_track_record_length(0.1, 0.0, 0.0, 3.0, 0.5) == 1.0


@pytest.mark.parametrize("confidence", [0.05, 1.0, 1.5, math.nan])
def test_a_significance_level_in_place_of_the_confidence_is_refused(confidence):
    with pytest.raises(ValueError, match=r"give 0\.95"):
        minimum_track_record_length(0.1, 0.0, 0.0, 3.0, confidence)


def test_excess_kurtosis_is_refused():
    with pytest.raises(ValueError, match="not the excess"):
        minimum_track_record_length(0.1, 0.0, 0.0, 0.0, 0.95)
