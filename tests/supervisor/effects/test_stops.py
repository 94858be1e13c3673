"""A stop that was written down reaches its run, whichever daemon is there to send it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import a_job, a_run
from swarm_builders import a_home, a_swarm, turned

from swarmd.state.records.run import RunAlive
from swarmd.supervisor.clock import boot_id
from swarmd.supervisor.processes import read_stat

# Counts how often it was asked to stop, and stays.
LISTENER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
print("ready", flush=True)
while True:
    time.sleep(60)
"""


@pytest.fixture
def listener() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-S", "-c", LISTENER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def stopping(process: subprocess.Popen[str], **fields: int) -> RunAlive:
    stat = read_stat(process.pid)
    assert stat is not None
    run = a_run(
        status="stopping", pid=process.pid, start_ticks=stat.start_ticks, boot_id=boot_id(), stop_asked_at=1, **fields
    )
    assert isinstance(run, RunAlive)
    return run


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_daemon_asks_a_run_once_that_its_predecessor_may_have_died_before_asking(
    listener: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert line_of(listener) == "ready"
    with a_swarm(a_home(tmp_path), a_job(attempt=1), stopping(listener)) as swarm:
        turned(swarm)
        assert line_of(listener) == "asked"
        turned(swarm)
        turned(swarm)
    # Time to hear a second question, had there been one.
    time.sleep(0.05)
    listener.send_signal(signal.SIGKILL)
    assert listener.stdout is not None
    assert listener.stdout.read() == "", "asked a second time"


def test_a_run_that_was_to_be_killed_is_killed_and_not_asked(listener: subprocess.Popen[str], tmp_path: Path) -> None:
    assert line_of(listener) == "ready"
    with a_swarm(a_home(tmp_path), a_job(attempt=1), stopping(listener, killed_at=2)) as swarm:
        turned(swarm)
    assert listener.wait(30) == -signal.SIGKILL
    assert listener.stdout is not None
    assert listener.stdout.read() == ""
