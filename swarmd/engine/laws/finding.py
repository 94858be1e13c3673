"""What is examined and what comes of it: a strategy with its bars and vectors, and one finding a law.

Laws take an `Exam` and give a `Finding`; nothing here knows which laws there are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from swarmd.engine.kernel.events import Events
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import utc_text
from swarmd.engine.search.combos import draw_combinations, row_params
from swarmd.engine.search.space import search_space
from swarmd.engine.strategies.contract import BarStrategy, Params, in_mode

# One event with all that belongs to it.
EventRow = tuple[int, int, float | None, int | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a law holds. `looked_at` says at what, in figures; `told` what is wrong, and `bar` (or `row` of a stream)
    and `time` where."""

    law: str
    holds: bool
    looked_at: Mapping[str, int]
    told: str | None = None
    mode: str | None = None
    params: Params | None = None
    bar: int | None = None
    time: str | None = None
    row: int | None = None

    def document(self) -> dict[str, Any]:
        return {
            "law": self.law,
            "holds": self.holds,
            "looked_at": dict(self.looked_at),
            "told": self.told,
            "mode": self.mode,
            "params": None if self.params is None else dict(self.params),
            "bar": self.bar,
            "row": self.row,
            "time": self.time,
        }


@dataclass(eq=False)
class Broken(Exception):  # noqa: N818  (a finding on its way out, no error)
    """Raised by a law at the first thing it finds wrong; becomes a Finding."""

    told: str
    mode: str | None = None
    params: Params | None = None
    bar: int | None = None
    time: str | None = None
    row: int | None = None

    def finding(self, law: str) -> Finding:
        return Finding(law, False, {}, self.told, self.mode, self.params, self.bar, self.time, self.row)


Law = Callable[["Exam"], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Exam:
    """A strategy, the modes and bars it is examined on, and the drawn vectors of each mode."""

    strategy: BarStrategy
    bars: Bars
    vectors: Mapping[str, tuple[Params, ...]]

    def cases(self, most: int) -> Iterator[tuple[str, BarStrategy, Params]]:
        """Mode, the strategy as it decides in it, and a vector: the baseline first, and at most so many a mode."""
        for mode, drawn in self.vectors.items():
            strategy = in_mode(self.strategy, mode)
            for params in (dict(self.strategy.card.baseline), *drawn)[:most]:
                yield mode, strategy, params

    def time_of(self, bar: int) -> str:
        return utc_text(int(self.bars.open_time[bar]))


def drawn_vectors(strategy: BarStrategy, mode: str, n: int, seed: int) -> tuple[Params, ...]:
    """Admissible vectors of a mode's space, fewer where there are fewer."""
    columns = draw_combinations(search_space(strategy.card, mode, {}), n, seed, strategy.admissible)
    return tuple(row_params(columns, row) for row in range(len(next(iter(columns.values())))))


def rows_of(events: Events) -> list[EventRow]:
    """The events as plain values, in their order."""
    none = [None] * len(events)
    return list(
        zip(
            events.bar.tolist(),
            events.side.tolist(),
            none if events.unit is None else events.unit.tolist(),
            none if events.chance is None else events.chance.tolist(),
            strict=True,
        )
    )
