"""The daemon's side: one server a home, begun again when it dies, left alone when it dies too often."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dashboard_home import told_home

from swarmd.state.store.files import Home, lock_file
from swarmd.supervisor.dashboard import keeper as module
from swarmd.supervisor.dashboard.address import (
    Address,
    hold_path,
    is_served,
    is_wanted,
    served_at,
    token_of,
    token_path,
    write_address,
)  # fmt: skip
from swarmd.supervisor.dashboard.keeper import DashboardKeeper
from swarmd.supervisor.dashboard.server import ports

WITHIN_S = 60.0


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        await asyncio.sleep(0.05)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.05)
    return told_home(tmp_path)


def pid_of(home: Home) -> int:
    there = served_at(home)
    return 0 if there is None else there.pid


async def test_a_server_that_is_killed_is_begun_again_at_the_same_address_with_the_same_token(home: Home) -> None:
    keeper = DashboardKeeper(home, is_on=True)
    keeper.begin()
    await until(lambda: served_at(home))
    first = served_at(home)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    await until(lambda: pid_of(home) not in (0, first.pid))
    second = served_at(home)
    assert second is not None
    assert (second.url, second.token) == (first.url, first.token)
    for path in (token_path(home), home.run_dir / "dashboard.json", home.logs / "dashboard.log"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert first.token not in (home.logs / "dashboard.log").read_text()
    await keeper.end()
    # Another daemon finds it, and begins no second one.
    other = DashboardKeeper(home, is_on=True)
    other.begin()
    await asyncio.sleep(0.5)
    assert pid_of(home) == second.pid
    await other.end()
    os.kill(second.pid, signal.SIGTERM)
    await until(lambda: not is_served(home))


async def test_one_that_dies_again_and_again_is_left_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    begun: list[float] = []
    popen = module.subprocess.Popen

    def counted(*words: object, **options: object) -> object:
        begun.append(time.monotonic())
        return popen(*words, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(module.subprocess, "Popen", counted)
    keeper = DashboardKeeper(home, is_on=True)
    keeper.begin()
    await until(lambda: len(begun) == 5)
    await asyncio.sleep(0.6)
    assert len(begun) == 5
    await keeper.end()


async def test_without_a_dashboard_nothing_is_begun(home: Home) -> None:
    keeper = DashboardKeeper(home, is_on=False)
    keeper.begin()
    await asyncio.sleep(0.2)
    assert not is_served(home)
    await keeper.end()


def test_what_was_wished_is_handed_on_to_a_daemon_in_the_background(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert DashboardKeeper(home, is_on=False).options() == ["--no-dashboard"]
    assert DashboardKeeper(home, is_on=True).options() == []
    assert DashboardKeeper(home, is_on=True, port=9000).options() == ["--port", "9000"]


def test_the_environment_can_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    for word, wanted in (("off", False), ("0", False), ("OFF", False), ("on", True), ("", True)):
        monkeypatch.setenv("SWARMD_DASHBOARD", word)
        assert is_wanted() is wanted


def test_a_token_that_others_could_read_is_made_anew(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    first = token_of(home)
    assert token_of(home) == first
    assert len(first) == 43
    token_path(home).chmod(0o644)
    second = token_of(home)
    assert second != first
    token_path(home).write_text("short")
    assert token_of(home) != second


def test_the_last_port_is_tried_first_and_an_address_counts_only_while_its_server_lives(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    assert ports(home, None)[0] == 8787
    assert ports(home, 5) == [5]
    write_address(home, Address("http://127.0.0.1:9123/", 9123, os.getpid(), "t", "0.1.0", "", False))
    assert ports(home, None)[:2] == [9123, 8787]
    assert served_at(home) is None
    held = lock_file(hold_path(home), {"pid": os.getpid()})
    assert held is not None
    there = served_at(home)
    assert there is not None
    assert there.with_token == "http://127.0.0.1:9123/?token=t"
    os.close(held)
