"""What is news wakes the loop: a request, a vanished state file, a datagram. The daemon's own writing does not."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from swarm_builders import a_home

from swarmd.state.store.files import Home, atomic_write
from swarmd.supervisor.presence import ask
from swarmd.supervisor.wakers import Wakers

WITHIN_S = 10.0
QUIET_S = 0.3


def wakes(home: Home, happens: Callable[[Wakers], object], within_s: float) -> bool:
    async def watched() -> bool:
        wake = asyncio.Event()
        with Wakers(home, wake) as wakers:
            happens(wakers)
            try:
                await asyncio.wait_for(wake.wait(), within_s)
            except TimeoutError:
                return False
            return True

    return asyncio.run(watched())


def a_datagram(wakers: Wakers) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"READY=1", wakers.notify_socket)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = a_home(tmp_path)
    (made.state / "worker_sentry_state.json").write_text("{}")
    return made


def test_a_request_wakes(home: Home) -> None:
    assert wakes(home, lambda _: ask(home, "pause"), WITHIN_S)


def test_a_vanished_state_file_wakes(home: Home) -> None:
    assert wakes(home, lambda _: (home.state / "worker_sentry_state.json").unlink(), WITHIN_S)


def test_a_datagram_of_a_run_wakes(home: Home) -> None:
    assert wakes(home, a_datagram, WITHIN_S)


def test_the_daemons_own_publishing_does_not(home: Home) -> None:
    assert not wakes(home, lambda _: atomic_write(home.state / "worker_sentry_state.json", b"{}"), QUIET_S)


def test_a_socket_that_cannot_be_made_is_done_without(home: Home) -> None:
    (home.run_dir / "notify.sock").mkdir()
    assert wakes(home, lambda wakers: ask(home, "stop") if not wakers.notify_socket else None, WITHIN_S)


def test_the_end_of_a_run_wakes_and_is_told_once_and_a_stopped_child_wakes_too(home: Home) -> None:
    async def watched() -> tuple[bool, bool, bool]:
        wake = asyncio.Event()
        with Wakers(home, wake) as wakers, subprocess.Popen(["sleep", "60"]) as child:
            pidfd = os.pidfd_open(child.pid)
            wakers.watch(pidfd)
            child.send_signal(signal.SIGSTOP)
            await asyncio.wait_for(wake.wait(), WITHIN_S)
            stopped = wakers.take_haste()
            child.kill()
            while not wakers.has_lost_a_run:
                wake.clear()
                await asyncio.wait_for(wake.wait(), WITHIN_S)
            return stopped, wakers.take_haste(), wakers.take_haste()

    assert asyncio.run(watched()) == (False, True, False)
