"""The preflight tells everything at once, never raises for bad data, and knows the real files' faults."""

import numpy as np
import pyarrow as pa
import pytest
from market_builders import FIRST_MS, STEP_MS, columns, real_bars, save, without

from swarmd.engine.market import resampling
from swarmd.engine.market.bars import load_bars
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.quality import CHECKS, preflight

N_90_DAYS = 90 * 288


def verdicts(report):
    return {check.name: check.status for check in report.checks}


def test_clean_bars_of_ninety_days_pass_every_check(tmp_path):
    report = preflight(save(tmp_path / "A.parquet", columns(N_90_DAYS)))
    assert report.is_fit
    assert verdicts(report) == dict.fromkeys(CHECKS, "pass")
    assert (report.symbol, report.interval_minutes, report.n_bars, report.days) == ("A", 5, N_90_DAYS, 90.0)
    assert report.findings == ()


def test_one_bar_less_than_ninety_days_fails_with_both_figures(tmp_path):
    path = save(tmp_path / "A.parquet", columns(N_90_DAYS - 20))
    report = preflight(path)
    assert [finding.message for finding in report.findings] == [
        f"{path}: 89.9 days of history, fewer than 90; import more, or leave the asset out"
    ]
    assert preflight(path, min_days=89).is_fit


def test_every_kind_of_fault_in_a_file_is_found_in_one_look(tmp_path):
    cols = without(columns(300), 50, 51)
    cols["close"][10] = np.nan
    cols["open"][20] = -1.0
    cols["high"][30] = 1.0
    cols["volume"][40] = -5.0
    report = preflight(save(tmp_path / "A.parquet", cols))
    found = [(finding.check, finding.row) for finding in report.findings if finding.level == "error"]
    # A price of -1 also lies below its bar's low, which is why row 20 stands under ohlc too.
    assert found == [
        ("nan", 10), ("prices", 20), ("ohlc", 30), ("ohlc", 20), ("volume", 40), ("gaps", 50), ("history", None),
    ]  # fmt: skip
    assert not report.is_fit
    assert verdicts(report)["resample"] == "skipped"


def test_misplaced_rows_are_found_beside_faulty_values_and_gaps_are_left_alone(tmp_path):
    cols = columns(300)
    cols["timestamp"][100] = cols["timestamp"][3]
    cols["timestamp"][200] += 1000
    cols["low"][40] = 1e6
    report = preflight(save(tmp_path / "A.parquet", cols))
    assert [(f.check, f.row) for f in report.findings] == [
        ("order", 100),
        ("duplicates", 100),
        ("grid", 200),
        ("ohlc", 40),
    ]
    assert {name: verdicts(report)[name] for name in ("gaps", "history", "resample")} == dict.fromkeys(
        ("gaps", "history", "resample"), "skipped"
    )


def test_a_file_that_cannot_be_read_is_a_report_too(tmp_path):
    path = tmp_path / "A.csv"
    path.write_text("a,b\n1,2\n")
    report = preflight(path)
    assert (report.is_fit, report.n_bars, report.interval_minutes, report.days) == (False, 0, None, 0.0)
    assert verdicts(report) == {"columns": "fail"} | dict.fromkeys(CHECKS[1:], "skipped")
    assert "no column timestamp, open, high, low, close, volume; it has a, b" in report.findings[0].message


def test_instants_that_no_calendar_holds_make_a_report_and_a_document(tmp_path):
    # Milliseconds that were written down as seconds: the year 54970.
    cols = columns(300) | {"timestamp": pa.array(columns(300)["timestamp"], type=pa.timestamp("s"))}
    report = preflight(save(tmp_path / "A.parquet", cols), interval="5m")
    assert [(finding.check, finding.row) for finding in report.findings] == [("grid", 0)]
    assert "before 1970 or after 2099 (and 299 more rows); check the unit" in report.findings[0].message
    assert (report.as_document()["passed"], report.as_document()["first"]) == (False, None)


def test_accepted_gaps_pass_and_are_still_told(tmp_path):
    path = save(tmp_path / "A.parquet", without(columns(N_90_DAYS), 500, 501))
    report = preflight(path, known_gaps=["2023-01-02"])
    assert report.is_fit
    assert [(gap.first_missing_ms, gap.n_bars, gap.next_row) for gap in report.gaps] == [
        (FIRST_MS + 500 * STEP_MS, 2, 500)
    ]
    assert {c.name: c.told for c in report.checks}[
        "gaps"
    ] == "2 bars missing in 1: 2 bars missing from 2023-01-02 17:40 UTC"
    assert preflight(path, allow_gaps=2).is_fit
    assert not preflight(path, allow_gaps=1).is_fit


