"""What may stand in a file of bars, and what is told of one that cannot be read."""

import contextlib
import datetime as dt
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from market_builders import FIRST_MS, STEP_MS, columns, save

from swarmd.engine.market.bars import bars_from_arrays, load_bars
from swarmd.engine.market.faults import DataAway, DataError
from swarmd.engine.market.formats import read_klines, write_bars
from swarmd.engine.market.tables import read_table

TIMES = columns()["timestamp"]


def dates(zone):
    return [dt.datetime.fromtimestamp(int(ms) / 1000, tz=dt.UTC).replace(tzinfo=zone) for ms in TIMES]


SPELLINGS = {
    "ms": TIMES,
    "s": TIMES // 1000,
    "us": TIMES * 1000,
    "ns": TIMES * 1_000_000,
    "float ms": TIMES.astype(np.float64),
    "naive instants": pa.array(dates(None), type=pa.timestamp("s")),
    "zoned instants": pa.array(dates(dt.UTC), type=pa.timestamp("ns", tz="UTC")),
    "instants shown elsewhere": pa.array(dates(dt.UTC), type=pa.timestamp("us", tz="Asia/Tokyo")),
    "ISO text": [at.strftime("%Y-%m-%dT%H:%M:%S") for at in dates(None)],
    "ISO text with zone": [at.strftime("%Y-%m-%d %H:%M:%SZ") for at in dates(None)],
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".feather"])
def test_an_open_time_means_the_same_however_it_is_written(tmp_path, spelling, suffix):
    path = save(tmp_path / f"A{suffix}", {**columns(), "timestamp": SPELLINGS[spelling]})
    assert read_klines(path).open_time.tolist() == TIMES.tolist()


@pytest.mark.parametrize("name", ["timestamp", "open_time", "date", "Date", " TIMESTAMP "])
def test_the_time_column_goes_by_several_names_in_any_case(tmp_path, name):
    cols = columns()
    renamed = {name: cols.pop("timestamp"), **{key.title(): values for key, values in cols.items()}, "trades": TIMES}
    assert read_klines(save(tmp_path / "A.csv", renamed)).open_time.tolist() == TIMES.tolist()


def test_daily_bars_may_be_dated_by_day(tmp_path):
    days = [dt.date(2023, 1, 1) + dt.timedelta(days=n) for n in range(20)]
    cols = columns()
    bars = load_bars(
        save(tmp_path / "A.parquet", {"date": days, **{k: v for k, v in cols.items() if k != "timestamp"}})
    )
    assert (bars.interval_minutes, int(bars.open_time[1])) == (1440, FIRST_MS + 86_400_000)


def test_whole_numbers_are_prices_too(tmp_path):
    cols = {"timestamp": TIMES, **{name: np.full(20, 7) for name in ("open", "high", "low", "close", "volume")}}
    assert read_klines(save(tmp_path / "A.csv", cols)).close.tolist() == [7.0] * 20


def test_prices_written_as_text_are_read_and_a_word_among_them_is_named(tmp_path):
    cols = columns()
    spoken = [repr(float(price)) for price in cols["close"]]
    path = save(tmp_path / "A.parquet", {**cols, "close": spoken})
    assert read_klines(path).close.tolist() == cols["close"].tolist()
    spoken[11] = "halted"
    with pytest.raises(DataError, match=r"A.parquet: row 11, column close: 'halted' is not a number; mend or drop"):
        read_klines(save(path, {**cols, "close": spoken}))


def test_a_missing_price_is_told_as_nan_and_a_missing_time_as_missing(tmp_path):
    cols = columns()
    holed = [None if row == 4 else float(price) for row, price in enumerate(cols["close"])]
    with pytest.raises(DataError, match=r"row 4 \(2023-01-01 00:20 UTC\): close is nan"):
        load_bars(save(tmp_path / "A.csv", {**cols, "close": pa.array(holed)}))
    holed = [None if row == 4 else int(ms) for row, ms in enumerate(TIMES)]
    with pytest.raises(DataError, match="row 4, column timestamp: the open time is missing; mend or drop the row"):
        load_bars(save(tmp_path / "B.parquet", {**cols, "timestamp": pa.array(holed)}))


