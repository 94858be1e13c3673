"""All statistics of one run under the names that users and records rely on."""

import dataclasses
import math
from dataclasses import dataclass

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.metrics import daily, growth, trade_statistics
from swarmd.engine.metrics.drawdown import max_drawdown


@dataclass(frozen=True, slots=True)
class Metrics:
    """Plain fractions; what is annualised says so. `profit_factor` is inf when no trade lost."""

    total_trades: int
    total_return: float
    annual_sharpe: float
    max_drawdown: float
    win_rate: float
    profit_factor: float
    exposure: float
    annual_return: float
    annual_volatility: float
    annual_sortino: float
    calmar: float
    avg_trade_return: float
    avg_bars_held: float
    top10_share: float

    def as_json(self) -> dict[str, float | int | None]:
        """The metrics by name; what JSON has no number for (a profit factor without a loss) is null."""
        return {name: _json_number(value) for name, value in dataclasses.asdict(self).items()}


METRIC_NAMES = tuple(field.name for field in dataclasses.fields(Metrics))


def summarize(
    equity: FloatArray,
    *,
    day_ends: IntArray,
    interval_minutes: int,
    trade_pnl: FloatArray,
    trade_return: FloatArray,
    entry_bar: IntArray,
    exit_bar: IntArray,
    left_at_open: BoolArray,
) -> Metrics:
    """Every metric of one run.

    Parameters
    ----------
    equity : shape (n_bars,), marked at every bar close, the initial equity being 1.0
    day_ends : last bar of each UTC day
    trade_pnl, trade_return, entry_bar, exit_bar, left_at_open : shape (n_trades,), in the order of the trades
    """
    days = daily.daily_statistics(daily.daily_returns(equity, day_ends))
    total = growth.total_return(equity)
    annual = growth.annual_return(total, n_bars=equity.size, interval_minutes=interval_minutes)
    drawdown = max_drawdown(equity)
    return Metrics(
        total_trades=int(trade_pnl.size),
        total_return=total,
        annual_sharpe=days.annual_sharpe,
        max_drawdown=drawdown,
        win_rate=trade_statistics.win_rate(trade_return),
        profit_factor=trade_statistics.profit_factor(trade_pnl, trade_return),
        exposure=trade_statistics.exposure(entry_bar, exit_bar, left_at_open, equity.size),
        annual_return=annual,
        annual_volatility=days.annual_volatility,
        annual_sortino=days.annual_sortino,
        calmar=growth.calmar(annual, drawdown),
        avg_trade_return=trade_statistics.avg_trade_return(trade_return),
        avg_bars_held=trade_statistics.avg_bars_held(entry_bar, exit_bar),
        top10_share=trade_statistics.top10_share(trade_pnl),
    )


def _json_number(value: float | int) -> float | int | None:
    return value if math.isfinite(value) else None
