"""The effective number of trials: cases with a known answer, a package, and the estimates not to be trusted."""

import jsharpe
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.effective_trials import effective_number_of_trials, effective_rank_of_returns


def crowd(n_groups: int, size: int, within: float) -> np.ndarray:
    """Groups of trials alike, groups unrelated."""
    matrix = np.kron(np.eye(n_groups), np.full((size, size), within))
    np.fill_diagonal(matrix, 1.0)
    return matrix


def test_unrelated_trials_count_one_by_one():
    found = effective_number_of_trials(np.eye(5))
    assert found[:4] == pytest.approx((5.0, 5.0, 5, 5.0))
    assert found.average_correlation == 0.0


def test_copies_of_one_trial_are_one_trial():
    assert effective_number_of_trials(np.ones((6, 6)))[:4] == pytest.approx((1.0, 1.0, 1, 1.0))


def test_one_trial_is_one_trial():
    assert effective_number_of_trials([[1.0]]) == (1.0, 1.0, 1, 1.0, 0.0)


def test_three_groups_of_near_copies_are_about_three():
    """Eigenvalues by hand: three of 1 + 19 * 0.99, fifty-seven of 0.01."""
    found = effective_number_of_trials(crowd(3, 20, 0.99))
    large, small = 19.81 / 60, 0.01 / 60
    assert found.effective_rank == pytest.approx(large ** (-3 * large) * small ** (-57 * small), rel=1e-9)
    assert found.participation_ratio == pytest.approx(1 / (3 * large**2 + 57 * small**2), rel=1e-9)
    assert (found.effective_rank, found.participation_ratio) == pytest.approx((3.26, 3.06), abs=0.01)
    assert found.clusters == 3


def test_the_two_equal_eigenvalues_of_a_pair_by_hand():
    """Correlation 0.6: eigenvalues 1.6 and 0.4, shares 0.8 and 0.2; entropy 0.5004, sum of squares 0.68."""
    found = effective_number_of_trials([[1.0, 0.6], [0.6, 1.0]])
    assert found.effective_rank == pytest.approx(0.8**-0.8 * 0.2**-0.2, rel=1e-12)
    assert found.participation_ratio == pytest.approx(1 / 0.68, rel=1e-12)
    assert found.by_average_correlation == pytest.approx(1.4, rel=1e-12)
    assert found.clusters == 2


def test_the_average_correlation_is_blind_to_a_long_and_a_short_variant():
    """Twenty copies of one rule and twenty of its mirror image: one idea, which the average counts as forty-one."""
    sides = np.repeat([1.0, -1.0], 20)
    found = effective_number_of_trials(np.outer(sides, sides))
    assert found.average_correlation == pytest.approx(-1 / 39)
    assert found.by_average_correlation == pytest.approx(41.0)
    assert found.effective_rank == pytest.approx(1.0)
    assert found.clusters == 2


def test_trials_join_at_an_average_correlation_of_seven_tenths():
    assert effective_number_of_trials([[1.0, 0.7], [0.7, 1.0]]).clusters == 1
    assert effective_number_of_trials([[1.0, 0.69], [0.69, 1.0]]).clusters == 2
    # 0.9 joins the first two; the third correlates with them by 0.75 and 0.6, 0.675 on average.
    assert effective_number_of_trials([[1.0, 0.9, 0.75], [0.9, 1.0, 0.6], [0.75, 0.6, 1.0]]).clusters == 2


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_estimates_stay_between_one_and_all_and_do_not_depend_on_order(n_trials, n_obs, seed):
    rng = np.random.default_rng(seed)
    returns = rng.standard_normal((n_obs, n_trials)) + rng.uniform(0, 2) * rng.standard_normal((n_obs, 1))
    correlation = np.atleast_2d(np.corrcoef(returns, rowvar=False))
    found = effective_number_of_trials(correlation)
    assert 1.0 <= found.participation_ratio <= found.effective_rank * (1 + 1e-9) <= n_trials * (1 + 1e-8)
    assert 1 <= found.clusters <= n_trials
    order = rng.permutation(n_trials)
    shuffled = effective_number_of_trials(correlation[np.ix_(order, order)])
    assert shuffled == pytest.approx(found, rel=1e-6)
    if n_trials > 1:
        assert found.effective_rank == pytest.approx(jsharpe.effective_rank(correlation), rel=1e-6)


def test_trials_of_noise_are_nearly_as_many_as_they_are():
    returns = np.random.default_rng(1).standard_normal((4000, 30))
    assert effective_number_of_trials(np.corrcoef(returns, rowvar=False)).effective_rank > 29.8


@pytest.mark.parametrize(
    ("correlation", "said"),
    [
        ([1.0, 0.5], r"shape \(2,\)"),
        (np.ones((2, 3)), r"shape \(2, 3\)"),
        (np.empty((0, 0)), r"shape \(0, 0\)"),
        ([[1.0, np.nan], [np.nan, 1.0]], "trials 0 and 1 is nan; leave out trials that never vary"),
        ([[1.0, 1.2], [1.2, 1.0]], "trials 0 and 1 is 1.2"),
        ([[0.5, 0.1], [0.1, 0.5]], "trial 0 with itself is 0.5"),
        ([[1.0, 0.5], [0.4, 1.0]], "give a symmetric matrix"),
        (1.9 * np.eye(3) - 0.9, "no correlation matrix"),
    ],
)
def test_what_is_no_correlation_matrix_is_refused(correlation, said):
    with pytest.raises(ValueError, match=said):
        effective_number_of_trials(correlation)


def test_a_matrix_rounded_for_a_report_is_taken():
    returns = np.random.default_rng(2).standard_normal((50, 40)) @ np.random.default_rng(3).standard_normal((40, 40))
    correlation = np.corrcoef(returns, rowvar=False)
    exact, rounded = (effective_number_of_trials(matrix) for matrix in (correlation, correlation.round(3)))
    assert rounded.effective_rank == pytest.approx(exact.effective_rank, rel=0.01)


@pytest.mark.parametrize(("n_obs", "n_trials"), [(40, 7), (12, 50), (2, 5), (30, 5000)])
def test_the_way_round_the_matrix_gives_the_rank_of_the_matrix(n_obs, n_trials):
    rng = np.random.default_rng(5)
    returns = rng.standard_normal((n_obs, n_trials)) + 2.0 * rng.standard_normal((n_obs, 1))
    found = effective_rank_of_returns(returns)
    matrix = np.corrcoef(returns[:, :400], rowvar=False)
    if n_trials <= 400:
        assert found == pytest.approx(effective_number_of_trials(matrix).effective_rank, rel=1e-6)
    assert 1.0 <= found <= min(n_trials, n_obs - 1)


def test_trials_that_never_vary_are_no_trials_there():
    returns = np.random.default_rng(6).standard_normal((50, 4))
    with_constants = np.hstack([returns, np.zeros((50, 3)), np.full((50, 2), 0.1)])
    assert effective_rank_of_returns(with_constants) == pytest.approx(effective_rank_of_returns(returns), rel=1e-12)
    assert effective_rank_of_returns(np.zeros((50, 3))) == 1.0
    assert effective_rank_of_returns(np.empty((50, 0))) == 1.0


def test_returns_with_holes_or_of_one_row_are_refused():
    with pytest.raises(ValueError, match="return 1 of trial 0 is nan"):
        effective_rank_of_returns([[0.1], [np.nan]])
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        effective_rank_of_returns(np.zeros((1, 3)))
