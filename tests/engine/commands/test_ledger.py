"""ledger show and discoveries: what was tried, who looked at a vault, and which p-values were discoveries."""

import json
from dataclasses import replace

import pytest

from swarmd.cli import exit_code_of
from swarmd.engine.guards import online_fdr
from swarmd.state.store.discovery_ledger import Tested as Candidate
from swarmd.state.store.discovery_ledger import note_p_value
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import Batch, Vintage, append_batch

NOW = 1_700_000_000_000
BATCH = Batch(
    symbol="BTCUSDT",
    family="mtf_ema",
    vintage=Vintage("2023-01-01", "2024-05-31"),
    interval="5m",
    phase="prescreen",
    count=250_000,
    run="cpu0-c017-prescreen-1",
    code="0.1.0+abc",
    data="f" * 64,
)
LOOK = replace(
    BATCH, vintage=Vintage("2024-06-01", "2024-12-31"), phase="vault", count=1, run="cpu0-c017-validate-1",
    finalist="ab" * 32,
)  # fmt: skip


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def told(capsys, *arguments, code=0):
    assert exit_code_of([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    return json.loads(out) if "--json" in arguments else (out, err)


def test_looks_stand_beside_what_was_tried_and_count_on_their_own_days(home, capsys):
    append_batch(home, BATCH, NOW)
    append_batch(home, LOOK, NOW)
    document = told(capsys, "ledger", "show", "--json")
    (ledger,) = document["ledgers"]
    assert (document["tried"], ledger["tried"]) == (250_001, 250_001)
    assert [row["vintage"] for row in ledger["vintages"]] == ["2023-01-01_2024-05-31"]
    assert ledger["looks"] == [
        {
            "vintage": "2024-06-01_2024-12-31",
            "finalist": "ab" * 32,
            "phase": "vault",
            "interval": "5m",
            "run": "cpu0-c017-validate-1",
            "at": "2023-11-14T22:13:20.000Z",
        }
    ]
    assert told(capsys, "ledger", "show", "--vintage", "2024-07-01_2024-07-02", "--json")["tried"] == 1
    out, _ = told(capsys, "ledger", "show")
    assert "Looks at data that no search had seen" in out
    assert "abababababab  vault" in out


def test_discoveries_are_told_in_order_with_the_level_each_had_to_keep(home, capsys):
    p_values = [0.4, 1e-9, 0.03, 0.0004]
    for number, p in enumerate(p_values):
        note_p_value(home, Candidate("BTCUSDT", "mtf_ema", "aggressive", f"f{number}", "d", p, f"run-{number}"), NOW)
    document = told(capsys, "ledger", "discoveries", "--json")
    stream = online_fdr(p_values, alpha=0.10, method="lord++")
    assert [row["p"] for row in document["tests"]] == p_values
    assert [row["level"] for row in document["tests"]] == stream.levels.tolist()
    assert [row["rejected"] for row in document["tests"]] == stream.rejected.tolist()
    assert (document["discoveries"], document["next_level"]) == (int(stream.rejected.sum()), stream.next_level)
    out, _ = told(capsys, "ledger", "discoveries")
    assert "1e-09" in out
    assert f"{document['discoveries']} discoveries in 4 tests (lord++ at 0.1)" in out


def test_nothing_tested_yet_has_a_level_to_come(home, capsys):
    out, _ = told(capsys, "ledger", "discoveries")
    assert out.startswith("0 discoveries in 0 tests")


def test_a_changed_p_value_ends_with_its_line_and_code_2(home, capsys):
    note_p_value(home, Candidate("BTCUSDT", "mtf_ema", "aggressive", "f", "d", 0.2), NOW)
    path = home.state / "ledger" / "discoveries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"p":0.2', b'"p":0.0'))
    _, err = told(capsys, "ledger", "discoveries", code=2)
    assert err.startswith("error: ")
    assert "discoveries.jsonl line 1" in err
