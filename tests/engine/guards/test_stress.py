"""Dearer, later, fewer: each stress against an account that can be worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.stress import (
    break_even_cost,
    entered_later,
    stress1_sharpe,
    stress2_sharpe,
    stress3_dropped_trades,
)

POSITIONS = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), max_size=40).map(np.array)


def test_stress_1_runs_at_twice_the_fee_and_twice_the_slippage():
    asked = []

    def evaluate(fee_bps, slippage_bps):
        asked.append((fee_bps, slippage_bps))
        return 2.0 - 0.05 * (fee_bps + slippage_bps)

    assert stress1_sharpe(evaluate, 5.0, 2.0) == pytest.approx(1.3)
    assert asked == [(10.0, 4.0)]
    assert stress1_sharpe(evaluate, 5.0, 2.0, factor=1.0) == pytest.approx(1.65)


@pytest.mark.parametrize(("fee", "slippage", "factor"), [(-1.0, 0.0, 2.0), (0.0, math.nan, 2.0), (5.0, 2.0, 0.5)])
def test_stress_1_refuses_costs_that_are_none(fee, slippage, factor):
    with pytest.raises(ValueError, match=r"stress"):
        stress1_sharpe(lambda *_: 1.0, fee, slippage, factor=factor)


def test_the_break_even_cost_is_where_a_linear_account_says():
    # 100 round trips earning 30 bps each before costs, two sides a trip: 15 bps a side.
    def net(fee_bps, slippage_bps):
        return 100 * (30.0 - 2.0 * (fee_bps + slippage_bps))

    found = break_even_cost(net, 4.0, 1.0)
    assert found.cost_bps == pytest.approx(15.0, abs=0.01)
    assert found.cost_bps <= 15.0
    assert found.multiple == pytest.approx(3.0, abs=0.01)
    assert found.is_bounded
    assert break_even_cost(net, 0.0, 0.0).multiple is None


def test_fee_and_slippage_grow_in_their_proportion():
    # Only the fee hurts, and it is four fifths of the costs.
    found = break_even_cost(lambda fee, _: 8.0 - fee, 4.0, 1.0)
    assert found.cost_bps == pytest.approx(10.0, abs=0.01)


def test_a_loss_before_costs_breaks_even_at_none_and_a_profit_at_any_costs_is_told_as_unbounded():
    assert break_even_cost(lambda *_: 0.0, 5.0, 2.0).cost_bps == 0.0
    endless = break_even_cost(lambda *_: 1.0, 5.0, 2.0, most_bps=70.0)
    assert (endless.cost_bps, endless.multiple, endless.is_bounded) == (70.0, 10.0, False)


def test_stress_2_runs_one_bar_later():
    assert stress2_sharpe(lambda bars: 1.0 - 0.25 * bars) == 0.75
    with pytest.raises(ValueError, match="-1 bars later"):
        stress2_sharpe(float, bars=-1)


def test_entries_come_later_and_exits_stay():
    position = np.array([0, 1, 1, 1, 0, -1, -1, 1, 1, 0, 1], np.float64)
    assert entered_later(position).tolist() == [0, 0, 1, 1, 0, 0, -1, 0, 1, 0, 0]
    assert entered_later(position, bars=2).tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert entered_later(position, bars=0).tolist() == position.tolist()
    # A change of size is no entry.
    assert entered_later(np.array([0.5, 1.0, 0.5])).tolist() == [0.0, 1.0, 0.5]


@settings(deadline=None, derandomize=True)
@given(POSITIONS, st.integers(0, 5))
def test_a_plain_loop_enters_at_the_same_bars(position, bars):
    expected, side, held = [], None, 0
    for wished in position.tolist():
        held = held + 1 if np.sign(wished) == side else 0
        side = np.sign(wished)
        expected.append(wished if held >= bars else 0.0)
    assert entered_later(position, bars=bars).tolist() == expected


def test_stress_3_of_equal_trades_is_what_is_left_of_them():
    found = stress3_dropped_trades([1.0] * 40)
    assert (found.percentile, found.n_dropped, found.n_trades) == (38.0, 2, 40)
    assert found.passes
    # Rounded up: one of eleven, and of one trade that one.
    assert stress3_dropped_trades([1.0] * 11).n_dropped == 1
    assert not stress3_dropped_trades([1.0]).passes


def test_stress_3_agrees_with_the_exact_distribution():
    """Drop one of 20: the 5th percentile of 20 equally likely sums lies near the two lowest of them."""
    trades = np.random.default_rng(2).normal(0.1, 1.0, 20)
    sums = np.sort(trades.sum() - trades)
    found = stress3_dropped_trades(trades, n_draws=4000)
    assert sums[0] <= found.percentile <= sums[2]


def test_a_result_that_one_trade_in_a_hundred_carries_fails_and_one_of_many_passes():
    assert not stress3_dropped_trades([-0.1] * 95 + [2.0] * 5).passes
    assert stress3_dropped_trades(np.random.default_rng(0).normal(0.3, 1.0, 200)).passes


def test_stress_3_of_an_account_that_compounds_is_what_the_trades_left_make_of_it():
    found = stress3_dropped_trades([0.1] * 40, is_compounded=True)
    assert found.percentile == pytest.approx(1.1**38 - 1)
    # One of 20 missed, each as likely: the lowest twentieth misses the best one, wherever in the account's life it was.
    trades = np.random.default_rng(2).normal(0.02, 0.1, 20)
    grown = np.sort(np.prod(1 + trades) / (1 + trades) - 1)
    lowest = [stress3_dropped_trades(order, n_draws=4000, is_compounded=True) for order in (trades, trades[::-1])]
    assert all(grown[0] - 1e-12 <= each.percentile <= grown[2] for each in lowest)
    # Once all is lost nothing is left to grow, unless that very trade was missed.
    assert stress3_dropped_trades([0.5] * 30 + [-1.0], is_compounded=True).percentile == -1.0
    with pytest.raises(ValueError, match=r"trade 1 is -1\.5 of its equity"):
        stress3_dropped_trades([0.1, -1.5], is_compounded=True)


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=60))
def test_stress_3_knows_no_order_of_trades_where_they_compound_and_misses_none_where_none_is_missed(trades):
    kept, in_order = (
        stress3_dropped_trades(each, share=0.0, n_draws=1, is_compounded=True).percentile
        for each in (trades, sorted(trades))
    )
    assert kept == pytest.approx(math.prod(1 + trade for trade in trades) - 1)
    assert kept == pytest.approx(in_order)


def test_stress_3_is_seeded_and_undefined_without_trades():
    trades = np.random.default_rng(4).normal(0, 1, 60)
    assert stress3_dropped_trades(trades, seed=1) == stress3_dropped_trades(trades, seed=1)
    assert stress3_dropped_trades([]).percentile is None
    assert not stress3_dropped_trades([]).passes
    with pytest.raises(ValueError, match="trade 1 is nan"):
        stress3_dropped_trades([1.0, math.nan])
    with pytest.raises(ValueError, match=r"share 1\.0"):
        stress3_dropped_trades([1.0], share=1.0)
