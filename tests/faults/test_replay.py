"""The journal of a real campaign whose daemon was killed in the middle is decided again to the last word."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import MODE, SYMBOL, Swarm, campaign_text, wait

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")


def replayed(swarm: Swarm, *words: str) -> dict[str, Any]:
    told = swarm.run("replay", *words, "--json")
    assert told.stdout, told.stderr
    document: dict[str, Any] = json.loads(told.stdout)
    assert told.returncode == int(document["n_differences"] > 0)
    return document


def test_a_real_campaign_with_a_killed_daemon_is_decided_again_without_a_difference(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    swarm = swarm_of(campaign_text(bars))
    swarm.order("refine-a1@4.wait")
    swarm.start()
    swarm.reached("refine-a1@4.wait")
    swarm.kill_daemon()
    assert replayed(swarm)["differences"] == []
    swarm.start()
    wait("the next session", lambda: len(swarm.records("session")) == 2)
    (swarm.orders / "refine-a1@4.wait").unlink()
    assert swarm.finish() == 0

    whole = replayed(swarm)
    assert whole["differences"] == []
    assert whole["not_replayed"] == []
    assert whole["cycles"] == len({row["number"] for row in _cycles(swarm)})
    first, second = whole["sessions"]
    part = replayed(swarm, second)
    assert 0 < part["cycles"] < whole["cycles"]
    assert replayed(swarm, f"faults.{SYMBOL}.{MODE}.refine-a1")["cycles"] > 0
    assert swarm.records("session")[first]["status"] == "lost"


def _cycles(swarm: Swarm) -> list[dict[str, Any]]:
    segments = sorted(swarm.home.journal.glob("0*.jsonl"))
    lines = [json.loads(line) for path in segments for line in path.read_bytes().splitlines()]
    return [line["data"] for line in lines if line["kind"] == "cycle"]
