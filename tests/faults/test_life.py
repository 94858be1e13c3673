"""A daemon is asked: pause, resume, drain, stop; a second one is refused; its screens are made anew; strangers live."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, outcome, state_of, wait

from swarmd.supervisor.monitors.tmux import MONITORS, socket_name

pytestmark = pytest.mark.xdist_group("daemon")

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


def test_paused_drained_and_started_again_it_ends_as_if_nothing_had_been(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    swarm = swarm_of(campaign_text(bars).replace("limits: {", "limits: {handoff_every: 2s, "))
    paused = swarm.order("prescreen-a1@20.wait")
    drained = swarm.order("refine-a1@6.wait")
    swarm.start("--monitors")
    assert swarm.daemon is not None
    (lane,) = swarm.reached(paused.name)

    # In the middle of the work the page for who was asleep is written by itself.
    latest = swarm.home.docs / "HANDOFF_LATEST.md"
    page = wait("the page of every two seconds", lambda: latest.exists() and latest.read_text())
    assert "It has not ended." in page
    assert swarm.run_of("prescreen-a1")["status"] == "running"

    # A second daemon is told who runs, and changes nothing.
    second = swarm.run("start", str(swarm.campaign), "--no-monitors")
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert second.stderr.startswith(f"error: a daemon already runs here (pid {swarm.daemon.pid}, since 20")
    assert f"home {swarm.home.root}" in second.stderr
    assert swarm.holder() == swarm.daemon.pid
    assert state_of(lane)

    # Paused, the open run goes on to its end and nothing new begins.
    assert swarm.run("pause").returncode == 0
    paused.unlink()
    wait("the prescreen's end", lambda: swarm.run_of("prescreen-a1")["status"] == "done")
    settled = "faults.EDGE.aggressive.prescreen"
    wait("its result to count", lambda: swarm.records("job")[settled]["status"] == "done")
    if shutil.which("tmux"):
        _the_screens_come_back(swarm)
    assert swarm.run_of("refine-a1") == {}
    assert swarm.run("resume").returncode == 0

    # SIGTERM drains: the run ends at a safe point with its work kept, and the page is written.
    (lane,) = swarm.reached(drained.name)
    swarm.daemon.send_signal(signal.SIGTERM)
    wait("the run to be asked", lambda: swarm.run_of("refine-a1")["status"] == "stopping")
    drained.unlink()
    assert swarm.finish() == 0
    run = swarm.run_of("refine-a1")
    assert (run["status"], run["exit_code"]) == ("done", 75)
    assert not state_of(lane)
    assert "faults" in (swarm.home.docs / "HANDOFF_LATEST.md").read_text()
    assert json.loads(swarm.run("query", "--json").stdout)["campaign"]["status"] == "stopped"

    swarm.start()
    refined = "faults.EDGE.aggressive.refine"
    wait("the refinement", lambda: swarm.records("job")[refined]["status"] == "done")
    assert swarm.records("job")[refined]["attempt"] == 2
    trials = "results/faults/EDGE/aggressive/all_trials.json"
    assert outcome(swarm)[trials] == undisturbed[trials]
    # The clock was set back by a day meanwhile: the lock was written tomorrow. A stop is for this daemon all the same.
    tomorrow = swarm.home.daemon_lock.stat().st_mtime + 86_400
    os.utime(swarm.home.daemon_lock, (tomorrow, tomorrow))
    assert swarm.run("stop", "--now").returncode == 0
    assert swarm.finish() == 0
    assert {row["status"] for row in swarm.records("incident").values()} <= {"closed"}


def _the_screens_come_back(swarm: Swarm) -> None:
    def windows() -> set[str]:
        asked = ["tmux", "-L", socket_name(swarm.home), "list-windows", "-t", "=swarmd", "-F", "#{window_name}"]
        return set(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split())

    wait("the screens", lambda: windows() == set(MONITORS))
    wait("their first look", lambda: len(swarm.records("source")) > 4 or "monitor/gpu" in swarm.records("source"))
    tmux = ["tmux", "-L", socket_name(swarm.home)]
    subprocess.run([*tmux, "kill-server"], check=True)
    assert swarm.closed("monitor_lost")["remedy"]
    assert windows() == set(MONITORS)

    # Who looked at them dies, and takes nothing along; one window dies, and it alone is made anew.
    looking, terminal = os.openpty()
    with subprocess.Popen([*tmux, "attach", "-t", "=swarmd"], stdin=terminal, stdout=terminal, stderr=terminal) as who:
        wait("a client", lambda: subprocess.check_output([*tmux, "list-clients"]))
        who.kill()
    for end in (looking, terminal):
        os.close(end)
    known = set(swarm.incidents("monitor_lost"))
    subprocess.run([*tmux, "kill-window", "-t", "=swarmd:cpu"], check=True)
    wait("the window's incident", lambda: set(swarm.incidents("monitor_lost")) - known)
    (told,) = set(swarm.incidents("monitor_lost")) - known
    assert swarm.incidents("monitor_lost")[told]["subject"] == "monitor/cpu"
    wait("it to be closed", lambda: swarm.incidents("monitor_lost")[told]["status"] == "closed")
    assert windows() == set(MONITORS)


@pytest.mark.skipif(not os.access(LAST_PID, os.W_OK), reason="the kernel lets only root choose a pid")
def test_a_stranger_under_the_pid_of_a_run_that_is_gone_is_never_signalled(
    swarm_of: Callable[..., Swarm], bars: Path
) -> None:
    swarm = swarm_of(campaign_text(bars))
    swarm.order("prescreen-a1@5.wait")
    swarm.order("prescreen-a2@5.wait")
    swarm.start()
    (lane,) = swarm.reached("prescreen-a1@5.wait")
    swarm.kill_daemon()
    os.kill(lane, signal.SIGKILL)
    wait("the lane to be reaped", lambda: not Path(f"/proc/{lane}").exists())
    stranger = _started_as(lane)
    try:
        swarm.start()
        lost = wait("the run's end", lambda: row if (row := swarm.run_of("prescreen-a1")).get("ended_at") else None)
        assert lost["status"] == "lost"
        (second,) = swarm.reached("prescreen-a2@5.wait")
        assert second != lane
        assert swarm.run("stop", "--now").returncode == 0
        assert swarm.finish() == 0
        assert not state_of(second)
        assert stranger.poll() is None, "the stranger lives"
    finally:
        stranger.kill()
        stranger.wait()


def _started_as(pid: int) -> "subprocess.Popen[bytes]":
    """A process of its own session with exactly this pid; others fork meanwhile, so more than one try may be needed."""
    for _ in range(200):
        LAST_PID.write_text(str(pid - 1))
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(120)"], start_new_session=True, env={}
        )
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
        time.sleep(0.01)
    pytest.skip(f"pid {pid} could not be had")