def test_many_bars_without_volume_warn_and_do_not_fail(tmp_path):
    cols = columns(N_90_DAYS)
    cols["volume"][100:1100] = 0.0
    report = preflight(save(tmp_path / "A.parquet", cols))
    assert report.is_fit
    assert verdicts(report)["quiet"] == "warn"
    assert (report.findings[0].level, report.findings[0].row) == ("warning", 100)
    assert "1000 of 25920 bars without volume (3.86%)" in report.findings[0].message


def test_what_the_caller_asked_wrongly_is_raised(tmp_path):
    path = save(tmp_path / "A.parquet", columns(300))
    with pytest.raises(DataError, match="interval '7m'"):
        preflight(path, interval="7m")
    with pytest.raises(DataError, match="known gap 'someday'"):
        preflight(path, known_gaps=["someday"])


def test_too_few_bars_for_one_slow_bar_fail_the_resampling_check(tmp_path):
    report = preflight(save(tmp_path / "A.parquet", columns(2)), min_days=0)
    assert verdicts(report)["resample"] == "fail"
    assert "no whole 15m bar in 2 bars" in report.findings[-1].message


@pytest.mark.parametrize(
    "faulty",
    [
        # Base bars handed on as slow ones; the next bar's close seen early; a partial bar at the end used.
        lambda close, first_ms, base, htf: (close, np.arange(close.shape[0])),
        lambda close, first_ms, base, htf: (
            np.append(close[htf // base :: htf // base], close[-1]),
            np.arange(htf // base - 1, close.shape[0], htf // base),
        ),
        lambda close, first_ms, base, htf: (
            np.append(close[htf // base - 1 :: htf // base], close[-1]),
            np.append(np.arange(htf // base - 1, close.shape[0], htf // base), close.shape[0] - 1),
        ),
    ],
    ids=["not resampled", "looks ahead", "partial bar"],
)
def test_the_resampling_check_catches_an_alignment_that_breaks_the_law(monkeypatch, faulty):
    cols = columns(1000)
    assert resampling.told_resampling(cols["timestamp"], cols["close"], 5)[0] == ()
    monkeypatch.setattr(resampling, "htf_close", faulty)
    faults, _ = resampling.told_resampling(cols["timestamp"], cols["close"], 5)
    assert any("15m bars are not those of their buckets" in fault for fault in faults)


@pytest.mark.parametrize(
    ("step_ms", "asked", "told"),
    [
        (3_600_000, "5m", "wrong interval: these are 1h bars, not 5m (299 of 299 steps are 1h, none 5m); say 1h"),
        (300_000, "1h", "wrong interval: these are 5m bars, not 1h (299 of 299 steps are 5m, none 1h); say 5m"),
        (60_000, "15m", "wrong interval: these are 1m bars, not 15m (299 of 299 steps are 1m, none 15m); say 1m"),
    ],
)
def test_bars_of_another_interval_are_told_as_such_and_not_as_gaps_or_a_bad_grid(tmp_path, step_ms, asked, told):
    path = save(tmp_path / "A.parquet", columns(300, step_ms=step_ms))
    report = preflight(path, interval=asked, min_days=0)
    (finding,) = report.findings
    assert (finding.check, finding.level) == ("interval", "error")
    assert told in finding.message
    assert {name: verdicts(report)[name] for name in ("interval", "grid", "gaps", "resample")} == {
        "interval": "fail", "grid": "skipped", "gaps": "skipped", "resample": "skipped",
    }  # fmt: skip
    assert not report.is_counted
    with pytest.raises(DataError, match="wrong interval"):
        load_bars(path, interval=asked)
    # Not even a generous allowance makes hours of minutes.
    with pytest.raises(DataError, match="wrong interval"):
        load_bars(path, interval=asked, allow_gaps=10**6)


def test_a_series_full_of_holes_is_not_taken_for_one_of_another_interval(tmp_path):
    holed = without(columns(300), *(row for row in range(300) if row % 3 and row not in (100, 101)))
    report = preflight(save(tmp_path / "A.parquet", holed), interval="5m", min_days=0, allow_gaps=300)
    assert verdicts(report)["interval"] == verdicts(report)["gaps"] == "pass"


def test_an_interval_that_cannot_be_told_is_a_finding_of_its_own(tmp_path):
    report = preflight(save(tmp_path / "A.parquet", columns(300, step_ms=420_000)))
    (finding,) = report.findings
    assert (finding.check, report.interval_minutes, report.n_bars) == ("interval", None, 300)
    assert "most rows are 7 minutes apart" in finding.what
    assert "name the interval if the file has holes" in finding.remedy
    assert verdicts(report)["columns"] == "pass"


def test_rows_that_stand_newest_first_are_told_to_be_sorted_and_not_to_have_no_interval(tmp_path):
    newest_first = {name: values[::-1] for name, values in columns(300).items()}
    report = preflight(save(tmp_path / "A.parquet", newest_first), min_days=0)
    assert report.interval_minutes == 5
    assert [(f.check, f.remedy) for f in report.findings] == [("order", "sort the file by open time")]


def test_a_finding_comes_apart_into_what_where_value_and_what_to_do(tmp_path):
    cols = without(columns(300), 50)
    cols["high"][30] = 1.0
    path = save(tmp_path / "A.parquet", cols)
    found = {
        f.check: (f.file, f.row, f.where, f.what, f.value, f.remedy) for f in preflight(path, interval="5m").findings
    }
    top = max(cols["open"][30], cols["close"][30])
    assert found == {
        "ohlc": (
            str(path), 30, "row 30 (2023-01-01 02:30 UTC)", "high < max(open, close)", f"1.0 < {top}",
            "refetch the bar, or drop the row and accept the gap",
        ),
        "gaps": (
            str(path), 50, "before row 50", "bars missing", "1 bar from 2023-01-01 04:10 UTC",
            "refetch the bars, or accept the gap: list 2023-01-01 in known_gaps, or allow 1 missing bar in all",
        ),
        "history": (
            str(path), None, "the whole file", "too little history", "1.0 days of history, fewer than 90",
            "import more, or leave the asset out",
        ),
    }  # fmt: skip


def test_bitcoin_has_its_two_holes_where_the_exchange_left_them():
    path = real_bars("bars_5m", "BTCUSDT.parquet")
    report = preflight(path)
    assert [str(gap) for gap in report.gaps] == [
        "16 bars missing from 2023-03-24 12:40 UTC",
        "288 bars missing from 2023-12-31 00:00 UTC",
    ]
    assert [finding.row for finding in report.findings] == [23768, 104816]
    with pytest.raises(
        DataError, match=r"BTCUSDT.parquet: 16 bars missing from 2023-03-24 12:40 UTC \(before row 23768\)"
    ):
        load_bars(path)
    with pytest.raises(DataError, match="288 bars missing from 2023-12-31 00:00 UTC"):
        load_bars(path, known_gaps=["2023-03-24"])
    bars = load_bars(path, known_gaps=["2023-03-24", "2023-12-31"])
    assert (bars.n_bars, int(bars.synthetic.sum())) == (148_896, 304)
    assert np.all(np.diff(bars.open_time) == STEP_MS)
    assert bars.sha256() == load_bars(path, allow_gaps=304).sha256()


@pytest.mark.parametrize(("symbol", "days"), [("IOUSDT", 87.6), ("ZROUSDT", 78.6)])
def test_coins_younger_than_ninety_days_fail_on_history_alone(symbol, days):
    report = preflight(real_bars("bars_5m", f"{symbol}.parquet"))
    assert [finding.check for finding in report.findings] == ["history"]
    assert f"{days} days of history, fewer than 90" in report.findings[0].message


def test_a_coin_that_hardly_trades_is_warned_about():
    report = preflight(real_bars("bars_5m", "BIFIUSDT.parquet"))
    assert report.is_fit
    assert "1725 of 71769 bars without volume" in report.findings[0].message


def test_real_bars_have_one_digest_in_all_three_formats(tmp_path):
    source = real_bars("bars_5m", "IOUSDT.parquet")
    whole = load_bars(source)
    cols = {name: getattr(whole, name) for name in ("open", "high", "low", "close", "volume")}
    for suffix in (".csv", ".feather"):
        copy = save(tmp_path / f"IOUSDT{suffix}", {"open_time": whole.open_time, **cols})
        assert load_bars(copy).snapshot_id() == whole.snapshot_id()
