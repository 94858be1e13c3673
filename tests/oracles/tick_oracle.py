"""Tick strategies and their books in plain Python, one row after the other, from the words of the strategy page alone.

Shares nothing with the engine but the constants of costs: no arrays, no batches, sums made anew at every event.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

from swarmd.engine.kernel.costs import Costs


@dataclass
class Row:
    """A row of the stream: a quote, or a trade and the quote in force."""

    ts: int
    is_trade: bool
    bid: float | None
    bid_sz: float | None
    ask: float | None
    ask_sz: float | None
    price: float | None = None
    signed: float = 0.0

    @property
    def buys_at(self) -> float:
        return self.ask if self.ask is not None else float(self.price or 0.0)

    @property
    def sells_at(self) -> float:
        return self.bid if self.bid is not None else float(self.price or 0.0)


@dataclass
class Books:
    """One account: cash and a quantity, nothing cleverer."""

    costs: Costs
    units: float | None = None
    cash: float = 1.0
    qty: float = 0.0
    entry: tuple[int, float, float] = (0, 0.0, 0.0)
    trades: list[tuple[int, int, int, float, float, float]] = field(default_factory=list)
    marks: list[float] = field(default_factory=list)

    @property
    def position(self) -> int:
        return (self.qty > 0) - (self.qty < 0)

    def value(self, row: Row) -> float:
        if self.qty == 0:
            return self.cash
        return self.cash + self.qty * (row.sells_at if self.qty > 0 else row.buys_at)

    def move_to(self, wished: int, at: int, row: Row, price: float | None = None) -> None:
        if wished == self.position:
            return
        if self.qty:
            self.leave(at, row, price)
        if wished:
            equity, slip, fee = self.cash, self.costs.slippage, self.costs.fee
            market = row.buys_at if wished > 0 else row.sells_at
            paid = market if price is None else price
            filled = paid * (1 + wished * slip)
            quantity = equity / (filled * (1 + fee)) if self.units is None else self.units
            self.cash -= wished * quantity * filled + quantity * filled * fee
            self.qty, self.entry = wished * quantity, (at, paid, equity)

    def leave(self, at: int, row: Row, price: float | None = None) -> None:
        side, quantity = self.position, abs(self.qty)
        market = row.sells_at if side > 0 else row.buys_at
        got = market if price is None else price
        filled = got * (1 - side * self.costs.slippage)
        self.cash += side * quantity * filled - quantity * filled * self.costs.fee
        self.qty = 0.0
        self.trades.append((self.entry[0], at, side, self.entry[1], got, self.cash - self.entry[2]))

    def max_drawdown(self) -> float:
        peak, worst = 1.0, 0.0
        for mark in self.marks:
            peak = max(peak, mark)
            worst = max(worst, 1 - mark / peak)
        return worst


def events_of(rows: list[Row], *, on_quotes: bool) -> list[tuple[int, float]]:
    """(row, what it adds) of every event: e_n of Cont, Kukanov and Stoikov, or signed volume."""
    if not on_quotes:
        return [(at, row.signed) for at, row in enumerate(rows) if row.is_trade]
    found = []
    before: Row | None = None
    for at, row in enumerate(rows):
        if row.is_trade:
            continue
        if before is not None:
            e = 0.0
            e += (row.bid >= before.bid) * row.bid_sz  # type: ignore[operator]
            e -= (row.bid <= before.bid) * before.bid_sz  # type: ignore[operator]
            e -= (row.ask <= before.ask) * row.ask_sz  # type: ignore[operator]
            e += (row.ask >= before.ask) * before.ask_sz  # type: ignore[operator]
            found.append((at, e))
        before = row
    return found


def ofi_wishes(
    rows: list[Row], *, on_quotes: bool, half_life_s: float, threshold: float, sigma_events: int, lowest: int
) -> dict[int, int]:
    """The wished position at each row that wishes for one; OFI is summed anew over the whole past at every event."""
    wishes: dict[int, int] = {}
    past: list[tuple[int, float]] = []
    window: deque[float] = deque(maxlen=sigma_events or 1)
    for at, e in events_of(rows, on_quotes=on_quotes):
        now = rows[at].ts
        past.append((now, e))
        window.append(e)
        ofi = math.fsum(value * 2.0 ** (-(now - ts) / 1e9 / half_life_s) for ts, value in past)
        unit = 1.0
        if sigma_events:
            if len(window) < sigma_events:
                continue
            mean = math.fsum(window) / sigma_events
            unit = math.sqrt(math.fsum((value - mean) ** 2 for value in window) / sigma_events)
            if unit == 0.0:
                continue
        if ofi > threshold * unit:
            wishes[at] = 1
        elif ofi < -threshold * unit:
            wishes[at] = lowest
    return wishes


def bollinger_wishes(rows: list[Row], *, window: int, k: float, lowest: int) -> dict[int, int]:
    """Below the lower band long, above the upper band out or short; prices of trades, the newest included."""
    wishes: dict[int, int] = {}
    seen: deque[float] = deque(maxlen=window)
    for at, row in enumerate(rows):
        if not row.is_trade or row.price is None:
            continue
        seen.append(row.price)
        if len(seen) < window:
            continue
        mean = math.fsum(seen) / window
        deviation = math.sqrt(math.fsum((price - mean) ** 2 for price in seen) / window)
        if deviation and row.price < mean - k * deviation:
            wishes[at] = 1
        elif deviation and row.price > mean + k * deviation:
            wishes[at] = lowest
    return wishes


def legacy_wishes(rows: list[Row], *, window: int, threshold: float) -> dict[int, tuple[int, float]]:
    """(position, price) at the first trade after each whole second that wishes for something."""
    seconds: dict[int, list[int]] = {}
    for at, row in enumerate(rows):
        if row.is_trade:
            seconds.setdefault(row.ts // 10**9, []).append(at)
    wishes: dict[int, tuple[int, float]] = {}
    ofi, batches = 0.0, seconds.values()
    for batch, after in pairwise(batches):
        ofi = ofi * (1 - 1 / window) + sum(rows[at].signed for at in batch)
        if abs(ofi) > threshold:
            wishes[after[0]] = (1 if ofi > 0 else 0, float(rows[batch[-1]].price or 0.0))
    return wishes


def booked(rows: list[Row], wishes: dict[int, int], *, costs: Costs) -> Books:
    """The wishes filled row by row, every row marked, what is left closed at the last one."""
    return booked_at(rows, {at: (position, None) for at, position in wishes.items()}, Books(costs))


def booked_at(rows: list[Row], wishes: dict[int, tuple[int, float | None]], books: Books) -> Books:
    """As `booked`, with prices of the wishes' own where they have them."""
    for at, row in enumerate(rows):
        if at in wishes:
            books.move_to(wishes[at][0], at, row, wishes[at][1])
        books.marks.append(books.value(row))
    if books.qty:
        books.leave(len(rows) - 1, rows[-1])
        books.marks[-1] = books.cash
    return books
