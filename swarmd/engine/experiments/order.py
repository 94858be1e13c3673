"""What the runner and its evaluating processes say to each other: a setting once, then orders and replies.

Plain values that are pickled over a pipe which nobody else holds.
"""

from dataclasses import dataclass
from typing import Any, Literal

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.bars import ARRAYS, Bars

# What a process says once it can read its setting, and once it can take orders.
HELLO, READY = "hello", "ready"


@dataclass(frozen=True, slots=True)
class Setting:
    """All that stays the same: strategy by reference, costs, and the bars of each symbol as plain arrays."""

    strategy: str
    mode: str
    fee_bps: float
    slippage_bps: float
    bars: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """One vector on bars [start, stop) of a symbol.

    With `fit`, the stretch it was chosen on, the indicators have seen all bars before `start`, and the equity comes
    back with what the vector earned on that stretch.
    """

    symbol: str
    params: dict[str, float | int]
    start: int
    stop: int
    fit: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """`cause` is None for metrics, "strategy" for what would come out the same again, "lost" for what might not."""

    metrics: dict[str, float | int | None] | None
    seconds: float
    cause: Literal["strategy", "lost"] | None = None
    error: str | None = None
    equity: FloatArray | None = None
    earned_inside: float | None = None


def plain_bars(bars: Bars) -> dict[str, Any]:
    """Bars as keywords of `Bars`: made anew on the other side they are read-only again."""
    arrays = {name: getattr(bars, name) for name in ARRAYS}
    return {"symbol": bars.symbol, "interval_minutes": bars.interval_minutes, **arrays}
