"""Zip dumps of an exchange: months that make one series, and everything a zip may be instead."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from market_builders import FIRST_MS, STEP_MS, columns, save, without

from swarmd.engine.market import dumps
from swarmd.engine.market.bars import load_bars
from swarmd.engine.market.csv_text import KLINE_COLUMNS
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.formats import read_klines
from swarmd.engine.market.quality import preflight

N = 288 * 4
WHOLE = columns(N)


def kline_text(cols, *, header=False, per_ms=1):
    """Rows as Binance publishes them: twelve columns, the close time one unit short of the next open."""
    rows = [",".join(KLINE_COLUMNS)] if header else []
    for bar, opened in enumerate(cols["timestamp"].tolist()):
        prices = ",".join(f"{cols[name][bar]!r}".removeprefix("np.float64(").rstrip(")") for name in NAMES)
        rows.append(f"{opened * per_ms},{prices},{(opened + STEP_MS) * per_ms - 1},1.5,7,0.5,0.25,0")
    return "\n".join(rows) + "\n"


NAMES = ("open", "high", "low", "close", "volume")


def part(start, stop):
    return {name: values[start:stop] for name, values in WHOLE.items()}


def zipped(path, text, *, member=None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as dump:
        dump.writestr(member or f"{path.stem}.csv", text)
    return path


def day(folder, number, cols, **options):
    folder.mkdir(exist_ok=True)
    return zipped(folder / f"BTCUSDT-5m-2023-01-{number:02d}.zip", kline_text(cols, **options))


@pytest.fixture
def four_days(tmp_path):
    """Four daily dumps: without a header, with one, in microseconds, and in both."""
    folder = tmp_path / "dumps"
    for number, options in enumerate(({}, {"header": True}, {"per_ms": 1000}, {"header": True, "per_ms": 1000})):
        day(folder, number + 1, part(288 * number, 288 * (number + 1)), **options)
    return folder


def refusal_of(source):
    with pytest.raises(DataError) as refusal:
        load_bars(source, interval="5m")
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_the_dumps_of_a_folder_are_one_series_with_the_digest_of_the_same_bars_in_one_file(tmp_path, four_days):
    bars = load_bars(four_days)
    assert (bars.symbol, bars.interval_minutes, bars.n_bars) == ("BTCUSDT", 5, N)
    assert bars.sha256() == load_bars(save(tmp_path / "A.parquet", WHOLE)).sha256()


def test_several_dumps_given_by_name_are_one_series_in_any_order(four_days):
    files = sorted(four_days.iterdir())
    assert load_bars([files[2], files[0], files[3], files[1]]).sha256() == load_bars(four_days).sha256()


def test_one_dump_is_a_series_of_its_own(four_days):
    bars = load_bars(four_days / "BTCUSDT-5m-2023-01-02.zip")
    assert (bars.symbol, bars.n_bars, int(bars.open_time[0])) == ("BTCUSDT", 288, FIRST_MS + 288 * STEP_MS)


def test_a_missing_dump_is_a_gap_that_names_the_files_around_it(four_days):
    (four_days / "BTCUSDT-5m-2023-01-03.zip").unlink()
    told = refusal_of(four_days)
    assert "288 bars missing from 2023-01-03 00:00 UTC" in told
    assert "BTCUSDT-5m-2023-01-02.zip and BTCUSDT-5m-2023-01-04.zip); add the file that is missing, or accept" in told
    bars = load_bars(four_days, known_gaps=["2023-01-03"])
    assert (bars.n_bars, int(bars.synthetic.sum())) == (N, 288)


def test_dumps_that_overlap_are_refused_with_both_names_and_how_many_rows(four_days):
    day(four_days, 2, part(288 - 6, 576))
    told = refusal_of(four_days)
    assert f"{four_days / 'BTCUSDT-5m-2023-01-02.zip'}: row 0 (2023-01-01 23:30 UTC)" in told
    assert "BTCUSDT-5m-2023-01-01.zip has this open time too (and 5 more rows); keep one of the two files" in told
    report = preflight(four_days)
    assert [(finding.check, finding.row) for finding in report.findings] == [("duplicates", 0)]


def test_a_month_beside_its_days_is_an_overlap_for_each_of_them(four_days):
    zipped(four_days / "BTCUSDT-5m-2023-01.zip", kline_text(WHOLE))
    findings = preflight(four_days).findings
    assert {finding.check for finding in findings} == {"duplicates"}
    assert len(findings) == 4
    assert all("BTCUSDT-5m-2023-01" in finding.message for finding in findings)


def test_a_dump_that_lies_between_the_rows_of_another_is_refused(tmp_path):
    folder = tmp_path / "dumps"
    day(folder, 1, {name: values[:40:2] for name, values in WHOLE.items()})
    day(folder, 2, {name: values[11:21:2] for name, values in WHOLE.items()})
    assert "opens within the stretch of BTCUSDT-5m-2023-01-01.zip (and 4 more rows)" in refusal_of(folder)


def test_a_bad_value_is_told_by_its_file_and_its_row_in_that_file(four_days):
    cols = {name: values.copy() for name, values in part(576, 864).items()}
    cols["high"][5] = 1.0
    day(four_days, 3, cols)
    told = refusal_of(four_days)
    assert f"{four_days / 'BTCUSDT-5m-2023-01-03.zip'}: row 5 (2023-01-03 00:25 UTC): high 1.0 is below" in told
    assert preflight(four_days).findings[0].file == str(four_days / "BTCUSDT-5m-2023-01-03.zip")


def test_rows_keep_their_file_when_a_stretch_is_cut_out(four_days):
    day(four_days, 3, without(part(576, 864), 5))
    with pytest.raises(DataError, match=r"2023-01-03.zip: 1 bar missing from 2023-01-03 00:25 UTC \(before row 5\)"):
        load_bars(four_days, start_ms=FIRST_MS + 300 * STEP_MS)


def test_rows_out_of_order_inside_one_dump_are_still_found(four_days):
    cols = {name: values.copy() for name, values in part(288, 576).items()}
    for values in cols.values():
        values[[7, 8]] = values[[8, 7]]
    day(four_days, 2, cols)
    assert "2023-01-02.zip: row 8 (2023-01-02 00:35 UTC): opens before the row above it" in refusal_of(four_days)


def test_a_folder_of_two_series_asks_which_and_takes_the_one_that_is_named(four_days):
    zipped(four_days / "ETHUSDT-5m-2023-01-01.zip", kline_text(columns(288, seed=2)))
    told = refusal_of(four_days)
    assert "dumps of 2 series: BTCUSDT 5m (4), ETHUSDT 5m (1); name one by its symbol and interval" in told
    assert load_bars(four_days, symbol="ETHUSDT").n_bars == 288
    files = sorted(four_days.iterdir())
    assert "files of BTCUSDT, ETHUSDT; one series is of one symbol" in refusal_of(files)


def test_the_interval_chooses_among_the_series_of_one_symbol(four_days):
    hourly = columns(4, step_ms=3_600_000)
    zipped(four_days / "BTCUSDT-1h-2023-01-01.zip", kline_text(hourly))
    assert load_bars(four_days, interval="5m").n_bars == N
    assert load_bars(four_days, interval="1h").interval_minutes == 60


def test_a_folder_without_dumps_says_what_it_wants(tmp_path):
    assert "no .zip dump in this folder; give one bars file, or a folder of exchange dumps" in refusal_of(tmp_path)
    with pytest.raises(DataError, match="this is a folder among files"):
        read_klines([tmp_path, save(tmp_path / "A.csv", WHOLE)])
    with pytest.raises(DataError, match="no file of bars was given"):
        read_klines([])


# -- what is no dump --------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_zip_or_was_cut_off_is_refused(tmp_path):
    path = tmp_path / "A.zip"
    path.write_bytes(b"not a zip at all")
    assert "cannot be read as zip (File is not a zip file); damaged or misnamed: fetch it again" in refusal_of(path)
    whole = zipped(path, kline_text(WHOLE)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read as zip" in refusal_of(path)


def test_a_zip_with_a_flipped_byte_is_refused_by_its_own_sum(tmp_path):
    path = zipped(tmp_path / "A.zip", kline_text(WHOLE))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    assert "cannot be read as zip" in refusal_of(path)


def test_an_encrypted_zip_is_refused(tmp_path):
    path = zipped(tmp_path / "A.zip", kline_text(part(0, 5)))
    content = bytearray(path.read_bytes())
    # The flag stands in the local header and in the central directory.
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    assert "A.csv in it is encrypted; unpack it with its password" in refusal_of(path)


def test_a_zip_with_two_files_or_none_or_another_kind_is_refused(tmp_path):
    path = tmp_path / "A.zip"
    with zipfile.ZipFile(path, "w") as dump:
        dump.writestr("a.csv", "1")
        dump.writestr("b.csv", "2")
    assert "2 files in it (a.csv, b.csv); a dump holds exactly one CSV" in refusal_of(path)
    with zipfile.ZipFile(path, "w") as dump:
        dump.mkdir("folder")
    assert "0 files in it; a dump holds exactly one CSV" in refusal_of(path)
    assert "notes.txt in it is no .csv" in refusal_of(zipped(path, "hello", member="notes.txt"))
    assert "A.csv in it is empty; fetch the dump again" in refusal_of(zipped(path, ""))


def test_a_zip_bomb_is_refused_whatever_size_it_claims(tmp_path, monkeypatch):
    monkeypatch.setattr(dumps, "MOST_BYTES", 2**20)
    path = zipped(tmp_path / "A.zip", b"0" * (2**20 + 1))
    assert path.stat().st_size < 5_000
    assert "A.csv in it unpacks to more than 1 MiB, out of 0.0; that is no month of bars" in refusal_of(path)
    # The same, claiming to be small: the sizes stand at offset 22 of the local header and 24 of the directory.
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.index(signature) + offset
        content[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    assert str(path) in refusal_of(path)


def test_a_name_that_leads_out_of_the_folder_is_read_like_any_other_and_writes_nothing(tmp_path):
    path = zipped(tmp_path / "A.zip", kline_text(part(0, 5)), member="../../evil.csv")
    assert load_bars(path).n_bars == 5
    assert [file.name for file in tmp_path.rglob("*")] == ["A.zip"]


def test_a_packing_that_is_not_read_is_said(tmp_path):
    path = tmp_path / "A.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as dump:
        dump.writestr("A.csv", kline_text(part(0, 5)))
    assert "packed in a way that is not read here" in refusal_of(path)


def test_a_published_checksum_beside_a_dump_is_compared(tmp_path):
    path = zipped(tmp_path / "A.zip", kline_text(part(0, 5)))
    beside = tmp_path / "A.zip.CHECKSUM"
    beside.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  A.zip\n")
    assert load_bars(path).n_bars == 5
    beside.write_text("0" * 64 + "  A.zip\n")
    assert "is not 000000000000 of A.zip.CHECKSUM; fetch both again" in refusal_of(path)


def test_a_dump_of_something_else_without_a_header_is_refused(tmp_path):
    path = zipped(tmp_path / "A.zip", "1672531200000,1,2,3\n")
    assert "no header, and 4 columns; only the 12 columns of an exchange's kline dump are known" in refusal_of(path)
    text = io.StringIO()
    np.savetxt(text, np.ones((3, 12)), delimiter=",")
    assert "are not the open and close time of a kline dump" in refusal_of(zipped(path, text.getvalue()))
