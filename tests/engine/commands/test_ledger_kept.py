"""ledger move, verify and show on a ledger that several homes share: byte for byte what the files held."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_homes import LedgerHome, emptied, joined, written

from swarmd.cli import exit_code_of
from swarmd.state.errors import OutsideError
from swarmd.state.store.discovery_ledger import DISCOVERIES, note_p_value
from swarmd.state.store.discovery_ledger import Tested as Candidate
from swarmd.state.store.files import Home, lock_file
from swarmd.state.store.ledger_place import address, in_files, moved_folder, moving_path, url_path
from swarmd.state.store.trial_ledger import Batch, LedgerName, TrialLedgers, Vintage, append_batch

pytestmark = pytest.mark.xdist_group("lease")

NOW = 1_700_000_000_000
NAME = "BTCUSDT/mtf_ema"
BATCH = Batch(
    symbol="BTCUSDT", family="mtf_ema", vintage=Vintage("2023-01-01", "2024-05-31"), interval="5m", phase="refine",
    count=200, run="majors.BTCUSDT.long.refine-a1", code="0.1.0+abc", data="f" * 64,
)  # fmt: skip
P_VALUE = Candidate("BTCUSDT", "mtf_ema", "long", "ab" * 32, "d" * 64, 0.004)


@pytest.fixture
def server(ledger_server: str) -> str:
    return emptied(ledger_server)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One that has counted in files: two trial ledgers and a test."""
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "home"))
    counted = Home(tmp_path / "home")
    for number in range(3):
        append_batch(counted, BATCH, NOW + number)
    append_batch(counted, replace(BATCH, family="ema.cross", prices="c" * 64), NOW)
    note_p_value(counted, P_VALUE, NOW)
    return counted


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert exit_code_of(["ledger", *words]) == code
    out, err = capsys.readouterr()
    return out, err


def shown(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, object], dict[str, object]]:
    """What show and verify say, without where it lies."""
    documents = [json.loads(said(capsys, words, "--json")[0]) for words in ("show", "verify")]
    for each in (*documents[0]["ledgers"], *documents[1]["chains"]):
        each.pop("path", None), each.pop("place", None)
    return documents[0], documents[1]


def test_a_moved_ledger_has_the_same_lines_and_heads_and_is_counted_on(
    home: Home, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("BTCUSDT/ema.cross", NAME, DISCOVERIES)
    lines, before = [LedgerHome(home, None).lines(name) for name in names], shown(capsys)
    url = written(server)
    out, _ = said(capsys, "move", "--to", url, "--json")
    assert json.loads(out) == {"schema": "swarmd.ledger_move/1", "to": url, "chains": 3, "lines": 5, "added": 5}
    kept = LedgerHome(home, server)
    assert [kept.lines(name) for name in names] == lines
    assert shown(capsys) == before
    assert address(home) == url
    assert not in_files(home).names()
    assert (moved_folder(home) / f"{NAME}.jsonl").read_bytes() == b"".join(line + b"\n" for line in lines[1])
    assert append_batch(home, BATCH, NOW + 9).line == 4
    assert note_p_value(home, replace(P_VALUE, p=0.5, finalist="cd" * 32), NOW) == (0.004, 0.5)
    _, err = said(capsys, "move", "--to", url, code=2)
    assert "already; nothing leads back" in err


def test_the_files_are_not_counted_in_again_when_the_address_is_lost(
    home: Home, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "move", "--to", written(server))
    url_path(home).unlink()
    _, err = said(capsys, "show", code=2)
    assert "were moved to a Postgres" in err
    assert "write its address into that file again" in err


def test_a_move_that_was_broken_off_goes_on_and_nobody_appends_meanwhile(
    home: Home, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = written(server)
    moving_path(home).write_text(url)
    with pytest.raises(OutsideError, match="are being moved"):
        append_batch(home, BATCH, NOW)
    # Some of it is there already, and a home that joined has gone on behind it.
    kept = joined(Home(home.root.parent / "other"), server)
    kept.replace(NAME, LedgerHome(home, None).lines(NAME))
    append_batch(kept.home, BATCH, NOW)
    _, err = said(capsys, "move", "--to", "postgresql://me@elsewhere/d", code=2)
    assert "was broken off; ask for that one again" in err
    out, _ = said(capsys, "move", "--to", url)
    assert "5 lines of 3 chains are there and equal, 2 of them new" in out
    assert not moving_path(home).exists()
    assert len(kept.lines(NAME)) == 4


def test_ledgers_that_counted_apart_do_not_become_one_and_nothing_is_written(
    home: Home, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = joined(Home(home.root.parent / "other"), server)
    append_batch(other.home, replace(BATCH, count=7), NOW)
    _, err = said(capsys, "move", "--to", written(server), code=2)
    assert f"has other lines of {NAME}: two ledgers that counted apart" in err
    assert other.lines(DISCOVERIES) == []
    assert address(home) is None
    assert append_batch(home, BATCH, NOW).line == 4


def test_nothing_is_moved_from_under_a_daemon(home: Home, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    home.prepare()
    assert lock_file(home.daemon_lock, {}) is not None
    assert "end it with `swarmd stop`" in said(capsys, "move", "--to", written(server), code=2)[1]


def test_a_broken_chain_is_not_moved(home: Home, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept = LedgerHome(home, None)
    kept.replace(NAME, kept.lines(NAME)[1:])
    assert "line 1: it follows" in said(capsys, "move", "--to", written(server), code=2)[1]
    assert LedgerHome(home, server).lines(NAME) == []
    assert not moving_path(home).exists()


def test_an_address_with_a_password_is_refused_and_not_repeated(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = said(capsys, "move", "--to", "postgresql://me:s3cret@db/d", code=2)
    assert "--to holds a password; write ${NAME} in its place" in err
    assert "s3cret" not in err
    _, err = said(capsys, "move", "--to", "mysql://db/d", code=2)
    assert "--to is no address of a Postgres" in err


def test_verify_names_every_row_that_was_tampered_with(
    home: Home, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "move", "--to", written(server))
    kept = LedgerHome(home, server)
    lines = kept.lines(NAME)
    kept.replace(NAME, [lines[0], lines[1].replace(b'"count":200', b'"count":2'), lines[2]])
    kept.replace(DISCOVERIES, [kept.lines(DISCOVERIES)[0].replace(b"0.004", b"0.001")])
    out, err = said(capsys, "verify", code=2)
    assert f"{NAME} line 2: it was changed" in out
    assert "discoveries line 1: it was changed" in out
    assert "BTCUSDT/ema.cross: 1 lines hold" in out
    assert "2 of 3 chains are broken" in err
    assert f"{NAME} line 2: it was changed" in said(capsys, "show", code=2)[1]


def test_verify_of_files_counts_their_lines_and_tells_their_heads(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    chains = {row["chain"]: row for row in json.loads(said(capsys, "verify", "--json")[0])["chains"]}
    entries = TrialLedgers(in_files(home)).read(LedgerName("BTCUSDT", "mtf_ema"))
    assert (chains[NAME]["lines"], chains[NAME]["head"]) == (3, entries[-1].digest)
    assert chains[DISCOVERIES]["lines"] == 1
