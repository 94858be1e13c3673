"""Surrogate markets: what a flip keeps, what it takes away, and that the same seed gives the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.market.bars import Bars
from swarmd.engine.market.surrogates import flipped_market, sample_drift, surrogate_market
from swarmd.engine.market.synth import drift_market, noise_market

SEEDS = st.integers(0, 2**32 - 1)
DRIFTS = st.floats(-2e-3, 2e-3)


def log_returns(bars: Bars) -> np.ndarray:
    return np.diff(np.log(np.concatenate((bars.open[:1], bars.close))))


def jumps(bars: Bars) -> np.ndarray:
    """From each close to the next open, in logarithms."""
    return np.log(bars.open[1:] / bars.close[:-1])


def rough_market(seed: int, n_bars: int = 400) -> Bars:
    """Bars that jump to their open, with synthetic ones in between: what synthetic noise does not have."""
    rng = np.random.default_rng(seed)
    synthetic = rng.random(n_bars) < 0.1
    synthetic[0] = False
    arrays = {name: np.empty(n_bars) for name in ("open", "high", "low", "close")}
    price = 100.0
    for bar in range(n_bars):
        quiet = 0.0 if synthetic[bar] else 1.0
        arrays["open"][bar] = price * np.exp(quiet * rng.normal(0, 0.003))
        arrays["close"][bar] = arrays["open"][bar] * np.exp(quiet * rng.normal(0, 0.01))
        ends = arrays["open"][bar], arrays["close"][bar]
        arrays["high"][bar] = max(ends) * np.exp(quiet * rng.exponential(0.004))
        arrays["low"][bar] = min(ends) * np.exp(-quiet * rng.exponential(0.004))
        price = arrays["close"][bar]
    return Bars(
        symbol="ROUGH",
        interval_minutes=15,
        open_time=900_000 * np.arange(n_bars),
        volume=np.where(synthetic, 0.0, rng.lognormal(0, 1, n_bars)),
        synthetic=synthetic,
        **arrays,
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS, DRIFTS)
def test_every_return_keeps_its_distance_from_the_drift_and_its_place(market, seed, drift):
    bars = rough_market(market)
    there = surrogate_market(bars, seed=seed, number=0, drift=drift)
    real = ~bars.synthetic
    was, now = log_returns(bars)[real] - drift, log_returns(there)[real] - drift
    np.testing.assert_allclose(np.abs(now), np.abs(was), atol=1e-11)
    np.testing.assert_allclose(np.sort(np.abs(now)), np.sort(np.abs(was)), atol=1e-11)


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS, DRIFTS)
def test_bars_are_consistent_whatever_the_drift(market, seed, drift):
    there = surrogate_market(rough_market(market), seed=seed, number=1, drift=drift)
    assert (there.high >= np.maximum(there.open, there.close)).all()
    assert (there.low <= np.minimum(there.open, there.close)).all()
    assert (there.low > 0).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS, SEEDS, DRIFTS)
def test_times_volume_and_synthetic_bars_are_kept_and_jumps_keep_their_size(market, seed, drift):
    bars = rough_market(market)
    there = surrogate_market(bars, seed=seed, number=2, drift=drift)
    for name in ("open_time", "volume", "synthetic"):
        assert np.array_equal(getattr(there, name), getattr(bars, name))
    np.testing.assert_allclose(np.abs(jumps(there)), np.abs(jumps(bars)), atol=1e-11)
    gap = np.flatnonzero(bars.synthetic)
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(there, name)[gap], there.close[gap - 1])


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_without_drift_a_bar_that_is_flipped_is_its_mirror_image(market):
    bars = rough_market(market)
    there = flipped_market(bars, np.ones(bars.n_bars, bool))
    before, before_there = np.r_[bars.open[0], bars.close[:-1]], np.r_[there.open[0], there.close[:-1]]
    real = ~bars.synthetic
    np.testing.assert_allclose((there.high / before_there)[real], (before / bars.low)[real], rtol=1e-10)
    np.testing.assert_allclose((there.low / before_there)[real], (before / bars.high)[real], rtol=1e-10)
    # Twice is once never.
    back = flipped_market(there, np.ones(bars.n_bars, bool))
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(getattr(back, name), getattr(bars, name), rtol=1e-9)


def test_an_open_at_the_close_before_stays_at_it_to_the_bit():
    bars = noise_market(20, 3, 15)
    assert np.array_equal(bars.open[1:], bars.close[:-1])
    there = surrogate_market(bars, seed=5, number=0, drift=sample_drift(bars))
    assert np.array_equal(there.open[1:], there.close[:-1])


def test_a_market_in_which_nothing_is_flipped_is_the_market_itself():
    bars = rough_market(1)
    there = flipped_market(bars, np.zeros(bars.n_bars, bool), drift=1e-3)
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(getattr(there, name), getattr(bars, name), rtol=1e-10)


def test_the_same_seed_and_number_give_the_same_bits_and_others_do_not():
    bars = noise_market(20, 4, 15)
    first = surrogate_market(bars, seed=7, number=3)
    assert first.sha256() == surrogate_market(bars, seed=7, number=3).sha256()
    others = [surrogate_market(bars, seed=seed, number=number).sha256() for seed, number in ((7, 4), (8, 3))]
    assert len({bars.sha256(), first.sha256(), *others}) == 4


def test_no_bar_of_the_vault_is_touched_or_seen():
    whole = noise_market(40, 4, 15)
    development, before = whole.between(0, 2 * whole.n_bars // 3), whole.sha256()
    there = surrogate_market(development, seed=1, number=0)
    other = noise_market(40, 5, 15)
    spliced = Bars(
        symbol=whole.symbol,
        interval_minutes=15,
        open_time=whole.open_time,
        synthetic=whole.synthetic,
        **{
            name: np.r_[getattr(whole, name)[: development.n_bars], getattr(other, name)[development.n_bars :]]
            for name in ("open", "high", "low", "close", "volume")
        },
    )
    # Another vault, the same development bars: the same surrogate.
    again = surrogate_market(spliced.between(0, development.n_bars), seed=1, number=0)
    assert there.n_bars == development.n_bars
    assert there.sha256() == again.sha256()
    assert Bars(**{name: getattr(whole, name) for name in BARS}).sha256() == before


BARS = ("symbol", "interval_minutes", "open_time", "open", "high", "low", "close", "volume", "synthetic")


def test_drift_is_kept_on_average_and_without_it_a_rise_is_lost():
    bars = drift_market(200, 1, 60, annual_sharpe=8.0)
    drift = sample_drift(bars)
    assert drift > 0
    total = [
        np.mean([log_returns(surrogate_market(bars, seed=2, number=n, drift=m)).mean() for n in range(60)])
        for m in (drift, 0.0)
    ]
    error = log_returns(bars).std() / np.sqrt(bars.n_bars * 60)
    assert total[0] == pytest.approx(drift, abs=4 * error)
    assert total[1] == pytest.approx(0.0, abs=4 * error)


def test_coins_of_another_number_are_refused():
    with pytest.raises(ValueError, match="toss one a bar"):
        flipped_market(noise_market(10, 1, 60), np.zeros(3, bool))
