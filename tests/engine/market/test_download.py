"""Downloads: whatever the exchange sends and whenever the process dies, the file holds what the exchange has."""

import datetime as dt
import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from binance_server import FIRST_MS, STEP_MS, Row, market_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.market.bars import load_bars
from swarmd.engine.market.download import OVERLAP_BARS, Downloaded, Request, download
from swarmd.engine.market.exchange import checked_api_url, checked_file_symbol, retry_after_s
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.paging import (
    PageError,
    Span,
    Walk,
    advance,
    judged_page,
    remaining,
    united,
    wanted_spans,
)
from swarmd.engine.market.parts import Parts
from swarmd.engine.market.patience import ExchangeError, Pace, Patience, StoppedError, wait_s

ANY = 2**62


def at(bar: int) -> int:
    return FIRST_MS + STEP_MS * bar


def as_list(rows: Any) -> list[list[float]]:
    return [list(row) for row in rows]


# -- paging -----------------------------------------------------------------------------------------------------------


def a_walk(n_bars: int, *, page_rows: int = 5) -> Walk:
    return Walk(cursor=at(0), stop=at(n_bars), step=STEP_MS, page_rows=page_rows)


def step_on(walk: Walk, raw: Any) -> tuple[Walk, list[int]]:
    page = judged_page(raw, start=walk.cursor, stop=walk.stop, step=walk.step)
    walk, settled = advance(walk, page)
    return walk, [(row.open_time - FIRST_MS) // STEP_MS for row in settled]


def test_bars_without_a_hole_are_settled_at_the_first_look() -> None:
    rows = as_list(market_rows(8))
    walk, settled = step_on(a_walk(8), rows[:5])
    assert (settled, walk.cursor, walk.is_over) == ([0, 1, 2, 3, 4], at(5), False)
    walk, settled = step_on(walk, rows[3:])
    assert (settled, walk.is_over) == ([5, 6, 7], True)


def test_a_hole_is_believed_only_when_two_replies_have_looked_past_it() -> None:
    rows = as_list(market_rows(6, missing=[2]))
    walk, settled = step_on(a_walk(6), rows)
    assert (settled, walk.cursor) == ([0, 1], at(2))
    walk, settled = step_on(walk, rows[2:])
    assert (settled, walk.is_over) == ([3, 4, 5], True)


def test_a_bar_that_one_reply_left_out_is_taken_from_the_next() -> None:
    rows = as_list(market_rows(6))
    walk, _ = step_on(a_walk(6), [row for row in rows if row[0] != at(2)])
    walk, settled = step_on(walk, rows[2:])
    assert (settled, walk.is_over) == ([2, 3, 4, 5], True)


def test_an_empty_stretch_is_left_a_page_at_a_time_after_two_empty_replies() -> None:
    walk, _ = step_on(a_walk(12), [])
    assert walk.cursor == at(0)
    walk, _ = step_on(walk, [])
    assert walk.cursor == at(5)


def test_an_exchange_that_answers_with_an_old_bar_for_ever_does_not_hold_the_walk() -> None:
    old = as_list(market_rows(3))[:1]
    walk = replace(a_walk(12), cursor=at(2))
    for _ in range(4):
        walk, settled = step_on(walk, old)
        assert settled == []
    assert walk.is_over


def test_a_row_past_the_stop_tells_that_the_reply_looked_up_to_it() -> None:
    late = [[at(9), 1.0, 1.0, 1.0, 1.0, 1.0]]
    walk, _ = step_on(a_walk(3), late)
    walk, settled = step_on(walk, late)
    assert (settled, walk.is_over) == ([], True)


def test_a_bar_that_comes_twice_and_differs_is_a_fault_of_the_page() -> None:
    rows = as_list(market_rows(3))
    with pytest.raises(PageError, match="2023-01-01 00:05 UTC came twice and differs"):
        step_on(a_walk(3), [*rows, [*rows[1][:5], 77.0]])


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([at(0) + 1, 1.0, 1.0, 1.0, 1.0, 1.0], "off the grid"),
        ([at(0), 1.0, 1.0, 1.0, float("nan"), 1.0], "no number"),
        ([at(0), 1.0, 1.0, 0.0, 1.0, 1.0], "not positive"),
        ([at(0), 1.0, 1.0, 1.0, 1.0, -1.0], "negative volume"),
        ([at(0), 2.0, 1.5, 1.0, 1.2, 1.0], "does not hold its open and close"),
        ([at(0), 1.0, 1.0, 1.0, None, 1.0], "no bar"),
        ([at(0), 1.0], "no bar"),
        ("x", "no bar"),
    ],
)
def test_a_page_with_an_impossible_bar_is_refused(row: Any, told: str) -> None:
    with pytest.raises(PageError, match=told):
        judged_page([row], start=at(0), stop=at(9), step=STEP_MS)


