"""The bet against a promise: fair while the promise is kept, whatever the tails; won where the edge is dead."""

import math

import numpy as np
import pytest

from swarmd.engine.champions.monitor import promise_evidence

ALPHA = 0.05
PATHS, DAYS, BEFORE = 2_000, 1_000, 400
SCALE = 0.02


def student(rng, n_paths, n_days):
    """Unit deviation, five degrees of freedom: the fourth moment exists, barely."""
    return rng.standard_t(5, (n_paths, n_days)) * math.sqrt(3 / 5), np.ones((n_paths, n_days))


def gjr_garch(rng, n_paths, n_days):
    """Student-t(5) innovations, clustered with leverage: (0.04, 0.04, 0.93); innovations and their deviations."""
    noise = rng.standard_t(5, (n_paths, n_days)) * math.sqrt(3 / 5)
    deviation = np.empty((n_paths, n_days))
    variance = np.ones(n_paths)
    for day in range(n_days):
        deviation[:, day] = np.sqrt(variance)
        shock = deviation[:, day] * noise[:, day]
        variance = 0.01 + (0.04 + 0.04 * (shock < 0.0)) * shock**2 + 0.93 * variance
    return deviation * noise, deviation


def on_and_off(rng, n_paths, n_days):
    """In the market every other fortnight or so; flat days count, and the deviation is that of all days."""
    is_in = np.empty((n_paths, n_days), np.bool_)
    now = rng.random(n_paths) < 0.5
    for day in range(n_days):
        now = np.where(rng.random(n_paths) < 0.1, ~now, now)
        is_in[:, day] = now
    noise = rng.standard_t(5, (n_paths, n_days)) * math.sqrt(3 / 5)
    return np.where(is_in, noise, 0.0), np.where(is_in, math.sqrt(2.0), 0.0)


def fell(market, *, true, promised, seed, n_paths=PATHS, n_days=DAYS):
    """The day on which each path fell, 0 for those that never did. The mean is the true ratio times the deviation."""
    rng = np.random.default_rng(seed)
    noise, deviation = market(rng, n_paths, n_days + BEFORE)
    returns = SCALE * (noise + true / math.sqrt(365.0) * deviation)
    found = [
        promise_evidence(row[BEFORE:], row[:BEFORE], promised_annual_sharpe=promised).broken_on(ALPHA) or 0
        for row in returns
    ]
    return np.array(found)


@pytest.mark.parametrize("market", [student, gjr_garch, on_and_off])
def test_a_kept_promise_is_ever_called_broken_in_no_more_than_alpha_of_paths(market):
    false_alarms = np.count_nonzero(fell(market, true=2.0, promised=2.0, seed=11))
    print(f"{market.__name__}: {false_alarms} of {PATHS} kept promises fell in {DAYS} days")
    assert false_alarms <= ALPHA * PATHS


@pytest.mark.parametrize(("promised", "within"), [(1.5, 1_100), (2.0, 650)])
def test_a_dead_edge_falls_after_so_many_days(promised, within):
    fallen = fell(gjr_garch, true=0.0, promised=promised, seed=12, n_paths=200, n_days=2_500)
    median = np.median(np.where(fallen > 0, fallen, 10**6))
    print(f"promised {promised}, true 0: dethroned after {median:.0f} days (median)")
    assert 100 < median <= within


def test_an_edge_turned_into_a_loss_falls_sooner_than_a_dead_one():
    turned, dead = (
        np.median(fell(student, true=true, promised=2.0, seed=13, n_paths=100, n_days=2_000)) for true in (-2.0, 0.0)
    )
    assert 0 < turned < dead / 2


def test_years_of_kept_promises_do_not_hide_the_death_that_follows():
    rng = np.random.default_rng(14)
    noise, _ = student(rng, 100, 4_000)
    alive = np.arange(4_000) < BEFORE + 730
    returns = SCALE * (noise + np.where(alive, 2.0 / math.sqrt(365.0), 0.0))
    found = [
        promise_evidence(r[BEFORE:], r[:BEFORE], promised_annual_sharpe=2.0).broken_on(ALPHA) or 0 for r in returns
    ]
    died_after = np.median(found) - 730
    print(f"dead after two good years: dethroned {died_after:.0f} days later (median)")
    assert 0 < died_after < 1_500


