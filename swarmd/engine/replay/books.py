"""The books of one instance: wishes filled, equity marked on every row, closed trades.

`wrapper` brings every account up to date with every batch. Money is in units of the initial equity (1.0), costs are
those of the bars (`kernel.costs`): fee and slippage come on top of the spread that a fill at ask or bid already pays.

* **Fill**: on the row of the wish, at the ask where something is bought, at the bid where it is sold; where there are
  no quotes, at the trade's price. Any size is had at that price: the sizes of the quote are not looked at, nothing is
  late, and nobody stands in a queue.
* **Size**: all equity, fees paid out of it; or a fixed number of units.
* **Mark**: a long at the bid, a short at the ask, before exit fee and slippage, after the row's fill.
* **Ruin**: a mark or a closed trade that leaves nothing ends the run; equity is 0 from there on.
* **End**: what is open after the last row is closed there (`end_of_data`).

A position is a straight line, `equity = base + slope * price`, so that one loop marks longs and shorts of either size.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.trades import END_OF_DATA, EXIT_REASONS, RUIN, SIGNAL
from swarmd.engine.market.tick_batch import TickBatch

# Where each number stands in the two state vectors. The peak before the last one, and the row of that one, are kept
# for the end of the data, which puts another mark in the last row's place.
_EQUITY, _BASE, _SLOPE, _ENTRY, _PEAK, _WORST, _MARK, _BUY, _SELL, _PEAK_BEFORE = range(10)
_POSITION, _ENTRY_ROW, _ENTRY_TS, _RUINED, _LAST_ROW, _LAST_TS, _PEAK_ROW = range(7)
# The columns of a closed trade.
_WHOLE = ("entry_row", "exit_row", "entry_ts", "exit_ts", "side", "reason")
_REAL = ("entry_price", "exit_price", "qty", "equity_before", "equity_after")
# A mark this close below the floor is looked at exactly: the floor is rounded, the drawdown must not be.
_NEAR = 1.0 + 1e-12


@dataclass(frozen=True, slots=True)
class TickTrades:
    """Closed round trips in order; shape (n_trades,) each. Rows count from 0 in the stream, `ts` is ns UTC.

    `fees` is all that trading took but the spread: fee and slippage of both sides. `return_` is the net profit per unit
    of equity before the trade.
    """

    entry_row: IntArray
    exit_row: IntArray
    entry_ts: IntArray
    exit_ts: IntArray
    side: IntArray
    reason: IntArray
    entry_price: FloatArray
    exit_price: FloatArray
    qty: FloatArray
    pnl: FloatArray
    return_: FloatArray
    fees: FloatArray

    def __len__(self) -> int:
        return int(self.entry_row.size)

    @property
    def exit_reason(self) -> tuple[str, ...]:
        """The reason codes by their names."""
        return tuple(EXIT_REASONS[code] for code in self.reason.tolist())


class Account:
    """One instance's books. `units` is the fixed quantity per unit of initial equity, None for all-in."""

    def __init__(self, costs: Costs, *, units: float | None = None, keeps_equity: bool = False) -> None:
        self._costs = costs
        self._factors = np.array([*costs.factors(), costs.short_in])
        self._units = 0.0 if units is None else units
        self._keeps_equity = keeps_equity
        self._real = np.zeros(10)
        self._real[[_EQUITY, _PEAK, _PEAK_BEFORE, _MARK]] = 1.0
        self._whole = np.zeros(7, np.int64)
        self._whole[_PEAK_ROW] = -1
        self._closed: list[tuple[IntArray, FloatArray]] = []
        self._marks: list[FloatArray] = []
        self.day_marks: dict[int, float] = {}

    def advance(self, batch: TickBatch, rows: IntArray, positions: IntArray, prices: FloatArray) -> None:
        """Fills the wishes of a batch and marks each of its rows."""
        # Cut at midnight, so that the mark of each day's last row is seen; nothing else depends on it.
        for day, start, stop in batch.days:
            low, high = np.searchsorted(rows, (start, stop))
            out_whole = np.empty((high - low + 1, len(_WHOLE)), np.int64)
            out_real = np.empty((high - low + 1, len(_REAL)))
            equity = np.empty(stop - start if self._keeps_equity else 0)
            n_closed = settle(
                batch.ts[start:stop], batch.buy_px[start:stop], batch.sell_px[start:stop], batch.first_row + start,
                rows[low:high] - start, positions[low:high], prices[low:high],
                self._factors, self._units, self._real, self._whole, out_whole, out_real, equity,
            )  # fmt: skip
            if n_closed:
                self._closed.append((out_whole[:n_closed], out_real[:n_closed]))
            if self._keeps_equity:
                self._marks.append(equity)
            self.day_marks[day] = float(self._real[_MARK])

    def close(self) -> None:
        """The end of the data: what is still held is closed at the last row."""
        if not self._whole[_POSITION]:
            return
        out_whole, out_real = np.empty((1, len(_WHOLE)), np.int64), np.empty((1, len(_REAL)))
        close_at_the_end(self._factors, self._real, self._whole, out_whole, out_real)
        self._closed.append((out_whole, out_real))
        self.day_marks[max(self.day_marks)] = self.equity
        if self._keeps_equity:
            self._marks[-1][-1] = self.equity

    @property
    def equity(self) -> float:
        """Equity marked at the last row."""
        return float(self._real[_MARK])

    @property
    def max_drawdown(self) -> float:
        """Largest fall of the marks from their running peak, the initial equity being the first one."""
        return float(self._real[_WORST])

    def equity_by_row(self) -> FloatArray:
        """Equity marked at every row, where the account was asked to keep it."""
        return np.concatenate(self._marks) if self._marks else np.empty(0)

    def trades(self) -> TickTrades:
        """The closed trades so far."""
        whole = np.concatenate([part for part, _ in self._closed] or [np.empty((0, len(_WHOLE)), np.int64)])
        real = np.concatenate([part for _, part in self._closed] or [np.empty((0, len(_REAL)))])
        columns: dict[str, NDArray[np.int64]] = {name: whole[:, at].copy() for at, name in enumerate(_WHOLE)}
        entry, exit_, qty, before, after = (real[:, at].copy() for at in range(len(_REAL)))
        costs, is_long = self._costs, columns["side"] > 0
        paid_in = entry * np.where(is_long, costs.long_in - 1.0, 1.0 - costs.short_in)
        paid_out = exit_ * np.where(is_long, 1.0 - costs.long_out, costs.short_out - 1.0)
        pnl = after - before
        return TickTrades(
            **columns, entry_price=entry, exit_price=exit_, qty=qty, pnl=pnl, return_=pnl / before,
            fees=qty * (paid_in + paid_out),
        )  # fmt: skip


