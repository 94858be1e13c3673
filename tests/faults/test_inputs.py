"""What the work stands on is changed underfoot: the bars, and the results so far."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.swarm import SYMBOL, Swarm, campaign_text

pytestmark = pytest.mark.xdist_group("daemon")


def test_other_bars_and_lost_results_are_named_and_never_turned_into_another_answer(
    swarm_of: Callable[..., Swarm], bars: Path, tmp_path: Path
) -> None:
    own = tmp_path / "bars"
    shutil.copytree(bars, own)
    swarm = swarm_of(campaign_text(own, SYMBOL, "NOISE", lanes=2))
    orders = [swarm.order(f"{symbol}.aggressive.prescreen-a1@20.wait") for symbol in (SYMBOL, "NOISE")]
    swarm.start()
    for order in orders:
        swarm.reached(order.name)
    shutil.copy(own / "NOISE.parquet", own / f"{SYMBOL}.parquet")
    shutil.rmtree(swarm.home.results / "faults" / "NOISE")
    for order in orders:
        order.unlink()
    assert swarm.finish() in (0, 1)

    jobs = swarm.records("job")
    refined = jobs[f"faults.{SYMBOL}.aggressive.refine"]
    assert refined["status"] == "failed"
    incident = swarm.incident("bad_data")
    assert incident["subject"] == f"faults.{SYMBOL}.aggressive.refine-a1"
    said = (swarm.home.outbox / f"faults.{SYMBOL}.aggressive.refine-a1" / "events.jsonl").read_text()
    assert "the file was changed since" in said
    assert not (swarm.home.results / "faults" / SYMBOL / "aggressive" / "all_trials.json").exists()

    refined = jobs["faults.NOISE.aggressive.refine"]
    assert refined["status"] == "failed"
    assert swarm.incident("bad_order")["subject"] == "faults.NOISE.aggressive.refine-a1"
    said = (swarm.home.outbox / "faults.NOISE.aggressive.refine-a1" / "events.jsonl").read_text()
    assert "run the phase preflight first" in said

    for symbol in (SYMBOL, "NOISE"):
        assert [jobs[f"faults.{symbol}.aggressive.{phase}"]["status"] for phase in ("screen", "crown")] == [
            "skipped"
        ] * 2
    assert not list(swarm.home.champions.glob("*.json"))
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}
