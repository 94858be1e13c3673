"""The doors by which bars are made: what they refuse, what they accept, and what stays the same."""

import datetime as dt
import hashlib
import re
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_builders import FIRST_MS, NAMES, STEP_MS, columns, save, without

from swarmd.engine.market.bars import Bars, bars_from_arrays, load_bars
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.formats import write_bars


def made(cols, **options) -> Bars:
    return bars_from_arrays("TEST", 5, cols["timestamp"], *(cols[name] for name in NAMES), **options)


def broken(name, row, value):
    cols = columns()
    cols[name][row] = value
    return cols


def swapped():
    cols = columns()
    for values in cols.values():
        values[[4, 5]] = values[[5, 4]]
    return cols


def repeated():
    cols = columns()
    cols["timestamp"][7:] -= STEP_MS
    return cols


AT = "row 3 (2023-01-01 00:15 UTC)"
REFUSALS = {
    "nan": (broken("close", 3, np.nan), f"{AT}: close is nan; refetch"),
    "inf": (broken("volume", 3, np.inf), f"{AT}: volume is inf; refetch"),
    "high": (broken("high", 3, 50.0), f"{AT}: high 50.0 is below max(open, close) = "),
    "low": (broken("low", 3, 150.0), f"{AT}: low 150.0 is above min(open, close) = "),
    "zero price": (broken("open", 3, 0.0), f"{AT}: open 0.0 is not positive; refetch"),
    "negative price": (broken("low", 3, -1.0), f"{AT}: low -1.0 is not positive; refetch"),
    "negative volume": (broken("volume", 3, -2.0), f"{AT}: volume -2.0 is negative; refetch"),
    "off grid": (
        broken("timestamp", 3, FIRST_MS + 3 * STEP_MS + 60_000),
        "row 3 (2023-01-01 00:16 UTC): open time 1672532160000 ms is off the 5m grid; correct it",
    ),
    "unsorted": (swapped(), "row 5 (2023-01-01 00:20 UTC): opens before the row above it; sort the file"),
    "duplicate": (repeated(), "row 7 (2023-01-01 00:30 UTC): an earlier row has its open time; drop one"),
    "wrong unit": (
        broken("timestamp", 19, FIRST_MS * 1000),
        f"row 19 (1672531200000000 ms since the epoch): open time {FIRST_MS * 1000} ms is before 1970 or after 2099",
    ),
    "gap": (without(columns(), 8, 9), "2 bars missing from 2023-01-01 00:40 UTC (before row 8); refetch the bars, or"),
}


# A file with two units is refused earlier, when it is read: see test_formats.
@pytest.mark.parametrize("name", [name for name in REFUSALS if name != "wrong unit"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".feather"])
def test_a_file_with_one_wrong_thing_is_refused_in_one_line_that_names_file_row_value_and_remedy(
    tmp_path, name, suffix
):
    cols, told = REFUSALS[name]
    path = tmp_path / f"BTCUSDT{suffix}"
    with pytest.raises(DataError) as refusal:
        load_bars(save(path, cols), interval="5m")
    assert str(path) in str(refusal.value)
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", REFUSALS)
def test_arrays_pass_under_the_same_checks_as_files(name):
    cols, told = REFUSALS[name]
    with pytest.raises(DataError, match=re.escape(told)):
        made(cols)


def test_only_the_first_of_many_wrong_rows_is_named_and_the_others_are_counted():
    cols = columns()
    cols["close"][[3, 4, 9]] = np.nan
    with pytest.raises(DataError, match=r"row 3 .*close is nan \(and 2 more rows\)"):
        made(cols)


def test_a_range_may_touch_its_ends_but_not_miss_them_by_the_last_bit():
    cols = columns()
    cols["high"] = np.maximum(cols["open"], cols["close"])
    cols["low"] = np.minimum(cols["open"], cols["close"])
    assert made(cols).n_bars == 20
    for name, towards in (("high", 0.0), ("low", np.inf)):
        missed = cols | {name: cols[name].copy()}
        missed[name][6] = np.nextafter(missed[name][6], towards)
        with pytest.raises(DataError, match=rf"row 6 .*: {name} "):
            made(missed)


