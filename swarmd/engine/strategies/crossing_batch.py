"""Screening for every strategy that trades crossings of two EMAs with a stop and a target.

Computes each EMA line once for all vectors that use it, lays the lines out as the kernel wants them, and hands over.
Used by the strategies of this package; alignment comes from `market.timeframes`, the rest is the kernel's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
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
        values, sizes, factors, valid = [], [], [], []
        for tf in np.unique(pairs[0]).tolist():
            of_tf = pairs[1][pairs[0] == tf]
            factor = tf // self.bars.interval_minutes
            rows, first = self._rows(tf, of_tf, factor)
            values.append(rows.ravel())
            sizes += [rows.shape[1]] * of_tf.size
            factors += [factor] * of_tf.size
            valid += [(first + lookback - 1) * factor for lookback in of_tf.tolist()]
        size = np.array(sizes, np.int64)
        start = np.cumsum(size) - size
        lines = Lines(np.concatenate(values), start, size, np.array(factors, np.int64), np.array(valid, np.int64))
        return lines, line_of.reshape(-1).astype(np.int64)

    def _rows(self, minutes: int, lengths: IntArray, factor: int) -> tuple[FloatArray, int]:
        """EMA rows by time, and the column of the first close.

        Column j is in force from the j-th boundary of the timeframe since midnight; the columns before the first close
        are never read.
        """
        bars = self.bars
        first_open = int(bars.open_time[0])
        closes, _ = htf_close(bars.close, first_open, bars.interval_minutes, minutes)
        # Also where the data is too short for a single close: what is never valid must not look valid at once.
        first = (skipped_bars(first_open, bars.interval_minutes, minutes) + self.lead) // factor + 1
        rows = np.full((lengths.size, first + closes.size), np.nan)
        rows[:, first:] = ema_rows(closes, lengths)
        return rows, first
