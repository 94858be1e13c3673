"""Tests of timing: would the same positions, held at other times of the same market, have earned as much?

What is tested is the pairing of positions with returns, nothing else: a position that is always the same cannot time
anything and has p = 1, however well the market did. The shuffle of the order of finished trades is refused here by
name: it leaves the total, the mean and the Sharpe ratio as they are, and so says nothing about skill.
"""

import itertools
import math
from collections.abc import Iterator
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.guards.resampling import (
    EXACT_ARRANGEMENTS,
    batches,
    checked_resamples,
    resampling_p_value,
    tie_tolerance,
)
from swarmd.engine.guards.series import checked_series


def position_permutation_p_value(
    positions: ArrayLike, returns: ArrayLike, *, n_resamples: int = 9999, seed: int = 0
) -> float:
    """One-sided p-value of what positions earned, against the same positions in random order.

    The sum of position * return against that of every other order. Right for returns or positions without memory;
    where both have it (a rule that holds for days, in a market that trends), `circular_shift_p_value` keeps it.

    Parameters
    ----------
    positions : shape (n,), the position held over each period, decided before it (already lagged)
    returns : shape (n,), simple returns of the market in the same periods
    n_resamples : B, at least 99; not used where the positions have at most 65,536 distinct orders, all of which are
        then visited
    seed : of the draws

    Returns
    -------
    float in (0, 1]
        p = (1 + b) / (B + 1), b orders being at least as good; ties count as good. 1 where all positions are alike.

    Raises
    ------
    ValueError
        For series of different lengths, values that are not finite, and fewer than 99 resamples.

    Source: Masters (2006), Monte-Carlo evaluation of trading systems; Phipson and Smyth (2010).
    """
    checked_resamples(n_resamples, of="position permutation test")
    held, market = _pair(positions, returns, of="position permutation test")
    least = float(held @ market) - tie_tolerance(held * np.abs(market).max(initial=0.0))
    values, counts = np.unique(held, return_counts=True)
    if _distinct_orders(counts.astype(np.int64)) <= EXACT_ARRANGEMENTS:
        earned = np.fromiter(_all_sums(values.tolist(), counts.tolist(), market), dtype=np.float64)
        return resampling_p_value(int(np.count_nonzero(earned >= least)) - 1, earned.size - 1)
    generator = np.random.default_rng(seed)
    as_good = 0
    for n_batch in batches(n_resamples, held.size):
        orders = generator.permuted(np.broadcast_to(held, (n_batch, held.size)), axis=1)
        as_good += int(np.count_nonzero(orders @ market >= least))
    return resampling_p_value(as_good, n_resamples)


def circular_shift_p_value(positions: ArrayLike, returns: ArrayLike) -> float:
    """One-sided p-value of what positions earned, against the same positions started at every other period.

    All n - 1 shifts around the circle, so there is nothing to draw and no seed. Both series keep their memory:
    holding times, trends and volatility clusters stay, and only which position met which return changes. The smallest
    possible value is 1/n.

    Parameters
    ----------
    positions : shape (n,), the position held over each period, decided before it (already lagged)
    returns : shape (n,), simple returns of the market in the same periods

    Returns
    -------
    float in (0, 1]
        p = (1 + b) / n, b shifts being at least as good; ties count as good. 1 where all positions are alike, and for
        fewer than two periods.

    Raises
    ------
    ValueError
        For series of different lengths, and values that are not finite.

    Source: Politis and Romano (1992), A circular block-resampling procedure, with blocks of the whole length.
    """
    held, market = _pair(positions, returns, of="circular shift test")
    if held.size < 2:
        return 1.0
    # The cross-correlation at every shift: n log n instead of n^2. Its rounding is that of the series' lengths as
    # vectors, a thousandfold below the tolerance.
    spectrum = np.conj(np.fft.rfft(held)) * np.fft.rfft(market)
    earned = np.fft.irfft(spectrum, held.size)
    tolerance = 1e-12 * math.sqrt(float(held @ held)) * math.sqrt(float(market @ market))
    return resampling_p_value(int(np.count_nonzero(earned[1:] >= earned[0] - tolerance)), held.size - 1)


def order_shuffle_p_value(*_: object, **__: object) -> NoReturn:
    """Refused: the total, the mean and the Sharpe ratio of trades do not depend on their order, so p is always 1.

    Such a shuffle shows how drawdowns scatter around a result, not whether the result is luck.
    """
    raise ValueError(
        "shuffling the order of trades is no test of skill: every order has the same Sharpe ratio, p is always 1; "
        "take circular_shift_p_value or position_permutation_p_value (timing), or sign_flip_p_value (mean)"
    )


def _pair(positions: ArrayLike, returns: ArrayLike, *, of: str) -> tuple[FloatArray, FloatArray]:
    held = checked_series(positions, of=of, noun="position")
    market = checked_series(returns, of=of)
    if held.size != market.size:
        raise ValueError(f"{of}: {held.size} positions for {market.size} returns; give one position a return")
    return held, market


def _distinct_orders(counts: IntArray) -> int:
    """Multinomial coefficient, given up as soon as it is too large to matter."""
    orders, placed = 1, 0
    for count in counts.tolist():
        placed += count
        orders *= math.comb(placed, count)
        if orders > EXACT_ARRANGEMENTS:
            break
    return orders


def _all_sums(values: list[float], counts: list[int], market: FloatArray) -> Iterator[float]:
    """Sum of position * return for every distinct order of the positions, the value of each taken out in turn."""
    if not values:
        yield 0.0
        return
    value, count = values[0], counts[0]
    for places in itertools.combinations(range(market.size), count):
        earned = value * float(market[list(places)].sum())
        if len(values) == 1:
            yield earned
            continue
        for rest in _all_sums(values[1:], counts[1:], np.delete(market, places)):
            yield earned + rest
