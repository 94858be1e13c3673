"""Shocks: the volatility that all made-up markets share, so that noise and planted edges differ in nothing but drift.

GJR-GARCH(1,1) with Student-t(5) innovations and a daily season, in simple returns whose mean is exactly zero. The
markets and the planted rule call it with a seeded generator; no drift, no price and no rule belongs here.
"""

from dataclasses import dataclass

import numba
import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.timeframes import DAY_MINUTES, interval_name

ANNUAL_VOLATILITY = 0.70
DAYS_A_YEAR = 365
INNOVATION_DOF = 5

# Glosten, Jagannathan, Runkle (1993): h' = omega + (alpha + leverage * [shock < 0]) * shock^2 + beta * h; E[h] = 1.
ALPHA, LEVERAGE, BETA = 0.04, 0.04, 0.93
OMEGA = 1.0 - ALPHA - LEVERAGE / 2 - BETA

# Cut both ways alike, so that the mean stays zero; no t(5) draw of these sizes has come near it.
LARGEST_RETURN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Shocks:
    """Conditional standard deviation of each bar, and its driftless simple return; float64 of shape (n_bars,)."""

    sigma: FloatArray
    noise: FloatArray


def draw_shocks(n_bars: int, rng: np.random.Generator, *, interval_minutes: int) -> Shocks:
    """Shocks of consecutive bars that begin at 00:00 UTC; the same generator state gives the same bits."""
    innovation = rng.standard_t(INNOVATION_DOF, n_bars) * np.sqrt((INNOVATION_DOF - 2) / INNOVATION_DOF)
    bars_a_day = DAY_MINUTES // interval_minutes
    bar_sigma = ANNUAL_VOLATILITY / np.sqrt(DAYS_A_YEAR * bars_a_day)
    season = daily_season(interval_minutes)
    sigma = _garch_deviation(innovation) * bar_sigma * np.resize(season, n_bars)
    return Shocks(sigma=sigma, noise=np.clip(sigma * innovation, -LARGEST_RETURN, LARGEST_RETURN))


def daily_season(interval_minutes: int) -> FloatArray:
    """Factor of the deviation through the day, shape (bars_a_day,), mean square 1: quiet at 03:00, busy at 15:00."""
    interval_name(interval_minutes)
    hours = np.arange(DAY_MINUTES // interval_minutes) * interval_minutes / 60
    season = 1 + 0.35 * np.cos(2 * np.pi * (hours - 15) / 24) + 0.10 * np.cos(4 * np.pi * (hours - 14) / 24)
    return np.asarray(season / np.sqrt(np.mean(season**2)))


@numba.njit(cache=True)
def _garch_deviation(innovation: FloatArray) -> FloatArray:
    """Square root of h for each innovation, h starting at its long-run mean of 1."""
    deviation = np.empty_like(innovation)
    h = 1.0
    for bar in range(innovation.shape[0]):
        deviation[bar] = np.sqrt(h)
        shock = deviation[bar] * innovation[bar]
        weight = ALPHA + LEVERAGE if shock < 0 else ALPHA
        h = OMEGA + weight * shock * shock + BETA * h
    return deviation
