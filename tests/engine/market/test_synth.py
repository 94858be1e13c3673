"""Made-up markets are what they say: noise, drift without timing, and a planted rule worth what was asked."""

import numpy as np
import pytest

from swarmd.engine.market.faults import DataError
from swarmd.engine.market.planted import PlantedRule, _oracle_equity, oracle_sharpe, planted_path, strength_for
from swarmd.engine.market.shocks import (
    ALPHA,
    BETA,
    LEVERAGE,
    OMEGA,
    Shocks,
    _garch_deviation,
    daily_season,
    draw_shocks,
)
from swarmd.engine.market.synth import drift_market, noise_market, planted_market

BARS_A_YEAR = 365 * 288


def simple_returns(bars):
    return bars.close / np.concatenate(([bars.open[0]], bars.close[:-1])) - 1


def drawn(n_days, seed=5):
    return draw_shocks(n_days * 288, np.random.default_rng(seed), interval_minutes=5)


def test_the_same_seed_makes_the_same_bars_and_another_seed_others():
    assert noise_market(10, 7).sha256() == noise_market(10, 7).sha256()
    assert noise_market(10, 7).sha256() != noise_market(10, 8).sha256()
    assert planted_market(10, 7, 2.0)[0].sha256() == planted_market(10, 7, 2.0)[0].sha256()


def test_markets_differ_only_in_their_drift():
    noise, drift = noise_market(30, 7), drift_market(30, 7, annual_sharpe=1.0)
    steady = simple_returns(drift) - simple_returns(noise)
    assert steady == pytest.approx(np.full(30 * 288, 0.7 / BARS_A_YEAR), abs=1e-14)
    planted, truth = planted_market(30, 7, 2.0)
    pushed = simple_returns(planted) - simple_returns(noise)
    sigma = drawn(30, seed=7).sigma
    position = np.rint(pushed / (truth.delta * sigma))
    assert pushed == pytest.approx(truth.delta * sigma * position, abs=1e-14)
    assert set(position.tolist()) == {-1.0, 0.0, 1.0}


def test_noise_has_the_volatility_of_a_coin_fat_tails_and_no_drift_beyond_chance():
    shocks = drawn(20 * 365)
    volatility = shocks.noise.std() * np.sqrt(BARS_A_YEAR)
    assert volatility == pytest.approx(0.70, rel=0.04)
    t_statistic = shocks.noise.mean() / shocks.noise.std() * np.sqrt(shocks.noise.shape[0])
    assert abs(t_statistic) < 3
    assert np.mean((shocks.noise / shocks.noise.std()) ** 4) > 6


def test_noise_clusters_in_volatility_and_has_no_memory_in_direction():
    noise = drawn(3 * 365).noise / np.resize(daily_season(5), 3 * BARS_A_YEAR)
    direction = np.corrcoef(np.sign(noise[1:]), np.sign(noise[:-1]))[0, 1]
    size = np.corrcoef(np.abs(noise[1:]), np.abs(noise[:-1]))[0, 1]
    assert abs(direction) < 4 / np.sqrt(noise.shape[0])
    assert size > 0.05


def test_the_variance_follows_the_recursion_of_its_paper_step_by_step():
    innovation = np.random.default_rng(3).standard_normal(200)
    h, wanted = 1.0, []
    for z in innovation:
        wanted.append(np.sqrt(h))
        shock = np.sqrt(h) * z
        h = OMEGA + (ALPHA + (LEVERAGE if shock < 0 else 0)) * shock**2 + BETA * h
    assert _garch_deviation(innovation) == pytest.approx(np.array(wanted), rel=1e-13)
    assert pytest.approx(1.0, abs=1e-15) == OMEGA + ALPHA + LEVERAGE / 2 + BETA


