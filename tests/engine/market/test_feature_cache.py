"""The cache gives the very bars of the source or none, whatever happens to source, entry, folder and disk."""

import multiprocessing
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from market_builders import FIRST_MS, STEP_MS, columns, real_bars, save, without

from swarmd.engine.market import feature_cache
from swarmd.engine.market.bars import ARRAYS, load_bars
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.feature_cache import cached_bars

N = 3_000
# One page of header; seven arrays of 3,000 values, six of 8 bytes and one of 1, each up to a multiple of 64.
ENTRY_BYTES = 4096 + 6 * 24_000 + 3_008


@pytest.fixture
def source(tmp_path):
    return save(tmp_path / "BTCUSDT.parquet", without(columns(N + 2), 50, 51))


class Asked:
    """The cache in a folder, with what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []

    def bars(self, path, **options):
        options = {"symbol": "BTCUSDT", "interval": "5m", "known_gaps": ("2023-01-01",)} | options
        return cached_bars(self.folder, path, say=self.said.append, **options)

    def entries(self):
        return sorted(self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def cache(tmp_path):
    return Asked(tmp_path / "cache" / "bars")


def is_mapped(bars):
    """Whether the arrays are views of one mapped file."""
    base = bars.close
    while isinstance(base, np.ndarray):
        base = base.base
    return not isinstance(base, (type(None), bytes)) and type(base).__name__ in ("mmap", "memoryview")


def same(one, other):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        and getattr(one, name).dtype == getattr(other, name).dtype
        for name in ARRAYS
    )


def test_the_second_time_the_same_bars_come_from_memory_mapped_pages(source, cache):
    plain = load_bars(source, interval="5m", known_gaps=["2023-01-01"])
    first, second = cache.bars(source), cache.bars(source)
    assert [is_mapped(bars) for bars in (first, second)] == [False, True]
    assert same(first, plain)
    assert same(second, plain)
    assert (second.symbol, second.snapshot_id()) == ("BTCUSDT", plain.snapshot_id())
    assert int(second.synthetic.sum()) == 2
    assert cache.said == []


def test_mapped_bars_are_as_kernels_want_them(source, cache):
    cache.bars(source)
    bars = cache.bars(source)
    for name in ARRAYS:
        values = getattr(bars, name)
        assert type(values) is np.ndarray
        assert values.flags.c_contiguous
        assert values.flags.aligned
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
    assert bars.between(10, 20).close.tolist() == load_bars(source, allow_gaps=2).close[10:20].tolist()


def test_an_entry_is_for_its_owner_alone_and_holds_raw_little_endian_arrays(source, cache):
    bars = cache.bars(source)
    (entry,) = cache.entries()
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    content = entry.read_bytes()
    assert len(content) == 4096 + 6 * (-(-8 * bars.n_bars // 64) * 64) + -(-bars.n_bars // 64) * 64
    assert content[4096 : 4096 + 8 * bars.n_bars] == bars.open_time.astype("<i8").tobytes()


def test_a_source_that_changes_underfoot_is_seen_although_size_and_time_stay_the_same(tmp_path, cache):
    path = save(tmp_path / "BTCUSDT.feather", columns(N))
    before = cache.bars(path)
    kept = path.stat()
    cols = columns(N)
    cols["close"][7] = np.nextafter(cols["close"][7], 0)
    save(path, cols)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert path.stat().st_size == kept.st_size
    after = cache.bars(path)
    assert (after.close[7], before.close[7]) == (cols["close"][7], columns(N)["close"][7])
    assert after.sha256() == load_bars(path).sha256() != before.sha256()


def test_a_source_replaced_while_it_is_read_leaves_no_entry_under_the_old_digest(source, cache, tmp_path, monkeypatch):
    other = save(tmp_path / "other.parquet", columns(N, seed=9))

    def replaced_first(path, **options):
        shutil.copy(other, path)
        return load_bars(path, **options)

    monkeypatch.setattr(feature_cache, "load_bars", replaced_first)
    assert cache.bars(source).sha256() == load_bars(other).sha256()
    assert cache.entries() == []


@pytest.mark.parametrize(
    "options",
    [
        {"known_gaps": (), "allow_gaps": 2},
        {"known_gaps": ("2023-01-01", "2023-01-02")},
        {"start_ms": FIRST_MS + 100 * STEP_MS},
        {"end_ms": FIRST_MS + 200 * STEP_MS},
    ],
    ids=["allowed instead of listed", "another gap listed", "later start", "earlier end"],
)
def test_another_question_about_the_same_file_has_its_own_entry(source, cache, options):
    cache.bars(source)
    for _ in range(2):
        asked = {"known_gaps": ("2023-01-01",)} | options
        assert cache.bars(source, **options).sha256() == load_bars(source, interval="5m", **asked).sha256()
    assert len(cache.entries()) == 2


def test_one_question_in_other_words_has_one_entry(source, cache):
    cache.bars(source, known_gaps=("2023-01-01", "2023-01-01"))
    assert is_mapped(cache.bars(source, known_gaps=("2023-01-01",)))


def test_the_name_of_the_asset_is_not_part_of_its_bars(source, cache):
    cache.bars(source)
    bars = cache.bars(source, symbol="OTHER")
    assert is_mapped(bars)
    assert bars.snapshot_id().startswith("OTHER_5m_2023-01-01_")


def test_other_code_has_other_entries(source, cache, monkeypatch):
    cache.bars(source)
    monkeypatch.setattr(feature_cache, "code_digest", lambda: "0" * 64)
    assert not is_mapped(cache.bars(source))
    assert len(cache.entries()) == 2


def test_what_is_refused_is_refused_every_time_in_the_loader_s_words_and_never_kept(source, cache):
    for _ in range(2):
        with pytest.raises(DataError, match=r"2 bars missing from 2023-01-01 04:10 UTC \(before row 50\)"):
            cache.bars(source, known_gaps=())
    # A gap that was accepted once is not accepted for the next who asks without.
    cache.bars(source)
    with pytest.raises(DataError, match="2 bars missing"):
        cache.bars(source, known_gaps=())
    with pytest.raises(DataError, match="there is no such file"):
        cache.bars(source.with_name("GONE.parquet"))
    with pytest.raises(DataError, match="interval '7m'"):
        cache.bars(source, interval="7m")
    assert len(cache.entries()) == 1


def cut(content):
    return content[: len(content) // 2]


def flipped(at):
    def change(content):
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return change


@pytest.mark.parametrize(
    "change",
    [
        cut,
        lambda content: b"",
        lambda content: content + b"\0",
        lambda content: b"\0" * len(content),
        lambda content: content[:4000],
        flipped(3),
        flipped(5_000),
        flipped(4096 + 3 * 24_064 + 11),
        lambda content: content.replace(b'"n_bars": 3002', b'"n_bars": 3001'),
        lambda content: content.replace(b'"n_bars": 3002', b'"n_bars": 9e99'),
        lambda content: content.replace(b'"interval_minutes": 5', b'"interval_minutes": 7'),
    ],
    ids=[
        "cut",
        "empty",
        "longer",
        "zeros",
        "no arrays",
        "header bit",
        "time bit",
        "price bit",
        "length",
        "huge",
        "step",
    ],
)
def test_a_damaged_entry_is_said_and_made_anew(source, cache, change):
    plain = cache.bars(source)
    (entry,) = cache.entries()
    whole = entry.read_bytes()
    assert change(whole) != whole
    entry.write_bytes(change(whole))
    again = cache.bars(source)
    assert same(again, plain)
    assert not is_mapped(again)
    (said,) = cache.said
    assert said.startswith(f"cache: {entry.name} ")
    assert said.endswith("it is made anew from the source")
    assert entry.read_bytes() == whole
    assert is_mapped(cache.bars(source))


def test_the_least_recently_used_entries_make_room_and_it_is_said(tmp_path, cache):
    paths = [save(tmp_path / f"{name}.parquet", columns(N, seed=seed)) for seed, name in enumerate("ABCD")]
    limit = 3 * ENTRY_BYTES
    entry_of = {}
    for age, path in enumerate(paths[:3]):
        before = set(cache.entries())
        cache.bars(path, limit_bytes=limit)
        (entry_of[path],) = set(cache.entries()) - before
        os.utime(entry_of[path], (1_000_000 + age, 1_000_000 + age))
    cache.bars(paths[0], limit_bytes=limit)  # used again: now B is the oldest
    cache.bars(paths[3], limit_bytes=limit)
    assert {entry_of[path].exists() for path in (paths[0], paths[2])} == {True}
    assert not entry_of[paths[1]].exists()
    assert cache.said == ["cache: 1 entry not used for longest dropped, to stay within 0.4 MiB"]
    assert sum(entry.stat().st_size for entry in cache.entries()) <= limit


def test_an_entry_that_is_dropped_stays_with_those_who_have_it_mapped(source, cache):
    cache.bars(source)
    bars = cache.bars(source)
    digest = load_bars(source, known_gaps=["2023-01-01"]).close.sum()
    for entry in cache.entries():
        entry.unlink()
    assert bars.close.sum() == digest


def test_bars_larger_than_the_limit_are_not_kept(source, cache):
    bars = cache.bars(source, limit_bytes=1000)
    assert bars.n_bars == N + 2
    assert cache.entries() == []
    assert cache.said == ["cache: BTCUSDT takes 0.1 MiB, more than the 0.0 MiB allowed; it is not kept"]


def test_a_folder_that_cannot_be_written_costs_only_time(source, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache = Asked(blocked / "bars")
    assert cache.bars(source).n_bars == N + 2
    assert "cannot be written (Not a directory); the bars are read from their source each time" in cache.said[-1]


def test_half_files_of_killed_writers_go_after_a_while(source, cache):
    cache.folder.mkdir(parents=True)
    old, young = cache.folder / ".x.1-a.tmp", cache.folder / ".x.2-b.tmp"
    for file in (old, young):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    cache.bars(source)
    assert [file.name for file in cache.entries() if file.suffix == ".tmp"] == [young.name]


def _digest_of(folder, path, results):
    results.put(cached_bars(folder, path, symbol="BTCUSDT", interval="5m", known_gaps=("2023-01-01",)).sha256())


def test_many_processes_at_once_all_get_the_bars_and_leave_one_entry(source, cache):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    lanes = [context.Process(target=_digest_of, args=(cache.folder, source, results)) for _ in range(8)]
    for lane in lanes:
        lane.start()
    seen = {results.get(timeout=60) for _ in lanes}
    for lane in lanes:
        lane.join()
    assert seen == {load_bars(source, known_gaps=["2023-01-01"]).sha256()}
    assert [entry.suffix for entry in cache.entries()] == [".bars"]


def test_real_bars_come_out_as_they_went_in(cache):
    path = real_bars("bars_5m", "BTCUSDT.parquet")
    known = ("2023-03-24", "2023-12-31")
    plain = load_bars(path, known_gaps=known)
    for _ in range(2):
        bars = cache.bars(path, known_gaps=known)
        assert same(bars, plain)
    assert is_mapped(bars)
    assert bars.snapshot_id() == plain.snapshot_id()
