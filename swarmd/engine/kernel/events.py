"""Wishes to trade, as the bars whose open would fill them.

A strategy decides at the close of bar t and writes t + 1 here: the fill comes at that bar's open. Every path settles
events on real bars in the same way, by `on_real_bars`; nothing else may shift an event.
"""

from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Events:
    """`bar` int64 strictly ascending, each in [1, n_bars); `side` int64, +1 (cross up) or -1 (cross down).

    `unit` is the price distance by which the exit plan's numbers count for a position of this event (an average true
    range, say); without it they are fractions of the entry price. Events of the same `chance` open one position
    between them: once one has, the others are no orders. Chances are numbered in the order of the bars.
    """

    bar: IntArray
    side: IntArray
    unit: FloatArray | None = None
    chance: IntArray | None = None

    def __len__(self) -> int:
        return int(self.bar.size)

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to an event but its bar and its side."""
        return self.unit is None and self.chance is None

    def at(self, bar: IntArray, kept: BoolArray) -> "Events":
        """Those that are kept, each at the bar given for it."""
        return Events(
            bar[kept],
            self.side[kept],
            None if self.unit is None else self.unit[kept],
            None if self.chance is None else self.chance[kept],
        )

    def checked(self, n_bars: int) -> "Events":
        """These events, or a ValueError that names the first one out of order, off the data or without a side."""
        if self.bar.shape != self.side.shape or self.bar.ndim != 1:
            raise ValueError(f"events: {self.bar.shape} bars and {self.side.shape} sides; give one side per bar")
        if self.bar.dtype != np.int64 or self.side.dtype != np.int64:
            raise ValueError(f"events: bar is {self.bar.dtype} and side {self.side.dtype}; both must be int64")
        wrong = (self.bar < 1) | (self.bar >= n_bars)
        wrong[1:] |= self.bar[1:] <= self.bar[:-1]
        wrong |= np.abs(self.side) != 1
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(
                f"events: number {at} is (bar {self.bar[at]}, side {self.side[at]}); bars must rise strictly within "
                f"1..{n_bars - 1} and sides be +1 or -1 (a signal at the close of the last bar is no event)"
            )
        if self.unit is not None:
            self._check_units(self.unit)
        if self.chance is not None:
            self._check_chances(self.chance)
        return self

    def _check_units(self, unit: FloatArray) -> None:
        if unit.shape != self.bar.shape or unit.dtype != np.float64:
            raise ValueError(f"events: {unit.shape} units of {unit.dtype}; give one float64 per event")
        wrong = ~(np.isfinite(unit) & (unit > 0.0))
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(
                f"events: the unit of number {at} (bar {self.bar[at]}) is {unit[at]}; give a price distance above 0"
            )

    def _check_chances(self, chance: IntArray) -> None:
        if chance.shape != self.bar.shape or chance.dtype != np.int64:
            raise ValueError(f"events: {chance.shape} chances of {chance.dtype}; give one int64 per event")
        wrong = chance < 0
        wrong[1:] |= chance[1:] < chance[:-1]
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(
                f"events: the chance of number {at} (bar {self.bar[at]}) is {chance[at]}; chances count from 0 up and "
                "never fall"
            )


def no_events() -> Events:
    """What a flat market gives."""
    return Events(np.empty(0, np.int64), np.empty(0, np.int64))


def next_real_bar(synthetic: BoolArray) -> IntArray:
    """For each bar the first bar at or after it that really traded; n_bars where none is left."""
    n_bars = synthetic.size
    real = np.where(synthetic, n_bars, np.arange(n_bars, dtype=np.int64))
    # Contiguous: of a reversed view numba would compile every kernel a second time.
    return np.ascontiguousarray(np.minimum.accumulate(real[::-1])[::-1])


def on_real_bars(events: Events, synthetic: BoolArray) -> Events:
    """Events moved off synthetic bars to the next real open; one with none left is dropped.

    Of several that end up at one open only the last stands: a later order replaces the one still waiting. Two
    events of the same side may then follow each other; the second is no order where that side is already held.
    """
    if not len(events) or not synthetic[events.bar].any():
        return events
    bar = next_real_bar(synthetic)[events.bar]
    stands = np.append(bar[1:] != bar[:-1], True) & (bar < synthetic.size)
    return events.at(bar, stands)