@pytest.mark.parametrize("interval", [5, 15, 60])
def test_the_season_averages_out_over_the_day(interval):
    season = daily_season(interval)
    assert season.shape == (1440 // interval,)
    assert np.mean(season**2) == pytest.approx(1.0)
    assert season.min() > 0


def test_made_up_bars_open_where_the_last_one_closed_and_move_inside_as_far_as_their_volatility_says():
    bars = noise_market(120, 3)
    assert bars.open[1:].tolist() == bars.close[:-1].tolist()
    assert np.all(bars.volume > 0)
    assert not bars.synthetic.any()
    # Feller (1951): the expected range of a Brownian motion over a unit of time is sqrt(8/pi) = 1.60 deviations.
    sigma = drawn(120, seed=3).sigma
    assert np.mean(np.log(bars.high / bars.low) / sigma) == pytest.approx(np.sqrt(8 / np.pi), rel=0.06)


def obvious_position(returns, rule):
    """The rule by hand: averages over slow closes, a state at each close, a position from the first cross on."""
    price = np.cumprod(1.0 + returns)
    averages = []
    for timeframe, length in ((rule.tf_fast, rule.L_fast), (rule.tf_slow, rule.L_slow)):
        factor, value, n_closed, track = timeframe // 5, 0.0, 0, []
        for bar, close in enumerate(price):
            if (bar + 1) % factor == 0:
                n_closed += 1
                value = close if n_closed == 1 else value + 2 / (length + 1) * (close - value)
            track.append(value if n_closed >= length else None)
        averages.append(track)
    position, held, before = [], 0.0, None
    for fast, slow in zip(*averages, strict=True):
        position.append(held)
        state = None if fast is None or slow is None else fast > slow
        if state is not None and before is not None and state != before:
            held = 1.0 if state else -1.0
        before = state
    return position


@pytest.mark.parametrize("rule", [PlantedRule(), PlantedRule(tf_fast=45, L_fast=5.5, tf_slow=60, L_slow=9.5)])
def test_the_planted_position_is_that_of_the_rule_on_the_very_prices_it_moves(rule):
    # Many short stretches: when the averages become valid matters only near the beginning.
    for seed in range(24):
        returns, position = planted_path(drawn(3, seed), 0.01, rule, interval_minutes=5)
        assert position.tolist() == obvious_position(returns, rule)
    returns, position = planted_path(drawn(25), 0.01, rule, interval_minutes=5)
    assert position.tolist() == obvious_position(returns, rule)
    assert set(position.tolist()) == {-1.0, 0.0, 1.0}


def test_equal_averages_count_as_below_so_the_first_rise_after_a_flat_stretch_is_a_cross():
    noise = np.zeros(10 * 288)
    noise[5 * 288] = 0.01
    _, position = planted_path(Shocks(sigma=np.ones_like(noise), noise=noise), 0.0, PlantedRule(), interval_minutes=5)
    # The rise is in the close of the 15-minute bar that it opens, three bars later.
    assert position.tolist() == [0.0] * (5 * 288 + 3) + [1.0] * (5 * 288 - 3)


def test_the_planted_path_never_looks_ahead():
    shocks = drawn(25)
    returns, position = planted_path(shocks, 0.02, PlantedRule(), interval_minutes=5)
    cut = 4321
    prefix = Shocks(sigma=shocks.sigma[:cut], noise=shocks.noise[:cut])
    returns_of_prefix, position_of_prefix = planted_path(prefix, 0.02, PlantedRule(), interval_minutes=5)
    assert returns_of_prefix.tobytes() == returns[:cut].tobytes()
    assert position_of_prefix.tobytes() == position[:cut].tobytes()


def test_the_oracle_keeps_what_longs_and_shorts_leave_after_costs():
    """On flat prices whoever trades loses two sides of fee and slippage a trade, and nothing else."""
    position = np.array([0.0, 1.0, 1.0, -1.0, -1.0, 1.0])
    equity, n_trades = _oracle_equity(np.zeros(6), position, 5e-4, 2e-4)
    long = (1 - 2e-4) * (1 - 5e-4) / ((1 + 2e-4) * (1 + 5e-4))
    sold, bought = (1 - 2e-4), (1 + 2e-4)
    # A short of all equity sells qty = 1 / (sold * (1 + fee)), and pays fees on both fills out of equity.
    qty = 1 / (sold * (1 + 5e-4))
    short = 1 + qty * (sold * (1 - 5e-4) - bought * (1 + 5e-4))
    assert n_trades == 3
    assert equity[0] == 1.0
    assert equity[-1] == pytest.approx(long * short / ((1 + 2e-4) * (1 + 5e-4)), rel=1e-14)


@pytest.mark.parametrize("asked", [1.0, 3.0])
def test_the_oracle_of_a_planted_market_earns_the_sharpe_that_was_asked_on_prices_it_was_not_fitted_to(asked):
    strength = strength_for(asked, rule=PlantedRule(), interval_minutes=5)
    assert strength.net_annual_sharpe == pytest.approx(asked, abs=0.08)
    # A third stretch, neither the calibrating nor the measuring one.
    fresh = drawn(30 * 365, seed=99)
    sharpe, _ = oracle_sharpe(fresh, strength.delta, PlantedRule(), interval_minutes=5)
    assert sharpe == pytest.approx(asked, abs=0.12)


def test_bars_of_four_hours_can_be_planted_as_steeply_as_short_ones():
    rule = PlantedRule(tf_fast=240, L_fast=7.4, tf_slow=480, L_slow=14.6)
    strength = strength_for(3.0, rule=rule, interval_minutes=240)
    assert strength.net_annual_sharpe == pytest.approx(3.0, abs=0.15)
    assert strength.trades_a_year == pytest.approx(60, abs=10)


def test_without_drift_the_oracle_only_pays_costs():
    sharpe, trades_a_year = oracle_sharpe(drawn(10 * 365), 0.0, PlantedRule(), interval_minutes=5)
    # Fourteen basis points a round trip against 70 % volatility: 0.0014 / 0.70 for each trade of a year.
    assert sharpe == pytest.approx(-trades_a_year * 0.0014 / 0.70, rel=0.12)


def test_the_truth_is_recorded_and_its_lengths_lie_between_whole_ones():
    _, truth = planted_market(5, 3, 1.0)
    document = truth.as_document()
    assert (document["seed"], document["asked_net_annual_sharpe"]) == (3, 1.0)
    assert document["costs"] == {"fee_bps": 5.0, "slippage_bps": 2.0}
    assert document["true_net_annual_sharpe"] == pytest.approx(1.0, abs=0.08)
    rule = document["rule"]
    assert rule["L_fast"] % 1 not in (0.0, 0.5)
    assert rule["L_slow"] % 1 not in (0.0, 0.5)
    assert rule["tf_fast"] in (15, 30, 45, 60)
    assert rule["tf_slow"] in (60, 120, 240, 360)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: noise_market(0, 1), "0 days is not possible"),
        (lambda: noise_market(10, -1), "seed -1 is negative"),
        (lambda: noise_market(10, 1, 7), "interval of 7 minutes"),
        (lambda: drift_market(10, 1, annual_sharpe=float("nan")), "annual Sharpe of nan is no market's drift"),
        (lambda: planted_market(10, 1, 0.0), "net annual Sharpe of 0 cannot be planted"),
        (lambda: planted_market(10, 1, 60.0), "net annual Sharpe of 60 cannot be planted"),
        (lambda: planted_market(10, 1, 2.0, 60), "15 minutes cannot be made of 60-minute bars"),
    ],
)
def test_a_market_that_cannot_be_made_is_refused_with_the_number(make, told):
    with pytest.raises(DataError, match=told):
        make()
