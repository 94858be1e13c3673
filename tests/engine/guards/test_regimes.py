"""Regimes: labels that know no future, boundaries of the bars in sample, and approval that must be earned."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.regimes import (
    N_REGIMES,
    REGIME_NAMES,
    UNKNOWN,
    fitted_regimes,
    regime_labels,
    regime_mismatch,
)

RNG = np.random.default_rng(12)
CLOSE = 100 * np.exp(np.cumsum(RNG.standard_t(5, 1500) * 0.01 * (1 + 0.8 * np.sin(np.arange(1500) / 60))))
BOUNDS = fitted_regimes(CLOSE, is_stop=1000, lookback=20)
LABELS = regime_labels(CLOSE, BOUNDS)


def test_a_plain_loop_labels_the_same():
    returns = [math.log(CLOSE[t] / CLOSE[t - 1]) for t in range(1, CLOSE.size)]
    for t in (0, 5, 20, 21, 22, 700, 1499):
        if t < 21:
            assert LABELS[t] == UNKNOWN
            continue
        # Of the twenty returns up to the close before.
        last = returns[t - 21 : t - 1]
        squares = sum(r * r for r in last)
        trend, volatility = sum(last) / math.sqrt(squares), math.sqrt(squares / 20)
        cell = 3 * sum(trend >= b for b in BOUNDS.trend) + sum(volatility >= b for b in BOUNDS.volatility)
        assert LABELS[t] == cell


@pytest.mark.parametrize("cut", [30, 500, 1000, 1499])
def test_the_future_changes_no_label(cut):
    assert regime_labels(CLOSE[:cut], BOUNDS).tolist() == LABELS[:cut].tolist()
    # Nor does the close of the bar itself: it is not known when an entry fills at its open.
    other = CLOSE.copy()
    other[cut - 1] *= 5.0
    assert regime_labels(other, BOUNDS)[cut - 1] == LABELS[cut - 1]


def test_boundaries_rest_on_the_bars_in_sample_alone():
    other = CLOSE.copy()
    other[1000:] = 7.0
    assert fitted_regimes(other, is_stop=1000, lookback=20) == BOUNDS


def test_in_sample_each_tercile_has_a_third_of_the_bars():
    known = LABELS[21:1000]
    assert np.bincount(known // 3) / known.size == pytest.approx([1 / 3] * 3, abs=0.01)
    assert np.bincount(known % 3) / known.size == pytest.approx([1 / 3] * 3, abs=0.01)
    assert len(REGIME_NAMES) == N_REGIMES


def test_a_rising_calm_market_and_a_falling_wild_one_bear_their_names():
    quiet = np.full(400, 0.0005)
    storm = np.tile([-0.05, 0.03], 200)
    still = RNG.normal(0, 0.005, 2000)
    close = 100 * np.exp(np.cumsum(np.concatenate([still, quiet, storm])))
    labels = regime_labels(close, fitted_regimes(close, is_stop=2000, lookback=50))
    assert REGIME_NAMES[labels[2390]] == "rising, calm"
    assert REGIME_NAMES[labels[-1]] == "falling, wild"


def test_a_market_at_rest_has_a_label_and_no_division_by_zero():
    close = np.full(300, 42.0)
    labels = regime_labels(close, fitted_regimes(close, is_stop=200, lookback=10))
    assert set(labels[11:].tolist()) == {8}


@pytest.mark.parametrize(
    ("close", "is_stop", "lookback", "said"),
    [
        (np.array([1.0, 0.0, 1.0, 1.0]), 4, 1, "close 1 is 0.0"),
        (np.ones(50), 23, 20, "give at least 24 bars"),
        (np.ones(50), 40, 0, "lookback of 0"),
    ],
)
def test_what_has_no_regimes_is_refused(close, is_stop, lookback, said):
    with pytest.raises(ValueError, match=said):
        fitted_regimes(close, is_stop=is_stop, lookback=lookback)


def mismatch(pnl_of, oos, in_market=None, **settings):
    labels = np.concatenate([np.full(len(pnl), regime) for regime, pnl in pnl_of.items()]).astype(np.int64)
    pnl = np.concatenate([np.asarray(pnl, np.float64) for pnl in pnl_of.values()])
    held = np.ones(len(oos), np.bool_) if in_market is None else np.array(in_market, np.bool_)
    return regime_mismatch(labels, pnl, np.array(oos, np.int64), held, **settings)


def test_twenty_trades_with_a_profit_approve_a_regime_and_nineteen_do_not():
    earned = {0: [1.0] * 20, 1: [1.0] * 19, 2: [-1.0] * 30, 3: [1.0] * 15 + [-1.0] * 15}
    found = mismatch(earned, [0, 0, 0, 1, 2, 3, 7, -1])
    assert found.approved == (0,)
    assert found.share == 5 / 8
    assert found.bars == {-1: 1, 0: 3, 1: 1, 2: 1, 3: 1, 7: 1}
    assert mismatch(earned, [0, 1], least_trades=19).share == 0.0


def test_bars_out_of_the_market_do_not_count_and_with_none_in_it_there_is_no_figure():
    earned = {0: [1.0] * 20}
    assert mismatch(earned, [0, 5, 5, 0], [True, False, True, False]).share == 0.5
    idle = mismatch(earned, [0, 5], [False, False])
    assert (idle.share, idle.n_bars) == (None, 0)


def test_trades_without_a_label_approve_nothing():
    assert mismatch({UNKNOWN: [1.0] * 50}, [UNKNOWN, UNKNOWN]).share == 1.0


def test_without_a_trade_in_sample_everything_is_a_mismatch():
    assert regime_mismatch(np.zeros(0, np.int64), np.zeros(0), np.array([1]), np.array([True])).share == 1.0


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1 labels of 2 trades"):
        regime_mismatch(np.array([1]), np.ones(2), np.array([1]), np.array([True]))
    with pytest.raises(ValueError, match="trade 0 in sample is nan"):
        regime_mismatch(np.array([1]), np.array([np.nan]), np.array([1]), np.array([True]))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(-1, 8), st.booleans()), max_size=60))
def test_approving_more_never_raises_the_mismatch(bars):
    labels, held = [label for label, _ in bars], [is_held for _, is_held in bars]
    few = mismatch({0: [1.0] * 20}, labels, held)
    more = mismatch({0: [1.0] * 20, 4: [1.0] * 20}, labels, held)
    assert few.share is None or 0.0 <= more.share <= few.share <= 1.0


def test_the_shares_of_regimes_drift_in_one_and_the_same_process_while_the_mismatch_stays_at_zero():
    """Why it is no distance between shares: two halves of one process differ by far more than 1 % of their bars."""
    distances = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        spread = np.exp(np.convolve(rng.normal(0, 0.1, 2100), np.exp(-np.arange(200) / 60))[:2000])
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 2000) * spread))
        labels = regime_labels(close, fitted_regimes(close, is_stop=1000, lookback=50))
        shares = [np.bincount(part[part >= 0], minlength=9) / (part >= 0).sum() for part in np.split(labels, 2)]
        distances.append(np.abs(shares[0] - shares[1]).sum() / 2)
        everywhere = {regime: [1.0] * 20 for regime in range(N_REGIMES)}
        assert mismatch(everywhere, labels[1000:]).share == 0.0
    assert np.median(distances) > 0.1
