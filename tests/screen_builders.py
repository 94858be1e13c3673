"""What a device screens: vectors of the crossing strategy and the EMA lines they name, made from bars."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.backtest import evaluate_many
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.crossing_screen import CrossingScreen
from swarmd.engine.kernel.devices import BATCH, Device, Listeners, screen_on
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.registry import strategy_named

Columns = dict[str, NDArray[Any]]
STRATEGY = "mtf_ema"


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


def asked(bars: Bars, columns: Columns, *, mode: str, costs: Costs | None = None) -> CrossingScreen:
    strategy = strategy_named(STRATEGY)
    batch = strategy.batch(bars)
    return batch.asked(columns, direction=strategy.card.mode(mode).direction, costs=costs or Costs())


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
    question = asked(bars, columns, mode=mode, costs=costs)
    return screen_on(device, question, listeners=listeners or Listeners(), batch=batch)


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
