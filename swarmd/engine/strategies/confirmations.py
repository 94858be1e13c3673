"""Votes beside the cloud: volume, an adaptive oscillator, the spread of adaptive averages, regressions, MAMA and KAMA.

Each is a `Vote`, two arrays of shape (n_bars,): where it is for a long, and where for a short. They depend on the bars
alone. Used by `final_trigger`; a comparison with a value that is not known yet is false.
"""

import itertools
from typing import NamedTuple

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.indicators.adaptive import efficiency_ratio, kaufman_average, place_in_range
from swarmd.engine.indicators.mesa import mesa_averages
from swarmd.engine.indicators.moving import ema
from swarmd.engine.indicators.regression import line_fit
from swarmd.engine.indicators.volume import accumulation_distribution
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.ichimoku_cloud import ago

_RANGE = 50
_AVERAGES = (*range(5, 95, 5), 100)
_REGRESSIONS = (10, 20, 50, 100, 200, 300, 400, 500)
_FASTEST, _SLOWEST = 0.666, 0.0645
# How far above MAMA a close must be, as a fraction of itself.
_CLEAR = 1e-4
LONGEST_LOOKBACK = max(_REGRESSIONS)


class Vote(NamedTuple):
    """Where something speaks for a long, and where for a short; never for both."""

    bullish: BoolArray
    bearish: BoolArray


def volume_flow(bars: Bars) -> Vote:
    """The accumulation/distribution line's place in its range of 50 bars: beyond a tenth, and at a new extreme of 3."""
    place = place_in_range(accumulation_distribution(bars.high, bars.low, bars.close, bars.volume), _RANGE)
    earlier = [ago(place, k) for k in (1, 2, 3)]
    rising = np.logical_and.reduce([place > value for value in earlier])
    falling = np.logical_and.reduce([place < value for value in earlier])
    return Vote(np.asarray((place > 0.1) & rising), np.asarray((place < -0.1) & falling))


def adaptive_oscillator(bars: Bars) -> Vote:
    """An average pulled from its EMA of 7 to the close by an efficiency of 8 bars: its place in its range of 50."""
    fast, slow = 2.0 / (7 + 1), 2.0 / (19 + 1)
    # Not squared, other than Kaufman's own.
    pull = efficiency_ratio(bars.close, 8) * (fast - slow) + slow
    line = ema(bars.close, 7)
    place = place_in_range(line + pull * (bars.close - line), _RANGE)
    return Vote(np.asarray(place > 0.0), np.asarray(place < 0.0))


def spread_of_averages(bars: Bars) -> Vote:
    """The mean of the relative gaps between adaptive averages of rising lengths, of the mean of the four prices."""
    price = (bars.open + bars.high + bars.low + bars.close) / 4.0
    lines = [kaufman_average(price, length, _FASTEST, _SLOWEST) for length in _AVERAGES]
    gaps = [(shorter - longer) / longer for shorter, longer in itertools.pairwise(lines)]
    mean: FloatArray = np.mean(gaps, axis=0)
    return Vote(np.asarray(mean > 0.0), np.asarray(mean < 0.0))


def regression_cloud(bars: Bars) -> Vote:
    """The close against its mean of 100 bars, and against that mean moved by how slopes of rising lengths differ."""
    slopes = [line_fit(bars.close, length)[1] for length in _REGRESSIONS]
    differences = zip(itertools.pairwise(slopes), _REGRESSIONS, strict=False)
    moved = 0.1 * np.sum([(nearer - farther) * length for (nearer, farther), length in differences], axis=0)
    mean = line_fit(bars.close, 100)[0]
    above = (bars.close > mean) & (bars.close > mean + moved)
    below = (bars.close < mean) & (bars.close < mean + moved)
    return Vote(np.asarray(above), np.asarray(below))


def mesa_and_kaufman(bars: Bars) -> Vote:
    """The close clear of MAMA, and MAMA on the same side of the KAMA that its phase steers."""
    mama, kama = mesa_averages(bars.close, 20)
    clear = bars.close * _CLEAR
    above = (bars.close > mama + clear) & (mama > kama)
    below = (bars.close < mama - clear) & (mama < kama)
    return Vote(np.asarray(above), np.asarray(below))
