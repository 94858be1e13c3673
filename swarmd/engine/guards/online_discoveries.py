"""Which tests of a stream that never ends may be called discoveries, at a bounded share of false ones.

A daemon tests candidates for months; at 1 % each, one in a hundred worthless ones would pass for ever. Here every test
has a level of its own, paid from a wealth that runs out and that discoveries refill. Stateful by value: levels follow
from the p-values so far and from nothing else, so the ledger keeps those and asks again.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.guards.adjusted_p import checked_p_values

METHODS = ("lord++", "saffron")
# One over the sums to infinity, so that all levels together never spend more than the wealth.
_LORD_SCALE = 0.07720838
_SAFFRON_SCALE = 0.4374901658
_SAFFRON_POWER = 1.6


@dataclass(frozen=True, slots=True)
class OnlineDiscoveries:
    """What came of a stream: the level of each test, whether it was rejected, and the level of the test to come."""

    levels: FloatArray
    rejected: BoolArray
    next_level: float


def online_fdr(
    p_values: ArrayLike,
    alpha: float = 0.05,
    method: Literal["lord++", "saffron"] = "lord++",
    *,
    w0: float | None = None,
    candidate_below: float = 0.5,
) -> OnlineDiscoveries:
    """Levels and decisions of a stream of tests, false discovery rate at most alpha at every moment.

    With rejections at t1 < t2 < ..., test t has the level

    - "lord++": g(t) w0 + g(t - t1) (alpha - w0) + alpha * sum over j >= 2 of g(t - tj),
      g(k) = 0.0772 ln(max(k, 2)) / (k exp(sqrt(ln k)));
    - "saffron": min(c, (1 - c) * the same), with every distance shortened by the *candidates* in between, tests whose
      p-value is at most c, and g(k) = 0.4375 k^-1.6. It gains where many tests have something to find.

    A test is rejected where its p-value is at most its level. The first rejection earns alpha - w0, later ones alpha.

    Parameters
    ----------
    p_values : shape (n,), in [0, 1], in the order of the tests; independent of one another where the null is true.
        Every test, not only those that passed
    alpha : bound of the false discovery rate, in (0, 1)
    method : "lord++" or "saffron", in any case
    w0 : wealth at the start, in (0, alpha]; None for alpha/10 (LORD++) or alpha/2 (SAFFRON)
    candidate_below : c of SAFFRON, in (0, 1)

    Returns
    -------
    OnlineDiscoveries
        `levels` and `rejected`, shape (n,), and `next_level`. Those of a shorter history are the beginning of those of
        a longer one.

    Raises
    ------
    ValueError
        For a p-value outside [0, 1], an unknown method, or a constant out of its range.

    Source: Ramdas, Yang, Wainwright and Jordan (2017), Online control of the false discovery rate with decaying
    memory; Ramdas, Zrnic, Wainwright and Jordan (2018), SAFFRON; g as in the R package onlineFDR (Javanmard and
    Montanari 2018, equation 31).
    """
    name = method.lower()
    if name not in METHODS:
        raise ValueError(f"online false discovery rate: no method {method!r}; give one of {', '.join(METHODS)}")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"online false discovery rate: alpha {alpha} is not within (0, 1)")
    wealth = (alpha / 10.0 if name == "lord++" else alpha / 2.0) if w0 is None else w0
    if not 0.0 < wealth <= alpha:
        raise ValueError(f"online false discovery rate: w0 {wealth} is not within (0, alpha = {alpha}]")
    if not 0.0 < candidate_below < 1.0:
        raise ValueError(f"online false discovery rate: candidate_below {candidate_below} is not within (0, 1)")
    p = checked_p_values(p_values, of="online false discovery rate").tolist()
    is_lord = name == "lord++"
    share = _lord_share if is_lord else _saffron_share
    rejected: list[bool] = []
    levels: list[float] = []
    # What each payment was, and how many tests have counted against it since: the wealth at the start, then rejections.
    payments, ages = [wealth], [0]
    for value in [*p, None]:
        level = math.fsum(payment * share(age + 1) for payment, age in zip(payments, ages, strict=True))
        if not is_lord:
            level = min(candidate_below, (1.0 - candidate_below) * level)
        levels.append(level)
        if value is None:
            break
        rejected.append(value <= level)
        # SAFFRON's clocks stand still for candidates; those of LORD++ never do.
        if is_lord or value > candidate_below:
            ages = [age + 1 for age in ages]
        if rejected[-1]:
            payments.append(alpha if len(payments) > 1 else alpha - wealth)
            ages.append(0)
    return OnlineDiscoveries(np.array(levels[:-1]), np.array(rejected, dtype=np.bool_), levels[-1])


def _lord_share(distance: int) -> float:
    return _LORD_SCALE * math.log(max(distance, 2)) / (distance * math.exp(math.sqrt(math.log(distance))))


def _saffron_share(distance: int) -> float:
    return float(_SAFFRON_SCALE * distance**-_SAFFRON_POWER)
