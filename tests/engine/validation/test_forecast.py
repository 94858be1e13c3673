"""The forecast: selection is taken off in squares, the vault weighs by its years, and little is believed of little."""

import math

import numpy as np
import pytest

from swarmd.engine.validation.forecast import Forecast, shrunken_sharpe


def forecast(**changed: float) -> Forecast:
    asked = {
        "development_sharpe": 2.5,
        "development_years": 4.0,
        "selection_bias": 1.4,
        "vault_sharpe": 1.8,
        "vault_years": 2.0,
    }
    return shrunken_sharpe(**{**asked, **changed})


def test_the_arithmetic_of_one_champion_by_hand():
    corrected = 2.5 - 1.4**2 / 2.5
    precision_d = 4 / (1 + 1.4**2 / 2.5**2) ** 2
    precision = precision_d + 2 + 1 / 1.5**2
    told = forecast()
    assert told.shrunken == pytest.approx((corrected * precision_d + 1.8 * 2) / precision, rel=1e-14)
    assert told.standard_error == pytest.approx(precision**-0.5, rel=1e-14)
    assert told.shrunken == pytest.approx(1.5911, abs=5e-5)


def test_without_selection_and_without_a_prior_it_is_the_mean_by_years():
    told = forecast(selection_bias=0.0, prior_sd=math.inf)
    assert told.shrunken == pytest.approx((4 * 2.5 + 2 * 1.8) / 6, rel=1e-14)
    assert told.standard_error == pytest.approx(6**-0.5, rel=1e-14)


@pytest.mark.parametrize("found", [0.2, 1.0, 1.4])
def test_what_the_search_finds_in_noise_counts_for_nothing(found):
    at_bias = forecast(development_sharpe=1.4, vault_sharpe=0.0)
    assert forecast(development_sharpe=found, vault_sharpe=0.0) == at_bias == Forecast(0.0, at_bias.standard_error)


def test_a_loss_in_development_is_believed_as_it_stands():
    told = forecast(development_sharpe=-1.0, selection_bias=0.0, vault_sharpe=-1.0, prior_sd=math.inf)
    assert told.shrunken == pytest.approx(-1.0, rel=1e-14)


def test_more_selection_leaves_less_and_is_less_sure():
    told = [forecast(selection_bias=bias) for bias in (0.0, 0.5, 1.0, 1.5, 2.0)]
    assert [each.shrunken for each in told] == sorted((each.shrunken for each in told), reverse=True)
    assert [each.standard_error for each in told] == sorted(each.standard_error for each in told)


def test_a_narrower_prior_draws_to_zero_and_a_longer_vault_away_from_it():
    by_prior = [forecast(prior_sd=sd).shrunken for sd in (0.2, 0.7, 1.5, 5.0)]
    assert by_prior == sorted(by_prior)
    assert forecast(vault_years=1e9).shrunken == pytest.approx(1.8, abs=1e-6)


def test_it_never_promises_more_than_the_better_of_both_stretches():
    rng = np.random.default_rng(5)
    for found, bias, vault in rng.uniform((-1, 0, -2), (5, 3, 4), (500, 3)).tolist():
        told = forecast(development_sharpe=found, selection_bias=bias, vault_sharpe=vault)
        assert told.shrunken <= max(found, vault, 0.0)
        assert 0 < told.standard_error <= 1.5


def test_the_best_of_independent_directions_is_worth_what_the_correction_says():
    """Rules that span k directions, one of them with an edge: the best in sample, and what it is truly worth."""
    rng = np.random.default_rng(1980)
    years, k, edge = 4.0, 7, 2.0
    truth = np.zeros(k)
    truth[0] = edge
    seen = truth + rng.normal(0.0, years**-0.5, (20_000, k))
    found = np.linalg.norm(seen, axis=1)
    truly = seen @ truth / found
    bias = float(np.linalg.norm(seen - truth, axis=1).mean())  # what the same search finds where nothing is
    told = [
        shrunken_sharpe(
            development_sharpe=each, development_years=years, selection_bias=bias,
            vault_sharpe=0.0, vault_years=1e-12, prior_sd=math.inf,
        ).shrunken
        for each in found.tolist()
    ]  # fmt: skip
    assert found.mean() > 1.15 * edge
    # The correction is exact for the squares' means; of a curved function of them a few percent are lost.
    assert np.mean(told) == pytest.approx(truly.mean(), rel=0.04)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"vault_sharpe": math.nan}, "must all be finite"),
        ({"development_sharpe": math.inf}, "must all be finite"),
        ({"selection_bias": -0.1}, "selection bias is -0.1"),
        ({"vault_years": 0.0}, "4 and 0 years"),
        ({"development_years": -1.0}, "-1 and 2 years"),
        ({"prior_sd": 0.0}, "prior deviation 0"),
        ({"prior_sd": math.nan}, "prior deviation nan"),
    ],
)
def test_what_has_no_forecast_is_refused_with_its_figure(changed, told):
    with pytest.raises(ValueError, match=told):
        forecast(**changed)
