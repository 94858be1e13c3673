"""Screening for every strategy that trades crossings of two EMAs with a stop and a target.

Computes each EMA line once for all vectors that use it, lays the lines out as the kernel wants them, and hands over.
Used by the strategies of this package; alignment comes from `market.timeframes`, the rest is the kernel's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, IntArray
from swarmd.engine.kernel.batch import screen_crossings
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.crossing_screen import CrossingScreen, LineNumbers, needs_bar_scan
from swarmd.engine.kernel.gpu import ScreenEngine, screen_crossings_gpu
from swarmd.engine.kernel.lines import ClosesOf, EmaLines, ema_lines
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
        self,
        columns: Columns,
        *,
        direction: Direction,
        costs: Costs,
        progress: Progress | None,
        engine: ScreenEngine = "cpu",
    ) -> dict[str, NDArray[Any]]:
        screen = screen_crossings_gpu if engine == "gpu" else screen_crossings
        return screen(self.asked(columns, direction=direction, costs=costs), progress=progress)

    def asked(self, columns: Columns, *, direction: Direction, costs: Costs) -> CrossingScreen:
        """The rows as the kernels take them, each line computed once."""
        bars = self.bars
        lines, fast_of, slow_of = self._lines(columns)
        return CrossingScreen(
            prices=PriceArrays(
                bars.open, bars.high, bars.low, bars.close, bars.synthetic, day_end_bars(bars.open_time)
            ),
            lines=lines,
            lead=self.lead,
            fast_of=fast_of,
            slow_of=slow_of,
            stop=np.ascontiguousarray(columns[self.stop], np.float64),
            target=np.ascontiguousarray(columns[self.target], np.float64),
            direction=direction,
            costs=costs,
        )

    def _lines(self, columns: Columns) -> tuple[EmaLines, LineNumbers, LineNumbers]:
        """The distinct lines among the rows, and each row's fast and slow one."""
        longest = max(int(np.max(columns[length])) for _, length in (self.fast, self.slow))
        fast, slow = (self._asked(columns, *leg, longest) for leg in (self.fast, self.slow))
        # Numbered by a table: sorting half a million numbers takes fifty times as long.
        is_asked = np.zeros(max(int(fast.max()), int(slow.max())) + 1, np.bool_)
        is_asked[fast] = is_asked[slow] = True
        asked = np.flatnonzero(is_asked)
        number = np.cumsum(is_asked, dtype=np.int32) - np.int32(1)
        minutes, lengths = asked // (longest + 1), asked % (longest + 1)
        timeframes = [self._closes(int(tf), lengths[minutes == tf]) for tf in np.unique(minutes)]
        lines = ema_lines(timeframes, bars_per_day=DAY_MS // (self.bars.interval_minutes * MINUTE_MS))
        return lines, number[fast], number[slow]

    def _asked(self, columns: Columns, timeframe: str | None, length: str, longest: int) -> IntArray:
        """One number per row for timeframe and length, rising with both."""
        lengths = np.asarray(columns[length], np.int64)
        minutes = self.bars.interval_minutes if timeframe is None else np.asarray(columns[timeframe], np.int64)
        return np.asarray(minutes * (longest + 1) + lengths, np.int64)

    def _closes(self, minutes: int, lengths: IntArray) -> ClosesOf:
        first_open, base = int(self.bars.open_time[0]), self.bars.interval_minutes
        factor = minutes // base
        first = (skipped_bars(first_open, base, minutes) + self.lead) // factor + 1
        return ClosesOf(factor, first, htf_close(self.bars.close, first_open, base, minutes)[0], lengths)
