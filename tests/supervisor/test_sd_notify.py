"""What systemd hears of the daemon: over real sockets, of both kinds, and nothing that a thread could have said."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from swarmd.supervisor.sd_notify import Systemd


@contextmanager
def ear(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        listening.setblocking(False)
        yield listening


def heard(listening: socket.socket) -> list[list[str]]:
    said = []
    while True:
        try:
            said.append(listening.recv(4096).decode().split("\n"))
        except BlockingIOError:
            return said


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_first_turn_is_ready_and_later_ones_beat_as_often_as_asked(kind: str, tmp_path: Path) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@swarmd-test-{os.getpid()}"
    with ear(address) as listening:
        systemd = Systemd(address, watchdog=4_000)
        for now in (0, 200, 999, 1_000, 1_500, 2_100):
            systemd.turned("majors active", now=now)
        assert heard(listening) == [["READY=1", "WATCHDOG=1", "STATUS=majors active"], ["WATCHDOG=1"], ["WATCHDOG=1"]]
        systemd.leaving("done:\nnothing left")
        assert heard(listening) == [["STOPPING=1", "STATUS=done: nothing left"]]


def test_without_turns_nothing_is_said_however_long_it_takes(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with ear(address) as listening:
        systemd = Systemd(address, watchdog=1)
        systemd.turned("", now=0)
        assert heard(listening) == [["READY=1", "WATCHDOG=1"]]
        assert heard(listening) == []  # no thread, no timer: a loop that hangs is silent


def test_the_status_is_renewed_when_it_changed_and_not_with_every_turn(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with ear(address) as listening:
        systemd = Systemd(address)
        for now, told in ((0, "1 of 3"), (1_000, "2 of 3"), (5_000, "2 of 3"), (60_000, "2 of 3"), (61_000, "3 of 3")):
            systemd.turned(told, now=now)
        told = [line for datagram in heard(listening) for line in datagram if line.startswith("STATUS=")]
        assert told == ["STATUS=1 of 3", "STATUS=2 of 3", "STATUS=3 of 3"]


def test_ready_is_said_again_until_it_could_be_sent(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    systemd = Systemd(address, watchdog=1_000)
    systemd.turned("a", now=0)  # nobody listens yet
    with ear(address) as listening:
        systemd.turned("a", now=10)
        assert heard(listening)[0][0] == "READY=1"


def test_what_systemd_left_in_the_environment_is_taken_out_of_it() -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid()), "HOME": "/h"}
    systemd = Systemd.taken_from(environment)
    assert environment == {"HOME": "/h"}
    assert (systemd.address, systemd.watchdog) == ("@x", 60_000)


def test_a_watchdog_meant_for_another_process_is_not_fed() -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}
    assert Systemd.taken_from(environment).watchdog == 0
    assert environment == {}


def test_where_no_systemd_asked_nothing_is_said() -> None:
    systemd = Systemd.taken_from({})
    systemd.turned("a", now=0)
    systemd.leaving("b")
    assert systemd == Systemd()


def test_a_manager_whose_queue_is_full_does_not_hold_up_the_cycle(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with ear(address) as listening:
        systemd = Systemd(address, watchdog=4)
        for now in range(0, 20_000, 10):  # far more than a socket queues; nobody reads
            systemd.turned("a", now=now)
        assert len(heard(listening)) < 2_000
        systemd.turned("a", now=30_000)
        assert heard(listening) == [["WATCHDOG=1"]]
