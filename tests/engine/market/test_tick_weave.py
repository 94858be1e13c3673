"""Quotes and trades in one stream, and the side of a trade that does not say who was the aggressor."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_builders import real_bars
from tick_builders import FIRST_NS, quotes, saved, stream_of, trades, trades_within

from swarmd.engine.market.tick_batch import TickBatch
from swarmd.engine.market.tick_stream import TickStream
from swarmd.engine.market.tick_weave import lee_ready
from swarmd.engine.market.ticks import open_ticks

S = 10**9


def joined(stream: Iterable[TickBatch], name: str) -> Any:
    return np.concatenate([getattr(batch, name) for batch in stream])


def quoted(*rows: tuple[float, float, float]) -> dict[str, Any]:
    """Quotes by second, bid and ask."""
    second, bid, ask = (np.array(column) for column in zip(*rows, strict=True))
    sizes = np.full(second.size, 100.0)
    ts = FIRST_NS + (second * S).astype(np.int64)
    return {"ts": ts, "bid_px": bid, "ask_px": ask, "bid_sz": sizes, "ask_sz": sizes}


def traded(*rows: tuple[float, float]) -> dict[str, Any]:
    """Trades by second and price."""
    second, price = (np.array(column) for column in zip(*rows, strict=True))
    return {"ts": FIRST_NS + (second * S).astype(np.int64), "price": price, "qty": np.full(second.size, 10.0)}


def sides(tmp_path: Path, q: dict[str, Any] | None, t: dict[str, Any]) -> list[float]:
    beside = None if q is None else saved(tmp_path / "q.parquet", q)
    stream = stream_of(saved(tmp_path / "t.parquet", t), beside)
    return [float(side) for batch in stream for side in batch.side[batch.trade_rows]]


def slow_sides(q: dict[str, Any] | None, t: dict[str, Any]) -> list[int]:
    """Lee and Ready in plain words: for each trade look through all quotes, then back through all trades."""
    found = []
    for at in range(len(t["ts"])):
        before = [] if q is None else [row for row in range(len(q["ts"])) if q["ts"][row] < t["ts"][at]]
        side = 0
        if before:
            middle = (q["bid_px"][before[-1]] + q["ask_px"][before[-1]]) / 2  # type: ignore[index]
            side = int(np.sign(round(t["price"][at] - middle, 6)))
        if side == 0:
            others = [price for price in t["price"][:at] if price != t["price"][at]]
            side = 0 if not others else 1 if t["price"][at] > others[-1] else -1
        found.append(side)
    return found


@pytest.mark.parametrize(
    ("price", "bid", "ask", "before", "side"),
    # The worked table in the tests of the classifier tclf 0.4 (rule "lr"; an independent implementation).
    [(1.0, 1.0, 3.0, 0.0, -1), (3.0, 1.0, 3.0, 0.0, 1), (1.0, 1.0, 1.0, 0.0, 1), (3.0, 2.0, 4.0, 4.0, -1)],
)
def test_a_published_table_is_reproduced(price: float, bid: float, ask: float, before: float, side: int):
    assert lee_ready(price, bid, ask, float(np.sign(price - before))) == side


def test_the_midpoint_is_where_it_is_in_decimals_and_not_where_floats_put_it(tmp_path: Path):
    bids = np.round(np.arange(100.0, 110.0, 0.01), 2)
    odd = next(bid for bid in bids if 0.5 * (bid + round(bid + 0.02, 2)) != round(bid + 0.01, 2))
    middle = round(odd + 0.01, 2)
    q = quoted((0, odd, round(odd + 0.02, 2)))
    assert sides(tmp_path, q, traded((1, middle - 1), (2, middle))) == [-1, 1]
    assert sides(tmp_path, q, traded((1, middle + 1), (2, middle))) == [1, -1]


def test_the_quote_of_the_same_instant_is_not_the_one_in_force(tmp_path: Path):
    q = quoted((0, 10.0, 10.2), (5, 10.2, 10.4))
    # 10.2 is the ask in force when it was bought, and the bid that the purchase left behind.
    assert sides(tmp_path, q, traded((5, 10.2), (5, 10.2))) == [1, 1]
    assert sides(tmp_path, q, traded((6, 10.2))) == [-1]


def test_at_the_midpoint_the_last_different_price_decides_however_long_ago_it_was(tmp_path: Path):
    q = quoted((0, 10.0, 10.2))
    assert sides(tmp_path, q, traded((1, 10.1), (2, 10.0), (3, 10.1), (4, 10.1), (5, 10.2), (6, 10.1), (7, 10.1))) == [
        0, -1, 1, 1, 1, -1, -1,
    ]  # fmt: skip


def test_without_quotes_the_tick_test_decides_alone(tmp_path: Path):
    assert sides(tmp_path, None, traded((1, 5.0), (2, 5.0), (3, 5.1), (3, 5.1), (4, 5.0), (5, 5.0))) == [
        0, 0, 1, 1, -1, -1,
    ]  # fmt: skip


def test_a_side_that_is_given_stands_and_one_that_is_0_is_inferred(tmp_path: Path):
    t = traded((1, 10.2), (2, 10.2), (3, 10.0)) | {"side": np.array([-1, 0, 1], np.int8)}
    assert sides(tmp_path, quoted((0, 10.0, 10.2)), t) == [-1, 1, 1]


@pytest.mark.parametrize("seed", range(4))
def test_inferred_sides_are_those_of_the_obvious_search(tmp_path: Path, seed: int):
    q = quotes(300, seed=seed)
    t = trades_within(q, 200, seed=seed + 10)
    assert sides(tmp_path, q, t) == slow_sides(q, t)
    assert sides(tmp_path, None, t) == slow_sides(None, t)


def test_the_stream_is_in_the_order_of_time_with_the_quote_in_force_on_every_row(tmp_path: Path):
    q, t = quotes(200, mean_ms=50), trades(150, mean_ms=70)
    stream = stream_of(saved(tmp_path / "t.parquet", t), saved(tmp_path / "q.parquet", q), batch_rows=16)
    events = sorted(
        [(ts, 0, row) for row, ts in enumerate(t["ts"].tolist())]
        + [(ts, 1, row) for row, ts in enumerate(q["ts"].tolist())]
    )
    assert joined(stream, "ts").tolist() == [ts for ts, _, _ in events]
    assert joined(stream, "is_trade").tolist() == [kind == 0 for _, kind, _ in events]
    bid, buy, price = (joined(stream, name) for name in ("bid_px", "buy_px", "price"))
    in_force = None
    for at, (_, kind, row) in enumerate(events):
        in_force = row if kind == 1 else in_force
        if kind == 0:
            assert price[at] == t["price"][row]
        else:
            assert np.isnan(price[at])
        if in_force is None:
            assert np.isnan(bid[at])
            assert buy[at] == t["price"][row]
        else:
            assert (bid[at], buy[at]) == (q["bid_px"][in_force], q["ask_px"][in_force])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), batch_rows=st.integers(1, 40), mean_ms=st.sampled_from([1.0, 40.0, 900.0]))
def test_rows_do_not_depend_on_the_size_of_batches(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch_rows: int, mean_ms: float
):
    folder = tmp_path_factory.mktemp("ticks")
    q = saved(folder / "q.parquet", quotes(60, seed=seed, mean_ms=mean_ms))
    t = saved(folder / "t.parquet", trades(45, seed=seed + 1))
    for data, beside in ((t, q), (t, None), (q, None)):
        whole, cut = list(stream_of(data, beside)), list(stream_of(data, beside, batch_rows=batch_rows))
        assert all(len(batch) <= batch_rows for batch in cut)
        assert [batch.first_row for batch in cut] == np.cumsum([0, *(len(batch) for batch in cut)])[:-1].tolist()
        for field in dataclasses.fields(TickBatch):
            if field.name != "first_row":
                np.testing.assert_array_equal(joined(whole, field.name), joined(cut, field.name))


def test_a_batch_is_an_arrow_record_batch_over_the_same_values(tmp_path: Path):
    stream = stream_of(saved(tmp_path / "t.parquet", trades(50)), saved(tmp_path / "q.parquet", quotes(60)))
    for batch in stream:
        table = batch.arrow
        assert table.num_rows == len(batch)
        for name in ("ts", "bid_px", "side", "sell_px", "is_trade"):
            np.testing.assert_array_equal(np.array(table.column(name).to_pylist()), getattr(batch, name))
        with pytest.raises(ValueError, match="read-only"):
            batch.price[0] = 1.0


def test_on_real_perpetuals_whose_trades_have_a_side_almost_every_one_is_found_again():
    given = open_ticks(real_bars("trades", "BTCUSDT_PERP.parquet"))
    blind = dataclasses.replace(given, has_side=False)
    beside = open_ticks(real_bars("quotes", "BTCUSDT_PERP.parquet"))
    truth = joined(TickStream(given), "side")
    inferred = np.concatenate([batch.side[batch.trade_rows] for batch in TickStream(blind, beside)])
    by_tick_test = joined(TickStream(blind), "side")
    assert inferred.size == truth.size == 23_635
    assert int((inferred == truth).sum()) == 23_629
    assert int((by_tick_test == truth).sum()) == 23_105
