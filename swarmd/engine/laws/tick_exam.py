"""A tick strategy before its examiners: the made-up tape in every form it takes, and what it holds at each row of it.

Laws on bars look at events; an instance that trades on ticks is a machine with a memory, and what can be seen of it is
what it holds and what that is worth, row by row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.laws.tick_markets import Tape, made_up_tape, none_of
from swarmd.engine.market.tick_batch import TickBatch, TickSchema
from swarmd.engine.market.tick_stream import batches_of
from swarmd.engine.market.timeframes import utc_text
from swarmd.engine.replay.wrapper import MultiStrategyWrapper, TickRun, replay
from swarmd.engine.search.combos import draw_combinations, row_params
from swarmd.engine.strategies.contract import Params
from swarmd.engine.strategies.tick_registry import TickStrategyClass, checked_tick_params, tick_baseline

N_ROWS = 4_000
N_VECTORS = 4
# What a strategy may be given: quotes, trades, or trades with the quotes beside them.
FORMS = ("quotes", "trades", "trades beside quotes")
_WHOLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Course:
    """What an instance held after each row, what its equity was there, and the trades of it."""

    position: IntArray
    equity: FloatArray
    n_trades: int

    def first_difference(self, other: "Course", *, before: int) -> int | None:
        """The first row, of those before `before`, at which the two are not the same."""
        stop = min(before, self.position.size, other.position.size)
        apart = (self.position[:stop] != other.position[:stop]) | (self.equity[:stop] != other.equity[:stop])
        return int(np.argmax(apart)) if apart.any() else None


@dataclass(frozen=True, slots=True)
class TickExam:
    """A strategy's class, its modes with the vectors drawn for each, and the tape it is put before."""

    made: TickStrategyClass
    vectors: Mapping[str, tuple[Params, ...]]
    tape: Tape
    refused: dict[tuple[str, str], str] = field(default_factory=dict)

    def cases(self) -> Iterator[tuple[str, str]]:
        """Mode and form of the data, as far as the strategy takes it."""
        for mode, vectors in self.vectors.items():
            for form in FORMS:
                if (mode, form) in self.refused:
                    continue
                try:
                    self.courses(mode, form, vectors[:1], rows=2)
                except ValueError as refusal:
                    # Of a form it has no use for a strategy says so at the start.
                    self.refused[mode, form] = str(refusal)
                    continue
                yield mode, form

    def courses(
        self,
        mode: str,
        form: str,
        vectors: Sequence[Params],
        *,
        tape: Tape | None = None,
        batch_rows: int = _WHOLE,
        rows: int | None = None,
    ) -> tuple[Course, ...]:
        """What instances of these vectors make of the tape together, in batches of that many rows."""
        batches = self.batches(form, tape or self.tape, batch_rows)
        if rows is not None:
            batches = self.batches(form, tape or self.tape, rows)[:1]
        instances = [self.made() for _ in vectors]
        for instance, params in zip(instances, vectors, strict=True):
            instance.set_params(checked_tick_params(self.made.card, mode, params))
        wrapper = MultiStrategyWrapper(
            instances,
            data=TickSchema.L1_QUOTE if form == "quotes" else TickSchema.TRADES,
            mode=mode,
            direction=self.made.card.mode(mode).direction,
            costs=Costs(),
            keeps_equity=True,
        )
        return tuple(_course(run) for run in replay(batches, wrapper))

    def batches(self, form: str, tape: Tape, batch_rows: int) -> tuple[TickBatch, ...]:
        quotes = none_of(tape.quotes) if form == "trades" else tape.quotes
        trades = none_of(tape.trades) if form == "quotes" else tape.trades
        return batches_of(quotes, trades, batch_rows=batch_rows)

    def times(self, form: str) -> IntArray:
        """The instant of every row, in nanoseconds."""
        return np.concatenate([batch.ts for batch in self.batches(form, self.tape, _WHOLE)])

    def time_of(self, form: str, row: int) -> str:
        return utc_text(int(self.times(form)[row]) // 10**6)


def tick_exam_of(
    made: TickStrategyClass, *, modes: Sequence[str] | None = None, seed: int = 1, n_rows: int = N_ROWS
) -> TickExam:
    """The strategy before a made-up tape, with its baseline and vectors drawn from each mode's space.

    Raises
    ------
    ValueError
        For an unknown mode, or a baseline that may not be run.
    """
    asked = tuple(made.card.modes) if modes is None else tuple(modes)
    vectors = {}
    for mode in asked:
        space = made.card.mode(mode).space
        columns = draw_combinations(space, N_VECTORS, seed, lambda drawn: np.ones(_n_rows(drawn), np.bool_))
        drawn = (row_params(columns, row) for row in range(_n_rows(columns)))
        vectors[mode] = (tick_baseline(made.card, mode), *drawn)
    return TickExam(made, vectors, made_up_tape(n_rows))


def _n_rows(columns: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]) -> int:
    return len(next(iter(columns.values()), ()))


def _course(run: TickRun) -> Course:
    position = np.zeros(run.equity.size, np.int64)
    trades = run.trades
    for entry, leave, side in zip(
        trades.entry_row.tolist(), trades.exit_row.tolist(), trades.side.tolist(), strict=True
    ):
        position[entry:leave] = side
    return Course(position, run.equity, len(trades))
