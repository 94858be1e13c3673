"""Slow, asleep, suspended, and in another time: nobody hangs, so nobody is killed, and the result is the same."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.shim import step_clock
from faults.swarm import Swarm, campaign_text, outcome, state_of, wait

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

LIMITS = {"silent_after": 5_500, "stuck_after": 6_500, "term_grace": 2_000}
# Longer than any of them.
ASLEEP_S = 8.0
DAY_S = 86_400


def test_starvation_a_sleeping_daemon_a_suspend_and_steps_of_the_clock_are_nobodys_hang(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any], shim: Path
) -> None:
    swarm = swarm_of(campaign_text(bars))
    orders = [swarm.order(f"refine-a1@{at}.wait") for at in (3, 6, 9)]
    clock = swarm.folder / "clock"
    step_clock(clock, 0)
    swarm.environment |= {"LD_PRELOAD": str(shim), "SWARMD_SHIM_CLOCK": str(clock)}
    burners = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(8)]
    try:
        swarm.start(limits=LIMITS)
        assert swarm.daemon is not None
        (lane,) = swarm.reached(orders[0].name)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()

    # The daemon slept: what it did not see is not held against the lane, which stood all the while.
    swarm.daemon.send_signal(signal.SIGSTOP)
    time.sleep(ASLEEP_S)
    swarm.daemon.send_signal(signal.SIGCONT)
    orders[0].unlink()
    swarm.reached(orders[1].name)

    # Both slept, as a suspended machine does, and the lane woke up last.
    for pid in (swarm.daemon.pid, lane):
        subprocess.run(["kill", "-STOP", str(pid)], check=True)
    time.sleep(ASLEEP_S)
    swarm.daemon.send_signal(signal.SIGCONT)
    subprocess.run(["kill", "-CONT", str(lane)], check=True)
    orders[1].unlink()
    swarm.reached(orders[2].name)

    # A day forth and two days back, and at least a look of the daemon's in each.
    for days in (1, -1):
        step_clock(clock, days * DAY_S)
        looked = _published_at(swarm)
        wait("a look of the daemon's", lambda looked=looked: _published_at(swarm) > looked)  # type: ignore[misc]
    orders[2].unlink()
    assert swarm.finish() == 0
    blamed = [row for row in swarm.records("incident").values() if row["signature"] != "clock_stepped"]
    assert blamed == []
    assert {row["attempt"] for row in swarm.records("job").values()} == {1}
    assert not state_of(lane)
    assert outcome(swarm) == undisturbed


def _published_at(swarm: Swarm) -> int:
    """It publishes at the end of every cycle; the file system's own clock is not stepped."""
    return (swarm.home.state / "worker_sentry_state.json").stat().st_mtime_ns
