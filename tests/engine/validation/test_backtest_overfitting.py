"""The probability of backtest overfitting: a plain twin, noise, a true edge, and what it must not be asked of."""

import itertools
import math

import numpy as np
import pytest
import sharpebench
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from swarmd.engine.validation import block_sums, probability_of_backtest_overfitting

RNG = np.random.default_rng(20)


def sharpe(rows):
    deviation = rows.std(axis=0, ddof=1)
    # Copies of one value leave rounding noise of their mean.
    moves = deviation > 1e-9
    return np.where(moves, rows.mean(axis=0) / np.where(moves, deviation, 1.0), 0.0)


def slow(returns, S, metric=sharpe):
    """As the source has it, row by row: PBO, logits, and the choice's metric in and out of sample."""
    rows = returns.shape[0] // S
    blocks = [returns[returns.shape[0] - (S - b) * rows : returns.shape[0] - (S - b - 1) * rows] for b in range(S)]
    logits, pairs = [], []
    for half in itertools.combinations(range(S), S // 2):
        inside = metric(np.concatenate([blocks[b] for b in half]))
        outside = metric(np.concatenate([blocks[b] for b in range(S) if b not in half]))
        best = int(np.argmax(inside))
        omega = stats.rankdata(outside)[best] / (returns.shape[1] + 1)
        logits.append(math.log(omega / (1 - omega)))
        pairs.append((inside[best], outside[best]))
    return np.mean(np.array(logits) <= 1e-12), np.array(logits), np.array(pairs)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 4, 6, 8]), st.integers(2, 12), st.integers(0, 9))
def test_the_plain_twin_says_the_same(seed, S, n_trials, extra):
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0005, 0.01, (S * 5 + min(extra, S - 1), n_trials))
    pbo, logits, pairs = slow(returns, S)
    found = probability_of_backtest_overfitting(returns, S)
    assert found.logits == pytest.approx(logits, abs=1e-9)
    assert found.pbo == pbo
    assert np.column_stack((found.is_metric, found.oos_metric)) == pytest.approx(pairs, rel=1e-9, abs=1e-12)
    assert found.probability_of_oos_loss == np.mean(pairs[:, 1] < 0)
    line = np.polyfit(pairs[:, 0], pairs[:, 1], 1)
    assert (found.slope, found.intercept) == pytest.approx(tuple(line), rel=1e-6, abs=1e-6)
    assert (found.n_trials, found.n_blocks, found.rows_per_block) == (n_trials, S, 5)


@pytest.mark.parametrize(("T", "n_trials", "S"), [(160, 20, 16), (160, 21, 8), (80, 5, 4), (400, 50, 10)])
def test_an_independent_tool_says_the_same_where_the_blocks_fill_all_of_time(T, n_trials, S):
    for _ in range(3):
        returns = RNG.normal(0, 0.01, (T, n_trials)) + RNG.normal(0, 0.0008, n_trials)
        theirs = sharpebench.probability_of_backtest_overfitting(returns.tolist(), S)
        assert probability_of_backtest_overfitting(returns, S).pbo == pytest.approx(theirs)


@pytest.mark.parametrize(
    "metric", ["mean", lambda rows: rows.mean(axis=0), lambda rows: np.quantile(rows, 0.4, axis=0)]
)
def test_other_metrics_agree_with_the_plain_twin(metric):
    returns = RNG.normal(0, 0.01, (50, 9))
    plain = (lambda rows: rows.mean(axis=0)) if metric == "mean" else metric
    _, logits, pairs = slow(returns, 6, plain)
    found = probability_of_backtest_overfitting(returns, 6, metric)
    assert found.logits == pytest.approx(logits)
    assert found.oos_metric == pytest.approx(pairs[:, 1])


def test_it_works_by_its_name_for_the_default_metric_and_from_block_sums():
    returns = RNG.normal(0, 0.01, (165, 40))
    plain = probability_of_backtest_overfitting(returns)
    summed = probability_of_backtest_overfitting(block_sums(returns, 16), S=16, metric="sharpe")
    assert plain.n_blocks == 16
    assert (plain.logits == summed.logits).all()


@pytest.mark.parametrize("n_trials", [5, 1037])
@pytest.mark.parametrize("order", ["C", "F"])
def test_equal_trials_tie_the_first_is_chosen_and_their_ranks_are_shared(n_trials, order):
    copies = np.asarray(np.tile(RNG.normal(0.001, 0.01, (80, 1)), n_trials), order=order)
    found = probability_of_backtest_overfitting(copies, 8)
    assert set(found.chosen.tolist()) == {0}
    # All share the middle of the places: neither better nor worse than the median.
    assert set(found.omega.tolist()) == {0.5}
    assert set(found.logits.tolist()) == {0.0}
    assert found.pbo == 1.0


