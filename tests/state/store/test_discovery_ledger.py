"""The discoveries: every p-value in its order, each test once, whoever asks at the same time."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_homes import LedgerHome, emptied, joined

from swarmd.state.errors import OperatorError
from swarmd.state.store.discovery_ledger import DISCOVERIES, note_p_value, read_discoveries
from swarmd.state.store.discovery_ledger import Tested as Candidate
from swarmd.state.store.files import Home

pytestmark = pytest.mark.xdist_group("lease")

NOW = 1_700_000_000_000


def a_test(p: float = 0.004, **fields: object) -> Candidate:
    tested = Candidate("BTCUSDT", "mtf_ema", "aggressive", "a" * 64, "d" * 64, p, "cpu0-c017-validate-1")
    return replace(tested, **fields)


@pytest.fixture(params=["files", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerHome:
    server = emptied(request.getfixturevalue("ledger_server")) if request.param == "postgres" else None
    return joined(Home(tmp_path), server)


@pytest.fixture
def home(kept: LedgerHome) -> Home:
    return kept.home


def test_each_test_gets_the_stream_up_to_itself(home: Home) -> None:
    assert note_p_value(home, a_test(0.5), NOW) == (0.5,)
    assert note_p_value(home, a_test(1e-17, symbol="ETHUSDT"), NOW + 1) == (0.5, 1e-17)
    assert note_p_value(home, a_test(0.1 + 0.2, family="ema_cross"), NOW + 2) == (0.5, 1e-17, 0.1 + 0.2)
    assert [(each.number, each.tested.symbol, each.tested.p) for each in read_discoveries(home)] == [
        (1, "BTCUSDT", 0.5),
        (2, "ETHUSDT", 1e-17),
        (3, "BTCUSDT", 0.1 + 0.2),
    ]
    assert read_discoveries(home)[1].at == "2023-11-14T22:13:20.001Z"


def test_a_test_that_is_told_again_stays_where_it_is_with_the_p_value_it_had(home: Home) -> None:
    note_p_value(home, a_test(0.5), NOW)
    note_p_value(home, a_test(0.01, mode="long"), NOW)
    assert note_p_value(home, a_test(0.0001, run="cpu1-c018-validate-1"), NOW + 9) == (0.5,)
    assert len(read_discoveries(home)) == 2


@pytest.mark.parametrize("part", ["symbol", "family", "mode", "finalist", "data"])
def test_asset_family_mode_finalist_and_data_each_make_another_test(home: Home, part: str) -> None:
    note_p_value(home, a_test(), NOW)
    assert len(note_p_value(home, a_test(**{part: "other"}), NOW)) == 2


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused_and_leaves_no_line(home: Home, p: float) -> None:
    with pytest.raises(ValueError, match="not within"):
        note_p_value(home, a_test(p), NOW)
    assert read_discoveries(home) == ()


def test_a_p_value_that_was_changed_is_refused_by_its_line(kept: LedgerHome, home: Home) -> None:
    for number in range(3):
        note_p_value(home, a_test(finalist=f"f{number}"), NOW)
    lines = kept.lines(DISCOVERIES)
    kept.replace(DISCOVERIES, [lines[0], lines[1].replace(b'"p":0.004', b'"p":0.001'), lines[2]])
    for ask in (lambda: read_discoveries(home), lambda: note_p_value(home, a_test(finalist="f9"), NOW)):
        with pytest.raises(OperatorError, match=r"discoveries(\.jsonl)? line 2: .*every level begins anew"):
            ask()


def test_a_trial_ledger_is_not_taken_for_the_discoveries(kept: LedgerHome, home: Home) -> None:
    kept.replace(DISCOVERIES, [json.dumps({"at": "x", "p": 0.1}).encode()])
    with pytest.raises(OperatorError, match="line 1"):
        read_discoveries(home)


def _tell(root: Path, lane: int) -> None:
    for number in range(10):
        # Every second test is one that another lane tells as well.
        name = f"{lane}-{number}" if number % 2 else f"shared-{number}"
        told = note_p_value(Home(root), a_test(finalist=name), NOW)
        assert note_p_value(Home(root), a_test(finalist=name), NOW) == told


def test_lanes_that_tell_at_once_lose_no_test_and_double_none(home: Home) -> None:
    context = multiprocessing.get_context("fork")
    lanes = [context.Process(target=_tell, args=(home.root, lane)) for lane in range(4)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    assert [lane.exitcode for lane in lanes] == [0] * 4
    finalists = [each.tested.finalist for each in read_discoveries(home)]
    assert len(finalists) == len(set(finalists)) == 4 * 5 + 5
