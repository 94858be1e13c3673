"""What a device screens: vectors of the crossing strategy and the EMA lines they name, made from bars."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from price_builders import prices_of

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.backtest import evaluate_many
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.devices import BATCH, Device, Listeners, screen_on
from swarmd.engine.kernel.lines import ClosesOf, EmaLines, ema_lines
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import DAY_MINUTES, DAY_MS, MINUTE_MS, htf_close, skipped_bars
from swarmd.engine.strategies.registry import strategy_named

Columns = dict[str, NDArray[Any]]
STRATEGY = "mtf_ema"
_LENGTHS = 1024  # every length is below


class Screened(NamedTuple):
    """The arguments that say which vectors are screened on which lines."""

    lines: EmaLines
    lead: int
    fast_of: IntArray
    slow_of: IntArray
    stop: FloatArray
    target: FloatArray


def random_vectors(n: int, seed: int) -> Columns:
    """Vectors from all over the card, 45-minute bars against hours and equal lengths on equal bars included."""
    rng = np.random.default_rng(seed)
    return {
        "tf_fast": rng.choice([15, 30, 45, 60], n),
        "L_fast": rng.integers(5, 51, n),
        "tf_slow": rng.choice([60, 60, 120, 240, 360], n),
        "L_slow": rng.integers(10, 201, n),
        "sl": np.exp(rng.uniform(np.log(0.005), np.log(0.05), n)),
        "tp": np.exp(rng.uniform(np.log(0.006), np.log(0.15), n)),
    }


def screened(bars: Bars, columns: Columns) -> Screened:
    base, first_open = bars.interval_minutes, int(bars.open_time[0])
    lead = first_open % DAY_MS // (base * MINUTE_MS)
    # Lines are numbered by timeframe and length. By a table, not by sorting: `scripts/check_gpu` times this.
    key = np.concatenate(
        [columns[tf] * _LENGTHS + columns[n] for tf, n in (("tf_fast", "L_fast"), ("tf_slow", "L_slow"))]
    )
    is_used = np.zeros((DAY_MINUTES + 1) * _LENGTHS, np.bool_)
    is_used[key] = True
    minutes_of, length_of = np.divmod(np.flatnonzero(is_used), _LENGTHS)
    timeframes = [
        ClosesOf(
            factor=minutes // base,
            first=(skipped_bars(first_open, base, minutes) + lead) // (minutes // base) + 1,
            close=htf_close(bars.close, first_open, base, minutes)[0],
            lengths=length_of[minutes_of == minutes],
        )
        for minutes in np.unique(minutes_of).tolist()
    ]
    fast_of, slow_of = (np.cumsum(is_used) - 1)[key].reshape(2, -1)
    return Screened(
        ema_lines(timeframes, bars_per_day=DAY_MINUTES // base),
        lead,
        fast_of,
        slow_of,
        np.ascontiguousarray(columns["sl"]),
        np.ascontiguousarray(columns["tp"]),
    )


def on_device(
    device: Device,
    bars: Bars,
    columns: Columns,
    *,
    mode: str,
    costs: Costs | None = None,
    listeners: Listeners | None = None,
    batch: int = BATCH,
) -> Columns:
    direction = strategy_named(STRATEGY).card.mode(mode).direction
    return screen_on(
        device, prices_of(bars), **screened(bars, columns)._asdict(), direction=direction, costs=costs or Costs(),
        listeners=listeners or Listeners(), batch=batch,
    )  # fmt: skip


def by_numba(bars: Bars, columns: Columns, *, mode: str, costs: Costs | None = None) -> Columns:
    return evaluate_many(bars, strategy_named(STRATEGY), columns, mode=mode, costs=costs or Costs())


def assert_same_bits(found: Columns, wanted: Columns) -> None:
    """Every metric of every row; equal NaN would be equal, but there is none."""
    for name in wanted:
        differs = np.flatnonzero(found[name] != wanted[name])
        assert not differs.size, (
            f"{name}: {differs.size} of {wanted[name].size} rows differ, the first is {differs[0]}: "
            f"{found[name][differs[0]]!r} and {wanted[name][differs[0]]!r}"
        )
