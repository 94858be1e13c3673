"""Spares come to harm like anything else: no run is lost, doubled or blamed for it, and the results are the same."""

import os
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, outcome, state_of, wait

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

REFINE = "EDGE.aggressive.refine"
PATIENT = {"stuck_after": 10 * 60_000, "first_result_within": 10 * 60_000}


def spare_at_rest(swarm: Swarm) -> int:
    """Pid of a spare that is ready and known to be: it uses no processor any more for longer than a cycle."""

    def found() -> int:
        assert swarm.daemon is not None
        children = Path(f"/proc/{swarm.daemon.pid}/task/{swarm.daemon.pid}/children").read_text().split()
        spares = [pid for pid in map(int, children) if b"\0--spare\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        before = {pid: cpu_ticks(pid) for pid in spares}
        time.sleep(1.5 if spares else 0.1)
        # A whole second's worth, so that one which has not yet begun is not taken for one that is done.
        return next((pid for pid in spares if before[pid] > 100 and cpu_ticks(pid) == before[pid]), 0)

    return wait("a spare that waits for an order", found)


def cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1
    return int(fields[11]) + int(fields[12])


def test_spares_that_are_stopped_and_killed_and_their_daemon_too_change_nothing(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    swarm = swarm_of(campaign_text(bars))
    held = {attempt: swarm.order(f"{REFINE}-a{attempt}@{attempt + 2}.wait") for attempt in (1, 2, 3)}
    swarm.start(limits=PATIENT)

    def lane(attempt: int) -> int:
        return swarm.reached(held[attempt].name)[0]

    # One that was stopped swallows no order: the lane comes in the ordinary way.
    first, stopped = lane(1), spare_at_rest(swarm)
    os.kill(stopped, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    assert lane(2) != stopped
    assert not state_of(stopped)
    # One that is killed is followed by another, and that one becomes the run that was lost.
    second, killed = lane(2), spare_at_rest(swarm)
    os.kill(killed, signal.SIGKILL)
    spare = wait("another spare", lambda: pid if (pid := spare_at_rest(swarm)) != killed else None)
    os.kill(second, signal.SIGKILL)
    assert lane(3) == spare
    assert f"SWARMD_RUN=faults.{REFINE}-a3@{swarm.home.run_dir}".encode() in marks(spare)
    # It outlives the daemon as a lane does; the spare that waits then does not.
    waiting = spare_at_rest(swarm)
    swarm.kill_daemon()
    wait("the spare to end", lambda: not state_of(waiting))
    assert state_of(spare)
    swarm.start(limits=PATIENT)
    wait("the run to be adopted", lambda: swarm.run_of(f"{REFINE}-a3").get("pid") == spare)
    # The new daemon has never launched a lane, and knows what to keep a spare for all the same.
    heir = spare_at_rest(swarm)
    held[3].unlink()
    assert swarm.finish() == 0
    assert f"begun by spare {heir}" in (swarm.home.logs / "swarmd.log").read_text(), "the next job's run"

    assert outcome(swarm) == undisturbed
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}
    runs = sorted(
        (row for name, row in swarm.records("run").items() if REFINE in name), key=lambda row: row["ordered_at"]
    )
    assert len(runs) == 3
    assert all(before["ended_at"] <= after["ordered_at"] for before, after in pairwise(runs))


def marks(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
