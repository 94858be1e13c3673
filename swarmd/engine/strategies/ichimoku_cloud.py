"""What an Ichimoku cloud says of each bar: bullish, bearish, or neither. Used by `final_trigger`, twice.

`x[k]` in the comments is the value k bars ago. The cloud is read at fixed shifts; the length called displacement is
span B's and moves nothing. A comparison with a value that is not known yet is false.
"""

from typing import NamedTuple

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.indicators.ichimoku import midrange
from swarmd.engine.market.bars import Bars

NEAR, FAR = 25, 50


class Cloud(NamedTuple):
    """Conversion and base line, span A and span B; float64, shape (n_bars,), unshifted."""

    close: FloatArray
    conversion: FloatArray
    base: FloatArray
    span_a: FloatArray
    span_b: FloatArray


def cloud_of(bars: Bars, *, conversion: int, base: int, span: int) -> Cloud:
    """The lines of these lengths, in bars."""
    t, k = midrange(bars.high, bars.low, conversion), midrange(bars.high, bars.low, base)
    return Cloud(bars.close, t, k, (t + k) / 2.0, midrange(bars.high, bars.low, span))


def ago(x: FloatArray, n_bars: int) -> FloatArray:
    """The value of so many bars ago; NaN before there is one."""
    out = np.full(x.size, np.nan)
    out[n_bars:] = x[: max(0, x.size - n_bars)]
    return out


def bullish(cloud: Cloud) -> BoolArray:
    """Close above T, K, A[25], B[25], A[50], B[50], K[25], T[25]; A above B; A, B, K and T all rising."""
    close, t, k, a, b = cloud
    above = [t, k, ago(a, NEAR), ago(b, NEAR), ago(a, FAR), ago(b, FAR), ago(k, NEAR), ago(t, NEAR)]
    rising = [line > ago(line, 1) for line in (a, b, k, t)]
    return np.asarray(np.logical_and.reduce([*(close > line for line in above), a > b, *rising]))


def bearish(cloud: Cloud) -> BoolArray:
    """The light form: close below A[25], B[25] and B."""
    close, _, _, a, b = cloud
    return np.asarray((close < ago(a, NEAR)) & (close < ago(b, NEAR)) & (close < b))


def strictly_bearish(cloud: Cloud) -> BoolArray:
    """Close below all that `bullish` has it above; K and T below A[25] and B[25]; A below B; all four falling."""
    close, t, k, a, b = cloud
    below = [t, k, ago(a, NEAR), ago(b, NEAR), ago(a, FAR), ago(b, FAR), ago(k, NEAR), ago(t, NEAR)]
    under = [line < ago(span, NEAR) for line in (k, t) for span in (a, b)]
    falling = [line < ago(line, 1) for line in (k, t, a, b)]
    return np.asarray(np.logical_and.reduce([*(close < line for line in below), *under, a < b, *falling]))
