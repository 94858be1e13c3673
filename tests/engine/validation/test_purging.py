"""Combinatorial splits and purging: the source's own figure, and overlaps counted bar against bar."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.validation import cpcv_paths, purged_train_indices


def test_the_figure_of_the_source():
    """Six groups, two held out: 15 splits and 5 paths (Advances in Financial Machine Learning, figures 12.1, 12.2)."""
    splits, paths = cpcv_paths(6, 2)
    assert (len(splits), len(paths)) == (15, 5)
    assert splits[:6] == ((0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 2))
    # Numbered from S1 there: the first group is tested in the first five, the second in S1 and S6 to S9.
    assert [path[0] + 1 for path in paths] == [1, 2, 3, 4, 5]
    assert [path[1] + 1 for path in paths] == [1, 6, 7, 8, 9]
    assert [path[5] + 1 for path in paths] == [5, 9, 12, 14, 15]


@settings(deadline=None, derandomize=True)
@given(st.integers(2, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1))))
def test_every_tested_group_of_every_split_is_on_one_path(sizes):
    n, k = sizes
    splits, paths = cpcv_paths(n, k)
    assert len(splits) == math.comb(n, k)
    assert len(paths) * n == k * len(splits)
    used = [(path[group], group) for path in paths for group in range(n)]
    assert sorted(used) == [(number, group) for number, split in enumerate(splits) for group in split]


@pytest.mark.parametrize(("n", "k"), [(6, 0), (6, 6), (1, 1), (0, 0), (4, -1)])
def test_groups_that_cannot_be_held_out_are_refused(n, k):
    with pytest.raises(ValueError, match="give 1 <= k < n"):
        cpcv_paths(n, k)


def slow_train(T, test, label_horizon, embargo):
    """An outcome spans [i, i + horizon]; behind the end of each stretch's last one come the embargo's bars."""
    kept = []
    for i in range(T):
        meets = any(i <= j + label_horizon and j <= i + label_horizon for j in test)
        embargoed = any(
            j + 1 not in test and j + label_horizon < i <= j + label_horizon + embargo for j in test
        )  # j + 1 not in test: the last bar of its stretch
        if i not in test and not meets and not embargoed:
            kept.append(i)
    return kept


@settings(deadline=None, derandomize=True)
@given(
    st.integers(0, 60).flatmap(
        lambda T: st.tuples(st.just(T), st.sets(st.integers(0, max(T - 1, 0)), max_size=min(T, 20)))
    ),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_a_plain_loop_over_outcomes_keeps_the_same_bars(bars, label_horizon, embargo):
    T, test = bars
    kept = purged_train_indices(T, sorted(test), label_horizon, embargo)
    assert kept.tolist() == slow_train(T, test, label_horizon, embargo)
    assert kept.dtype == np.int64


def test_before_a_test_the_horizon_goes_and_behind_it_the_horizon_and_the_embargo():
    kept = purged_train_indices(30, range(10, 15), 3, 4).tolist()
    assert kept == [*range(7), *range(22, 30)]


def test_without_horizon_and_embargo_it_is_the_complement():
    assert purged_train_indices(6, [4, 1], 0).tolist() == [0, 2, 3, 5]
    assert purged_train_indices(4, [], 3, 3).tolist() == [0, 1, 2, 3]
    assert purged_train_indices(4, range(4), 0).tolist() == []


def test_indices_ranges_slices_and_masks_say_the_same():
    mask = np.zeros(20, np.bool_)
    mask[5:8] = True
    ways = [[7, 5, 6], range(5, 8), slice(5, 8), mask, np.array([5, 6, 7], np.int32)]
    assert {tuple(purged_train_indices(20, way, 2, 1).tolist()) for way in ways} == {(0, 1, 2, *range(11, 20))}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((10, [10], 0), r"from 10 to 10; give bars within \[0, 10\)"),
        ((10, [-1, 3], 0), "from -1 to 3"),
        ((10, [0.5], 0), "float64; give whole bar numbers"),
        ((10, np.ones(9, np.bool_), 0), r"shape \(9,\); give 10 booleans"),
        ((-1, [], 0), "T is -1"),
        ((10, [1], -1), "label_horizon is -1"),
        ((10, [1], 0, -2), "embargo is -2"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        purged_train_indices(*arguments)