def test_two_units_in_one_time_column_are_told_apart_at_their_first_row(tmp_path):
    mixed = TIMES.copy()
    mixed[15:] *= 1000
    with pytest.raises(
        DataError, match=r"row 15, column timestamp: 1672535700000000 looks like us but row 0 .* like ms"
    ):
        read_klines(save(tmp_path / "A.parquet", {**columns(), "timestamp": mixed}))


def test_an_open_time_between_two_milliseconds_is_refused(tmp_path):
    uneven = TIMES * 1000
    uneven[3] += 1
    with pytest.raises(DataError, match="row 3, column timestamp: 1672532100000001 us is not a whole ms"):
        read_klines(save(tmp_path / "A.parquet", {**columns(), "timestamp": uneven}))
    with pytest.raises(DataError, match="column timestamp does not hold open times in whole ms"):
        read_klines(save(tmp_path / "B.parquet", {**columns(), "timestamp": pa.array(uneven, type=pa.timestamp("us"))}))


def test_a_time_column_of_words_is_refused(tmp_path):
    with pytest.raises(DataError, match="column timestamp does not hold open times"):
        read_klines(save(tmp_path / "A.csv", {**columns(), "timestamp": ["noon"] * 20}))
    floats = TIMES.astype(np.float64)
    floats[2] = np.nan
    with pytest.raises(DataError, match=r"row 2, column timestamp: nan is not an instant"):
        read_klines(save(tmp_path / "B.parquet", {**columns(), "timestamp": floats}))


def test_missing_columns_are_named_with_those_that_are_there(tmp_path):
    cols = {name: values for name, values in columns().items() if name not in ("timestamp", "volume")}
    with pytest.raises(DataError, match="no column timestamp, volume; it has open, high, low, close; bars need"):
        read_klines(save(tmp_path / "A.feather", cols))


def test_a_column_that_appears_twice_is_refused(tmp_path):
    path = tmp_path / "A.csv"
    path.write_text("timestamp,open,high,low,close,Close,volume\n0,1,1,1,1,2,1\n")
    with pytest.raises(DataError, match="column close appears twice"):
        read_klines(path)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".feather"])