def test_an_accepted_gap_becomes_flat_synthetic_bars_at_the_previous_close():
    cols = columns()
    bars = made(without(cols, 8, 9), known_gaps=["2023-01-01"])
    whole = made(cols)
    assert bars.n_bars == 20
    assert np.flatnonzero(bars.synthetic).tolist() == [8, 9]
    assert bars.open_time.tolist() == whole.open_time.tolist()
    for name in ("open", "high", "low", "close"):
        assert getattr(bars, name)[8:10].tolist() == [whole.close[7]] * 2
        assert np.delete(getattr(bars, name), [8, 9]).tolist() == np.delete(getattr(whole, name), [8, 9]).tolist()
    assert bars.volume[8:10].tolist() == [0.0, 0.0]
    assert bars.sha256() != whole.sha256()


@given(st.sets(st.integers(min_value=1, max_value=58), max_size=40))
@settings(max_examples=60)
def test_whatever_rows_are_missing_the_grid_is_whole_and_every_real_bar_keeps_its_place(rows):
    cols = columns(60)
    bars = made(without(cols, *sorted(rows)), allow_gaps=len(rows))
    assert bars.open_time.tolist() == cols["timestamp"].tolist()
    assert set(np.flatnonzero(bars.synthetic).tolist()) == rows
    for bar in range(60):
        if bar in rows:
            assert bars.open[bar] == bars.high[bar] == bars.low[bar] == bars.close[bar] == bars.close[bar - 1]
        else:
            assert all(getattr(bars, name)[bar] == cols[name][bar] for name in NAMES)


@pytest.mark.parametrize(
    "known",
    ["2023-01-01", dt.date(2023, 1, 1), "2023-01-01T00:40Z", "2023-01-01T00:40", "2023-01-01T01:40+01:00"],
)
def test_a_gap_is_known_by_its_day_or_by_the_instant_of_its_first_missing_bar(known):
    assert made(without(columns(), 8, 9), known_gaps=[known]).n_bars == 20


@pytest.mark.parametrize("known", ["2023-01-02", "2023-01-01T00:45Z", "2022-12-31"])
def test_a_listing_of_another_gap_accepts_nothing(known):
    with pytest.raises(DataError, match="2 bars missing"):
        made(without(columns(), 8, 9), known_gaps=[known])


def test_allowed_bars_are_counted_over_all_gaps_that_are_not_listed():
    cols = without(columns(), 4, 8, 9)
    assert made(cols, allow_gaps=3).n_bars == 20
    assert made(cols, allow_gaps=2, known_gaps=["2023-01-01T00:20Z"]).n_bars == 20
    with pytest.raises(DataError, match=r"1 bar missing from 2023-01-01 00:20 UTC.*allow 3 missing bars in all"):
        made(cols, allow_gaps=2)


@pytest.mark.parametrize("known", ["yesterday", "2023-13-01", ""])
def test_a_known_gap_that_is_no_date_is_refused_even_where_no_gap_is(known):
    with pytest.raises(DataError, match="is not a UTC day such as"):
        made(columns(), known_gaps=[known])


def test_a_negative_allowance_is_refused():
    with pytest.raises(DataError, match="allow_gaps is -1"):
        made(columns(), allow_gaps=-1)


def test_the_interval_is_told_from_the_open_times(tmp_path):
    hourly = save(tmp_path / "H.parquet", columns(step_ms=3_600_000))
    assert load_bars(hourly).interval_minutes == 60
    assert load_bars(hourly, interval="1h").sha256() == load_bars(hourly, interval=60).sha256()


def test_an_interval_that_cannot_be_told_is_asked_for(tmp_path):
    with pytest.raises(DataError, match="no two rows tell the interval"):
        load_bars(save(tmp_path / "ONE.parquet", columns(1)))
    assert load_bars(tmp_path / "ONE.parquet", interval="5m").n_bars == 1
    with pytest.raises(DataError, match="7 minutes apart"):
        load_bars(save(tmp_path / "SEVEN.csv", columns(step_ms=420_000)))


def test_a_stretch_includes_its_start_and_not_its_end(tmp_path):
    path = save(tmp_path / "A.parquet", columns())
    bars = load_bars(path, start_ms=FIRST_MS + 3 * STEP_MS, end_ms=FIRST_MS + 7 * STEP_MS)
    assert bars.open_time.tolist() == [FIRST_MS + bar * STEP_MS for bar in (3, 4, 5, 6)]
    assert bars.sha256() == load_bars(path).between(3, 7).sha256()


