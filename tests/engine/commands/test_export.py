"""`swarmd export` as a person types it: scripts, templates, plan and parity of the champions of a home."""

import json

import pytest

from swarmd.cli import exit_code_of
from swarmd.engine.champions.champion import champion_path, read_champion, write_champion
from swarmd.engine.champions.succession import dethrone
from swarmd.engine.export.pine import body_digest
from swarmd.state.store.files import Home
from tests.champion_builders import PARAMETERS, a_champion
from tests.market_builders import real_bars
from tests.pine_builders import pinets_folder

CROSS = {"L_fast": 8, "L_slow": 21, "sl": 0.06, "tp": 0.10}
COSTS = {"fee_bps": 10.0, "slippage_bps": 0.0}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Of three champions: one crowned on a certificate, one put there by hand, one that Pine cannot express."""
    home = Home(tmp_path / "home")
    monkeypatch.setenv("SWARMD_HOME", str(home.root))
    home.prepare()
    in_force(home, symbol="BTCUSDT", certificate=a_certificate(home))
    in_force(home, symbol="LINKUSDT", timeframe="1h", strategy="ema_cross", mode="long", parameters=CROSS)
    wide = {"window": 6000, "k": 2.0}
    in_force(home, symbol="ETHUSDT", strategy="bollinger_reversion", mode="long", parameters=wide)
    return home


def in_force(home, **fields):
    champion = a_champion(**fields)
    return write_champion(champion_path(home.champions, champion.symbol, champion.timeframe), champion)


def a_certificate(home):
    champion = a_champion()
    path = home.results_of("c", "BTCUSDT", "aggressive") / "guards.json"
    path.parent.mkdir(parents=True)
    document = {
        "symbol": "BTCUSDT", "interval": "5m", "strategy": "mtf_ema", "mode": "aggressive", "trial": champion.trial_id,
        "params": PARAMETERS, "score": champion.score, "data_sha256": "d", "tried": champion.tried, "guards": "7/7",
        "costs": COSTS,
        "development": {"first_open_ms": 1_672_531_200_000, "last_open_ms": 1_704_067_200_000, "metrics": {}},
        "vault": {"first_open_ms": 1_704_067_500_000, "last_open_ms": 1_709_251_200_000, "metrics": {}},
    }  # fmt: skip
    path.write_text(json.dumps(document))
    return home.relative(path)


def told(capsys, *arguments, code=0):
    capsys.readouterr()
    assert exit_code_of(["export", *map(str, arguments)]) == code
    out, err = capsys.readouterr()
    return json.loads(out) if "--json" in arguments else (out, err)


def test_a_champion_is_written_with_the_terms_of_its_certificate_and_a_parity_that_says_it_was_not_executed(
    home, capsys
):
    (entry,) = told(capsys, "pine", "BTCUSDT", "5m", "--json")["written"]
    script = home.exports / "pine" / "BTCUSDT_5m.pine"
    assert entry["path"] == str(script)
    text = script.read_text()
    assert entry["sha256"] == body_digest(text)
    assert "2023-01-01T00:00:00Z to 2024-03-01T00:00:00Z" in text
    assert "commission_value=0.1," in text
    parity = json.loads((home.exports / "pine" / "BTCUSDT_5m.parity.json").read_text())
    assert (parity["executed"], parity["script_sha256"]) == (False, entry["sha256"])
    assert "npm install pinets" in parity["how"]
    before = text
    out, _ = told(capsys, "pine", "BTCUSDT_5m")
    assert "(parity not executed)" in out
    assert script.read_text() == before


def test_of_all_those_that_have_a_form_are_written_and_the_others_are_named(home, capsys):
    document = told(capsys, "pine", "--all", "--json", code=1)
    assert [entry["niche"] for entry in document["written"]] == ["BTCUSDT_5m", "LINKUSDT_1h"]
    (refused,) = document["refused"]
    assert refused["niche"] == "ETHUSDT_5m"
    assert "window = 6000" in refused["why"]
    _, err = told(capsys, "pine", "ETHUSDT", code=2)
    assert err == (
        "error: ETHUSDT_5m: bollinger_reversion: window = 6000 bars, and a chart's script looks back 4999 at most\n"
    )


def test_templates_and_scripts_go_where_they_are_told_to(home, capsys, tmp_path):
    told(capsys, "alerts", "LINKUSDT", "1h", "--out", tmp_path / "hooks")
    template = json.loads((tmp_path / "hooks" / "LINKUSDT_1h.json").read_text())
    (entry,) = told(capsys, "pine", "LINKUSDT", "--out", tmp_path / "scripts", "--json")["written"]
    assert entry["path"] == str(tmp_path / "scripts" / "LINKUSDT_1h.pine")
    assert template["script_sha256"] == entry["sha256"]
    assert not (home.exports / "pine").exists()


def test_the_plan_is_written_for_one_campaign_or_each(home, capsys):
    told(capsys, "pine", "BTCUSDT")
    (plan,) = told(capsys, "csv", "--json")["plans"]
    assert (plan["campaign"], plan["champions"]) == ("c", 1)
    assert "exports/pine/BTCUSDT_5m.pine,-,exported," in (home.results / "c" / "pine_plan_fullguards.csv").read_text()
    assert "c: 1 champions passed every guard" in told(capsys, "csv", "c")[0]
    told(capsys, "csv", "--out", home.root / "elsewhere")
    assert (home.root / "elsewhere" / "pine_plan_fullguards.csv").is_file()
    assert "no champion in force of campaign 'nope'; there are of: c" in told(capsys, "csv", "nope", code=2)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pine",), "name a champion (SYMBOL TIMEFRAME), or all of them with --all"),
        (("pine", "BTCUSDT", "--all"), "name a champion"),
        (("pine", "SOLUSDT", "5m"), "no single champion for SOLUSDT 5m; there is: BTCUSDT_5m, ETHUSDT_5m, LINKUSDT_1h"),
        (("alerts", "../x", "5m"), "cannot be part of a file's name"),
        (("parity", "BTCUSDT"), "no --pinets: install node 18 or later"),
        (("parity", "BTCUSDT", "--pinets", "/nowhere"), "the bars of its campaign 'c' are not where they were"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(home, capsys, arguments, said):
    out, err = told(capsys, *arguments, code=2)
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_a_damaged_or_dethroned_champion_is_not_exported(home, capsys):
    path = home.champions / "LINKUSDT_1h.json"
    content = path.read_bytes()
    dethrone(path, read_champion(path), None, at="2026-03-01T00:00:00.000Z", reason="it fell", evidence={})
    path.write_bytes(content)  # put back by a hand that knows nothing of it
    assert "dethroned on 2026-03-01 (it fell)" in told(capsys, "pine", "LINKUSDT", code=2)[1]
    document = told(capsys, "pine", "--all", "--json", code=1)
    assert [entry["niche"] for entry in document["written"]] == ["BTCUSDT_5m"]
    (home.champions / "BTCUSDT_5m.json").write_text("{")
    document = told(capsys, "alerts", "--all", "--json", code=1)
    assert [entry["niche"] for entry in document["refused"]] == ["BTCUSDT_5m", "ETHUSDT_5m", "LINKUSDT_1h"]
    assert document["written"] == []
    assert "not JSON" in told(capsys, "pine", "BTCUSDT", code=2)[1]


def test_parity_is_measured_by_another_program_and_kept_beside_the_script(home, capsys):
    pinets = pinets_folder()
    data = real_bars("bars_1h", "LINKUSDT.parquet")
    where = ("--pinets", pinets, "--data", data, "--last", 700)
    out, _ = told(capsys, "parity", "LINKUSDT", *where)
    kept = json.loads((home.exports / "pine" / "LINKUSDT_1h.parity.json").read_text())
    figures = kept["parity"]
    assert kept["executed"] is True
    assert kept["executor"]["name"] == "pinets"
    assert kept["data"]["bars"] == 700
    assert figures["equal"] == figures["trades"] > 10
    assert out.startswith(f"LINKUSDT_1h: {figures['trades']} of {figures['trades']} trades equal on 700 bars (")
    assert f"(parity {figures['trades']}/{figures['trades']})" in told(capsys, "pine", "LINKUSDT")[0]
    # What was measured of this very script stands when it cannot be measured again.
    assert "no --pinets" in told(capsys, "parity", "LINKUSDT", code=2)[1]
    assert json.loads((home.exports / "pine" / "LINKUSDT_1h.parity.json").read_text()) == kept
