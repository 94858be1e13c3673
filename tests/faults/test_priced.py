"""Killed in the midst of its surrogates a campaign searches none of them twice, and p is what it would have been."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import MODE, SYMBOL, Swarm, priced_campaign, wait

pytestmark = pytest.mark.xdist_group("surroundings of a daemon")


def scores(swarm: Swarm) -> dict[int, list[float | None]]:
    """What each share has found so far, by its first market."""
    found = {}
    for path in swarm.home.results_of("faults", SYMBOL, MODE).glob("surrogates-*/surrogates.json"):
        document = json.loads(path.read_text())
        found[int(document["first"])] = document["scores"]
    return found


def judged(swarm: Swarm) -> Any:
    """The certificate without what the ledger counts, which is never too little and may be told again."""
    certificate = json.loads((swarm.home.results_of("faults", SYMBOL, MODE) / "certificate.json").read_text())
    for told in ("ledger", "tried"):
        certificate.pop(told)
    certificate["evidence"].pop("dsr")
    return certificate


def test_surrogates_that_were_cut_off_go_on_where_they_were_and_come_to_the_same_p(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    calm = swarm_of(priced_campaign(bars, lanes=1), "calm")
    calm.start()
    assert calm.finish() == 0
    assert calm.trouble() == []

    chance = random.Random(11)
    swarm = swarm_of(priced_campaign(bars, lanes=2), "killed")
    swarm.start()
    seen: dict[int, list[float | None]] = {}
    for struck in range(4):
        n_before = sum(map(len, scores(swarm).values()))
        wait("another surrogate", lambda n=n_before: sum(map(len, scores(swarm).values())) > n, every_s=0.005)  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 0.3))
        if struck % 2:
            swarm.kill_daemon()
        for row in swarm.records("run").values():
            if row["status"] == "running" and ".surrogates-" in row["job"]:
                with suppress(ProcessLookupError):
                    os.kill(row["pid"], signal.SIGKILL)
        for first, found in scores(swarm).items():
            before = seen.get(first, [])
            assert found[: len(before)] == before, "what was found stays found"
            seen[first] = found
        if struck % 2:
            swarm.start()
    assert swarm.finish() == 0
    assert {first: found[: len(seen[first])] for first, found in scores(swarm).items() if first in seen} == seen
    assert sum(map(len, scores(calm).values())) == 19
    assert scores(swarm) == scores(calm)
    assert judged(swarm) == judged(calm)
    assert judged(swarm)["evidence"]["p"]["surrogates"] == 0.05
    champions = [json.loads((each.home.champions / f"{SYMBOL}_5m.json").read_text()) for each in (calm, swarm)]
    assert champions[0]["metrics"] == champions[1]["metrics"]
