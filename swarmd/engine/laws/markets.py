"""Made-up bars that a strategy is put before, and changes to bars that must or must not matter to it.

Seeded, so that a finding repeats itself. The walk starts off every boundary of slower timeframes and has bars missing:
what holds there by luck alone is rare.
"""

from dataclasses import replace

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.bars import Bars

_MINUTE_MS = 60_000
# A Tuesday, 00:00 UTC.
_MIDNIGHT_MS = 1_672_704_000_000
_LEAD = 101
_STEPS_A_BAR = 4
_STEP = 0.004
_STRETCHES_MISSING = 0.0017
_LONGEST_STRETCH = 12


def random_walk(n_bars: int, *, seed: int = 11, interval_minutes: int = 5) -> Bars:
    """A walk without any edge, 1 bar in 100 missing and so flat and synthetic."""
    rng = np.random.default_rng(seed)
    path = np.cumsum(rng.standard_normal((n_bars, _STEPS_A_BAR)) * _STEP).reshape(n_bars, _STEPS_A_BAR)
    close = path[:, -1]
    open_ = np.concatenate(([0.0], close[:-1])) + rng.standard_normal(n_bars) * 0.1 * _STEP
    high, low = np.maximum(path.max(axis=1), open_), np.minimum(path.min(axis=1), open_)
    o, h, lo, c = (100.0 * np.exp(column) for column in (open_, high, low, close))
    missing = np.zeros(n_bars, np.bool_)
    for start in np.flatnonzero(rng.random(n_bars) < _STRETCHES_MISSING).tolist():
        missing[max(start, 1) : start + int(rng.integers(1, _LONGEST_STRETCH))] = True
    for bar in np.flatnonzero(missing).tolist():
        o[bar] = h[bar] = lo[bar] = c[bar] = c[bar - 1]
    volume = np.where(missing, 0.0, rng.lognormal(3.0, 0.5, n_bars))
    return Bars("WALK", interval_minutes, _times(n_bars, interval_minutes), o, h, lo, c, volume, missing)


def flat_market(n_bars: int, *, interval_minutes: int = 5) -> Bars:
    """One price, for ever."""
    level = np.full(n_bars, 100.0)
    times, none = _times(n_bars, interval_minutes), np.zeros(n_bars, np.bool_)
    return Bars("FLAT", interval_minutes, times, level, level, level, level, np.ones(n_bars), none)


def in_another_unit(bars: Bars, factor: float) -> Bars:
    """The same market, its prices told in another unit; powers of two change no digit."""
    return _with_prices(bars, *(column * factor for column in (bars.open, bars.high, bars.low, bars.close)))


def with_mirrored_future(bars: Bars, cut: int) -> Bars:
    """From the bar `cut` on every rise is a fall and every fall a rise, as steep as before; volume is other as well."""
    level = float(bars.close[cut - 1]) ** 2
    kept, volume = slice(0, cut), bars.volume.copy()
    volume[cut:] *= 3.0
    mirrored = [
        np.concatenate((ours[kept], level / theirs[cut:]))
        for ours, theirs in (
            (bars.open, bars.open),
            (bars.high, bars.low),
            (bars.low, bars.high),
            (bars.close, bars.close),
        )
    ]
    return replace(_with_prices(bars, *mirrored), volume=volume)


def with_still_future(bars: Bars, cut: int) -> Bars:
    """From the bar `cut` on nothing moves any more."""
    still = [column.copy() for column in (bars.open, bars.high, bars.low, bars.close)]
    for column in still:
        column[cut:] = bars.close[cut - 1]
    return _with_prices(bars, *still)


def _with_prices(bars: Bars, open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray) -> Bars:
    return replace(bars, open=open_, high=high, low=low, close=close)


def _times(n_bars: int, interval_minutes: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return _MIDNIGHT_MS + (_LEAD + np.arange(n_bars, dtype=np.int64)) * interval_minutes * _MINUTE_MS
