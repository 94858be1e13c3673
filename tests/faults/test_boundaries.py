"""The daemon dies between what it wrote and what it did about it: at each commit of a campaign, before and after."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, outcome

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

# Each daemon lives to its n-th commit. Few, so that each boundary is met; more from time to time, or nothing is done.
DEATHS = ("1", "1a", "2", "3a", "4", "6a", "9", "14a", "20")


def test_a_daemon_that_dies_at_each_boundary_starts_nothing_twice_and_loses_nothing(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any], shim: Path
) -> None:
    swarm = swarm_of(campaign_text(bars))
    n_killed = 0
    for death in DEATHS:
        swarm.environment |= {"LD_PRELOAD": str(shim), "SWARMD_SHIM_KILL": death}
        swarm.start()
        n_killed += swarm.finish() != 0
        if n_killed and swarm.records("campaign") and swarm.records("campaign")["faults"]["status"] == "done":
            break
    for name in ("LD_PRELOAD", "SWARMD_SHIM_KILL"):
        del swarm.environment[name]
    swarm.start()
    assert swarm.finish() == 0
    assert n_killed >= 7
    assert outcome(swarm) == undisturbed
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}
    spans: dict[str, list[tuple[int, int]]] = {}
    for row in swarm.records("run").values():
        spans.setdefault(row["job"], []).append((row["ordered_at"], row["ended_at"]))
    for job, each in spans.items():
        each.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(each)), f"{job} ran twice at once"
    assert {*swarm.trouble()} <= {"daemon_lost", "never_started"}
