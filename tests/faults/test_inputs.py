"""What the work stands on is changed underfoot: the bars, and the results so far."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import SYMBOL, Swarm, campaign_text, outcome, wait

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import planted_market

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")


def test_other_bars_and_lost_results_are_named_and_never_turned_into_another_answer(
    swarm_of: Callable[..., Swarm], bars: Path, tmp_path: Path
) -> None:
    own = tmp_path / "bars"
    shutil.copytree(bars, own)
    # With prices of its own: the same ones under two names would be refused for that.
    write_bars(own / "CUT.parquet", planted_market(300, 8, 6.0, symbol="CUT")[0])
    swarm = swarm_of(campaign_text(own, SYMBOL, "NOISE", "CUT", lanes=3))
    orders = [swarm.order(f"{symbol}.aggressive.prescreen-a1@20.wait") for symbol in (SYMBOL, "NOISE", "CUT")]
    swarm.start()
    for order in orders:
        swarm.reached(order.name)
    shutil.copy(own / "NOISE.parquet", own / f"{SYMBOL}.parquet")
    shutil.rmtree(swarm.home.results / "faults" / "NOISE")
    os.truncate(own / "CUT.parquet", (own / "CUT.parquet").stat().st_size // 2)
    # The question edited: nobody reads it again, and starting it under the same name is refused (below).
    swarm.campaign.write_text(swarm.campaign.read_text().replace("trials: 12", "trials: 13"))
    for order in orders:
        order.unlink()
    assert swarm.finish() in (0, 1)

    jobs = swarm.records("job")
    refined = jobs[f"faults.{SYMBOL}.aggressive.refine"]
    assert refined["status"] == "failed"
    assert f"faults.{SYMBOL}.aggressive.refine-a1" in [row["subject"] for row in swarm.incidents("bad_data").values()]
    said = (swarm.home.outbox / f"faults.{SYMBOL}.aggressive.refine-a1" / "events.jsonl").read_text()
    assert "the file was changed since" in said
    assert not (swarm.home.results / "faults" / SYMBOL / "aggressive" / "all_trials.json").exists()

    refined = jobs["faults.NOISE.aggressive.refine"]
    assert refined["status"] == "failed"
    assert swarm.incident("bad_order")["subject"] == "faults.NOISE.aggressive.refine-a1"
    said = (swarm.home.outbox / "faults.NOISE.aggressive.refine-a1" / "events.jsonl").read_text()
    assert "run the phase preflight first" in said

    assert jobs["faults.CUT.aggressive.refine"]["status"] == "failed"
    cut = [row for row in swarm.incidents("bad_data").values() if row["subject"].startswith("faults.CUT.")]
    assert len(cut) == 1, "a file that is cut short is bad data, and is not tried twice"
    again = swarm.run("start", str(swarm.campaign), "--checked", "--no-monitors", "--no-screen", "--until-done")
    assert again.returncode == 2
    assert "was started with other settings" in again.stderr

    for symbol in (SYMBOL, "NOISE", "CUT"):
        assert [jobs[f"faults.{symbol}.aggressive.{phase}"]["status"] for phase in ("screen", "crown")] == [
            "skipped"
        ] * 2
    assert not list(swarm.home.champions.glob("*.json"))
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}


def test_bars_that_are_away_for_a_while_fail_no_job(
    swarm_of: Callable[..., Swarm], bars: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    """As a disk is that was not mounted again in time."""
    own = tmp_path / "bars"
    shutil.copytree(bars, own)
    swarm = swarm_of(campaign_text(own))
    order = swarm.order("prescreen-a1@5.wait")
    swarm.start()
    swarm.reached(order.name)
    own.rename(tmp_path / "away")
    order.unlink()
    wait("a run to be lost to it", lambda: swarm.incidents("crash"))
    (tmp_path / "away").rename(own)
    assert swarm.finish() == 0
    assert "there is no such folder of bars" in next(iter(swarm.incidents("crash").values()))["cause"]
    assert not swarm.incidents("bad_data")
    assert {row["status"] for row in swarm.records("job").values()} <= {"done", "skipped"}
    assert outcome(swarm).keys() == undisturbed.keys()
