"""A real daemon watches its champions: an edge that died is dethroned, a file changed by hand is an incident."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, wait

from tests.champion_home import INTERVAL, SYMBOL, CrownedHome, crowned_home

pytestmark = pytest.mark.xdist_group("daemon")

NICHE = f"{SYMBOL}_{INTERVAL}"
HELD = "prescreen-a1@1.wait"


@pytest.fixture(scope="module")
def crowned(tmp_path_factory: pytest.TempPathFactory) -> CrownedHome:
    return crowned_home(tmp_path_factory.mktemp("crowned"))


def begun(swarm: Swarm, crowned: CrownedHome, every: int) -> CrownedHome:
    """The swarm in a home where a champion is in force, its campaign held at the first combination."""
    copy = crowned.copied_to(swarm.folder)
    shutil.move(copy.root, swarm.home.root)
    copy = CrownedHome(swarm.home.root, copy.bars, copy.alive)
    swarm.order(HELD)
    swarm.start(limits={"champions_every": every})
    return copy


def asked(swarm: Swarm, *words: str) -> Any:
    told = swarm.run(*words, "--json")
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def champion_of(swarm: Swarm) -> dict[str, Any]:
    return next((row for row in asked(swarm, "query", "champions")["rows"] if row["id"] == NICHE), {})


def test_an_edge_that_died_is_dethroned_by_the_daemon_itself_and_everybody_is_told(
    swarm_of: Callable[..., Swarm], crowned: CrownedHome, bars: Path
) -> None:
    swarm = swarm_of(campaign_text(bars))
    home = begun(swarm, crowned, every=2_000)
    wait("a first monitoring", lambda: swarm.records("monitoring").get("champions", {}).get("ended_at"))
    first = champion_of(swarm)
    assert (first["status"], first["origin"], first["e_value"]) == ("in_force", "crowned", None)
    assert first["promise"] > 1.0

    home.let_days_pass(120, is_alive=False)
    wait("its end", lambda: swarm.records("champion")[NICHE]["status"] == "dethroned")
    fallen = champion_of(swarm)
    assert not home.champion.exists()
    assert fallen["checksum"] == first["checksum"]
    assert fallen["e_value"] >= 20.0
    assert fallen["days"] > 10
    assert "where" in fallen["note"]
    assert "was forecast" in fallen["note"]

    status = swarm.run("status").stdout
    assert "dethroned" in status
    story = swarm.run("explain", NICHE).stdout
    assert f"e {fallen['e_value']:.3g}" in story
    assert "monitor_champions" in story.replace("monitor champions", "monitor_champions")
    wait("the word on it", lambda: swarm.records("finding").get(f"champion_keeper/{NICHE}", {}).get("text"))
    # Nobody with a promise is left, so nobody is asked any more; and an honest end is no incident.
    assert swarm.trouble() == []

    (swarm.orders / HELD).unlink()
    assert swarm.finish() == 0
    page = (swarm.home.docs / "HANDOFF_LATEST.md").read_text()
    assert f"`{NICHE}`" in page.partition("No longer in force")[2]
    replayed = json.loads(swarm.run("replay", "--json").stdout)
    assert replayed["n_differences"] == 0
    assert [*swarm.home.run_dir.glob("monitoring-*")] == []


def test_a_champion_changed_by_hand_is_an_incident_until_another_is_in_force(
    swarm_of: Callable[..., Swarm], crowned: CrownedHome, bars: Path
) -> None:
    swarm = swarm_of(campaign_text(bars))
    home = begun(swarm, crowned, every=3_600_000)
    wait("it to be seen", lambda: swarm.records("champion").get(NICHE))
    whole = home.champion.read_bytes()
    told = json.loads(whole)
    told["score"] = 99.0
    home.champion.write_text(json.dumps(told))

    incident = swarm.incident("champion_damaged")
    assert incident["subject"] == NICHE
    assert f"swarmd champion rollback {SYMBOL} {INTERVAL}" in incident["remedy"]
    assert champion_of(swarm)["status"] == "damaged"
    home.champion.write_bytes(whole)
    assert swarm.closed("champion_damaged")["is_verified"]
    assert champion_of(swarm)["status"] == "in_force"

    (swarm.orders / HELD).unlink()
    assert swarm.finish() == 0
