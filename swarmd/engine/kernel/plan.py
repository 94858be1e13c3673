"""How a position is left: stop, target, partial targets, trailing stop, time stop, and how much equity it takes.

Distances are fractions of the entry price before costs, or multiples of the unit that the event of the entry brings
with it (`events`). The kernels and every strategy meet here; no prices, no bars.

Rules that the execution semantics leave open, decided here and held by the reference:

* **Legs** close parts of the position at targets of their own; within a bar every leg whose target is reached closes,
  the nearest first, unless the stop is touched in the same bar (the stop comes first, for all that remains). A stop
  moved by a leg is in force from the next bar on: within a bar nobody knows what came after the target.
* **Trailing**: the level is the best high since entry (short: lowest low) of *earlier* bars, entry price included,
  less the fraction. The tighter of trailing and fixed stop rules; an exit is called `trailing` only where trailing is
  strictly tighter.
* **Risk**: the position is as large as makes the distance to its stop cost that fraction of equity, costs left aside,
  and never larger than `size`.
* **Held through signals**: events during a position are no orders; it is left by its stops and targets alone.
* **Time stop** of n bars: the position leaves at the open n bars after its entry bar, before that bar's stop. A signal
  exit at the same open goes by the name of `signal`.
"""

import itertools
import math
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which sides a run may hold: buys only, or both with reversal at a crossing."""

    LONG = "long"
    LONG_SHORT = "long_short"


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the position with a target of its own.

    `share` is its part of the entry quantity. After it has closed, `stop_to` moves the stop of the rest: a signed
    distance from entry in the direction of profit (0.0 = entry, 0.02 = two percent in profit); None leaves it alone.
    """

    share: float
    target: float
    stop_to: float | None = None


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """One plan for all trades of a run. `size` is the fraction of equity committed at entry; the rest stays in cash.

    With `risk` it is the most that may be committed, and each position takes what its stop allows.
    """

    stop: float | None
    target: float | None
    legs: tuple[Leg, ...] = ()
    trailing: float | None = None
    time_stop_bars: int | None = None
    size: float = 1.0
    risk: float | None = None
    is_held_through_signals: bool = False

    def __post_init__(self) -> None:
        for name, value in (("stop", self.stop), ("target", self.target), ("trailing", self.trailing)):
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise ValueError(
                    f"exit plan: {name} is {value}; give a fraction above 0 (0.02 is two percent), or None"
                )
        if not 0.0 < self.size <= 1.0:
            raise ValueError(f"exit plan: size is {self.size}; give a fraction of equity in (0, 1]")
        if self.time_stop_bars is not None and self.time_stop_bars < 1:
            raise ValueError(f"exit plan: time_stop_bars is {self.time_stop_bars}; give at least 1, or None")
        if self.risk is not None and not (0.0 < self.risk < 1.0 and self.stop is not None):
            raise ValueError(
                f"exit plan: risk is {self.risk} with a stop of {self.stop}; give a fraction of equity in (0, 1) and a "
                "stop that it is lost at"
            )
        if self.legs:
            self._check_legs()

    def _check_legs(self) -> None:
        if self.target is not None:
            raise ValueError("exit plan: a target beside legs; put the last target into the last leg")
        if any(not leg.share > 0.0 for leg in self.legs) or sum(leg.share for leg in self.legs) > 1.0 + 1e-12:
            shares = ", ".join(str(leg.share) for leg in self.legs)
            raise ValueError(f"exit plan: leg shares {shares}; they must be above 0 and add up to at most 1")
        targets = [leg.target for leg in self.legs]
        if targets[0] <= 0.0 or any(near >= far for near, far in itertools.pairwise(targets)):
            raise ValueError(f"exit plan: leg targets {targets}; they must rise strictly from above 0")

    @property
    def is_plain(self) -> bool:
        """Whether every position takes the same share of equity and an opposite event ends it."""
        return self.risk is None and not self.is_held_through_signals

    @property
    def last_leg_closes_all(self) -> bool:
        """Whether the last target leaves nothing open; decimal shares may miss a sum of 1 by rounding."""
        return self.target is not None or sum(leg.share for leg in self.legs) > 1.0 - 1e-9
