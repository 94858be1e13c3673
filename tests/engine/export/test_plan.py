"""The plan of a campaign: who passed every guard, and nobody else."""

import csv
import io
import json

import pytest

from swarmd.engine.champions.champion import ChampionFile, write_champion
from swarmd.engine.export.plan import COLUMNS, evidence_of, guards_of, passed_all
from swarmd.engine.export.written import Terms, alerts_folder, pine_folder, write_alerts, write_plan, write_script
from swarmd.state.store.files import Home
from tests.champion_builders import a_champion


def crown(home: Home, symbol: str, certificate: object, **changed: object) -> ChampionFile:
    path = home.results_of("c", symbol, "aggressive") / "guards.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(certificate))
    fields = {"symbol": symbol, "certificate": home.relative(path)} | changed
    return write_champion(home.champions / f"{symbol}_5m.json", a_champion(**fields))


def rows(home: Home) -> list[dict[str, str]]:
    path, n_rows = write_plan("c", home)
    assert path == home.results / "c" / "pine_plan_fullguards.csv"
    found = list(csv.DictReader(io.StringIO(path.read_text())))
    assert len(found) == n_rows
    return found


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


COSTS = {"fee_bps": 7.5, "slippage_bps": 2.0}


def test_a_champion_that_passed_every_guard_is_told_with_its_files_parity_parameters_and_costs(home):
    champion = crown(home, "ETHUSDT", {"guards": "7/7", "costs": COSTS}, metrics={"vault": {"annual_sharpe": 1.25}})
    script = write_script(champion, Terms(), pine_folder(home))
    write_alerts(champion, Terms(), alerts_folder(home))
    (row,) = rows(home)
    assert tuple(row) == COLUMNS
    assert json.loads(row.pop("Parameters")) == champion.parameters
    assert row == {
        "Asset": "ETHUSDT", "Timeframe": "5m", "Strategy": "mtf_ema", "Mode": "aggressive", "Evidence": "-",
        "Guards": "7/7", "Score": "1.5", "OOS Sharpe": "1.25", "Script": "exports/pine/ETHUSDT_5m.pine",
        "Alerts": "exports/alerts/ETHUSDT_5m.json", "Parity": "exported", "Fee bps": "7.5", "Slippage bps": "2",
        "Checksum": champion.checksum,
    }  # fmt: skip
    measured = script.parity | {"executed": True, "parity": {"trades": 66, "equal": 66}}
    script.parity_path.write_text(json.dumps(measured))
    assert rows(home)[0]["Parity"] == "66/66"
    script.parity_path.write_text(json.dumps(measured | {"checksum": "of another"}))
    assert rows(home)[0]["Parity"] == "-"


def test_who_failed_a_guard_was_asked_none_is_of_another_campaign_or_cannot_be_read_is_not_in_it(home):
    crown(home, "AUSDT", {"guards": "6/7", "costs": COSTS})
    crown(home, "BUSDT", {"verdict": "pass", "costs": COSTS})
    crown(home, "CUSDT", {"guards": "7/7", "costs": COSTS}, campaign="d")
    crown(home, "DUSDT", {"guards": "7/7"})
    crown(home, "EUSDT", {"strict": {"guards": "7/7"}, "costs": COSTS})
    crown(home, "FUSDT", [1])
    (home.champions / "GUSDT_5m.json").write_text("damaged")
    write_champion(home.champions / "HUSDT_5m.json", a_champion(symbol="HUSDT"))
    assert [(row["Asset"], row["Script"], row["Parity"]) for row in rows(home)] == [("EUSDT", "-", "-")]


def test_the_same_champions_leave_the_same_plan(home):
    for symbol in ("ZUSDT", "AUSDT"):
        crown(home, symbol, {"guards": "7/7", "costs": COSTS})
    first = write_plan("c", home)[0].read_bytes()
    assert write_plan("c", home)[0].read_bytes() == first
    assert [row["Asset"] for row in rows(home)] == ["AUSDT", "ZUSDT"]


@pytest.mark.parametrize(
    ("certificate", "evidence", "guards", "passed"),
    [
        ({"guards": "7/7"}, None, "7/7", True),
        ({"strict": {"guards": "3/7"}}, None, "3/7", False),
        ({"strict": {"guards": "5/7"}, "evidence": {"gates": [{"pass": True}] * 10}}, "10/10", "5/7", True),
        ({"strict": {"guards": "7/7"}, "evidence": {"gates": [{"pass": True}, {"pass": False}]}}, "1/2", "7/7", False),
        ({}, None, None, False),
        ({"guards": 7}, None, None, False),
    ],
)
def test_the_table_that_crowned_decides_whether_every_guard_was_passed(certificate, evidence, guards, passed):
    assert evidence_of(certificate) == evidence
    assert guards_of(certificate) == guards
    assert passed_all(certificate) is passed