def test_a_file_that_is_not_there_is_empty_has_no_rows_or_is_something_else_is_refused_in_words(tmp_path, suffix):
    path = tmp_path / f"A{suffix}"
    with pytest.raises(DataError, match="there is no such file; check the path"):
        read_klines(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty; download or import"):
        read_klines(path)
    save(path, {name: values[:0] for name, values in columns().items()})
    with pytest.raises(DataError, match="it has columns but no rows"):
        read_klines(path)
    path.write_bytes(b"\x00\xff\xfe not a table" * 50)
    with pytest.raises(DataError) as refusal:
        read_klines(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_truncated_parquet_file_is_refused(tmp_path):
    path = save(tmp_path / "A.parquet", columns(500))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"cannot be read as parquet .* is it damaged or misnamed"):
        read_klines(path)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_csv_in_another_encoding_is_refused_by_its_name_with_what_to_do(tmp_path, encoding):
    path = tmp_path / "A.csv"
    path.write_bytes("timestamp,open,high,low,close,volume,größe\n1672531200000,1,2,1,2,5,0\n".encode(encoding))
    with pytest.raises(DataError, match=r"A\.csv: its .* not UTF-8.*; save the file as UTF-8"):
        read_klines(path)


def test_true_and_false_are_no_volume(tmp_path):
    path = save(tmp_path / "A.parquet", {**columns(), "volume": np.ones(20, np.bool_)})
    with pytest.raises(DataError, match="column volume holds true and false, not numbers"):
        read_klines(path)


def test_a_byte_that_flipped_on_the_disk_is_noticed_in_a_file_of_ours(tmp_path):
    """Written without a checksum, 25 of these 40 flips would be read as other prices."""
    path = tmp_path / "A.parquet"
    write_bars(path, load_bars(save(tmp_path / "B.parquet", columns(2000))))
    digest, whole = load_bars(path).sha256(), path.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    for at in np.random.default_rng(1).integers(4, footer, 40).tolist():
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        # A reader may do without a byte, such as one of a page's statistics.
        with contextlib.suppress(DataError):
            assert load_bars(path).sha256() == digest
    path.write_bytes(whole[: footer // 2] + bytes([whole[footer // 2] ^ 0x10]) + whole[footer // 2 + 1 :])
    with pytest.raises(DataError, match=r"A\.parquet: cannot be read as parquet"):
        load_bars(path)


def test_a_parquet_file_of_more_rows_than_bars_can_be_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    path = save(tmp_path / "A.parquet", columns(20))
    assert read_klines(path).n_rows == 20
    monkeypatch.setattr("swarmd.engine.market.tables.MOST_ROWS", 19)
    with pytest.raises(DataError, match=r"it claims 20 rows, more than 19 .*; check where it comes from"):
        read_klines(path)


def test_another_suffix_or_a_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"the suffix '.xlsx' is not one of .parquet, .csv, .feather, .zip"):
        read_klines(tmp_path / "A.xlsx")
    (tmp_path / "B.parquet").mkdir()
    with pytest.raises(DataError, match="this is not a file"):
        read_klines(tmp_path / "B.parquet")
    cols = columns()
    bars = bars_from_arrays("A", 5, TIMES, *(cols[n] for n in ("open", "high", "low", "close", "volume")))
    with pytest.raises(DataError, match=r"the suffix '.txt'"):
        write_bars(tmp_path / "A.txt", bars)


def test_a_written_file_holds_instants_in_utc_that_other_tools_read(tmp_path):
    cols = columns()
    bars = bars_from_arrays("A", 5, TIMES, *(cols[n] for n in ("open", "high", "low", "close", "volume")))
    write_bars(tmp_path / "A.parquet", bars)
    table = pyarrow.parquet.read_table(tmp_path / "A.parquet")
    assert table.column_names == ["timestamp", "open", "high", "low", "close", "volume"]
    assert str(table.schema.field("timestamp").type) == "timestamp[ms, tz=UTC]"
    assert table["timestamp"][1].as_py() == dt.datetime.fromtimestamp((FIRST_MS + STEP_MS) / 1000, tz=dt.UTC)


def spelled(cols, *, separator=",", decimal=".", header=True, end="\n"):
    names = list(cols)
    rows = [separator.join(names)] if header else []
    rows += [
        separator.join(repr(value).replace(".", decimal) for value in values)
        for values in zip(*(cols[name].tolist() for name in names), strict=True)
    ]
    return end.join(rows) + end


@pytest.mark.filterwarnings("ignore:Feather V1 files are deprecated")
@pytest.mark.parametrize("version", [1, 2])
def test_feather_is_read_in_both_its_versions(tmp_path, version):
    cols = columns()
    path = tmp_path / "A.feather"
    pyarrow.feather.write_feather(pa.table(cols), str(path), version=version)
    assert load_bars(path).sha256() == load_bars(save(tmp_path / "A.parquet", cols)).sha256()


@pytest.mark.parametrize(
    ("separator", "decimal"), [(";", "."), (";", ","), ("\t", "."), ("\t", ",")], ids=["; .", "; ,", "tab .", "tab ,"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_spreadsheet_s_csv_is_read_with_its_separator_and_decimal_sign(tmp_path, separator, decimal, end):
    cols = columns()
    path = tmp_path / "A.csv"
    path.write_bytes(b"\xef\xbb\xbf" + spelled(cols, separator=separator, decimal=decimal, end=end).encode())
    assert load_bars(path).sha256() == load_bars(save(tmp_path / "A.parquet", cols)).sha256()


def as_klines(cols):
    """The twelve columns of an exchange's dump."""
    extra = {name: np.ones(20) for name in ("quote", "count", "base", "taker", "ignore")}
    return {**cols, "close_time": cols["timestamp"] + STEP_MS - 1, **extra}


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("rows", [1, 20])
def test_an_exchange_s_csv_without_a_header_is_read_by_its_known_columns(tmp_path, separator, rows):
    cols = {name: values[:rows] for name, values in as_klines(columns()).items()}
    path = tmp_path / "BTCUSDT-5m-2023-01.csv"
    path.write_text(spelled(cols, separator=separator, header=False))
    klines = read_klines(path)
    assert (klines.symbol, klines.n_rows) == ("BTCUSDT", rows)
    assert [klines.column(name).tolist() for name in ("open", "close")] == [cols[n].tolist() for n in ("open", "close")]
    assert klines.open_time.tolist() == cols["timestamp"].tolist()


def test_nameless_columns_that_are_no_exchange_s_are_not_guessed(tmp_path):
    path = tmp_path / "A.csv"
    path.write_text(spelled(columns(), header=False))
    with pytest.raises(DataError, match=r"no header, and 6 columns; only the 12 .* add a first line such as timestamp"):
        read_klines(path)
    path.write_text("2023-01-01 00:00,1,2,1,2,5\n2023-01-01 00:05,1,2,1,2,5\n")
    with pytest.raises(DataError, match="no header, and 6 columns"):
        read_klines(path)
    shuffled = as_klines(columns())
    shuffled = {"close_time": shuffled.pop("close_time"), **shuffled}
    path.write_text(spelled(shuffled, header=False))
    with pytest.raises(DataError, match=r"columns 1 and 7 of the first line \(.*\) are not the open and close time"):
        read_klines(path)


def test_a_line_with_too_few_fields_is_named(tmp_path):
    lines = spelled(columns()).splitlines()
    lines[8] = lines[8].rpartition(",")[0]
    path = tmp_path / "A.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"A.csv: cannot be read as csv \(CSV parse error: Row #9: Expected 6 columns"):
        read_klines(path)


def test_thousands_and_decimals_in_one_number_are_not_guessed(tmp_path):
    path = tmp_path / "A.csv"
    path.write_text("timestamp;open;high;low;close;volume\n1672531200000;1.000,5;1.000,6;1.000,4;1.000,5;7\n")
    with pytest.raises(DataError, match=r"row 0, column open: '1.000,5' is not a number"):
        read_klines(path)


def test_reading_and_writing_bars_imports_no_pandas(tmp_path):
    """It takes longer than everything else a run does before it begins, and is no dependency of ours."""
    path, feather = save(tmp_path / "A.parquet", columns()), save(tmp_path / "A.feather", columns())
    code = (
        "import sys; from pathlib import Path; from swarmd.engine.market.bars import load_bars\n"
        "from swarmd.engine.market.formats import write_bars\n"
        f"bars = load_bars({str(path)!r})\n"
        f"for suffix in ('csv', 'parquet'): write_bars(Path({str(tmp_path)!r}, f'B.{{suffix}}'), bars)\n"
        f"load_bars({str(tmp_path / 'B.csv')!r}); load_bars({str(feather)!r})\n"
        "print('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_disk_that_cannot_be_read_is_told_from_a_file_that_is_damaged(tmp_path):
    path = tmp_path / "BTCUSDT.csv"
    path.symlink_to("/proc/self/mem")  # whoever reads it from its beginning is told EIO
    with pytest.raises(DataAway, match=r"Input/output error\); look to the disk"):
        read_table(path, None)
