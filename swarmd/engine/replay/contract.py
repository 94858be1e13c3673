"""What a tick strategy is: it is handed batches of the stream, and says at which rows it wants which position.

Implemented by strategies that trade on quotes or trades and by users' own; driven by `wrapper`. An instance is one
vector of parameters. It sees a whole batch at once, for speed, but may use rows up to `r` alone to decide at row `r`:
then nothing depends on where batches end, and a test with batches of one row proves it.

What several instances compute alike is a **line**: named by a frozen value (`OrderFlow(half_life_s=5)`), made once for
all who ask for it, and brought up to date once per batch, before any instance sees the batch.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.market.tick_batch import TickBatch, TickSchema

Params = Mapping[str, float | int]


class Line(Protocol):
    """Something computed once per batch for all instances; what earlier batches left behind is carried inside."""

    def update(self, batch: TickBatch) -> None:
        """Makes the values of the batch's rows those of now."""
        ...


_Made = TypeVar("_Made", bound=Line, covariant=True)


class LineSpec(Protocol[_Made]):
    """The name of a line, hashable; two equal names are one line."""

    def build(self, lines: "Lines") -> _Made:
        """The line; lines that it is made of are asked for here, and so come before it."""
        ...


_Asked = TypeVar("_Asked", bound=Line)


class Lines:
    """The lines of one pass, each once, in an order in which every line comes after those it is made of."""

    def __init__(self, data: TickSchema) -> None:
        self.data = data
        self._made: dict[Any, Line] = {}
        self._has_begun = False

    def line(self, spec: LineSpec[_Asked]) -> _Asked:
        """The line of that name; refuses a new one once the stream has begun, for it would have missed the rows."""
        if spec not in self._made:
            if self._has_begun:
                raise ValueError(f"line {spec} is asked for after the first batch; ask for it in on_start")
            made = spec.build(self)
            self._made[spec] = made
        return self._made[spec]  # type: ignore[return-value]  # the key is what it was built from

    def update(self, batch: TickBatch) -> None:
        """Brings every line up to the end of the batch."""
        self._has_begun = True
        for line in self._made.values():
            line.update(batch)


class TickContext:
    """What an instance may ask and say: the lines it shares, the sides it may hold, and its wishes.

    `data` is what the strategy works on: quotes, or trades (with quotes beside them or not).
    """

    def __init__(self, lines: Lines, *, mode: str, direction: Direction) -> None:
        self.data = lines.data
        self.mode = mode
        self.direction = direction
        self.units: float | None = None
        self.position = 0
        self._lines = lines
        self._wishes: list[tuple[IntArray, IntArray, FloatArray]] = []

    def line(self, spec: LineSpec[_Asked]) -> _Asked:
        """The line of that name, shared with every instance that asks for the same; to be asked for in `on_start`."""
        return self._lines.line(spec)

    def trade_units(self, units: float, *, cash: float) -> None:
        """Trade always so many units out of this much cash, in place of all equity; to be said in `on_start`."""
        if not (units > 0.0 and cash > 0.0):
            raise ValueError(f"{units} units out of cash {cash}; give positive numbers")
        self.units = units / cash

    def wish(self, rows: IntArray, positions: IntArray, prices: FloatArray | None = None) -> None:
        """Positions (-1, 0, 1) wanted from these rows of the batch on, in rising order; a row may appear once.

        They fill on their row, at the ask where something is bought and at the bid where it is sold; `prices` overrule
        that for conventions of their own. A wish for what is held already is none.
        """
        if not rows.size:
            return
        self._wishes.append((rows, positions, np.full(rows.size, np.nan) if prices is None else prices))
        self.position = int(positions[-1])

    def taken(self, batch: TickBatch) -> tuple[IntArray, IntArray, FloatArray]:
        """The wishes of the batch, which are then forgotten; refuses those that lie outside it or out of order."""
        if not self._wishes:
            return _NO_WISHES
        rows, positions, prices = (np.concatenate(parts) for parts in zip(*self._wishes, strict=True))
        self._wishes = []
        lowest = -1 if self.direction is Direction.LONG_SHORT else 0
        if rows[0] < 0 or rows[-1] >= len(batch) or np.any(np.diff(rows) <= 0):
            raise ValueError(
                f"wishes at rows {rows[:3].tolist()}... of a batch of {len(batch)} rows; give rows of the batch,"
                " rising, each once"
            )
        if np.any((positions < lowest) | (positions > 1)):
            raise ValueError(f"a position of {positions[(positions < lowest) | (positions > 1)][0]} is wished for;"
                             f" in {self.direction.value} give {lowest} to 1")  # fmt: skip
        return rows.astype(np.int64), positions.astype(np.int64), prices.astype(np.float64)


_NO_WISHES = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64)


class TickStrategy(Protocol):
    """One instance: parameters in, wishes out, told in the order of these methods."""

    def set_params(self, params: Params) -> None:
        """The parameters, checked; before `on_start`."""
        ...

    def on_start(self, ctx: TickContext) -> None:
        """Before the first batch: ask for lines, refuse data that is of no use."""
        ...

    def on_tick(self, batch: TickBatch, ctx: TickContext) -> None:
        """A batch, each row of the stream being in one of them; wishes go to `ctx`."""
        ...

    def on_finish(self, ctx: TickContext) -> None:
        """After the last batch; what is still held is closed after this, at the last row."""
        ...

    def get_stats(self) -> dict[str, float | int]:
        """Figures of the strategy's own, for the report."""
        ...