@njit(cache=True, nogil=True)
def _book(
    factors: FloatArray,
    real: FloatArray,
    whole: IntArray,
    row: int,
    ts: int,
    price: float,
    reason: int,
    out_whole: IntArray,
    out_real: FloatArray,
) -> None:
    """Closes the position at a price and writes the trade down; what ruin leaves is nothing."""
    way_out = factors[1] if whole[_POSITION] > 0 else factors[3]
    after = real[_BASE] + real[_SLOPE] * (price * way_out)
    if reason == RUIN or not after > 0.0:
        after, reason = 0.0, RUIN
        whole[_RUINED] = 1
    out_whole[0], out_whole[1] = whole[_ENTRY_ROW], row
    out_whole[2], out_whole[3] = whole[_ENTRY_TS], ts
    out_whole[4], out_whole[5] = whole[_POSITION], reason
    out_real[0], out_real[1], out_real[2] = real[_ENTRY], price, abs(real[_SLOPE])
    out_real[3], out_real[4] = real[_EQUITY], after
    real[_EQUITY] = after
    whole[_POSITION] = 0


@njit(cache=True, nogil=True)
def _enter(
    factors: FloatArray, units: float, real: FloatArray, whole: IntArray, side: int, row: int, ts: int, price: float
) -> None:
    """Opens a position: the line on which its equity will lie."""
    long_in, _, short_quantity, _, short_base, short_in = factors
    equity = real[_EQUITY]
    if side > 0:
        real[_SLOPE] = units if units > 0.0 else equity / (price * long_in)
        real[_BASE] = equity - units * (price * long_in) if units > 0.0 else 0.0
    else:
        real[_SLOPE] = -units if units > 0.0 else -equity / (price * short_quantity)
        real[_BASE] = equity + units * (price * short_in) if units > 0.0 else equity * short_base
    real[_ENTRY] = price
    whole[_POSITION], whole[_ENTRY_ROW], whole[_ENTRY_TS] = side, row, ts


