"""Quotes and trades from files: what is read, and what is refused with file, row, column, value and remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from tick_builders import FIRST_NS, changed, quotes, saved, stream_of, trades

from swarmd.engine.market.faults import DataError
from swarmd.engine.market.tick_batch import TickSchema
from swarmd.engine.market.tick_stream import TickStream
from swarmd.engine.market.ticks import Crossed, Tally, open_ticks, schema_of


def refusal(path: Path, **how: Any) -> str:
    with pytest.raises(DataError) as refused:
        list(stream_of(path, **how))
    told = str(refused.value)
    assert "\n" not in told
    assert told.startswith(f"{path}: ")
    return told.removeprefix(f"{path}: ")


def test_the_rows_of_a_file_come_back_in_batches_of_the_asked_size(tmp_path: Path):
    columns = quotes(1000)
    file = open_ticks(saved(tmp_path / "q.parquet", columns, row_group=300))
    assert (file.schema, file.n_rows) == (TickSchema.L1_QUOTE, 1000)
    for batch_rows in (1, 7, 300, 5000):
        batches = list(file.batches(batch_rows, Tally()))
        assert max(batch["ts"].size for batch in batches) <= batch_rows
        for name, values in columns.items():
            assert np.concatenate([batch[name] for batch in batches]).tolist() == values.tolist()


def test_the_schema_is_told_by_the_columns(tmp_path: Path):
    bars = {name: np.ones(3) for name in ("open", "high", "low", "close", "volume")} | {"open_time": np.arange(3)}
    assert schema_of(saved(tmp_path / "b.parquet", bars)) is TickSchema.OHLCV
    assert schema_of(saved(tmp_path / "q.parquet", quotes(3))) is TickSchema.L1_QUOTE
    assert schema_of(saved(tmp_path / "t.parquet", trades(3))) is TickSchema.TRADES
    with pytest.raises(DataError, match="these are bars, not ticks"):
        open_ticks(tmp_path / "b.parquet")


def test_a_missing_column_is_named_with_what_each_schema_needs(tmp_path: Path):
    columns = quotes(5)
    del columns["ask_sz"]
    told = refusal(saved(tmp_path / "q.parquet", columns))
    assert told.startswith("no column ask_sz, and it looks most like l1_quote; it has ask_px, bid_px, bid_sz, ts;")
    assert "trades: ts, price, qty" in told


def test_the_case_of_a_column_counts(tmp_path: Path):
    columns = {name.upper(): values for name, values in trades(5).items()}
    told = refusal(saved(tmp_path / "t.parquet", columns))
    assert told.startswith("no column ts, ")
    assert "it has PRICE, QTY, TS;" in told


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("ts", np.linspace(1.0, 2.0, 5), "column ts is double; write it as int64 nanoseconds UTC"),
        ("price", np.array(["1.5"] * 5), "column price is string; write it as float64"),
        ("side", np.ones(5), "column side is double; write it as an integer"),
    ],
)
def test_a_column_of_the_wrong_type_is_refused(tmp_path: Path, name: str, values: Any, said: str):
    assert said in refusal(saved(tmp_path / "t.parquet", trades(5, sides=True) | {name: values}))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("bid_px", np.nan, "row 437, column bid_px: nan is not a finite number; mend or drop the row"),
        ("ask_px", np.inf, "row 437, column ask_px: inf is not a finite number"),
        ("ask_px", -1.0, "row 437, column ask_px: -1.0 is not positive"),
        ("bid_sz", 0.0, "row 437, column bid_sz: 0.0 is not positive"),
        ("ts", FIRST_NS - 5, "row 437, column ts: time goes back by "),
        ("ts", FIRST_NS // 10**6, "row 437, column ts: 1381152600000 is no instant of 1990 to 2100 in nanoseconds"),
        ("bid_px", 101.5, "row 437, column bid_px: the quote is crossed, bid 101.5 above ask"),
    ],
)
@pytest.mark.parametrize("batch_rows", [1, 437, 438, 10_000])
def test_a_wrong_value_is_told_by_row_column_and_value_whatever_the_batches(
    tmp_path: Path, name: str, value: Any, said: str, batch_rows: int
):
    path = saved(tmp_path / "q.parquet", changed(quotes(500), name, 437, value))
    assert said in refusal(path, batch_rows=batch_rows)


def test_the_earliest_wrong_row_is_the_one_that_is_told(tmp_path: Path):
    columns = changed(changed(quotes(500), "bid_px", 400, np.nan), "ask_sz", 20, -1.0)
    assert refusal(saved(tmp_path / "q.parquet", columns)).startswith("row 20, column ask_sz: -1.0 is not positive")


def test_a_side_that_is_none_and_a_missing_value_are_refused(tmp_path: Path):
    told = refusal(saved(tmp_path / "t.parquet", changed(trades(50, sides=True), "side", 30, 2)))
    assert told.startswith("row 30, column side: 2 is no side; write 1 (bought), -1 (sold) or 0 (not known)")
    columns = {name: pa.array(values) for name, values in trades(50).items()}
    columns["qty"] = pa.array([None if row == 7 else 1.0 for row in range(50)])
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "n.parquet")
    assert refusal(tmp_path / "n.parquet", batch_rows=4) == (
        "row 7, column qty: the value is missing; mend or drop the row"
    )


def test_an_empty_an_absent_and_a_damaged_file_are_refused(tmp_path: Path):
    assert "no rows" in refusal(saved(tmp_path / "q.parquet", quotes(0)))
    assert "no such file" in refusal(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("ts,price,qty\n")
    assert "cannot be read as Parquet" in refusal(tmp_path / "text.parquet")


def test_crossed_quotes_are_left_out_and_counted_where_that_is_asked_for_and_locked_ones_kept(tmp_path: Path):
    columns = quotes(100)
    for row in (0, 40, 41):
        columns = changed(columns, "bid_px", row, columns["ask_px"][row] + 0.01)
    columns = changed(columns, "bid_px", 60, columns["ask_px"][60])
    path = saved(tmp_path / "q.parquet", columns)
    assert "3 crossed quotes in this batch of 100" in refusal(path)
    for batch_rows in (1, 30, 1000):
        stream = stream_of(path, batch_rows=batch_rows, crossed=Crossed.DROP)
        assert sum(len(batch) for batch in stream) == 97
        tally = stream.tallies[TickSchema.L1_QUOTE]
        assert (tally.rows, tally.crossed_dropped, tally.locked) == (100, 3, 1)


def test_timestamps_of_arrow_and_whole_numbers_are_read(tmp_path: Path):
    columns = trades(20)
    stamps = pa.array(columns["ts"] // 10**6, pa.timestamp("ms", tz="UTC"))
    table = pa.table({"ts": stamps, "price": pa.array(columns["price"]), "qty": pa.array(columns["qty"].astype(int))})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    (batch,) = stream_of(tmp_path / "t.parquet")
    assert batch.ts.tolist() == columns["ts"].tolist()
    assert batch.qty.tolist() == columns["qty"].tolist()


def test_quotes_do_not_stand_beside_quotes_nor_trades_beside_trades(tmp_path: Path):
    q, t = saved(tmp_path / "q.parquet", quotes(5)), saved(tmp_path / "t.parquet", trades(5))
    with pytest.raises(DataError, match="these are l1_quote already; quotes stand beside trades alone"):
        stream_of(q, q)
    with pytest.raises(DataError, match="these are trades; beside trades give the quotes"):
        stream_of(t, t)


def test_quotes_and_trades_of_different_times_are_refused(tmp_path: Path):
    columns = trades(5)
    t = saved(tmp_path / "t.parquet", columns | {"ts": columns["ts"] + 10**15})
    q = saved(tmp_path / "q.parquet", quotes(5))
    with pytest.raises(DataError, match="give quotes of the same time"):
        list(stream_of(t, q))
    start_ts = FIRST_NS + 10**14
    asked = TickStream(open_ticks(t, start_ts=start_ts), open_ticks(q, start_ts=start_ts))
    with pytest.raises(DataError, match="it has no quote in the time asked for"):
        list(asked)
