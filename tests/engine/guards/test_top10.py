"""The ten best trades: shares by hand, what they would be by chance, and why net profit is the wrong whole."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.top10 import top10_excess, top10_share

TRADES = st.lists(st.floats(-100, 100).map(lambda pnl: round(pnl, 3)), max_size=80)


def test_an_example_by_hand():
    trades = [10.0] * 10 + [1.0] * 100 + [-1.0] * 50
    assert top10_share(trades) == pytest.approx(100 / 200)
    assert top10_share(trades, of="net_profit") == pytest.approx(100 / 150)


@settings(deadline=None, derandomize=True)
@given(TRADES)
def test_a_plain_loop_says_the_same_in_any_order(trades):
    winners = sorted((pnl for pnl in trades if pnl > 0), reverse=True)
    share = top10_share(trades)
    assert share == (pytest.approx(sum(winners[:10]) / sum(winners)) if winners else None)
    assert top10_share(trades[::-1]) == share
    if share is not None:
        assert min(1.0, 10 / len(winners)) <= share + 1e-12 <= 1.0 + 2e-12


def test_ten_winners_or_fewer_are_all_of_it():
    assert top10_share([5.0] * 10 + [-1.0] * 90) == 1.0


@pytest.mark.parametrize("trades", [[], [0.0, 0.0], [-1.0] * 100])
def test_without_a_winner_it_is_undefined_and_not_a_perfect_zero(trades):
    assert top10_share(trades) is None
    assert top10_share(trades, of="net_profit") is None


def test_of_a_net_loss_the_net_share_is_undefined():
    # -12 over a net of -10 would be a fine-looking share of any sign.
    assert top10_share([1.0] * 12 + [-22.0], of="net_profit") is None


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="trade 1 is nan"):
        top10_share([1.0, math.nan])
    with pytest.raises(ValueError, match="'gross' is unknown"):
        top10_share([1.0], of="gross")
    with pytest.raises(ValueError, match="0 resamples"):
        top10_excess([1.0], n_boot=0)


def test_of_net_profit_the_threshold_counts_trades_and_of_gross_profit_it_does_not():
    """An annual Sharpe ratio of 1.5 over two years, shared evenly by however many fat-tailed trades."""
    rng = np.random.default_rng(8)
    for n_trades in (100, 300, 500):
        runs = rng.standard_t(4, (200, n_trades)) / 2**0.5 + 1.5 * 2**0.5 / n_trades**0.5
        net = [top10_share(run, of="net_profit") or math.inf for run in runs]
        assert np.mean(np.array(net) < 0.4) < 0.15, n_trades
    assert np.mean([top10_share(run) < 0.4 for run in runs]) == 1.0


def test_a_result_shared_by_many_is_no_excess():
    trades = np.random.default_rng(1).normal(0.2, 1.0, 200)
    found = top10_excess(trades)
    assert found.ratio == pytest.approx(1.0, abs=0.05)
    assert found.passes
    assert found.n_winners == np.count_nonzero(trades > 0)


def test_a_result_that_hangs_on_one_trade_is_an_excess():
    trades = [1.0] * 99 + [1000.0]
    found = top10_excess(trades)
    # The one trade is missing from 0.99^100 = 37 % of the resamples, and there ten of a hundred equal ones make 10 %.
    with_it = np.array([(1000 * k + 10 - min(k, 10)) / (1000 * k + 100 - k) for k in range(1, 8)])
    chance = np.array([math.comb(100, k) * 0.01**k * 0.99 ** (100 - k) for k in range(1, 8)])
    assert found.expected == pytest.approx(0.99**100 * 0.1 + float(with_it @ chance), abs=0.03)
    assert found.ratio == pytest.approx(found.share / found.expected)
    assert not found.passes


@pytest.mark.parametrize(
    ("trades", "why"),
    [
        ([], "net profit of 0"),
        ([1.0] * 50 + [-60.0], "net profit of -10"),
        ([1.0] * 10 + [-0.1] * 40, "10 winners"),
    ],
)
def test_a_net_loss_and_a_handful_of_winners_fail(trades, why):
    found = top10_excess(trades)
    assert found.ratio is None
    assert not found.passes
    assert why in found.undefined_because


def test_the_seed_decides_and_the_portions_of_the_resampling_do_not():
    trades = np.random.default_rng(5).standard_t(3, 700) + 0.2
    assert top10_excess(trades, seed=4) == top10_excess(trades, seed=4)
    assert top10_excess(trades, seed=4).expected != top10_excess(trades, seed=5).expected
    assert top10_excess(trades, seed=4).expected == pytest.approx(top10_excess(trades, seed=5).expected, rel=0.02)


def test_on_ordinary_trades_it_hardly_ever_alarms():
    rng = np.random.default_rng(11)
    alarms = sum(not top10_excess(rng.standard_t(4, 120) + 0.5, n_boot=200).passes for _ in range(60))
    assert alarms <= 3
