"""A run that not even SIGKILL ends: no second copy beside it, its lane is held, and it is said; thawed, all goes on."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.swarm import Row, Swarm, campaign_text, state_of, wait

pytestmark = [pytest.mark.xdist_group("surroundings of a daemon"), pytest.mark.timeout(900)]

FREEZER = Path("/sys/fs/cgroup/freezer")
LIMITS = {"silent_after": 5_500, "stuck_after": 6_500, "term_grace": 700}


@pytest.fixture
def freezer() -> Iterator[Path]:
    """A frozen process of the first cgroup hierarchy ignores SIGKILL until it is thawed; the second's obeys it."""
    group = FREEZER / f"swarmd-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as refusal:
        pytest.skip(f"no freezer of the first cgroup hierarchy here ({refusal}): nothing else is unkillable at will")
    yield group
    (group / "freezer.state").write_text("THAWED")
    wait("the freezer to be empty", lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


def test_a_frozen_run_keeps_its_lane_and_gets_no_second_copy_until_it_is_gone(
    swarm_of: Callable[..., Swarm], bars: Path, freezer: Path
) -> None:
    swarm = swarm_of(campaign_text(bars, "EDGE", "NOISE", lanes=2))
    frozen = swarm.order("EDGE.aggressive.prescreen-a1@3.wait")
    swarm.start(limits=LIMITS)
    (lane,) = swarm.reached(frozen.name)
    (freezer / "cgroup.procs").write_text(str(lane))
    (freezer / "freezer.state").write_text("FROZEN")
    wait("the freezing", lambda: (freezer / "freezer.state").read_text().strip() == "FROZEN")

    run = "faults.EDGE.aggressive.prescreen-a1"
    held = wait("its lane to be held", lambda: _held_for(swarm, lane))
    assert run in held["reason"]
    assert "after SIGKILL" in held["reason"]
    told = [row["signature"] for row in swarm.records("incident").values() if row["subject"] == run]
    assert set(told) & {"silent", "stuck_without_cpu"}
    assert state_of(lane)
    assert swarm.run_of("EDGE.aggressive.prescreen-a2") == {}, "no second copy beside it"

    # The other asset goes on in the other lane meanwhile, to its end.
    other = "faults.NOISE.aggressive.prescreen"
    wait("the other asset's prescreen", lambda: swarm.records("job").get(other, {}).get("status") != "queued")
    assert swarm.run_of("EDGE.aggressive.prescreen-a2") == {}

    frozen.unlink()
    (freezer / "freezer.state").write_text("THAWED")
    wait("its end", lambda: not state_of(lane))
    wait("its successor", lambda: swarm.run_of("EDGE.aggressive.prescreen-a2"))
    assert swarm.finish() == 0
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}


def _held_for(swarm: Swarm, pid: int) -> Row | None:
    rows = swarm.records("lane").values()
    return next((row for row in rows if row["status"] == "held" and f"(pid {pid})" in row["reason"]), None)