def test_a_trial_that_never_trades_has_a_sharpe_ratio_of_zero_and_so_has_one_that_never_varies():
    loses = RNG.normal(-0.002, 0.01, (160, 6))
    idle = probability_of_backtest_overfitting(np.column_stack((loses, np.zeros(160))), 8)
    assert set(idle.is_metric[idle.chosen == 6].tolist()) == {0.0}
    # A constant leaves rounding noise in sums of squares; its ratio would be in the millions.
    constant = probability_of_backtest_overfitting(np.column_stack((loses, np.full(160, 0.0037))), 8)
    assert constant.is_metric.max() < 1.0


def test_the_oldest_rows_are_dropped():
    returns = RNG.normal(0, 0.01, (67, 5))
    changed = returns.copy()
    changed[:3] = 9.0
    assert (
        probability_of_backtest_overfitting(changed, 16).logits
        == probability_of_backtest_overfitting(returns, 16).logits
    ).all()


@given(st.permutations(range(6)), st.floats(0.01, 100))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_neither_the_order_of_blocks_nor_the_unit_matters(order, unit):
    returns = np.random.default_rng(5).normal(0, 0.01, (60, 8))
    turned = returns.reshape(6, 10, 8)[list(order)].reshape(60, 8) * unit
    first, second = (probability_of_backtest_overfitting(each, 6) for each in (returns, turned))
    assert sorted(first.logits.tolist()) == pytest.approx(sorted(second.logits.tolist()))
    assert first.pbo == second.pbo


def test_a_search_in_noise_overfits_about_as_often_as_not_and_a_true_edge_does_not():
    rng = np.random.default_rng(1)
    in_noise = [probability_of_backtest_overfitting(rng.normal(0, 0.01, (320, 60)), 10).pbo for _ in range(40)]
    assert np.mean(in_noise) == pytest.approx(0.5, abs=0.1)
    noise = rng.normal(0, 0.01, (640, 60))
    noise[:, 17] += 0.003
    found = probability_of_backtest_overfitting(noise, 10)
    assert found.pbo < 0.02
    assert found.probability_of_oos_loss < 0.02
    assert set(found.chosen.tolist()) == {17}


def test_the_trap_of_survivors_that_a_filter_left():
    """Of a search in noise only the best over all of the time: what one half lacks, the other must have had."""
    rng = np.random.default_rng(2)
    before, after = [], []
    for _ in range(20):
        search = rng.normal(0, 0.01, (320, 1000))
        survivors = search[:, np.argsort(sharpe(search))[-20:]]
        before.append(probability_of_backtest_overfitting(search, 8, tried=1000).pbo)
        after.append(probability_of_backtest_overfitting(survivors, 8).pbo)
        with pytest.raises(ValueError, match="20 trials of 1000 that were tried; give all of them"):
            probability_of_backtest_overfitting(survivors, 8, tried=1000)
    assert np.mean(before) == pytest.approx(0.5, abs=0.1)
    assert np.mean(after) > 0.8


def test_the_trap_of_near_copies_of_one_true_edge():
    """Which copy leads is chance, so the figure is near one half; that none of them loses is told beside it."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(20):
        edge = rng.normal(0.002, 0.01, (640, 1))
        found.append(probability_of_backtest_overfitting(edge + rng.normal(0, 0.0005, (640, 50)), 8))
    assert np.mean([each.pbo for each in found]) == pytest.approx(0.47, abs=0.12)
    assert np.mean([each.probability_of_oos_loss for each in found]) < 0.01


def test_without_variation_in_sample_there_is_no_slope():
    found = probability_of_backtest_overfitting(np.zeros((40, 3)), 4)
    assert (found.slope, found.intercept) == (None, None)
    assert found.probability_of_oos_loss == 0.0


@pytest.mark.parametrize(
    ("returns", "S", "metric", "said"),
    [
        (np.zeros((40, 1)), 4, "sharpe", "1 trials; a choice takes at least 2"),
        (np.zeros((3, 4)), 4, "sharpe", "3 rows do not fill 4 blocks"),
        (np.zeros((2, 4)), 2, "sharpe", "too short for a Sharpe ratio"),
        (np.zeros((40, 3)), 4, "sortino", "metric 'sortino' is unknown"),
        (np.full((40, 3), np.nan), 4, "sharpe", "trial 0 in row 0 is nan"),
        (block_sums(np.ones((40, 3)), 8), 4, "sharpe", "of 8 blocks and S is 4"),
        (block_sums(np.ones((40, 3)), 4), 4, lambda rows: rows[0], "needs the returns"),
        (np.zeros((40, 3)), 4, lambda rows: rows, "one finite figure for each of 3"),
        (np.zeros((40, 3)), 4, lambda rows: rows[0] + np.nan, "3 figures that are not finite"),
    ],
)
def test_what_cannot_be_judged_is_refused(returns, S, metric, said):
    with pytest.raises(ValueError, match=said):
        probability_of_backtest_overfitting(returns, S, metric)
