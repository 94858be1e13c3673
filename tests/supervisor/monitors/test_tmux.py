"""The tmux session, with a real tmux on a server of the test's own."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmd.state.store.files import Home
from swarmd.supervisor.monitors import tmux
from swarmd.supervisor.monitors.tmux import (
    MONITORS,
    attach_command,
    close_monitors,
    ensure_monitors,
    monitor_states,
    socket_name,
)

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux on this machine")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    # A short path: the name of a socket may not be longer than 107 bytes.
    sockets = tempfile.mkdtemp(prefix="swarmd-")
    monkeypatch.setenv("TMUX_TMPDIR", sockets)
    home = Home(tmp_path / 'a home\'s "place"')
    home.root.mkdir()
    yield home
    subprocess.run(["tmux", "-L", socket_name(home), "kill-server"], capture_output=True, check=False)
    shutil.rmtree(sockets)


def ask(home: Home, *words: str) -> str:
    return subprocess.run(["tmux", "-L", socket_name(home), *words], capture_output=True, text=True).stdout


def shown(home: Home, window: str, expected: str) -> str:
    """The text of a window once it shows what is expected, or its last text."""
    text = ""
    for _ in range(100):
        text = ask(home, "capture-pane", "-p", "-t", f"=swarmd:={window}")
        if expected in text:
            break
        time.sleep(0.1)
    return text


@needs_tmux
def test_all_monitors_are_made_once_and_run(home: Home) -> None:
    assert monitor_states(home) == dict.fromkeys(MONITORS, False)
    assert ensure_monitors(home) == MONITORS
    assert monitor_states(home) == dict.fromkeys(MONITORS, True)
    assert ensure_monitors(home) == ()
    assert "no campaign yet" in shown(home, "progress", "no campaign yet")
    assert "load" in shown(home, "cpu", "load")
    assert "no logs in" in shown(home, "log-index", "no logs in")


@needs_tmux
def test_a_window_that_was_killed_is_made_anew_and_the_others_stay(home: Home) -> None:
    ensure_monitors(home)
    pids = ask(home, "list-panes", "-s", "-t", "=swarmd", "-F", "#{window_name} #{pane_pid}").split("\n")
    ask(home, "kill-window", "-t", "=swarmd:=cpu")
    assert monitor_states(home) == {**dict.fromkeys(MONITORS, True), "cpu": False}
    assert ensure_monitors(home) == ("cpu",)
    again = ask(home, "list-panes", "-s", "-t", "=swarmd", "-F", "#{window_name} #{pane_pid}").split("\n")
    assert {line for line in pids if not line.startswith("cpu")} <= set(again)


@needs_tmux
def test_a_killed_server_costs_nothing_but_its_windows(home: Home) -> None:
    ensure_monitors(home)
    ask(home, "kill-server")
    assert monitor_states(home) == dict.fromkeys(MONITORS, False)
    assert ensure_monitors(home) == MONITORS


@needs_tmux
def test_two_homes_do_not_meet(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.root.mkdir()
    ensure_monitors(home)
    assert monitor_states(other) == dict.fromkeys(MONITORS, False)
    close_monitors(other)
    assert monitor_states(home) == dict.fromkeys(MONITORS, True)


@needs_tmux
def test_closing_ends_the_session_and_may_be_asked_twice(home: Home) -> None:
    ensure_monitors(home)
    close_monitors(home)
    close_monitors(home)
    assert monitor_states(home) == dict.fromkeys(MONITORS, False)


@needs_tmux
def test_a_window_is_attached_to_by_its_name(home: Home) -> None:
    ensure_monitors(home)
    *_, target = attach_command(home, "log-index")
    assert ask(home, "display-message", "-p", "-t", target, "#{session_name} #{window_name}") == "swarmd log-index\n"


def test_the_socket_is_the_same_however_the_home_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert socket_name(Home(tmp_path / "link")) == socket_name(Home(tmp_path / "a"))
    assert socket_name(Home(tmp_path / "b")) != socket_name(Home(tmp_path / "a"))


def test_without_tmux_nothing_is_there_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    tmux._said.clear()
    with caplog.at_level("INFO", logger="swarmd"):
        for _ in range(3):
            assert monitor_states(Home(tmp_path)) == {}
            assert ensure_monitors(Home(tmp_path)) == ()
            close_monitors(Home(tmp_path))
    assert sum("there is no tmux here" in record.message for record in caplog.records) == 1


def test_a_tmux_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmux").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(tmux, "_ANSWER_WITHIN_S", 0.3)
    assert monitor_states(Home(tmp_path)) == {}
    assert ensure_monitors(Home(tmp_path)) == ()
    close_monitors(Home(tmp_path))


def test_the_command_of_a_window_spells_out_parts_that_were_moved(tmp_path: Path) -> None:
    home = Home(tmp_path / "h", state_root=tmp_path / "a b", logs_root=tmp_path / "logs")
    command = tmux.monitor_command(home, "cpu")
    assert command.startswith(f"env STATE_ROOT='{tmp_path / 'a b'}' LOGS_ROOT={tmp_path / 'logs'} ")
    assert command.endswith(f" -P -m swarmd monitor cpu --home {tmp_path / 'h'}")
