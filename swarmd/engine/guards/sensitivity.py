"""How much of a vector's score is lost one step away from it, in whatever parameter.

A score that stands on a needle's point was found by luck and will not survive the market moving a little. Scores in,
figures out: who evaluates the neighbours (one grid step, or ten percent, to either side in each parameter) is the
caller's matter.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

# Fewer neighbours tell nothing.
LEAST_NEIGHBOURS = 2


@dataclass(frozen=True, slots=True)
class ParameterSensitivity:
    """`variance` is None where it says nothing, and then `undefined_because` tells why; a gate on it fails.

    `variance` : mean squared difference to the centre over the centre's square, a fraction (0.1 is 10 %)
    `cv` : standard deviation (n - 1) of the neighbours over their mean; None where the mean is not positive
    `p10_ratio` : tenth percentile of the neighbours over the centre; 0.9 says that nine in ten keep nine tenths
    `n_valid`, `n_given` : neighbours with a score, and all of them
    """

    variance: float | None
    cv: float | None
    p10_ratio: float | None
    n_valid: int
    n_given: int
    undefined_because: str | None


def parameter_sensitivity(centre: float | None, neighbours: Iterable[float | None]) -> ParameterSensitivity:
    """Relative variance of the neighbours' scores around the centre's, `mean((S_j - S_0)^2) / S_0^2`.

    Parameters
    ----------
    centre : score S_0 of the vector, higher being better, of any unit (an annual Sharpe ratio, say)
    neighbours : scores S_j of the vectors beside it; None or a value that is not finite is a vector without a valid
        result: it is counted, and left out of the figures

    Returns
    -------
    ParameterSensitivity
        Undefined where the centre is not positive (a steady loss is no plateau), or fewer than 2 neighbours are
        valid. A neighbour that does better counts as a difference too: the centre is then on a slope.
    """
    given = list(neighbours)
    valid = np.array([score for score in given if score is not None and math.isfinite(score)], np.float64)
    why_not = None
    if centre is None or not math.isfinite(centre):
        why_not = f"the centre's score is {centre}"
    elif centre <= 0.0:
        why_not = f"the centre's score is {centre:g}, not positive"
    elif valid.size < LEAST_NEIGHBOURS:
        why_not = f"{valid.size} of {len(given)} neighbours are valid, fewer than {LEAST_NEIGHBOURS}"
    if centre is None or why_not is not None:
        return ParameterSensitivity(None, None, None, int(valid.size), len(given), why_not)
    # Ratios first: squares of scores beyond 1e154 are no numbers.
    ratios = valid / centre
    mean = float(ratios.mean())
    return ParameterSensitivity(
        variance=float(np.mean((ratios - 1.0) ** 2)),
        cv=float(ratios.std(ddof=1)) / mean if mean > 0.0 else None,
        p10_ratio=float(np.quantile(ratios, 0.1)),
        n_valid=int(valid.size),
        n_given=len(given),
        undefined_because=None,
    )