@njit(cache=True, nogil=True)
def settle(
    ts: IntArray,
    buy_px: FloatArray,
    sell_px: FloatArray,
    first_row: int,
    rows: IntArray,
    wishes: IntArray,
    prices: FloatArray,
    factors: FloatArray,
    units: float,
    real: FloatArray,
    whole: IntArray,
    out_whole: IntArray,
    out_real: FloatArray,
    equity: FloatArray,
) -> int:
    """Walks a stretch of rows once: marks up to each wish, fills it, goes on; gives back how many trades closed.

    `rows` rise within the stretch, `prices` are NaN where the market's are meant. The state vectors are changed in
    place; `equity`, where not empty, is filled with the mark of every row.
    """
    n, n_closed, row = ts.size, 0, 0
    keeps = equity.size > 0
    for order in range(rows.size + 1):
        stop = rows[order] if order < rows.size else n
        if row < stop:
            is_short, is_open = whole[_POSITION] < 0, whole[_POSITION] != 0
            marks = buy_px if is_short else sell_px
            base = real[_BASE] if is_open else real[_EQUITY]
            slope = real[_SLOPE] if is_open else 0.0
            peak, worst = real[_PEAK], real[_WORST]
            floor = peak * (1.0 - worst) * _NEAR
            # A flat stretch has one mark; only a curve that is kept needs it on every row.
            ends = stop if is_open or keeps else row + 1
            mark = base
            for at in range(row, ends):
                mark = base + slope * marks[at]
                if mark > peak:
                    real[_PEAK_BEFORE], whole[_PEAK_ROW] = peak, first_row + at
                    peak = mark
                    floor = peak * (1.0 - worst) * _NEAR
                elif mark < floor:
                    if is_open and not mark > 0.0:
                        _book(factors, real, whole, first_row + at, ts[at], marks[at], RUIN,
                              out_whole[n_closed], out_real[n_closed])  # fmt: skip
                        n_closed += 1
                        worst = 1.0
                        base = slope = mark = floor = 0.0
                        is_open = False
                    else:
                        worst = max(worst, 1.0 - mark / peak)
                        floor = peak * (1.0 - worst) * _NEAR
                if keeps:
                    equity[at] = mark
            real[_PEAK], real[_WORST], real[_MARK] = peak, worst, mark
            row = stop
        if order == rows.size or whole[_RUINED] or wishes[order] == whole[_POSITION]:
            continue
        price = prices[order]
        if whole[_POSITION]:
            market = sell_px[stop] if whole[_POSITION] > 0 else buy_px[stop]
            _book(factors, real, whole, first_row + stop, ts[stop], market if np.isnan(price) else price, SIGNAL,
                  out_whole[n_closed], out_real[n_closed])  # fmt: skip
            n_closed += 1
        if wishes[order] and not whole[_RUINED]:
            market = buy_px[stop] if wishes[order] > 0 else sell_px[stop]
            _enter(factors, units, real, whole, wishes[order], first_row + stop, ts[stop],
                   market if np.isnan(price) else price)  # fmt: skip
    real[_BUY], real[_SELL] = buy_px[n - 1], sell_px[n - 1]
    whole[_LAST_ROW], whole[_LAST_TS] = first_row + n - 1, ts[n - 1]
    return n_closed


@njit(cache=True, nogil=True)
def close_at_the_end(
    factors: FloatArray, real: FloatArray, whole: IntArray, out_whole: IntArray, out_real: FloatArray
) -> None:
    """Closes what is open at the prices of the last row seen, and marks what that leaves."""
    price = real[_SELL] if whole[_POSITION] > 0 else real[_BUY]
    _book(factors, real, whole, whole[_LAST_ROW], whole[_LAST_TS], price, END_OF_DATA, out_whole[0], out_real[0])
    real[_MARK] = real[_EQUITY]
    # What the last row was marked at before is nobody's mark any more, and no peak to have fallen from.
    peak = real[_PEAK_BEFORE] if whole[_PEAK_ROW] == whole[_LAST_ROW] else real[_PEAK]
    real[_WORST] = max(real[_WORST], 1.0 - real[_EQUITY] / peak)
