"""The books of one instance: fills, costs, marks, ruin and the end, with figures worked out by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.tick_oracle import Books, Row, booked_at
from tick_builders import FIRST_NS

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.tick_batch import TickBatch
from swarmd.engine.replay.books import Account

S = 10**9
DAY = 86_400
FREE = Costs(fee_bps=0.0, slippage_bps=0.0)
Wish = tuple[int, int]


def batch_of(bid: list[float], ask: list[float], *, first_row: int = 0, every_s: int = 1) -> TickBatch:
    """Rows of quotes, one every so many seconds."""
    n, at = len(bid), first_row + np.arange(len(bid))
    columns = [np.array(bid), np.array(ask), np.ones(n), np.ones(n), np.full(n, np.nan), np.zeros(n), np.zeros(n)]
    ts = (FIRST_NS + at * every_s * S).astype(np.int64)
    return TickBatch(first_row, ts, np.zeros(n, np.bool_), *columns, np.array(ask), np.array(bid))


def advanced(account: Account, batch: TickBatch, *wishes: Wish, prices: list[float] | None = None) -> Account:
    rows, positions = (np.array(column, np.int64) for column in zip(*wishes, strict=True)) if wishes else (
        np.empty(0, np.int64), np.empty(0, np.int64),
    )  # fmt: skip
    account.advance(batch, rows, positions, np.full(len(wishes), np.nan) if prices is None else np.array(prices))
    return account


def kept(costs: Costs = FREE, **how: Any) -> Account:
    return Account(costs, keeps_equity=True, **how)


def test_a_long_pays_the_ask_and_gets_the_bid_and_is_marked_at_the_bid():
    account = advanced(kept(), batch_of([99, 100, 101, 104, 90], [100, 102, 103, 106, 95]), (0, 1), (3, 0))
    assert account.equity_by_row().tolist() == [0.99, 1.0, 1.01, 1.04, 1.04]
    trades = account.trades()
    assert (trades.entry_price.tolist(), trades.exit_price.tolist()) == ([100.0], [104.0])
    assert (trades.entry_row.tolist(), trades.exit_row.tolist(), trades.exit_reason) == ([0], [3], ("signal",))
    assert trades.pnl.tolist() == pytest.approx([0.04])
    assert account.max_drawdown == pytest.approx(0.01)


def test_a_short_sells_at_the_bid_and_is_marked_and_closed_at_the_ask():
    account = advanced(kept(), batch_of([100, 98, 80], [101, 99, 90]), (0, -1), (2, 0))
    assert account.equity_by_row().tolist() == pytest.approx([0.99, 1.01, 1.10])
    assert account.trades().side.tolist() == [-1]


def test_a_reversal_closes_and_opens_on_one_row_and_a_wish_for_what_is_held_is_none():
    account = advanced(kept(), batch_of([100, 110, 110, 99], [100, 110, 110, 99]), (0, 1), (1, -1), (2, -1))
    account.close()
    trades = account.trades()
    assert trades.side.tolist() == [1, -1]
    assert trades.exit_row.tolist() == [1, 3]
    assert trades.exit_reason == ("signal", "end_of_data")
    assert account.equity == pytest.approx(1.1 * (1 + (110 - 99) / 110))


def test_fee_and_slippage_come_on_top_of_the_spread_on_both_sides():
    costs = Costs(fee_bps=10.0, slippage_bps=5.0)
    account = advanced(kept(costs), batch_of([99, 99], [100, 100]), (0, 1), (1, 0))
    grown = (99 * 0.9995 * 0.999) / (100 * 1.0005 * 1.001)
    assert account.equity == pytest.approx(grown, rel=1e-15)
    trades = account.trades()
    quantity = 1 / (100 * 1.0005 * 1.001)
    assert trades.qty.tolist() == pytest.approx([quantity])
    assert (trades.pnl + trades.fees).tolist() == pytest.approx([quantity * (99 - 100)])
    # Before the exit's own costs, the position is worth what its quantity is at the bid.
    assert account.equity_by_row()[0] == pytest.approx(quantity * 99)


def test_a_fixed_number_of_units_leaves_the_rest_in_cash():
    account = advanced(kept(units=2 / 1000.0), batch_of([100, 110], [100, 110]), (0, 1), (1, 0))
    assert account.equity == pytest.approx(1.02)
    assert account.trades().qty.tolist() == [0.002]


def test_a_price_of_the_wish_overrules_the_market():
    account = advanced(kept(), batch_of([100, 110, 111], [101, 111, 112]), (0, 1), (2, 0), prices=[50.0, 100.0])
    assert account.equity == pytest.approx(2.0)


def test_a_short_that_eats_the_equity_is_ruin_and_nothing_is_traded_after_it():
    account = advanced(kept(), batch_of([100, 150, 200, 10, 10], [100, 150, 200, 10, 10]), (0, -1), (3, 1), (4, 0))
    account.close()
    assert account.equity_by_row().tolist() == [1.0, 0.5, 0.0, 0.0, 0.0]
    trades = account.trades()
    assert (len(trades), trades.exit_reason, trades.exit_row.tolist()) == (1, ("ruin",), [2])
    assert (account.equity, account.max_drawdown) == (0.0, 1.0)


def test_each_utc_day_has_the_mark_of_its_last_row_whatever_the_batches():
    bid = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]
    whole = advanced(kept(), batch_of(bid, bid, every_s=DAY // 2), (0, 1))
    parts = advanced(kept(), batch_of(bid[:2], bid[:2], every_s=DAY // 2), (0, 1))
    advanced(parts, batch_of(bid[2:3], bid[2:3], first_row=2, every_s=DAY // 2))
    advanced(parts, batch_of(bid[3:], bid[3:], first_row=3, every_s=DAY // 2))
    # 13:30 is the first row: days end with rows 0, 2, 4 and, at the end of the data, 5.
    assert list(whole.day_marks.values()) == [1.0, 1.02, 1.04, 1.05]
    assert parts.day_marks == whole.day_marks


def test_a_peak_that_only_the_last_row_had_before_it_was_closed_is_none() -> None:
    account = advanced(kept(Costs(0.0, 3.0)), batch_of([50.0, 51.0], [50.0, 51.0]), (0, 1))
    account.close()
    first, last = account.equity_by_row().tolist()
    assert last > first
    assert account.max_drawdown == pytest.approx(1.0 - first, abs=1e-15), "of the marks: down by the entry, then up"


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_wishes_on_any_prices_are_booked_as_the_obvious_account_does(data: st.DataObject):
    n = data.draw(st.integers(1, 25))
    bid = data.draw(st.lists(st.integers(50, 90), min_size=n, max_size=n))
    spread = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    wishes = {row: (data.draw(st.integers(-1, 1)), None) for row in sorted(data.draw(st.sets(st.integers(0, n - 1))))}
    units = data.draw(st.sampled_from([None, 0.001]))
    costs = Costs(fee_bps=data.draw(st.sampled_from([0.0, 7.0])), slippage_bps=data.draw(st.sampled_from([0.0, 3.0])))
    low, high = [float(b) for b in bid], [float(b + s) for b, s in zip(bid, spread, strict=True)]
    account = advanced(
        kept(costs, units=units), batch_of(low, high), *((row, wish) for row, (wish, _) in wishes.items())
    )
    account.close()
    rows = [Row(FIRST_NS + at * S, False, low[at], 1.0, high[at], 1.0) for at in range(n)]
    books = booked_at(rows, wishes, Books(costs, units))
    np.testing.assert_allclose(account.equity_by_row(), books.marks, rtol=1e-12)
    assert account.equity == pytest.approx(books.cash, rel=1e-12)
    found = account.trades()
    assert list(zip(found.entry_row, found.exit_row, found.side, strict=True)) == [t[:3] for t in books.trades]
    assert account.max_drawdown == pytest.approx(books.max_drawdown(), abs=1e-12)
    without = advanced(Account(costs, units=units), batch_of(low, high), *((r, w) for r, (w, _) in wishes.items()))
    without.close()
    assert (without.equity, without.max_drawdown) == (account.equity, account.max_drawdown)