def test_the_inequality_the_bet_rests_on_holds_for_every_number():
    x = np.concatenate((np.linspace(-60.0, 60.0, 240_001), np.linspace(-1e-3, 1e-3, 2_001)))
    # Rounding of 1 + x beside the cube of a small x.
    assert np.all(np.exp(x - x * x / 6.0) <= 1.0 + x + x * x / 3.0 + 1e-15)


@pytest.mark.parametrize("rho", [1.0, 1.25, 1.5, 1.9])
def test_a_day_is_a_fair_bet_or_a_bad_one_while_the_deviation_is_up_to_twice_the_scale(rho):
    """The bound of the docstring, with the second moments as they are: E f <= exp(...) <= 1."""
    for annual in (0.5, 1.0, 2.0, 4.0):
        promise = annual / math.sqrt(365.0)
        for k in (0.5, 1.0):
            stake, short = k * promise, promise * (1.0 - rho)
            exponent = stake * short + stake**2 / 3.0 * (rho**2 + short**2) - stake**2 / 3.0
            assert exponent <= 1e-12


def test_no_single_day_wins_more_than_four_and_a_half_fold_and_a_crash_alone_dethrones_nobody():
    before = np.tile((0.01, -0.01), 50)
    for loss in (-0.02, -0.1, -0.5, -1.0):
        assert promise_evidence([loss], before, promised_annual_sharpe=3.0).e <= math.exp(1.5)


def test_looking_earlier_tells_the_same_of_the_days_so_far():
    rng = np.random.default_rng(15)
    before, returns = rng.normal(0.0, 0.01, 60), rng.normal(-0.001, 0.01, 300)
    whole = promise_evidence(returns, before, promised_annual_sharpe=2.0)
    for days in (1, 29, 31, 200):
        assert promise_evidence(returns[:days], before, promised_annual_sharpe=2.0).log_e == whole.log_e[:days]
    assert whole.largest_e >= whole.e


def test_only_the_ratio_counts_and_not_the_size_of_the_returns():
    rng = np.random.default_rng(16)
    before, returns = rng.normal(0.0, 0.01, 60), rng.normal(0.0, 0.01, 200)
    small, large = (promise_evidence(returns * k, before * k, promised_annual_sharpe=1.0) for k in (1.0, 8.0))
    assert np.allclose(small.log_e, large.log_e, rtol=0.0, atol=1e-12)


def test_no_days_say_nothing():
    evidence = promise_evidence([], [0.01, -0.01] * 20, promised_annual_sharpe=2.0)
    assert (evidence.e, evidence.largest_e, evidence.days, evidence.broken_on(ALPHA)) == (1.0, 1.0, 0, None)


def test_a_strategy_that_stopped_trading_does_not_keep_its_promise():
    evidence = promise_evidence(np.zeros(1_200), [0.01, -0.01] * 20, promised_annual_sharpe=2.0)
    assert evidence.broken_on(ALPHA) is not None


@pytest.mark.parametrize(
    ("returns", "before", "promised", "said"),
    [
        ([0.01], [0.01] * 40, 0.0, "cannot be broken"),
        ([0.01], [0.01] * 40, math.nan, "cannot be broken"),
        ([0.01], [0.01] * 29, 2.0, "29 days before"),
        ([0.01], [0.0] * 40, 2.0, "no scale"),
        ([math.nan], [0.01] * 40, 2.0, "return 0 is nan"),
        ([0.01], [math.inf] * 40, 2.0, "return 0 is inf"),
    ],
)
def test_what_cannot_be_weighed_is_refused_with_the_reason(returns, before, promised, said):
    with pytest.raises(ValueError, match=said):
        promise_evidence(returns, before, promised_annual_sharpe=promised)
