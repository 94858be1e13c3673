"""Walk-forward efficiency: pooled, at least six windows, and nothing where nothing was earned."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.validation import walk_forward_efficiency

WINDOW = st.tuples(st.floats(-2, 2), st.integers(1, 5000), st.floats(-2, 2), st.integers(1, 5000))


def test_an_example_by_hand():
    # 1.2 over 1200 bars inside, 0.3 over 600 outside: 0.001 a bar, of which half is left.
    found = walk_forward_efficiency(
        [0.1, 0.3, 0.2, 0.2, 0.3, 0.1], [200] * 6, [0.1, -0.05, 0.1, 0.0, 0.1, 0.05], [100] * 6
    )
    assert found.wfe == pytest.approx(0.5)
    assert (found.n_windows, found.profitable_share) == (6, pytest.approx(4 / 6))
    assert (found.worst_window, found.worst_return) == (1, -0.05)
    assert found.undefined_because is None


@settings(deadline=None, derandomize=True)
@given(st.lists(WINDOW, min_size=6, max_size=12))
def test_bars_count_and_not_windows(walked):
    is_returns, is_bars, oos_returns, oos_bars = zip(*walked, strict=True)
    found = walk_forward_efficiency(is_returns, is_bars, oos_returns, oos_bars)
    if math.fsum(is_returns) <= 0:
        assert found.wfe is None
        assert found.undefined_because == "nothing was earned in sample"
    else:
        slow = (sum(oos_returns) / sum(oos_bars)) / (math.fsum(is_returns) / sum(is_bars))
        assert found.wfe == pytest.approx(slow, rel=1e-6, abs=1e-9)
    assert found.worst_return == min(oos_returns)
    assert found.worst_window == oos_returns.index(min(oos_returns))


def test_the_trap_of_the_mean_of_ratios():
    """One window that earned next to nothing inside: the mean of ratios is 17, what was kept is nothing much."""
    inside, outside = [0.2] * 5 + [0.001], [0.0] * 5 + [0.1]
    mean_of_ratios = sum(o / i for o, i in zip(outside, inside, strict=True)) / 6
    assert mean_of_ratios > 16
    assert walk_forward_efficiency(inside, [100] * 6, outside, [100] * 6).wfe == pytest.approx(0.1 / 1.001)


@pytest.mark.parametrize("inside", [-0.1, 0.0])
def test_the_trap_of_the_negative_denominator(inside):
    # A loss of 2 outside over a loss of 1 inside would be an efficiency of 2.
    found = walk_forward_efficiency([inside] * 6, [100] * 6, [-0.2] * 6, [100] * 6)
    assert found.wfe is None
    assert found.undefined_because == "nothing was earned in sample"
    assert (found.profitable_share, found.worst_return) == (0.0, -0.2)


def test_five_windows_say_nothing_and_none_at_all_neither():
    five = walk_forward_efficiency([0.1] * 5, [10] * 5, [0.1] * 5, [10] * 5)
    assert (five.wfe, five.undefined_because) == (None, "5 windows, fewer than 6")
    assert five.profitable_share == 1.0
    assert walk_forward_efficiency([0.1] * 5, [10] * 5, [0.1] * 5, [10] * 5, least_windows=5).wfe == 1.0
    none = walk_forward_efficiency([], [], [], [], least_windows=0)
    assert (none.wfe, none.profitable_share, none.worst_window, none.worst_return) == (None, None, None, None)


def test_the_first_of_equally_bad_windows_is_the_worst():
    assert walk_forward_efficiency([1.0] * 3, [9] * 3, [0.0, -1.0, -1.0], [9] * 3).worst_window == 1


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        (([1.0], [1], [1.0], []), r"\[1, 1, 1, 0\] windows in the four lists"),
        (([math.nan], [1], [1.0], [1]), "window 0 has returns"),
        (([1.0, 1.0], [1, 1], [1.0, 1.0], [1, 0]), r"window 1 has returns .* on \(1, 0\) bars"),
    ],
)
def test_lists_that_do_not_fit_are_refused(lists, said):
    with pytest.raises(ValueError, match=said):
        walk_forward_efficiency(*lists)
