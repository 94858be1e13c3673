"""The trial ledger: what it counts, that it outlives its writers, and that nobody changes a line unseen."""

import hashlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_homes import LedgerHome, emptied, joined

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import (
    Batch,
    LedgerName,
    Vintage,
    append_batch,
    head_of,
    ledger_path,
    ledgers,
    place_of,
    read_ledger,
    tried,
)

pytestmark = pytest.mark.xdist_group("lease")

NOW = 1_700_000_000_000
NAME = LedgerName("BTCUSDT", "mtf_ema")


def a_batch(count: int = 250_000, **fields: object) -> Batch:
    batch = Batch(
        symbol="BTCUSDT",
        family="mtf_ema",
        vintage=Vintage("2023-01-01", "2024-05-31"),
        interval="5m",
        phase="prescreen",
        count=count,
        run="cpu0-c017-prescreen-1",
        code="0.1.0+abc",
        data="f" * 64,
    )
    return replace(batch, **fields)


@pytest.fixture(params=["files", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerHome:
    server = emptied(request.getfixturevalue("ledger_server")) if request.param == "postgres" else None
    return joined(Home(tmp_path), server)


@pytest.fixture
def home(kept: LedgerHome) -> Home:
    return kept.home


@pytest.fixture
def files(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_is_appended_is_read_back_in_order_and_counted(home: Home) -> None:
    batches = [a_batch(), a_batch(200, phase="refine"), a_batch(7, interval="1h")]
    written = [append_batch(home, batch, NOW + n) for n, batch in enumerate(batches)]
    entries = read_ledger(home, NAME)
    assert list(entries) == written
    assert [entry.batch for entry in entries] == batches
    assert [(entry.line, entry.at) for entry in entries][:2] == [
        (1, "2023-11-14T22:13:20.000Z"),
        (2, "2023-11-14T22:13:20.001Z"),
    ]
    assert tried(entries) == 250_207
    assert head_of(entries, NAME) == written[-1].digest


def test_a_vintage_counts_all_that_was_tried_on_a_day_of_it_and_nothing_else(home: Home) -> None:
    for count, days in ((1, "2023-01-01_2023-12-31"), (10, "2023-12-31_2024-06-30"), (100, "2025-01-01_2025-02-01")):
        append_batch(home, a_batch(count, vintage=Vintage.of(days)), NOW)
    entries = read_ledger(home, NAME)
    assert tried(entries, Vintage("2023-01-02", "2023-12-30")) == 1
    # Moved by a day it is no new vintage.
    assert tried(entries, Vintage("2023-01-02", "2023-12-31")) == 11
    assert tried(entries, Vintage("2024-07-01", "2024-12-31")) == 0
    assert tried(entries, Vintage.of("2020-01-01_2030-01-01")) == 111


def test_assets_and_families_have_ledgers_of_their_own(home: Home) -> None:
    append_batch(home, a_batch(1), NOW)
    append_batch(home, a_batch(2, family="ema_cross"), NOW)
    append_batch(home, a_batch(4, symbol="ETHUSDT"), NOW)
    assert [str(name) for name in ledgers(home)] == ["BTCUSDT/ema_cross", "BTCUSDT/mtf_ema", "ETHUSDT/mtf_ema"]
    assert tried(read_ledger(home, NAME)) == 1
    assert read_ledger(home, LedgerName("SOLUSDT", "mtf_ema")) == ()


@pytest.mark.parametrize("n_kept", [1, 40, -1])
def test_a_torn_last_line_is_no_line_and_the_next_batch_takes_its_place(files: Home, n_kept: int) -> None:
    append_batch(files, a_batch(1), NOW)
    append_batch(files, a_batch(2), NOW)
    path = ledger_path(files, "BTCUSDT", "mtf_ema")
    first, second, _ = path.read_bytes().split(b"\n")
    path.write_bytes(first + b"\n" + (second + b"\n")[:n_kept])
    assert tried(read_ledger(files, NAME)) == 1
    append_batch(files, a_batch(4), NOW)
    assert [entry.batch.count for entry in read_ledger(files, NAME)] == [1, 4]


def spoilt(lines: list[bytes], how: str) -> list[bytes]:
    match how:
        case "a count is changed":
            return [lines[0], lines[1].replace(b'"count":2,', b'"count":1,'), *lines[2:]]
        case "a line is dropped":
            return [lines[0], *lines[2:]]
        case "lines are exchanged":
            return [lines[1], lines[0], *lines[2:]]
        case "the first line is dropped":
            return lines[1:]
        case "a line is blank":
            return [lines[0], b"", *lines[1:]]
        case _:
            return [lines[0], b"\xff\x00 not a line", *lines[1:]]


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ("a count is changed", 2),
        ("a line is dropped", 2),
        ("lines are exchanged", 1),
        ("the first line is dropped", 1),
        ("a line is blank", 2),
        ("a line is rubbish", 2),
    ],
)
def test_a_broken_chain_is_refused_by_its_line_for_readers_and_writers_alike(
    kept: LedgerHome, home: Home, how: str, line: int
) -> None:
    for count in (1, 2, 3):
        append_batch(home, a_batch(count), NOW)
    wrong = spoilt(kept.lines(str(NAME)), how)
    kept.replace(str(NAME), wrong)
    for ask in (lambda: read_ledger(home, NAME), lambda: append_batch(home, a_batch(4), NOW)):
        with pytest.raises(
            OperatorError, match=rf"{re.escape(place_of(home, NAME))} line {line}: .*put the ledger back"
        ):
            ask()
    assert kept.lines(str(NAME)) == wrong


def test_the_ledger_of_another_asset_is_not_taken_for_this_one(kept: LedgerHome, home: Home) -> None:
    append_batch(home, a_batch(1, symbol="ETHUSDT"), NOW)
    kept.replace(str(NAME), kept.lines("ETHUSDT/mtf_ema"))
    with pytest.raises(OperatorError, match="line 1"):
        read_ledger(home, NAME)


def test_a_sealed_line_that_is_no_batch_is_refused_too(kept: LedgerHome, home: Home) -> None:
    append_batch(home, a_batch(1), NOW)
    said = json.loads(kept.lines(str(NAME))[0])
    del said["digest"]
    said["vintage"] = "some day"
    content = json.dumps(said, separators=(",", ":")).encode()[:-1]
    kept.replace(str(NAME), [content + b',"digest":"%s"}' % hashlib.sha256(content).hexdigest().encode()])
    with pytest.raises(OperatorError, match="no batch of trials"):
        read_ledger(home, NAME)


def _append_many(root: Path, run: str, n: int) -> None:
    for number in range(n):
        append_batch(Home(root), a_batch(1, run=f"{run}-{number}"), NOW)


def test_lanes_that_append_at_once_lose_no_batch_and_leave_a_whole_chain(home: Home) -> None:
    context = multiprocessing.get_context("fork")
    lanes = [context.Process(target=_append_many, args=(home.root, f"cpu{lane}", 25)) for lane in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    entries = read_ledger(home, NAME)
    assert tried(entries) == 100
    assert len({entry.batch.run for entry in entries}) == 100


def test_a_writer_killed_at_any_instant_leaves_whole_batches_and_no_lock(home: Home) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from pathlib import Path;"
        "from test_trial_ledger import _append_many;"
        "print('begun', flush=True); _append_many(Path(sys.argv[1]), 'cpu0', 10**6)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(home.root), str(Path(__file__).parent), str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    while len(read_ledger(home, NAME)) < 5:
        assert writer.poll() is None
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    there = tried(read_ledger(home, NAME))
    append_batch(home, a_batch(1), NOW)
    assert tried(read_ledger(home, NAME)) == there + 1


def test_a_ledger_that_cannot_be_written_is_told(files: Home) -> None:
    ledger_path(files, "BTCUSDT", "mtf_ema").mkdir(parents=True)
    with pytest.raises(OutsideError, match="cannot write the ledger"):
        append_batch(files, a_batch(), NOW)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden"])
def test_names_that_lead_elsewhere_are_refused(home: Home, name: str) -> None:
    with pytest.raises(OperatorError, match="cannot be part of a ledger's name"):
        append_batch(home, a_batch(symbol=name), NOW)


@pytest.mark.parametrize("text", ["2023-01-01", "2023-01-01_soon", "2024-01-01_2023-01-01", "20230101_20240101"])
def test_what_is_no_vintage_is_refused_with_how_one_is_written(text: str) -> None:
    with pytest.raises(OperatorError, match="vintage"):
        Vintage.of(text)


def test_nothing_tried_is_no_batch(home: Home) -> None:
    with pytest.raises(ValueError, match="is none"):
        append_batch(home, a_batch(0), NOW)
