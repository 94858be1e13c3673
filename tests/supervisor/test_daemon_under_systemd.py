"""A real daemon whose NOTIFY_SOCKET is a socket of this test: it says READY, beats, tells its status and its leave."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarmd.state.store.files import Home

WITHIN_S = 90

CAMPAIGN = """\
name: try
data: {{root: {bars}}}
assets: {{tiers: {{A: [COIN0]}}}}
strategy: {{name: mtf_ema, modes: [balanced]}}
limits: {{max_lanes: 1, disk_free_min: 1MiB}}
"""


def test_the_daemon_tells_systemd_that_it_is_ready_turns_and_leaves(tmp_path: Path) -> None:
    bars = tmp_path / "bars"
    bars.mkdir()
    (bars / "COIN0.csv").write_text("this,is,no,market\n1,2,3,4\n")
    campaign = tmp_path / "campaign.yaml"
    campaign.write_text(CAMPAIGN.format(bars=bars))
    home = Home(tmp_path / "swarm")
    home.prepare()  # as `service install` leaves it
    systemds = str(tmp_path / "systemd")
    own = {name: value for name, value in os.environ.items() if not name.endswith("_ROOT")}
    command = [sys.executable, "-P", "-m", "swarmd", "--home", str(home.root)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(systemds)
        listening.setblocking(False)
        daemon = subprocess.Popen(
            [*command, "service", "run", "--campaign", str(campaign), "--no-monitors"],
            env={**own, "NOTIFY_SOCKET": systemds, "WATCHDOG_USEC": "2000000"},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            heard = until(lambda: said(listening), daemon)
            assert heard[:2] == ["READY=1", "WATCHDOG=1"]
            assert heard[2].startswith("STATUS=try active: ")
            until(lambda: "WATCHDOG=1" in said(listening), daemon)
            subprocess.run([*command, "stop", "--timeout", "60"], env=own, check=True, capture_output=True)
            assert daemon.wait(WITHIN_S) in (0, 1)
            assert "STOPPING=1" in said(listening)
        finally:
            daemon.kill()
            daemon.communicate()


def said(listening: socket.socket) -> list[str]:
    lines: list[str] = []
    while True:
        try:
            lines += listening.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines


def until(what: Callable[[], Any], daemon: "subprocess.Popen[str]") -> Any:
    began = time.monotonic()
    while time.monotonic() - began < WITHIN_S:
        if found := what():
            return found
        assert daemon.poll() is None, daemon.stderr and daemon.stderr.read()
        time.sleep(0.05)
    raise AssertionError("it did not come about")
