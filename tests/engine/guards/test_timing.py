"""Tests of timing: against a visit of every arrangement, in a bull market, on noise; and the shuffle that is none."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine import guards
from swarmd.engine.guards.timing import circular_shift_p_value, position_permutation_p_value


def permuted_one_by_one(positions, returns) -> float:
    earned = [float(np.dot(order, returns)) for order in itertools.permutations(positions)]
    return sum(value >= earned[0] - 1e-12 for value in earned) / len(earned)


def shifted_one_by_one(positions, returns) -> float:
    earned = [float(np.dot(np.roll(positions, shift), returns)) for shift in range(len(positions))]
    return sum(value >= earned[0] - 1e-12 for value in earned) / len(earned)


SHORT = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=n, max_size=n),
        st.lists(st.integers(-5, 5).map(lambda whole: whole / 100.0), min_size=n, max_size=n),
    )
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SHORT)
def test_short_series_are_visited_whole_ties_included(series):
    positions, returns = series
    assert position_permutation_p_value(positions, returns) == pytest.approx(permuted_one_by_one(positions, returns))
    assert circular_shift_p_value(positions, returns) == pytest.approx(shifted_one_by_one(positions, returns))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(2, 80), st.integers(0, 2**32 - 1))
def test_every_shift_is_visited_at_any_length(n, seed):
    rng = np.random.default_rng(seed)
    positions, returns = rng.integers(-1, 2, n).astype(float), rng.standard_normal(n)
    assert circular_shift_p_value(positions, returns) == pytest.approx(shifted_one_by_one(positions, returns))


def test_distinct_orders_of_in_and_out_are_visited_though_the_permutations_are_too_many():
    """Sixteen periods, eight of them in: 12,870 orders, of which one is the best."""
    positions, returns = np.repeat([0.0, 1.0], 8), np.arange(16) / 100.0
    assert position_permutation_p_value(positions, returns) == 1 / 12_870
    assert position_permutation_p_value(positions, returns, seed=9) == 1 / 12_870


def test_it_is_never_zero_however_clear_the_case():
    returns = np.random.default_rng(0).standard_normal(300)
    assert position_permutation_p_value(np.sign(returns), returns, n_resamples=999) == 1 / 1000
    assert circular_shift_p_value(np.sign(returns), returns) == 1 / 300


def test_a_bull_market_is_no_timing():
    returns = np.random.default_rng(1).normal(0.01, 0.01, 200)
    for test in (position_permutation_p_value, circular_shift_p_value):
        assert test(np.ones(200), returns) == 1.0
        assert test(np.zeros(200), returns) == 1.0


@pytest.mark.parametrize("n", [0, 1])
def test_without_a_choice_there_is_no_evidence(n):
    assert position_permutation_p_value(np.ones(n), np.ones(n)) == 1.0
    assert circular_shift_p_value(np.ones(n), np.ones(n)) == 1.0


def test_draws_repeat_with_their_seed_and_differ_without():
    rng = np.random.default_rng(3)
    positions, returns = rng.standard_normal(40), rng.standard_normal(40)
    first, again, other = (position_permutation_p_value(positions, returns, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first == pytest.approx(other, abs=0.02)


def test_draws_come_close_to_the_visit():
    """Ten of twenty periods in: 184,756 orders, more than are visited; all of them here, by index."""
    rng = np.random.default_rng(8)
    positions, returns = np.repeat([1.0, 0.0], 10), rng.standard_normal(20) + np.repeat([0.4, 0.0], 10)
    places = np.array(list(itertools.combinations(range(20), 10)))
    exact = np.mean(returns[places].sum(axis=1) >= positions @ returns - 1e-12)
    assert 0.01 < exact < 0.9
    assert position_permutation_p_value(positions, returns) == pytest.approx(exact, abs=4 * math.sqrt(exact / 9999))


def test_a_rule_that_holds_for_weeks_in_a_market_that_trends_fools_the_permutation_and_not_the_shift():
    """Persistent positions on persistent noise: independent orders scatter too little, shifts keep both memories."""
    rng = np.random.default_rng(4)
    fooled = held = 0
    for market in range(200):
        paths = rng.standard_normal((2, 400))
        for t in range(1, 400):
            paths[:, t] += 0.9 * paths[:, t - 1]
        positions, returns = np.sign(paths[0]), paths[1]
        fooled += position_permutation_p_value(positions, returns, n_resamples=99, seed=market) <= 0.05
        held += circular_shift_p_value(positions, returns) <= 0.05
    assert fooled > 40
    # Binomial(200, 0.05): mean 10, deviation 3.1.
    assert held <= 21


def test_true_timing_is_found_by_both():
    rng = np.random.default_rng(5)
    for market in range(20):
        returns = rng.standard_t(5, 300)
        positions = np.sign(returns + 3.0 * rng.standard_normal(300))
        assert position_permutation_p_value(positions, returns, n_resamples=199, seed=market) <= 0.05
        assert circular_shift_p_value(positions, returns) <= 0.05


def test_the_shuffle_of_the_order_of_trades_is_refused_by_name():
    """Every order has the same mean and deviation: its p is always 1, and some tools sell it as a test."""
    trades = np.random.default_rng(6).normal(0.5, 1.0, 100)
    ratio = trades.mean() / trades.std(ddof=1)
    shuffled = np.random.default_rng(7).permuted(np.tile(trades, (200, 1)), axis=1)
    assert np.all(shuffled.mean(axis=1) / shuffled.std(axis=1, ddof=1) >= ratio * (1 - 1e-12))
    with pytest.raises(ValueError, match="no test of skill") as refusal:
        guards.order_shuffle_p_value(trades, n_resamples=1000)
    assert "circular_shift_p_value" in str(refusal.value)


def test_what_does_not_belong_together_is_refused():
    for test in (position_permutation_p_value, circular_shift_p_value):
        with pytest.raises(ValueError, match="3 positions for 2 returns"):
            test([1.0, 0.0, 1.0], [0.1, 0.2])
        with pytest.raises(ValueError, match="position 0 is nan"):
            test([math.nan, 0.0], [0.1, 0.2])
        with pytest.raises(ValueError, match="return 1 is inf"):
            test([1.0, 0.0], [0.1, math.inf])
