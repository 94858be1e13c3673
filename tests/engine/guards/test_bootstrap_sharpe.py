"""The bootstrapped Sharpe ratio: its coverage, its blocks, its edges.

Held against the package arch in `tests/oracles/test_guards_against_arch.py`.
"""

import math

import numpy as np
import pytest

from swarmd.engine.guards.bootstrap_sharpe import stationary_bootstrap_sharpe_ci, stationary_indices
from swarmd.engine.guards.sharpe import sharpe_ratio

RETURNS = np.random.default_rng(0).standard_t(5, 365) * 0.02 + 0.002


def test_for_returns_without_memory_it_is_the_textbook_interval():
    """Lo (2002): deviation sqrt((1 + SR^2 / 2) / n) for Normal returns."""
    returns = np.random.default_rng(1).normal(0.1, 1.0, 1000)
    low, high = stationary_bootstrap_sharpe_ci(returns, 0.90, block_length=1.0, n_resamples=8000)
    ratio = sharpe_ratio(returns)
    half = 1.645 * math.sqrt((1 + ratio**2 / 2) / 1000)
    assert (low, high) == pytest.approx((ratio - half, ratio + half), abs=0.08 * half)


def test_annual_bounds_are_the_bounds_per_period_times_the_root():
    daily = stationary_bootstrap_sharpe_ci(RETURNS)
    annual = stationary_bootstrap_sharpe_ci(RETURNS, periods_per_year=365)
    assert annual == pytest.approx(np.array(daily) * math.sqrt(365), rel=1e-12)


def test_the_same_seed_gives_the_same_interval_and_more_confidence_a_wider_one():
    first = stationary_bootstrap_sharpe_ci(RETURNS, seed=3)
    assert stationary_bootstrap_sharpe_ci(RETURNS, seed=3) == first
    assert stationary_bootstrap_sharpe_ci(RETURNS, seed=4) != first
    wide = stationary_bootstrap_sharpe_ci(RETURNS, 0.99, seed=3)
    assert wide.lower < first.lower < sharpe_ratio(RETURNS) < first.upper < wide.upper


def test_returns_that_remember_get_a_wider_interval_than_blocks_of_one_would_give():
    x = np.random.default_rng(5).standard_normal(800)
    for t in range(1, 800):
        x[t] += 0.5 * x[t - 1]
    single = stationary_bootstrap_sharpe_ci(x, block_length=1)
    blocks = stationary_bootstrap_sharpe_ci(x)
    assert blocks.upper - blocks.lower > 1.4 * (single.upper - single.lower)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(6)
    covered = sum(
        low <= 0.1 <= high
        for low, high in (
            stationary_bootstrap_sharpe_ci(rng.normal(0.1, 1.0, 250), 0.9, block_length=2, seed=seed)
            for seed in range(60)
        )
    )
    # Binomial(60, 0.9): mean 54, deviation 2.3.
    assert covered >= 46


@pytest.mark.parametrize("returns", [[], [0.01], [0.01] * 300, [0.0] * 300])
def test_returns_that_do_not_vary_have_no_interval_and_fail_a_gate_above_zero(returns):
    assert stationary_bootstrap_sharpe_ci(returns) == (0.0, 0.0)


def test_resamples_without_a_single_trade_count_with_zero():
    rare = np.zeros(400)
    rare[200] = 0.05
    low, high = stationary_bootstrap_sharpe_ci(rare)
    assert low == 0.0
    assert math.isfinite(high)


def test_the_interval_is_the_quantiles_of_the_ratios_of_its_resamples():
    indices = stationary_indices(np.random.default_rng(9), 2000, RETURNS.size, 5.0)
    ratios = [sharpe_ratio(RETURNS[row]) for row in indices]
    found = stationary_bootstrap_sharpe_ci(RETURNS, 0.9, block_length=5.0, seed=9)
    assert found == pytest.approx(np.quantile(ratios, [0.05, 0.95]), rel=1e-9)


def test_blocks_run_on_and_around_and_last_as_long_as_asked():
    indices = stationary_indices(np.random.default_rng(7), 400, 300, 12.0)
    assert indices.min() == 0
    assert indices.max() == 299
    runs_on = (np.diff(indices, axis=1) % 300) == 1
    # A block ends with chance 1/12; one in 300 of the new ones begins where the old one would have gone on.
    assert runs_on.mean() == pytest.approx(1 - 1 / 12, abs=0.003)
    assert np.bincount(indices.ravel(), minlength=300) == pytest.approx(400, rel=0.6)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"n_resamples": 1999}, "1999 resamples; give at least 2000"),
        ({"confidence": 95}, "confidence 95"),
        ({"block_length": 0.5}, "block length 0.5"),
        ({"block_length": math.nan}, "block length nan"),
        ({"periods_per_year": -1}, "-1 periods per year"),
    ],
)
def test_what_makes_no_interval_is_refused(keywords, said):
    with pytest.raises(ValueError, match=said):
        stationary_bootstrap_sharpe_ci(RETURNS, **keywords)
