"""P-values of many tests, raised to what they are worth together.

Bonferroni, Sidak and Holm bound the chance of a single false discovery; Benjamini-Hochberg and Benjamini-Yekutieli the
expected share of false ones among the discoveries. For tests that arrive one by one see `online_discoveries`.
"""

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray
from swarmd.engine.guards.series import checked_series

METHODS = ("bonferroni", "sidak", "holm", "bh", "by")
_OTHER_NAMES = {
    "šidák": "sidak",
    "fdr_bh": "bh",
    "benjamini-hochberg": "bh",
    "fdr_by": "by",
    "benjamini-yekutieli": "by",
}


def adjusted_p_values(p_values: ArrayLike, method: str = "holm") -> FloatArray:
    """Adjusted p-values in the order given: reject where one is at most alpha.

    With p_(1) <= ... <= p_(m):

    - "bonferroni": m p. Any dependence.
    - "sidak": 1 - (1 - p)^m. Independent tests.
    - "holm": running maximum of (m - i + 1) p_(i). Any dependence, and never above Bonferroni's: the default.
    - "bh": running minimum, from the largest down, of m/i p_(i). Independent or positively dependent tests.
    - "by": the same times 1 + 1/2 + ... + 1/m. Any dependence.

    Parameters
    ----------
    p_values : shape (m,), in [0, 1]; tied values get equal adjusted ones
    method : one of the above, in any case; "fdr_bh" and "fdr_by" are known too

    Returns
    -------
    float64, shape (m,)
        In [0, 1], never below the p-value itself.

    Raises
    ------
    ValueError
        For a value outside [0, 1] (names the first) and an unknown method.

    Source: Holm (1979); Šidák (1967); Benjamini and Hochberg (1995); Benjamini and Yekutieli (2001).
    """
    name = method.lower()
    name = _OTHER_NAMES.get(name, name)
    if name not in METHODS:
        raise ValueError(f"adjusted p-values: no method {method!r}; give one of {', '.join(METHODS)}")
    p = checked_p_values(p_values, of="adjusted p-values")
    m = p.size
    match name:
        case "bonferroni":
            adjusted = m * p
        case "sidak":
            # Through logarithms: (1 - p)^m loses a small p to rounding.
            with np.errstate(divide="ignore"):
                adjusted = -np.expm1(m * np.log1p(-p))
        case "holm":
            adjusted = _in_order(p, np.maximum.accumulate(np.sort(p) * np.arange(m, 0, -1)))
        case _:
            rank = np.arange(1, m + 1)
            factor = m * float(np.sum(1.0 / rank)) if name == "by" else m
            adjusted = _in_order(p, np.minimum.accumulate((np.sort(p) * factor / rank)[::-1])[::-1])
    clipped: FloatArray = np.clip(adjusted, p, 1.0)
    return clipped


def checked_p_values(p_values: ArrayLike, *, of: str) -> FloatArray:
    """P-values as float64, shape (m,); refuses what lies outside [0, 1]."""
    p = checked_series(p_values, of=of, noun="p-value")
    wrong = (p < 0.0) | (p > 1.0)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"{of}: p-value {at} is {p[at]}; give values in [0, 1]")
    return p


def _in_order(p: FloatArray, of_sorted: FloatArray) -> FloatArray:
    """Values that belong to the sorted p-values, put back where those came from."""
    restored = np.empty_like(p)
    restored[np.argsort(p, kind="stable")] = of_sorted
    return restored
