"""What a crowning leaves for other programs, and that nothing there can cost a crown."""

import json

import pytest

from swarmd.engine.champions.champion import write_champion
from swarmd.engine.phases.export import leave_exports
from tests.champion_builders import a_champion
from tests.search_builders import Told, a_desk, files_below

CERTIFICATE = {
    "guards": "7/7",
    "costs": {"fee_bps": 5.0, "slippage_bps": 2.0},
    "development": {"first_open_ms": 1_672_531_200_000},
    "vault": {"last_open_ms": 1_709_251_200_000},
}
SCRIPT, PARITY, ALERTS = (
    "exports/pine/BTCUSDT_5m.pine",
    "exports/pine/BTCUSDT_5m.parity.json",
    "exports/alerts/BTCUSDT_5m.json",
)


@pytest.fixture
def crowned(tmp_path):
    """A home, and a function that crowns in it."""

    def crown(**fields):
        path = tmp_path / "results" / "c" / "guards.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(CERTIFICATE))
        champion = a_champion(certificate="results/c/guards.json", **fields)
        return write_champion(tmp_path / "champions" / "BTCUSDT_5m.json", champion)

    return crown


def test_a_crown_leaves_script_parity_templates_and_the_plan_and_twice_the_same(crowned, tmp_path):
    champion = crowned()
    exported = leave_exports(champion, CERTIFICATE, a_desk(tmp_path))
    assert exported == ("exported", "", (SCRIPT, PARITY, ALERTS))
    assert champion.checksum in (tmp_path / SCRIPT).read_text()
    assert "BTCUSDT,5m,mtf_ema" in (tmp_path / "results" / "c" / "pine_plan_fullguards.csv").read_text()
    before = files_below(tmp_path)
    assert leave_exports(champion, CERTIFICATE, a_desk(tmp_path)) == exported
    assert files_below(tmp_path) == before


def test_a_strategy_without_a_pine_form_is_told_and_the_exports_before_it_are_taken_away(crowned, tmp_path):
    leave_exports(crowned(), CERTIFICATE, a_desk(tmp_path))
    heir = crowned(strategy="ofi_momentum", mode="long", parameters={})
    exported = leave_exports(heir, CERTIFICATE, a_desk(tmp_path))
    assert (exported.pine, exported.artifacts) == ("-", ())
    assert exported.told.startswith("; no Pine script: ofi_momentum has no Pine form")
    assert not [name for name in (SCRIPT, PARITY, ALERTS) if (tmp_path / name).exists()]


def test_a_disk_that_refuses_costs_nobody_a_crown(crowned, tmp_path):
    champion = crowned()
    (tmp_path / "exports").write_text("a file where a folder should be")
    told = Told()
    exported = leave_exports(champion, CERTIFICATE, a_desk(tmp_path, told))
    assert (exported.pine, exported.artifacts) == ("-", ())
    assert exported.told.startswith("; not exported (OutsideError: cannot ")


def test_a_certificate_without_costs_is_told_too(crowned, tmp_path):
    exported = leave_exports(crowned(), {}, a_desk(tmp_path))
    assert exported.told == "; no Pine script: its certificate tells no costs and period (KeyError 'costs')"
