"""The sign-flip test: against a visit of every arrangement, at its edges, on noise and on an edge."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.sign_flip import sign_flip_p_value


def visited_one_by_one(returns, statistic) -> float:
    flipped = [statistic(np.array(signs) * returns) for signs in itertools.product((1, -1), repeat=len(returns))]
    return sum(value >= flipped[0] - 1e-12 for value in flipped) / len(flipped)


@pytest.mark.parametrize("returns", [[0.1], [0.1, 0.2, 0.3], [0.3, -0.1, 0.2, 0.0, -0.05], [0.1] * 6, [-0.1, 0.1]])
def test_a_short_series_is_visited_whole_and_the_mean_decides(returns):
    assert sign_flip_p_value(returns) == pytest.approx(visited_one_by_one(np.array(returns), np.mean), rel=1e-12)


def test_the_sharpe_ratio_orders_the_arrangements_as_the_mean_does():
    returns = np.random.default_rng(0).normal(0.3, 1.0, 9)
    by_ratio = visited_one_by_one(returns, lambda flipped: flipped.mean() / flipped.std(ddof=1))
    assert sign_flip_p_value(returns) == pytest.approx(by_ratio, rel=1e-12)


def test_all_gains_are_one_arrangement_of_many():
    assert sign_flip_p_value([0.01] * 10) == 1 / 2**10
    assert sign_flip_p_value([-0.01] * 10) == 1.0


def test_it_is_never_zero_however_clear_the_case():
    assert sign_flip_p_value(np.full(500, 0.01), n_resamples=999) == 1 / 1000


@pytest.mark.parametrize("returns", [[], [0.0], [0.0] * 1000])
def test_without_a_return_that_moves_there_is_no_evidence(returns):
    assert sign_flip_p_value(returns) == 1.0


def test_flat_days_change_nothing():
    returns = np.random.default_rng(1).normal(0.2, 1.0, 12)
    assert sign_flip_p_value(np.insert(returns, slice(0, 12, 2), 0.0)) == sign_flip_p_value(returns)


def test_draws_come_close_to_the_visit_and_repeat_with_their_seed():
    rng = np.random.default_rng(2)
    returns = np.append(rng.normal(0.25, 1.0, 16), 1e-9)  # one more than is visited, and it moves nothing
    exact = sign_flip_p_value(returns[:16])
    drawn = sign_flip_p_value(returns, seed=5)
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact / 9999))
    assert sign_flip_p_value(returns, seed=5) == drawn


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(-20, 20), max_size=9), st.sampled_from([1e-6, 1.0, 1e4]))
def test_ties_do_not_hang_on_rounding_or_scale(whole, scale):
    returns = np.array(whole, dtype=float)
    assert sign_flip_p_value(returns * (scale / 3.0)) == visited_one_by_one(returns, np.sum)


def test_on_noise_it_alarms_as_often_as_it_says_and_a_true_edge_it_finds():
    rng = np.random.default_rng(7)
    noise = rng.standard_t(5, (400, 60))
    alarms = sum(sign_flip_p_value(row, n_resamples=199, seed=i) <= 0.05 for i, row in enumerate(noise))
    # Binomial(400, 0.05): mean 20, deviation 4.4.
    assert 7 <= alarms <= 34
    assert sum(sign_flip_p_value(row + 0.7, n_resamples=199) <= 0.05 for row in noise[:50]) > 45


def test_too_few_resamples_and_holes_are_refused():
    with pytest.raises(ValueError, match="98 resamples; give at least 99"):
        sign_flip_p_value([0.1, 0.2], n_resamples=98)
    with pytest.raises(ValueError, match="sign-flip test: return 1 is nan"):
        sign_flip_p_value([0.1, math.nan])
