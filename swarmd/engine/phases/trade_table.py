"""Trades as the CSV users read: one round trip a line, times of the bars in which the fills happened.

A pure page: arrays in, text out. Numbers are written in their shortest exact form, so a reader gets back the same bits.
"""

import csv
import io

from swarmd.engine.kernel.trades import Trades
from swarmd.engine.market.bars import Bars
from swarmd.state.units import iso

COLUMNS = (
    "trade", "entry_time", "exit_time", "side", "entry_price", "exit_price", "qty", "pnl", "return", "exit_reason",
    "bars_held", "entry_bar", "exit_bar", "fees",
)  # fmt: skip


def trades_csv(trades: Trades, bars: Bars) -> bytes:
    """The table, with a header even when there is no trade."""
    page = io.StringIO(newline="")
    table = csv.writer(page, lineterminator="\n")
    table.writerow(COLUMNS)
    reasons = trades.exit_reason
    for row in range(len(trades)):
        entry, leave = int(trades.entry_bar[row]), int(trades.exit_bar[row])
        table.writerow(
            (
                row + 1,
                _time(bars, entry),
                _time(bars, leave),
                "long" if trades.side[row] > 0 else "short",
                *(repr(float(values[row])) for values in (trades.entry_price, trades.exit_price, trades.qty)),
                *(repr(float(values[row])) for values in (trades.pnl, trades.return_)),
                reasons[row],
                leave - entry,
                entry,
                leave,
                repr(float(trades.fees[row])),
            )
        )
    return page.getvalue().encode()


def _time(bars: Bars, bar: int) -> str:
    return iso(int(bars.open_time[bar])).replace(".000Z", "Z")
