"""Screening for every strategy that trades crossings of two EMAs with a stop and a target.

Computes each EMA line once for all vectors that use it, lays the lines out as the kernel wants them, and hands over.
Used by the strategies of this package; alignment comes from `market.timeframes`, the rest is the kernel's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, IntArray
from swarmd.engine.indicators.moving import ema_rows
from swarmd.engine.kernel.batch import Lines, needs_bar_scan, screen_crossings
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.kernel.prices import PriceArrays, day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import DAY_MS, MINUTE_MS, htf_close, skipped_bars
from swarmd.engine.strategies.contract import Columns, Progress


class CrossingBatch:
    """`fast` and `slow` name the columns (timeframe in minutes, length); a timeframe of None is that of the bars."""

    def __init__(
        self, bars: Bars, *, fast: tuple[str | None, str], slow: tuple[str | None, str], stop: str, target: str
    ) -> None:
        self.bars = bars
        self.fast, self.slow, self.stop, self.target = fast, slow, stop, target
        # The start of the day is a boundary of every timeframe; counting from it makes boundaries multiples.
        self.lead = int(bars.open_time[0] % DAY_MS) // (bars.interval_minutes * MINUTE_MS)

    def covers(self, columns: Columns, *, direction: Direction, costs: Costs) -> BoolArray:
        return ~needs_bar_scan(np.asarray(columns[self.stop], np.float64), direction=direction, costs=costs)

    def evaluate(
        self, columns: Columns, *, direction: Direction, costs: Costs, progress: Progress | None
    ) -> dict[str, NDArray[Any]]:
        bars = self.bars
        prices = PriceArrays(bars.open, bars.high, bars.low, bars.close, bars.synthetic, day_end_bars(bars.open_time))
        fast, fast_of = self._lines(columns, *self.fast)
        slow, slow_of = self._lines(columns, *self.slow)
        return screen_crossings(
            prices,
            fast,
            slow,
            lead=self.lead,
            fast_of=fast_of,
            slow_of=slow_of,
            stop=np.ascontiguousarray(columns[self.stop], np.float64),
            target=np.ascontiguousarray(columns[self.target], np.float64),
            direction=direction,
            costs=costs,
            progress=progress,
        )

    def _lines(self, columns: Columns, timeframe: str | None, length: str) -> tuple[Lines, IntArray]:
        """The distinct lines among the rows, and each row's line."""
        lengths = np.asarray(columns[length], np.int64)
        minutes = np.full(lengths.shape, self.bars.interval_minutes) if timeframe is None else columns[timeframe]
        pairs, line_of = np.unique(np.stack([np.asarray(minutes, np.int64), lengths]), axis=1, return_inverse=True)
        first_open, base = int(self.bars.open_time[0]), self.bars.interval_minutes
        timeframes = [(tf, pairs[1][pairs[0] == tf]) for tf in np.unique(pairs[0]).tolist()]
        closes = {tf: htf_close(self.bars.close, first_open, base, tf)[0] for tf, _ in timeframes}
        # Column j is in force from the j-th boundary of the timeframe since midnight; those before the first close are
        # never read. Also where the data is too short for a single close: what is never valid must not look valid.
        first = {tf: (skipped_bars(first_open, base, tf) + self.lead) // (tf // base) + 1 for tf, _ in timeframes}
        size = np.repeat([first[tf] + closes[tf].size for tf, _ in timeframes], [n.size for _, n in timeframes])
        start = np.cumsum(size) - size
        # Written into one buffer from the start: a copy of all lines would be the largest thing in memory.
        values = np.full(int(size.sum()), np.nan)
        at = 0
        for tf, of_tf in timeframes:
            width = first[tf] + closes[tf].size
            rows = values[at : at + of_tf.size * width].reshape(of_tf.size, width)
            rows[:, first[tf] :] = ema_rows(closes[tf], of_tf)
            at += rows.size
        factor = pairs[0] // base
        valid = (np.array([first[tf] for tf in pairs[0].tolist()], np.int64) + pairs[1] - 1) * factor
        return Lines(values, start, size, factor, valid), line_of.reshape(-1).astype(np.int64)
