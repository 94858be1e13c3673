"""What a replay was worth: the metrics of the bars wherever they mean the same, in seconds where bars count bars.

Names and formulas are those of `metrics`. A day's mark is the equity at the last row of that UTC day; a day without a
row, such as a week-end, keeps the mark of the day before it, so that the year has 365 days here too.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.metrics import daily, trade_statistics
from swarmd.engine.replay.books import TickTrades


@dataclass(frozen=True, slots=True)
class TickMetrics:
    """Plain fractions; `exposure` is time with a position over the time of the stream, nights included."""

    total_trades: int
    total_return: float
    annual_sharpe: float
    max_drawdown: float
    win_rate: float
    profit_factor: float
    exposure: float
    annual_volatility: float
    annual_sortino: float
    avg_trade_return: float
    avg_seconds_held: float
    top10_share: float

    def as_json(self) -> dict[str, float | int | None]:
        """The metrics by name; what JSON has no number for (a profit factor without a loss) is null."""
        return {name: value if math.isfinite(value) else None for name, value in dataclasses.asdict(self).items()}


def summarize_ticks(
    trades: TickTrades, *, equity: float, max_drawdown: float, day_marks: Mapping[int, float], elapsed_ns: int
) -> TickMetrics:
    """Every metric of one run; `day_marks` holds the last mark of each UTC day that has a row, in order."""
    marks = _every_day(day_marks)
    returns = daily.daily_returns(marks, np.arange(marks.size))
    held_ns = trades.exit_ts - trades.entry_ts
    return TickMetrics(
        total_trades=len(trades),
        total_return=equity - 1.0,
        annual_sharpe=daily.annual_sharpe(returns),
        max_drawdown=max_drawdown,
        win_rate=trade_statistics.win_rate(trades.return_),
        profit_factor=trade_statistics.profit_factor(trades.pnl, trades.return_),
        exposure=float(held_ns.sum() / elapsed_ns) if elapsed_ns else 0.0,
        annual_volatility=daily.annual_volatility(returns),
        annual_sortino=daily.annual_sortino(returns),
        avg_trade_return=trade_statistics.avg_trade_return(trades.return_),
        avg_seconds_held=float(held_ns.mean() / 1e9) if len(trades) else 0.0,
        top10_share=trade_statistics.top10_share(trades.pnl),
    )


def _every_day(day_marks: Mapping[int, float]) -> FloatArray:
    days, marks = np.array(list(day_marks)), np.array(list(day_marks.values()))
    calendar = np.arange(days[0], days[-1] + 1)
    return np.asarray(marks[np.searchsorted(days, calendar, side="right") - 1], dtype=np.float64)