def test_an_answer_that_is_no_list_is_refused_and_rows_outside_the_span_are_not_judged() -> None:
    with pytest.raises(PageError, match="no list of bars"):
        judged_page({"code": -1}, start=at(0), stop=at(9), step=STEP_MS)
    assert len(judged_page([[at(9), 2.0, 1.0, 1.0, 1.0, 1.0]], start=at(0), stop=at(9), step=STEP_MS)) == 1


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_whatever_pages_come_the_walk_ends_with_what_the_exchange_has(data: st.DataObject) -> None:
    """Half pages, pages again, stale, shuffled, doubled; and each bar may be left out once though it is there."""
    n_bars = data.draw(st.integers(1, 30))
    held = sorted(data.draw(st.sets(st.integers(0, n_bars + 3))))
    rows = {bar: [at(bar), *map(float, (10 + bar, 12 + bar, 9 + bar, 11 + bar, bar))] for bar in held}
    page_rows = data.draw(st.integers(1, 7))
    is_windowed = data.draw(st.booleans())
    withheld: set[int] = set()
    walk = a_walk(n_bars, page_rows=page_rows)
    settled: list[int] = []
    n_asked = 0
    while not walk.is_over:
        n_asked += 1
        assert n_asked < 40 + 12 * n_bars, "the walk does not end"
        start = (walk.cursor - FIRST_MS) // STEP_MS
        there = [bar for bar in held if bar >= start and (not is_windowed or bar < start + page_rows)][:page_rows]
        sent = there[: data.draw(st.integers(1, page_rows))]
        may_hide = [bar for bar in sent if bar not in withheld]
        hidden = data.draw(st.sets(st.sampled_from(may_hide))) if may_hide else set()
        if hidden >= set(sent) and not withheld.isdisjoint(bar for bar in held if bar >= start):
            hidden = set()  # an empty page leaves out every bar from here on
        if hidden >= set(sent):
            hidden = {bar for bar in held if bar >= start}
        withheld |= hidden
        stale = data.draw(st.lists(st.sampled_from(held), max_size=3)) if held else []
        stale = [bar for bar in stale if bar < start]
        page = [bar for bar in sent if bar not in hidden] * data.draw(st.integers(1, 2)) + stale
        page = data.draw(st.permutations(page))
        walk, more = step_on(walk, [rows[bar] for bar in page])
        settled += more
    assert settled == [bar for bar in held if bar < n_bars]


# -- spans ------------------------------------------------------------------------------------------------------------

spans = st.builds(lambda start, length: Span(start, start + length), st.integers(0, 30), st.integers(0, 10))


@given(st.lists(spans), st.lists(spans))
def test_what_remains_is_what_is_wanted_and_not_kept(wanted: list[Span], kept: list[Span]) -> None:
    def instants(pieces: Any) -> set[int]:
        return {at for start, stop in pieces for at in range(start, stop)}

    assert instants(remaining(wanted, kept)) == instants(wanted) - instants(kept)
    assert instants(united(wanted)) == instants(wanted)
    assert list(remaining(wanted, kept)) == sorted(remaining(wanted, kept))


@pytest.mark.parametrize(
    ("since", "stop", "asked_for"),
    [
        (0, 100, [(0, 42), (58, 100)]),  # before and after what is there, two bars of it at each seam
        (40, 60, []),
        (50, 55, []),
        (40, 61, [(58, 61)]),
        (70, 80, [(58, 80)]),  # the stretch between is fetched too
        (10, 20, [(10, 42)]),
    ],
)
def test_only_what_the_file_lacks_is_asked_for_and_a_seam(since: int, stop: int, asked_for: list[Any]) -> None:
    assert list(wanted_spans(since, stop, 1, held=Span(40, 60), overlap_bars=2)) == asked_for


