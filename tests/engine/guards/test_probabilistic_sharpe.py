"""The probabilistic Sharpe ratio: against its formula by another road, at its edges, on noise and on an edge."""

import math
from statistics import NormalDist

import jsharpe
import numpy as np
import pytest

from swarmd.engine.guards.probabilistic_sharpe import probabilistic_sharpe_ratio, sharpe_evidence


def test_normal_returns_give_the_textbook_value():
    # Phi(0.1 * sqrt(251) / sqrt(1 + 0.1^2 / 2)), as Lo (2002) has it for iid Normal returns.
    assert probabilistic_sharpe_ratio(0.1, 0.0, 252, 0.0, 3.0) == pytest.approx(
        NormalDist().cdf(0.1 * math.sqrt(251) / math.sqrt(1.005)), rel=1e-12
    )


def test_the_published_shape_of_hedge_fund_returns():
    """Bailey and López de Prado's example: monthly returns of two years, skew -2.448, kurtosis 10.164.

    An estimate of 0.458 a month looks safe for Normal returns (0.982), and is not for these (0.913).
    """
    assert probabilistic_sharpe_ratio(0.458, 0.0, 24, 0.0, 3.0) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe_ratio(0.458, 0.0, 24, -2.448, 10.164) == pytest.approx(0.913, abs=5e-4)


def test_equal_ratios_are_a_coin_toss_and_both_directions_add_up_to_one():
    for variance in ("observed", "null"):
        assert probabilistic_sharpe_ratio(0.1, 0.1, 500, -0.5, 6.0, variance=variance) == 0.5
    up = probabilistic_sharpe_ratio(0.1, 0.0, 500, 0.0, 6.0)
    down = probabilistic_sharpe_ratio(-0.1, 0.0, 500, 0.0, 6.0)
    assert up + down == pytest.approx(1.0)


def test_the_null_variance_depends_on_the_benchmark_and_on_autocorrelation():
    at_zero = probabilistic_sharpe_ratio(0.1, 0.0, 400, -1.0, 8.0, variance="null")
    assert at_zero == pytest.approx(NormalDist().cdf(0.1 * 20), rel=1e-12)
    rho = 0.2
    slower = probabilistic_sharpe_ratio(0.1, 0.0, 400, -1.0, 8.0, ar1=rho, variance="null")
    assert slower == pytest.approx(NormalDist().cdf(0.1 * 20 / math.sqrt((1 + rho) / (1 - rho))), rel=1e-12)


def test_far_in_the_tail_it_is_small_and_not_zero():
    assert 0.0 < probabilistic_sharpe_ratio(-0.5, 0.0, 1000, 0.0, 3.0) < 1e-40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0.1, 0.0, 1, 0.0, 3.0), "1 observations"),
        ((math.nan, 0.0, 10, 0.0, 3.0), "must all be finite"),
        ((0.1, 0.0, 10, 0.0, 0.0), "not the excess"),
        ((0.1, 0.0, 10, 2.0, 4.0), "kurtosis 4.0 below"),
        ((0.1, 0.0, math.nan, 0.0, 3.0), "nan observations"),
    ],
)
def test_impossible_arguments_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        probabilistic_sharpe_ratio(*arguments)


def test_an_unknown_variance_and_a_unit_root_are_refused():
    with pytest.raises(ValueError, match="no variance 'later'"):
        probabilistic_sharpe_ratio(0.1, 0.0, 10, 0.0, 3.0, variance="later")
    with pytest.raises(ValueError, match=r"autocorrelation 1\.0"):
        probabilistic_sharpe_ratio(0.1, 0.0, 10, 0.0, 3.0, ar1=1.0, variance="null")


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.3])
def test_an_independent_package_agrees_on_both_variances(rho):
    rng = np.random.default_rng(4)
    for sr, benchmark, n_obs in [(0.1, 0.0, 250), (0.05, 0.08, 900), (-0.2, 0.1, 60)]:
        skew = float(rng.uniform(-1, 1))
        shape = {"gamma3": skew, "gamma4": 2.0 + skew**2 + float(rng.uniform(0, 5))}
        deviation = math.sqrt(jsharpe.sharpe_ratio_variance(benchmark, n_obs, rho=rho, **shape))
        later = probabilistic_sharpe_ratio(sr, benchmark, n_obs, *shape.values(), ar1=rho, variance="null")
        assert later == pytest.approx(NormalDist().cdf((sr - benchmark) / deviation), rel=1e-9)
        deviation = math.sqrt(jsharpe.sharpe_ratio_variance(sr, n_obs - 1, **shape))
        first = probabilistic_sharpe_ratio(sr, benchmark, n_obs, *shape.values())
        assert first == pytest.approx(NormalDist().cdf((sr - benchmark) / deviation), rel=1e-9)


def test_the_evidence_of_returns_is_that_of_plain_sums():
    returns = np.random.default_rng(2).standard_t(5, 400) * 0.01 + 0.001
    evidence = sharpe_evidence(returns)
    centred = returns - returns.mean()
    second = (centred**2).mean()
    assert evidence.sr == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert evidence.skew == pytest.approx((centred**3).mean() / second**1.5)
    assert evidence.kurtosis == pytest.approx((centred**4).mean() / second**2)
    assert (evidence.n_obs, evidence.is_defined) == (400, True)


@pytest.mark.parametrize("returns", [[], [0.01], [0.0] * 50, [0.001] * 50])
def test_returns_that_do_not_vary_are_undefined_and_fail(returns):
    evidence = sharpe_evidence(np.array(returns))
    assert not evidence.is_defined
    assert evidence.psr() == 0.0


def test_the_p_value_is_the_rest_to_one_and_keeps_its_figures_where_that_would_be_none():
    returns = np.random.default_rng(9).standard_t(5, 400) * 0.01 + 0.0005
    evidence = sharpe_evidence(returns)
    for benchmark in (0.0, 0.05, -0.1):
        assert evidence.p_value(benchmark) == pytest.approx(1.0 - evidence.psr(benchmark), rel=1e-12)
    certain = sharpe_evidence(returns + 0.02)
    assert 1.0 - certain.psr() == 0.0
    assert 0.0 < certain.p_value() < 1e-20
    assert sharpe_evidence(np.zeros(50)).p_value() == 1.0


def test_a_hole_in_the_returns_is_refused_by_its_place():
    with pytest.raises(ValueError, match="return 2 is nan"):
        sharpe_evidence(np.array([0.0, 0.1, math.nan]))


def test_on_noise_it_alarms_as_often_as_it_says_and_a_true_edge_it_finds():
    rng = np.random.default_rng(7)
    noise = rng.standard_t(5, (2000, 365)) * 0.02
    alarms = sum(sharpe_evidence(row).psr() >= 0.95 for row in noise)
    # Binomial(2000, 0.05): mean 100, deviation 9.7.
    assert 65 <= alarms <= 135
    edge = noise + 0.15 * noise.std()
    assert sum(sharpe_evidence(row).psr() >= 0.95 for row in edge[:300]) > 0.85 * 300
