"""Rank correlations against scipy and plain loops, and the overlap of two tops against chance."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from swarmd.engine.validation import kendall_tau_b, spearman, top_k_overlap
from swarmd.engine.validation.rank_stability import average_ranks

# Few different values, so that ties are the rule.
PAIRS = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), max_size=40)


@settings(deadline=None, derandomize=True)
@given(PAIRS)
def test_scipy_says_the_same_ties_and_all(pairs):
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert spearman(x, y) is None
        assert kendall_tau_b(x, y) is None
        return
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert kendall_tau_b(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)
    assert average_ranks(np.array(x)).tolist() == stats.rankdata(x).tolist()


@settings(deadline=None, derandomize=True)
@given(PAIRS)
def test_plain_pairs_give_the_same_tau(pairs):
    concordant = discordant = tied_x = tied_y = 0
    for at, (a, b) in enumerate(pairs):
        for c, d in pairs[:at]:
            sign = np.sign(a - c) * np.sign(b - d)
            concordant, discordant = concordant + (sign > 0), discordant + (sign < 0)
            tied_x, tied_y = tied_x + (a == c), tied_y + (b == d)
    n_pairs = len(pairs) * (len(pairs) - 1) // 2
    below = math.sqrt((n_pairs - tied_x) * (n_pairs - tied_y))
    found = kendall_tau_b([a for a, _ in pairs], [b for _, b in pairs])
    assert found == (pytest.approx((concordant - discordant) / below) if below else None)


def test_on_many_scores_it_still_agrees():
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, 30_000).round(3)
    y = (x + rng.normal(0, 2, 30_000)).round(2)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
    assert kendall_tau_b(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)


def test_published_examples():
    # Ten students ranked twice: sum of squared differences 194, so rho = 1 - 6*194/990 (the textbook's -0.1757...).
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert spearman(iq, hours) == pytest.approx(1 - 6 * 194 / 990)
    # Kendall (1970), Rank Correlation Methods: mathematical and musical ability of ten boys, S = 21 - 24.
    mathematics = [7, 4, 3, 10, 6, 2, 9, 8, 1, 5]
    music = [5, 7, 3, 10, 1, 9, 6, 2, 8, 4]
    assert kendall_tau_b(mathematics, music) == pytest.approx(-3 / 45)


@settings(deadline=None, derandomize=True)
@given(PAIRS)
def test_they_are_symmetric_and_turn_with_the_order(pairs):
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    for figure in (spearman, kendall_tau_b):
        there = figure(x, y)
        assert there == (None if there is None else pytest.approx(figure(y, x)))
        if there is not None:
            assert figure([-value for value in x], y) == pytest.approx(-there)
            assert figure([math.exp(value) for value in x], y) == pytest.approx(there)
            assert -1.0 <= there <= 1.0
            assert figure(x, x) == pytest.approx(1.0)


@pytest.mark.parametrize("figure", [spearman, kendall_tau_b, lambda x, y: top_k_overlap(x, y, 1)])
def test_lists_that_do_not_fit_are_refused(figure):
    with pytest.raises(ValueError, match="2 and 3 scores"):
        figure([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="trial 1 has scores nan and 2"):
        figure([1.0, math.nan], [1.0, 2.0])


def test_the_overlap_of_two_tops_by_hand():
    found = top_k_overlap([5, 4, 3, 2, 1, 0], [5, 0, 4, 3, 1, 2], 3)
    assert (found.overlap, found.expected) == (2.0, 1.5)
    assert (found.share, found.lift) == (pytest.approx(2 / 3), pytest.approx(4 / 3))


@settings(deadline=None, derandomize=True)
@given(PAIRS.filter(bool), st.data())
def test_ties_at_the_cut_count_by_their_chance_of_a_place(pairs, data):
    k = data.draw(st.integers(1, len(pairs)))
    x, y = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    found = top_k_overlap(x, y, k)
    assert -1e-9 <= found.overlap <= k + 1e-9
    assert found.overlap == pytest.approx(top_k_overlap(y, x, k).overlap)
    assert found.expected == pytest.approx(k * k / len(pairs))
    # Drawn at random among the tied, many times over.
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(200):
        tops = [set(np.lexsort((rng.random(len(pairs)), -np.array(side)))[:k].tolist()) for side in (x, y)]
        draws.append(len(tops[0] & tops[1]))
    assert found.overlap == pytest.approx(np.mean(draws), abs=5 * (np.std(draws) + 0.05) / math.sqrt(200) + 1e-9)


def test_scores_that_rank_nothing_overlap_as_chance_does():
    # Drawn by their number, all of the fifty would be the same.
    found = top_k_overlap(np.zeros(1000), np.zeros(1000), 50)
    assert (found.overlap, found.lift) == (pytest.approx(2.5), pytest.approx(1.0))


def test_strangers_overlap_by_chance_and_the_same_ranking_wholly():
    rng = np.random.default_rng(9)
    lifts = [top_k_overlap(rng.random(500), rng.random(500), 50).lift for _ in range(200)]
    assert np.mean(lifts) == pytest.approx(1.0, abs=0.1)
    scores = rng.random(500)
    assert top_k_overlap(scores, scores, 50).share == 1.0


@pytest.mark.parametrize("k", [0, 4, -1])
def test_a_top_of_none_or_of_more_than_all_is_refused(k):
    with pytest.raises(ValueError, match=f"k is {k} of 3 trials"):
        top_k_overlap([1, 2, 3], [1, 2, 3], k)