# -- patience ---------------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.one_of(st.none(), st.floats(0, 500)), st.integers(0, 9))
def test_waits_grow_to_a_cap_and_are_never_shorter_than_the_exchange_asks(
    n_failures: int, retry_after: float | None, seed: int
) -> None:
    patience = Patience(first_wait_s=1.0, longest_wait_s=60.0)
    wait = wait_s(patience, n_failures, retry_after, random.Random(seed))
    assert wait == wait_s(patience, n_failures, retry_after, random.Random(seed))
    cap = min(2.0 ** (n_failures - 1), 60.0)
    assert max(cap / 2, retry_after or 0) <= wait <= max(cap, retry_after or 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("7", 7.0), (" 0.5 ", 0.5), ("Sun, 01 Jan 2023 00:01:30 GMT", 90.0), ("soon", None), ("-1", None)],
)
def test_retry_after_is_read_as_seconds_or_as_an_instant(text: str | None, seconds: float | None) -> None:
    assert retry_after_s(text, dt.datetime(2023, 1, 1, tzinfo=dt.UTC)) == seconds


def test_a_rest_ends_at_once_when_the_work_is_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        Pace(stop).rest(3600)


@pytest.mark.parametrize("text", ["127.0.0.1", "ftp://x", "http://", "http://x?a=1", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is no address"):
        checked_api_url(text)


@pytest.mark.parametrize("text", ["../BTC", "..", ".hidden", "BTC\\USDT", "币安/USDT", "", "/"])
def test_a_symbol_that_is_no_file_name_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="cannot be a file's name"):
        checked_file_symbol(text)


def test_a_symbol_becomes_the_name_of_its_file() -> None:
    assert [checked_file_symbol(s) for s in ("BTC/USDT", "BTC/USDT:USDT")] == ["BTCUSDT", "BTCUSDT_USDT"]


# -- downloads --------------------------------------------------------------------------------------------------------


class Memory:
    """An exchange in memory: `mood(n)` is called before the n-th answer and may raise."""

    def __init__(self, rows: list[Row], *, page_rows: int = 50, mood: Any = None) -> None:
        self.rows, self.page_rows, self.mood = rows, page_rows, mood
        self.asked: list[int] = []

    def __call__(self, start_ms: int) -> object:
        self.asked.append((start_ms - FIRST_MS) // STEP_MS)
        if self.mood is not None:
            self.mood(len(self.asked))
        return as_list([row for row in self.rows if row[0] >= start_ms][: self.page_rows])


class Deaf:
    def expect(self, n_bars: int) -> None:
        pass

    def advance(self, n_bars: int) -> None:
        pass

    def retry(self, reason: str, wait_s: float) -> None:
        pass


def a_request(folder: Path, since: int = 0, stop: int = 400) -> Request:
    return Request("BTCUSDT", 5, at(since), at(stop), folder, "here BTC/USDT 5m")


def fetch(request: Request, source: Any, *, attempts: int = 3) -> Downloaded:
    patience = Patience(attempts=attempts, first_wait_s=0.0)
    pace = Pace(threading.Event())
    return download(request, source, patience=patience, pace=pace, rng=random.Random(1), told=Deaf())


def rows_of(path: Path) -> list[Row]:
    table = pyarrow.parquet.read_table(path)
    times = table.column("timestamp").cast("int64").to_pylist()
    names = ("open", "high", "low", "close", "volume")
    return list(zip(times, *(table.column(name).to_pylist() for name in names), strict=True))


def test_a_download_holds_what_the_exchange_has_and_tells_its_gaps(tmp_path: Path) -> None:
    rows = market_rows(420, missing=[7, 200, 201, 202])
    done = fetch(a_request(tmp_path), Memory(rows))
    assert rows_of(tmp_path / "BTCUSDT.parquet") == [row for row in rows if row[0] < at(400)]
    assert [(gap.first_missing_ms, gap.n_bars) for gap in done.gaps] == [(at(7), 1), (at(200), 3)]
    assert (done.outcome, done.n_rows, done.n_new, done.n_retries) == ("written", 396, 396, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["BTCUSDT.parquet"]


@pytest.mark.parametrize("silent", [{1, 2}, {4, 5}, {4, 5, 6, 7}])
def test_an_exchange_that_had_nothing_for_a_moment_leaves_no_hole(silent: set[int], tmp_path: Path) -> None:
    """Two empty answers are believed, and a page is left; what seemed empty is asked for again once bars come."""

    class Forgetful(Memory):
        def __call__(self, start_ms: int) -> object:
            rows = super().__call__(start_ms)
            return [] if len(self.asked) in silent else rows

    rows = market_rows(420, missing=[170])
    done = fetch(a_request(tmp_path), Forgetful(rows))
    assert rows_of(tmp_path / "BTCUSDT.parquet") == [row for row in rows if row[0] < at(400)]
    assert [(gap.first_missing_ms, gap.n_bars) for gap in done.gaps] == [(at(170), 1)]


def test_a_stretch_that_is_empty_costs_one_question_more_when_bars_come_again(tmp_path: Path) -> None:
    class Punctual(Memory):
        """Answers with no bar that lies further ahead than a page."""

        def __call__(self, start_ms: int) -> object:
            self.asked.append((start_ms - FIRST_MS) // STEP_MS)
            return as_list([row for row in self.rows if start_ms <= row[0] < start_ms + 50 * STEP_MS])

    rows = market_rows(400, missing=range(100, 300))
    source = Punctual(rows)
    done = fetch(a_request(tmp_path), source)
    assert [(gap.first_missing_ms, gap.n_bars) for gap in done.gaps] == [(at(100), 200)]
    assert source.asked == [0, 50, *(start for start in (100, 150, 200, 250) for _ in range(2)), 300, 100, 350]


def test_a_file_that_holds_everything_is_left_alone_and_nothing_is_asked(tmp_path: Path) -> None:
    rows = market_rows(400)
    fetch(a_request(tmp_path), Memory(rows))
    before = (tmp_path / "BTCUSDT.parquet").stat()
    again = Memory(rows)
    done = fetch(a_request(tmp_path), again)
    after = (tmp_path / "BTCUSDT.parquet").stat()
    assert (done.outcome, done.n_new, again.asked) == ("unchanged", 0, [])
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_file_is_extended_at_both_ends_to_the_bytes_of_one_download(tmp_path: Path) -> None:
    rows = market_rows(900, missing=[450])
    fetch(a_request(tmp_path / "once", 0, 900), Memory(rows))
    fetch(a_request(tmp_path / "twice", 300, 500), Memory(rows))
    source = Memory(rows)
    done = fetch(a_request(tmp_path / "twice", 0, 900), source)
    assert (done.outcome, done.n_new) == ("extended", 700)
    assert not any(300 + OVERLAP_BARS < bar < 500 - OVERLAP_BARS for bar in source.asked)
    assert (tmp_path / "twice/BTCUSDT.parquet").read_bytes() == (tmp_path / "once/BTCUSDT.parquet").read_bytes()


def test_bars_that_differ_are_an_error_that_names_the_first_and_both_values(tmp_path: Path) -> None:
    rows = market_rows(500)
    fetch(a_request(tmp_path, 0, 300), Memory(rows))
    before = (tmp_path / "BTCUSDT.parquet").read_bytes()
    other = [row if row[0] < at(250) else (*row[:5], row[5] + 1) for row in rows]
    with pytest.raises(DataError) as refusal:
        fetch(a_request(tmp_path, 0, 500), Memory(other))
    for told in ("2023-01-01 20:50 UTC", repr(rows[250][5]), repr(rows[250][5] + 1), "50 of 100", "--force"):
        assert told in str(refusal.value)
    assert (tmp_path / "BTCUSDT.parquet").read_bytes() == before
    done = fetch(replace(a_request(tmp_path, 0, 500), is_forced=True), Memory(other))
    assert done.outcome == "replaced"
    assert rows_of(tmp_path / "BTCUSDT.parquet") == other


def test_bars_of_another_interval_or_format_are_not_extended(tmp_path: Path) -> None:
    hourly = [(FIRST_MS + 3_600_000 * n, *row[1:]) for n, row in enumerate(market_rows(50))]
    request = replace(a_request(tmp_path), interval_minutes=60, stop_ms=FIRST_MS + 3_600_000 * 50)
    fetch(request, Memory(hourly))
    with pytest.raises(DataError, match="1h bars are there, and 5m were asked for"):
        fetch(a_request(tmp_path), Memory(market_rows(400)))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "BTCUSDT.csv").write_text("")
    with pytest.raises(DataError, match="another format"):
        fetch(a_request(tmp_path / "b"), Memory(market_rows(400)))


def test_a_file_that_something_else_wrote_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    rows = market_rows(400)

    def mood(n_asked: int) -> None:
        if n_asked == 8:
            (tmp_path / "BTCUSDT.parquet").write_bytes(b"theirs")

    with pytest.raises(DataError, match="something else wrote it meanwhile"):
        fetch(a_request(tmp_path), Memory(rows, mood=mood))
    assert (tmp_path / "BTCUSDT.parquet").read_bytes() == b"theirs"


def test_an_exchange_without_any_bar_of_the_stretch_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no bars from 2023-01-01 00:00 UTC to 2023-01-02 09:20 UTC"):
        fetch(a_request(tmp_path), Memory([]))


def test_an_exchange_that_stays_away_leaves_what_came_and_the_next_download_goes_on(tmp_path: Path) -> None:
    rows = market_rows(400)

    def mood(n_asked: int) -> None:
        if n_asked > 4:
            raise ExchangeError("no way there")

    broken = Memory(rows, mood=mood)
    with pytest.raises(ExchangeError, match=r"no way there \(after 3 attempts\); 200 bars of BTCUSDT are kept in"):
        fetch(a_request(tmp_path), broken)
    assert not (tmp_path / "BTCUSDT.parquet").exists()
    assert broken.asked == [0, 50, 100, 150, 200, 200, 200]
    source = Memory(rows)
    done = fetch(a_request(tmp_path), source)
    assert (source.asked[0], done.n_resumed, rows_of(tmp_path / "BTCUSDT.parquet")) == (200, 200, rows)


def test_a_spoilt_page_is_asked_for_again_and_told_when_it_stays_so(tmp_path: Path) -> None:
    rows = market_rows(400)
    bad = [(*row[:2], 0.5, *row[3:]) if row[0] == at(120) else row for row in rows]
    with pytest.raises(ExchangeError, match="2023-01-01 10:00 UTC has a range that does not hold"):
        fetch(a_request(tmp_path), Memory(bad))
    assert fetch(a_request(tmp_path), Memory(rows)).n_rows == 400


def test_a_ban_longer_than_our_patience_is_told_at_once(tmp_path: Path) -> None:
    def mood(n_asked: int) -> None:
        raise ExchangeError("banned", retry_after_s=86_400)

    source = Memory(market_rows(400), mood=mood)
    with pytest.raises(ExchangeError, match="asks us to wait 86400 s"):
        fetch(a_request(tmp_path), source)
    assert len(source.asked) == 1


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_wherever_a_download_is_killed_it_ends_with_the_bytes_of_an_undisturbed_one(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = market_rows(160, missing=data.draw(st.sets(st.integers(0, 158), max_size=30)))
    folder = tmp_path_factory.mktemp("killed")
    fetch(a_request(folder / "whole", 0, 160), Memory(rows, page_rows=20))
    request = a_request(folder / "cut", 0, 160)
    for kill_at in data.draw(st.lists(st.integers(1, 6), max_size=4)):

        def mood(n_asked: int, kill_at: int = kill_at) -> None:
            if n_asked == kill_at:
                raise StoppedError

        try:
            fetch(request, Memory(rows, page_rows=20, mood=mood))
        except StoppedError:
            pages = request.part_folder / "pages.jsonl"
            with pages.open("r+b") as file:
                file.truncate(data.draw(st.integers(0, pages.stat().st_size)))
    fetch(request, Memory(rows, page_rows=20))
    assert request.target.read_bytes() == (folder / "whole" / "BTCUSDT.parquet").read_bytes()


# -- parts ------------------------------------------------------------------------------------------------------------


def test_a_damaged_line_and_all_after_it_are_cut_off(tmp_path: Path) -> None:
    rows = [judged_page([row], start=0, stop=ANY, step=1)[0] for row in as_list(market_rows(3))]
    with Parts(tmp_path / "p", "here") as parts:
        for bar, row in enumerate(rows):
            parts.keep(Span(at(bar), at(bar + 1)), [row])
    pages = tmp_path / "p" / "pages.jsonl"
    content = bytearray(pages.read_bytes())
    content[content.rindex(b"100.") if b"100." in content else len(content) // 2] ^= 1
    pages.write_bytes(content)
    with Parts(tmp_path / "p", "here") as parts:
        assert len(parts.spans) < 3
        parts.keep(Span(0, 1), [])
    with Parts(tmp_path / "p", "here") as parts:
        assert parts.spans[-1] == (0, 1)


def test_two_downloads_of_one_symbol_exclude_each_other_and_so_do_two_origins(tmp_path: Path) -> None:
    with Parts(tmp_path / "p", "here"), pytest.raises(DataError, match="another download writes there"):
        Parts(tmp_path / "p", "here")
    with pytest.raises(DataError, match="unfinished download of here is kept there, this one is of there"):
        Parts(tmp_path / "p", "there")
    with Parts(tmp_path / "p", "there", afresh=True) as parts:
        assert parts.spans == ()
        parts.discard()
    assert not (tmp_path / "p").exists()


def test_a_download_reads_back_through_the_loader(tmp_path: Path) -> None:
    done = fetch(a_request(tmp_path), Memory(market_rows(400)))
    bars = load_bars(tmp_path / "BTCUSDT.parquet")
    assert bars.sha256() == done.bars.sha256()
    assert np.array_equal(bars.open_time, at(0) + STEP_MS * np.arange(400))
