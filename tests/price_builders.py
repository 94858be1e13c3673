"""Prices made to be awkward: ties, gaps, spikes, flats, days cut short. Seeded, so that a failure repeats itself."""

import os
from pathlib import Path

import numpy as np
import pytest

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.prices import PriceArrays, day_end_bars
from swarmd.engine.market.bars import Bars, load_bars

MINUTE_MS = 60_000
# A Tuesday, 00:00 UTC.
MIDNIGHT_MS = 1_672_704_000_000
KINDS = ("walk", "flat", "ties", "gaps", "spikes", "doubling", "saw", "trend")


def awkward_ohlc(kind: str, n_bars: int, seed: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Open, high, low, close of one kind of awkwardness; every bar is consistent and positive."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((n_bars, 4)) * 0.004
    path = np.cumsum(steps.ravel()).reshape(n_bars, 4)
    close = path[:, -1]
    open_ = np.concatenate(([0.0], close[:-1])) + rng.standard_normal(n_bars) * 0.0005
    high, low = np.maximum(path.max(axis=1), open_), np.minimum(path.min(axis=1), open_)
    shift = np.zeros(n_bars)
    hits = rng.random(n_bars)
    if kind == "gaps":
        shift = np.cumsum(np.where(hits < 0.03, rng.normal(0.0, 0.12, n_bars), 0.0))
    elif kind == "doubling":
        shift = np.cumsum(np.where(hits < 0.02, np.where(rng.random(n_bars) < 0.5, 1.0, -1.0), 0.0))
    elif kind == "trend":
        shift = np.linspace(0.0, 2.0, n_bars)
    o, h, lo, c = (100.0 * np.exp(x + shift) for x in (open_, high, low, close))
    if kind == "flat":
        o[:] = h[:] = lo[:] = c[:] = 100.0
    elif kind == "ties":
        o, h, lo, c = (np.maximum(np.round(x), 1.0) for x in (o, h, lo, c))
    elif kind == "spikes":
        h = np.where(hits < 0.02, h * 30.0, h)
        lo = np.where(hits > 0.98, lo / 30.0, lo)
        c = np.where((hits < 0.004), h, np.where(hits > 0.996, lo, c))
    elif kind == "saw":
        c = 100.0 * (1.0 + 0.2 * np.abs((np.arange(n_bars) / 70.0) % 2 - 1))
        o = np.concatenate((c[:1], c[:-1]))
        h, lo = np.maximum(o, c), np.minimum(o, c)
    return o, h, lo, c


def synthetic_bars(n_bars: int, seed: int, share: float) -> BoolArray:
    """Stretches of missing bars, never the first."""
    rng = np.random.default_rng(seed + 1)
    mask = np.zeros(n_bars, np.bool_)
    for start in np.flatnonzero(rng.random(n_bars) < share / 6.0).tolist():
        mask[max(start, 1) : start + int(rng.integers(1, 12))] = True
    return mask


def awkward_bars(
    kind: str, n_bars: int, seed: int, *, lead: int = 0, missing: float = 0.0, interval_minutes: int = 5
) -> Bars:
    """Bars that begin `lead` bars after midnight; `missing` is the share of bars that are flat and synthetic."""
    o, h, low, c = (x.copy() for x in awkward_ohlc(kind, n_bars, seed))
    synthetic = synthetic_bars(n_bars, seed, missing) if missing else np.zeros(n_bars, np.bool_)
    for bar in np.flatnonzero(synthetic).tolist():
        o[bar] = h[bar] = low[bar] = c[bar] = c[bar - 1]
    step = interval_minutes * MINUTE_MS
    open_time = MIDNIGHT_MS + (lead + np.arange(n_bars, dtype=np.int64)) * step
    return Bars("AWKWARD", interval_minutes, open_time, o, h, low, c, np.where(synthetic, 0.0, 1.0), synthetic)


def prices_of(bars: Bars) -> PriceArrays:
    return PriceArrays(bars.open, bars.high, bars.low, bars.close, bars.synthetic, day_end_bars(bars.open_time))


def prices_from(
    rows: list[tuple[float, float, float, float]], *, synthetic: tuple[int, ...] = (), day_ends: tuple[int, ...] = ()
) -> PriceArrays:
    """Prices written by hand as (open, high, low, close)."""
    table = np.array(rows, np.float64)
    mask = np.zeros(len(rows), np.bool_)
    mask[list(synthetic)] = True
    o, h, low, c = (np.ascontiguousarray(table[:, at]) for at in range(4))
    return PriceArrays(o, h, low, c, mask, np.array(day_ends or (len(rows) - 1,), np.int64))


def events_from(*rows: tuple[int, int]) -> Events:
    return Events(np.array([bar for bar, _ in rows], np.int64), np.array([side for _, side in rows], np.int64))


def random_events(n_bars: int, seed: int, *, every: float, alternating: bool) -> Events:
    rng = np.random.default_rng(seed + 2)
    bar = np.flatnonzero(rng.random(n_bars) < 1.0 / every).astype(np.int64)
    bar = bar[bar >= 1]
    in_turn = np.where((np.arange(bar.size) + seed) % 2 == 0, 1, -1)
    side = in_turn if alternating else rng.choice([-1, 1], bar.size)
    return Events(bar, side.astype(np.int64))


def real_btc() -> Bars:
    """Half a year of real 5-minute bars with one accepted gap; the test is skipped where there are none."""
    root = os.environ.get("SWARMD_TEST_DATA")
    folder = Path(root) if root else Path(__file__).parents[2] / "shared" / "data"
    file = folder / "bars_5m" / "BTCUSDT.parquet"
    if not file.is_file():
        pytest.skip(f"no real bars at {file}; set SWARMD_TEST_DATA")
    # From 05:10, so that the first bars belong to no whole higher-timeframe bar.
    return load_bars(file, start_ms=1_677_647_400_000, end_ms=1_690_000_000_000, known_gaps=("2023-03-24",))
