"""The Sharpe ratio: its formula, its units, and what it says where there is none."""

import copy
import math

import numpy as np
import orjson
import pytest
import sharpebench
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.sharpe import sharpe_ratio
from swarmd.engine.metrics.daily import annual_sharpe

RETURNS = st.lists(st.floats(-0.5, 0.5), max_size=40)


def test_it_is_mean_over_sample_deviation_per_period_and_by_the_year_only_where_asked():
    returns = [0.01, -0.02, 0.03, 0.0]
    per_period = np.mean(returns) / np.std(returns, ddof=1)
    assert sharpe_ratio(returns) == pytest.approx(per_period, rel=1e-14)
    assert sharpe_ratio(returns, 365) == pytest.approx(per_period * math.sqrt(365), rel=1e-14)
    assert sharpe_ratio(returns, periods_per_year=252, ddof=0) == pytest.approx(
        np.mean(returns) / np.std(returns) * math.sqrt(252), rel=1e-14
    )


def test_it_agrees_with_an_independent_package_and_with_the_metrics():
    returns = np.random.default_rng(0).standard_t(5, 300) * 0.01 + 0.001
    assert sharpe_ratio(returns) == pytest.approx(sharpebench.sharpe_ratio(returns), rel=1e-12)
    assert sharpe_ratio(returns, 365) == pytest.approx(annual_sharpe(returns), rel=1e-14)


@pytest.mark.parametrize("returns", [[], [0.01], [0.0] * 50, [0.1] * 7, [12345.678] * 11, [1e-17, -1e-17]])
def test_without_deviation_it_is_zero_and_undefined_and_fails_every_gate(returns):
    ratio = sharpe_ratio(returns, 365)
    assert (ratio, ratio.defined, ratio.figure) == (0.0, False, None)


def test_an_undefined_ratio_is_told_from_a_ratio_of_zero():
    balanced = sharpe_ratio([0.1, -0.1])
    assert (balanced, balanced.defined, balanced.figure) == (0.0, True, 0.0)
    assert copy.deepcopy(balanced).defined
    assert not copy.deepcopy(sharpe_ratio([])).defined


def test_flat_days_belong_to_the_series_and_leaving_them_out_flatters():
    """A rule that trades every fourth day: dropping the others doubles what is claimed of it."""
    traded = np.random.default_rng(3).normal(0.01, 0.02, 200)
    whole = np.zeros(800)
    whole[::4] = traded
    assert sharpe_ratio(traded) > 1.7 * sharpe_ratio(whole)
    assert sharpe_ratio(whole) == pytest.approx(np.mean(whole) / np.std(whole, ddof=1), rel=1e-12)


def test_its_figure_is_what_a_record_takes():
    assert orjson.dumps([sharpe_ratio([0.1, -0.1]).figure, sharpe_ratio([]).figure]) == b"[0.0,null]"
    assert type(sharpe_ratio([0.1, 0.2]).figure) is float


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([0.0, math.nan],), "return 1 is nan"),
        (([math.inf, 0.0],), "return 0 is inf"),
        (([[0.1, 0.2], [0.1, 0.3]],), r"shape \(2, 2\)"),
        (([0.1, 0.2], 0), "0 periods per year"),
        (([0.1, 0.2], None, -1), "ddof is -1"),
    ],
)
def test_what_is_no_series_of_returns_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        sharpe_ratio(*arguments)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(RETURNS, st.sampled_from([None, 1, 365.0]), st.sampled_from([0, 1]))
def test_it_is_always_finite_and_never_defined_without_a_deviation(returns, periods, ddof):
    ratio = sharpe_ratio(returns, periods, ddof)
    assert math.isfinite(ratio)
    assert ratio.defined or ratio == 0.0
    assert not (ratio.defined and len(set(returns)) < 2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30), st.sampled_from([0.25, 2.0, 64.0]))
def test_it_knows_neither_order_nor_scale_and_losses_mirror_gains(thousandths, scale):
    returns = np.array(thousandths) / 1000.0
    ratio = sharpe_ratio(returns)
    assert sharpe_ratio(returns[::-1]) == ratio
    assert sharpe_ratio(-returns) == -ratio
    assert sharpe_ratio(returns * scale) == pytest.approx(ratio, rel=1e-12)
