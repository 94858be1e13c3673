"""Parameter vectors of short lookbacks, so that a few days of bars are full of signals; for any registered strategy."""

from typing import Any

import numpy as np

from swarmd.engine.kernel.plan import Direction
from swarmd.engine.strategies.registry import strategy_named, strategy_names

# One mode for each direction: modes that differ only in where they search are one here.
MODES = [
    (name, next(mode for mode, spec in strategy_named(name).card.modes.items() if spec.direction is direction))
    for name in strategy_names()
    for direction in Direction
    if any(spec.direction is direction for spec in strategy_named(name).card.modes.values())
]


def short_columns(name: str, n: int, seed: int) -> dict[str, np.ndarray]:
    """Admissible vectors near the low end of the card's limits; many share their lines."""
    strategy, rng = strategy_named(name), np.random.default_rng(seed)
    columns: dict[str, np.ndarray] = {}
    for spec in strategy.card.params:
        if spec.kind == "choice":
            columns[spec.name] = rng.choice(np.array(spec.choices), 20 * n)
        elif spec.kind == "int":
            columns[spec.name] = int(spec.low or 0) + rng.integers(0, 6, 20 * n)
        else:
            columns[spec.name] = np.clip(rng.choice([0.003, 0.01, 0.04, 0.3, 0.9], 20 * n), spec.low, spec.high)
    if not strategy.admissible(columns).any():
        # Distances that must rise one after the other: so few values never do.
        floats = [spec.name for spec in strategy.card.params if spec.kind == "float"]
        rising = np.sort(rng.uniform(0.3, 6.0, (len(floats), 20 * n)), axis=0)
        columns |= dict(zip(floats, rising, strict=True))
    fit = np.flatnonzero(strategy.admissible(columns))[:n]
    assert fit.size == n
    return {key: column[fit] for key, column in columns.items()}


def short_params(name: str, seed: int) -> dict[str, Any]:
    """One such vector."""
    return {key: column[0].item() for key, column in short_columns(name, 1, seed).items()}
