"""One p-value out of several independent ones about the same claim.

A champion is judged by two: that its search would find as much in a market without timing, and that it held on data
the search never saw. Combining asks for independence, which the vault gives.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.guards.adjusted_p import checked_p_values
from swarmd.engine.guards.series import checked_series

METHODS = ("fisher", "stouffer")


def combined_p_value(p_values: ArrayLike, method: str = "fisher", *, weights: ArrayLike | None = None) -> float:
    """P-value of the claim that all k hypotheses are true, from their independent one-sided p-values.

    - "fisher": -2 * sum of ln p, chi-squared with 2k degrees of freedom. One very small p-value is enough.
    - "stouffer": sum of w z / sqrt(sum of w^2), Normal. Weighs all tests; two good ones beat one excellent one.

    Parameters
    ----------
    p_values : shape (k,), k >= 1, in [0, 1]
    method : "fisher" or "stouffer"
    weights : shape (k,), not negative and not all 0, for "stouffer" only; None for equal ones

    Returns
    -------
    float in [0, 1]
        The p-value itself for k = 1. A p-value of 0, which no count of resamples gives but a tail may, makes it 0.

    Raises
    ------
    ValueError
        Without p-values, for one outside [0, 1], for a 0 beside a 1 under "stouffer" (certainty for and against), for
        wrong weights, and for an unknown method.

    Source: Fisher (1932), Statistical methods for research workers; Stouffer et al. (1949), The American soldier.
    """
    p = checked_p_values(p_values, of="combined p-value")
    if not p.size:
        raise ValueError("combined p-value: no p-values; give at least one")
    match method.lower():
        case "fisher":
            if weights is not None:
                raise ValueError("combined p-value: Fisher's method takes no weights; give method='stouffer' for them")
            return _fisher(p.tolist())
        case "stouffer":
            given = (
                np.ones(p.size) if weights is None else checked_series(weights, of="combined p-value", noun="weight")
            )
            if given.size != p.size or (given < 0.0).any() or not given.any():
                raise ValueError(
                    f"combined p-value: weights {given.tolist()} for {p.size} p-values; give one for each, "
                    "none below 0 and not all 0"
                )
            return _stouffer(p[given > 0.0].tolist(), given[given > 0.0].tolist())
        case _:
            raise ValueError(f"combined p-value: no method {method!r}; give one of {', '.join(METHODS)}")


def _fisher(p: list[float]) -> float:
    if 0.0 in p:
        return 0.0
    # Half of the statistic. The upper tail of chi-squared with 2k degrees of freedom is the chance of fewer than k
    # events of a Poisson process that expects `half` of them; by logarithms, for its first term may underflow.
    half = -math.fsum(map(math.log, p))
    if half <= 0.0:
        return 1.0
    log_half = math.log(half)
    terms = (math.exp(events * log_half - half - math.lgamma(events + 1.0)) for events in range(len(p)))
    return min(1.0, math.fsum(terms))


def _stouffer(p: list[float], weights: list[float]) -> float:
    if 0.0 in p or 1.0 in p:
        if 0.0 in p and 1.0 in p:
            raise ValueError("combined p-value: a p-value of 0 and one of 1 have no sum of z-scores; see the tests")
        return 0.0 if 0.0 in p else 1.0
    quantile = NormalDist().inv_cdf
    z = -math.fsum(weight * quantile(value) for weight, value in zip(weights, p, strict=True))
    # erfc keeps its precision in the tail, where 1 - cdf would round to zero.
    return 0.5 * math.erfc(z / math.hypot(*weights) / math.sqrt(2.0))
