"""Ehlers' MESA adaptive average: how fast it follows is read from the phase of the price's dominant cycle."""

import math

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray
from swarmd.engine.indicators.adaptive import efficiency_ratio

_C1, _C2 = 0.0962, 0.5769
_SHORTEST, _LONGEST = 6.0, 50.0


@njit(cache=True, inline="always")
def _filtered(x: FloatArray, t: int, gain: float) -> float:
    """Ehlers' Hilbert filter; what lies before the first value counts as 0."""
    two = x[t - 2] if t >= 2 else 0.0
    four = x[t - 4] if t >= 4 else 0.0
    six = x[t - 6] if t >= 6 else 0.0
    return float((_C1 * x[t] + _C2 * two - _C2 * four - _C1 * six) * gain)


@njit(cache=True, nogil=True)
def phase_steps(x: FloatArray) -> FloatArray:
    """By how many degrees the phase of the dominant cycle went on at each bar, at least 1.

    Parameters
    ----------
    x : float64, shape (n_bars,)

    Returns
    -------
    float64, shape (n_bars,)
        The first few dozen values lean on the missing past and must not be traded.

    Source: J. F. Ehlers (2001), MESA Adaptive Moving Averages, Technical Analysis of Stocks & Commodities 19(9).
    """
    n_bars = x.size
    out = np.ones(n_bars)
    smooth, detrended = np.zeros(n_bars), np.zeros(n_bars)
    in_phase, quadrature = np.zeros(n_bars), np.zeros(n_bars)
    period = phase = i2 = q2 = re = im = 0.0
    for t in range(n_bars):
        gain = 0.075 * period + 0.54
        weighted = 4.0 * x[t]
        for back, weight in ((1, 3.0), (2, 2.0), (3, 1.0)):
            weighted += weight * x[t - back] if t >= back else 0.0
        smooth[t] = weighted / 10.0
        detrended[t] = _filtered(smooth, t, gain)
        in_phase[t] = detrended[t - 3] if t >= 3 else 0.0
        quadrature[t] = _filtered(detrended, t, gain)
        last_i2, last_q2 = i2, q2
        i2 = 0.2 * (in_phase[t] - _filtered(quadrature, t, gain)) + 0.8 * last_i2
        q2 = 0.2 * (quadrature[t] + _filtered(in_phase, t, gain)) + 0.8 * last_q2
        re = 0.2 * (i2 * last_i2 + q2 * last_q2) + 0.8 * re
        im = 0.2 * (i2 * last_q2 - q2 * last_i2) + 0.8 * im
        last = period
        if re != 0.0 and im != 0.0:
            period = 2.0 * math.pi / math.atan(im / re)
        period = min(max(min(max(period, 0.67 * last), 1.5 * last), _SHORTEST), _LONGEST)
        period = 0.2 * period + 0.8 * last
        last_phase = phase
        phase = math.degrees(math.atan(quadrature[t] / in_phase[t])) if in_phase[t] != 0.0 else 0.0
        out[t] = max(1.0, last_phase - phase)
    return out


@njit(cache=True, nogil=True)
def mesa_averages(x: FloatArray, length: int) -> tuple[FloatArray, FloatArray]:
    """MAMA with the efficiency ratio for its fast limit and a tenth of it for its slow one, and the KAMA it steers.

    With alpha from the phase and beta = alpha / 2, KAMA's factor is `(ER * (beta - alpha) + alpha) ** 2`.

    Parameters
    ----------
    x : float64, shape (n_bars,)
    length : of the efficiency ratio, in bars, at least 1

    Returns
    -------
    (float64, float64), each of shape (n_bars,)
        MAMA and KAMA, seeded with the value of bar `length`; NaN before it.
    """
    ratio, steps = efficiency_ratio(x, length), phase_steps(x)
    mama, kama = np.full(x.size, np.nan), np.full(x.size, np.nan)
    m = k = 0.0
    for t in range(length, x.size):
        alpha = max(ratio[t] / steps[t], 0.1 * ratio[t])
        factor = (ratio[t] * (alpha / 2.0 - alpha) + alpha) ** 2
        m = x[t] if t == length else m + alpha * (x[t] - m)
        k = x[t] if t == length else k + factor * (x[t] - k)
        mama[t], kama[t] = m, k
    return mama, kama
