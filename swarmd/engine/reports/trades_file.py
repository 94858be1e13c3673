"""Trades as a CSV says them, read strictly: a column or a row that cannot be is named with its place and the way out.

The format is the one that `swarmd backtest --trades` writes. Profit is a share of the first equity there; a table in
money is found out by its own returns, since no trade earns more than its return on all there is.
"""

import csv
import datetime as dt
import io
import math
from collections.abc import Mapping, Sequence

from swarmd.engine.reports.material import RECORD, Stretch, Trade

WANTED = ("entry_time", "exit_time", "side", "entry_price", "exit_price", "pnl", "return", "exit_reason")
_SIDES = {"long": True, "short": False}
_FORMAT = "`swarmd backtest --trades FILE` writes such a table"
_DAY_MS = 86_400_000


def read_trades(content: bytes, where: str) -> tuple[Trade, ...]:
    """The trades in the order of the file.

    Raises
    ------
    ValueError
        At the first thing wrong, with row (the head being row 1) and column.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise ValueError(f"{where}: byte {cause.start} is no UTF-8, so it is no CSV of ours; {_FORMAT}") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    trades: list[Trade] = []
    most = 1.0
    try:
        head = next(rows, [])
        missing = [name for name in WANTED if name not in head]
        if missing:
            there = ", ".join(name[:40] for name in head[:20]) or "nothing"
            raise ValueError(f"{where}: row 1: no column {', '.join(missing)} (there are: {there}); {_FORMAT}")
        for at, cells in enumerate(rows, start=2):
            if not cells:
                continue
            if len(cells) != len(head):
                raise ValueError(f"{where}: row {at}: {len(cells)} cells under {len(head)} columns; mend the row")
            trade = _trade(dict(zip(head, cells, strict=True)), len(trades) + 1, f"{where}: row {at}")
            most = max(most, 1.0 + sum(each.pnl for each in trades)) if trades else most
            _refuse_money(trade, most, f"{where}: row {at}")
            trades.append(trade)
    except csv.Error as cause:
        raise ValueError(f"{where}: row {rows.line_num}: {cause}; {_FORMAT}") from None
    if not trades:
        raise ValueError(f"{where}: a head and no trade below it; there is nothing to tell")
    return tuple(trades)


def account_of(trades: Sequence[Trade]) -> Stretch:
    """Equity at the end of each day from the first entry's to the last exit's, flat days included, profit booked on the
    day of the exit; 0 from a ruin on."""
    first, last = min(each.entry_ms for each in trades), max(each.exit_ms for each in trades)
    booked: dict[int, list[float]] = {}
    for each in trades:
        booked.setdefault(each.exit_ms // _DAY_MS, []).append(each.pnl)
    days, equity, profits, is_ruined = [], [], [1.0], False
    for day in range(first // _DAY_MS, last // _DAY_MS + 1):
        profits += booked.get(day, ())
        level = math.fsum(profits)
        is_ruined = is_ruined or level <= 0.0
        days.append(dt.datetime.fromtimestamp(day * 86_400, tz=dt.UTC).date().isoformat())
        equity.append(0.0 if is_ruined else level)
    return Stretch(RECORD, tuple(days), tuple(equity), tuple(trades), first)


def _trade(cells: Mapping[str, str], number: int, where: str) -> Trade:
    side = cells["side"].strip().lower()
    if side not in _SIDES:
        raise ValueError(f"{where}, column side: {cells['side'][:40]!r}; give long or short")
    entry_ms, exit_ms = (_instant(cells, name, where) for name in ("entry_time", "exit_time"))
    if exit_ms < entry_ms:
        raise ValueError(f"{where}, column exit_time: {cells['exit_time']} is before the entry, {cells['entry_time']}")
    prices = {name: _number(cells, name, where) for name in ("entry_price", "exit_price")}
    for name, price in prices.items():
        if price <= 0.0:
            raise ValueError(f"{where}, column {name}: {price:g}; a price is above 0")
    return Trade(
        number, entry_ms, exit_ms, _SIDES[side], prices["entry_price"], prices["exit_price"],
        _number(cells, "pnl", where), _number(cells, "return", where), cells["exit_reason"].strip()[:40],
        round(_optional(cells, "bars_held", where)), _optional(cells, "fees", where),
    )  # fmt: skip


def _refuse_money(trade: Trade, most: float, where: str) -> None:
    """`most` is the highest equity so far: no trade can commit more."""
    if abs(trade.pnl) > abs(trade.return_) * most * (1.0 + 1e-6) + 1e-9:
        raise ValueError(
            f"{where}, column pnl: {trade.pnl:g} does not come of a return of {trade.return_:g} on an equity of at "
            f"most {most:g}; pnl is a share of the first equity: divide by the capital if it is in money"
        )


def _instant(cells: Mapping[str, str], name: str, where: str) -> int:
    try:
        found = dt.datetime.fromisoformat(cells[name].strip())
    except ValueError:
        found = None
    # A time without a zone is UTC, as all of ours are.
    found = found if found is None or found.tzinfo is not None else found.replace(tzinfo=dt.UTC)
    if found is None or not 1970 <= found.year <= 2261:
        raise ValueError(f"{where}, column {name}: {cells[name][:40]!r} is no instant; give 2024-01-31T09:30:00Z")
    return round(found.timestamp() * 1000.0)


def _number(cells: Mapping[str, str], name: str, where: str) -> float:
    try:
        found = float(cells[name])
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{where}, column {name}: {cells[name][:40]!r} is no finite number")
    return found


def _optional(cells: Mapping[str, str], name: str, where: str) -> float:
    return _number(cells, name, where) if cells.get(name, "").strip() else 0.0
