"""The forecast: what a champion is truly worth, given that it was selected and that its vault was short.

The Sharpe ratio a finalist was found with is the highest of very many, and that of the vault is of few years; neither
is what to expect. Called by the phase that writes certificates, with plain annual figures; nothing is run here.
"""

import math
from typing import NamedTuple

# Of true Sharpe ratios before anything is seen, annual: most rules are worth nothing, and 3 is rare.
PRIOR_SD = 1.5


class Forecast(NamedTuple):
    """The expected true Sharpe ratio and its standard error, both annual."""

    shrunken: float
    standard_error: float


def shrunken_sharpe(
    *,
    development_sharpe: float,
    development_years: float,
    selection_bias: float,
    vault_sharpe: float,
    vault_years: float,
    prior_sd: float = PRIOR_SD,
) -> Forecast:
    """Expected true Sharpe ratio of a finalist: development and vault, corrected, weighed, and drawn towards 0.

    - **Development**, D, of a search that finds M where nothing is: `d = D - M^2 / D`, and 0 where D is at most M.
      Squared Sharpe ratios add up: the best of rules that span k independent directions has D^2 = S^2 + k/T on
      average, S being the best true ratio and T the years, and k/T is what the search finds in a market without
      timing, M^2. The rule that was found lies off the best one by the angle whose cosine is S/D, so it is truly worth
      S^2 / D = (D^2 - M^2) / D. Its variance is (1 + M^2 / D^2)^2 / T, the square of the slope in D times that of D.
    - **Vault**, v: no search has seen it; variance 1 / years.
    - **Prior**: Normal around 0 with `prior_sd`.

    `shrunken = (d / var_d + v / var_v) / (1 / var_d + 1 / var_v + 1 / prior_sd^2)`, and the standard error is the root
    of one over the same sum.

    Parameters
    ----------
    development_sharpe : annual, net, of the finalist on the bars that were searched
    development_years, vault_years : lengths of both stretches, above 0
    selection_bias : annual Sharpe ratio of what the same search finds in surrogate markets, on average; 0 or more
    vault_sharpe : annual, net, of the finalist on the vault
    prior_sd : annual, above 0; infinity for no prior

    Returns
    -------
    Forecast
        Never above the larger of both ratios where that is positive.

    Raises
    ------
    ValueError
        If a figure is not finite, a length or the prior's deviation not above 0, or the bias negative.

    Source: the in-sample optimum of k weights, as in Jobson and Korkie (1980), Estimation for Markowitz efficient
    portfolios, Journal of the American Statistical Association 75; `D (1 - M^2 / D^2)` is the positive-part estimator
    of James and Stein (1961). What it is off by where the truth is known is told in docs/VALIDATION.md.
    """
    figures = (development_sharpe, development_years, selection_bias, vault_sharpe, vault_years)
    if not all(map(math.isfinite, figures)):
        raise ValueError(f"shrunken forecast: {figures} must all be finite; a ratio that is undefined has no forecast")
    if development_years <= 0.0 or vault_years <= 0.0 or not prior_sd > 0.0:
        raise ValueError(
            f"shrunken forecast: {development_years:g} and {vault_years:g} years, prior deviation {prior_sd:g}; "
            "give lengths and a deviation above 0"
        )
    if selection_bias < 0.0:
        raise ValueError(
            f"shrunken forecast: the selection bias is {selection_bias:g}; give what the search finds in surrogates, "
            "and 0 where that is negative"
        )
    corrected = _without_selection(development_sharpe, selection_bias)
    precision_d = development_years / _slope(development_sharpe, selection_bias) ** 2
    precision = precision_d + vault_years + prior_sd**-2
    return Forecast((corrected * precision_d + vault_sharpe * vault_years) / precision, precision**-0.5)


def _without_selection(found: float, bias: float) -> float:
    if found <= 0.0:
        return found
    return max(0.0, found - bias * bias / found)


def _slope(found: float, bias: float) -> float:
    """Of the corrected ratio in the one found; that at the bias where less was found."""
    return 1.0 + (bias / found) ** 2 if found > bias else 1.0 + float(bias > 0.0)