def test_rows_outside_the_stretch_do_not_stop_it_but_rows_inside_keep_their_place_in_the_file(tmp_path):
    path = save(tmp_path / "A.parquet", broken("close", 12, np.nan))
    assert load_bars(path, end_ms=FIRST_MS + 12 * STEP_MS).n_bars == 12
    with pytest.raises(DataError, match=r"row 12 \(2023-01-01 01:00 UTC\): close is nan"):
        load_bars(path, start_ms=FIRST_MS + 10 * STEP_MS)


def test_a_gap_inside_a_stretch_is_told_by_its_row_in_the_file(tmp_path):
    path = save(tmp_path / "A.parquet", without(columns(), 12))
    with pytest.raises(DataError, match=r"1 bar missing from 2023-01-01 01:00 UTC \(before row 12\)"):
        load_bars(path, start_ms=FIRST_MS + 10 * STEP_MS)


def test_an_empty_stretch_says_what_the_file_has(tmp_path):
    path = save(tmp_path / "A.parquet", columns())
    with pytest.raises(
        DataError, match="no bars in the asked stretch; the file has 2023-01-01 00:00 UTC to 2023-01-01"
    ):
        load_bars(path, start_ms=FIRST_MS + 100 * STEP_MS)


def test_an_unsorted_file_is_refused_before_it_is_cut(tmp_path):
    with pytest.raises(DataError, match=r"row 5 .*sort the file"):
        load_bars(save(tmp_path / "A.parquet", swapped()), start_ms=FIRST_MS + 10 * STEP_MS)


def test_the_same_bars_have_one_digest_whatever_the_format_and_the_name(tmp_path):
    paths = [
        save(tmp_path / f"A{n}{suffix}", columns(500)) for n, suffix in enumerate((".parquet", ".csv", ".feather"))
    ]
    loaded = [load_bars(path) for path in paths]
    assert len({bars.sha256() for bars in loaded}) == 1
    assert [bars.symbol for bars in loaded] == ["A0", "A1", "A2"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".feather"])
def test_written_bars_read_back_to_the_same_digest_with_their_gaps_still_gaps(tmp_path, suffix):
    bars = made(without(columns(), 8, 9), allow_gaps=2)
    path = tmp_path / f"TEST{suffix}"
    write_bars(path, bars)
    assert load_bars(path, allow_gaps=2).sha256() == bars.sha256()
    with pytest.raises(DataError, match="2 bars missing from 2023-01-01 00:40 UTC"):
        load_bars(path)


@pytest.mark.parametrize("name", ["timestamp", *NAMES])
def test_any_changed_value_changes_the_digest(name):
    cols = columns()
    whole = made(cols).sha256()
    changed = {key: values.copy() for key, values in cols.items()}
    if name == "timestamp":
        changed[name] += STEP_MS
    else:
        changed[name][9] = np.nextafter(changed[name][9], 0.0 if name == "low" else np.inf)
    assert made(changed).sha256() != whole


def test_the_digest_is_a_fixed_function_of_the_bars():
    bars = bars_from_arrays("TEST", 60, [0, 3_600_000], [1.0, 2.0], [2.0, 3.0], [0.5, 1.5], [2.0, 2.5], [10.0, -0.0])
    spelled = b"swarmd.bars/1 1h 2\n" + struct.pack("<2q", 0, 3_600_000)
    spelled += struct.pack("<10d", 1.0, 2.0, 2.0, 3.0, 0.5, 1.5, 2.0, 2.5, 10.0, 0.0) + b"\0\0"
    assert bars.sha256() == hashlib.sha256(spelled).hexdigest()
    assert bars.snapshot_id() == "TEST_1h_1970-01-01_1970-01-01_" + bars.sha256()[:12]


def test_bars_cannot_be_changed_and_share_nothing_with_the_arrays_they_were_made_of():
    cols = columns()
    bars = made(cols)
    digest = bars.sha256()
    cols["close"][:] = 1.0
    assert bars.sha256() == digest
    for name in ("open_time", *NAMES, "synthetic"):
        values = getattr(bars, name)
        assert values.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


def test_a_stretch_of_bars_outside_the_bars_is_refused():
    bars = made(columns())
    for start, stop in ((-1, 5), (5, 5), (3, 21)):
        with pytest.raises(DataError, match=rf"no stretch \[{start}, {stop}\) in 20 bars"):
            bars.between(start, stop)


def test_arrays_of_unequal_length_or_of_none_are_refused():
    cols = columns()
    with pytest.raises(DataError, match="close has 19 values, open_time 20"):
        made({**cols, "close": cols["close"][:-1]})
    with pytest.raises(DataError, match="no rows"):
        made(columns(0) | {"open": np.empty(0)})
