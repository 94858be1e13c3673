"""What a screen of crossings is asked: the prices, the lines, and the vectors that name lines, stop and target.

One question for both ways of answering it, `batch` on the CPU and `gpu`; made by the strategies' batches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, FloatArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.lines import EmaLines
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.kernel.prices import PriceArrays

# Half the size of the engine's usual integers: there is one per vector and line.
LineNumbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CrossingScreen:
    """One vector per row of `fast_of`, `slow_of` (line indices), `stop` and `target` (fractions of the entry price).

    `lead` is the number of base bars between the UTC midnight before the data and its first bar.

    Raises
    ------
    ValueError
        If a row needs the bar scan (`needs_bar_scan`).
    """

    prices: PriceArrays
    lines: EmaLines
    lead: int
    fast_of: LineNumbers
    slow_of: LineNumbers
    stop: FloatArray
    target: FloatArray
    direction: Direction
    costs: Costs

    def __post_init__(self) -> None:
        if needs_bar_scan(self.stop, direction=self.direction, costs=self.costs).any():
            raise ValueError(
                f"screening: a stop of {self.stop.max()} lets shorts be ruined before it; run such vectors singly"
            )

    @property
    def n_vectors(self) -> int:
        return int(self.fast_of.size)

    @property
    def shorts(self) -> bool:
        return self.direction is Direction.LONG_SHORT


def needs_bar_scan(stop: FloatArray, *, direction: Direction, costs: Costs) -> BoolArray:
    """Stops so wide that a short can be ruined at a bar close before they are touched: not for the fast fold."""
    if direction is Direction.LONG:
        return np.zeros(stop.shape, np.bool_)
    return np.asarray(costs.short_base - (1.0 + stop) / costs.short_quantity <= 1e-9)
