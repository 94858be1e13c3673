"""Doctor --fix: homes that are really wrong, what is done about each, and what is left to a person."""

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from swarmd.state.store.files import Home, is_locked, lock_file
from swarmd.supervisor import checks
from swarmd.supervisor.commands.doctor import doctor
from swarmd.supervisor.dashboard.address import hold_path, token_of, token_path
from swarmd.supervisor.machine_profile import PROFILE_FILE, profile_of

# Holds a lock until it is killed, as a daemon or a run does, and says when.
HOLDER = """
import sys, time
from pathlib import Path
from swarmd.state.store.files import lock_file
import os
held = lock_file(Path(sys.argv[1]), {"pid": os.getpid(), "since": "2026-01-01T00:00:00Z"})
print("held" if held is not None else "refused", flush=True)
time.sleep(120)
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    # The kernels of this checkout may not be compiled yet, and looking into processes takes a second a time.
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / f"screen-1.py{sys.version_info.major}{sys.version_info.minor}.nbi").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(checks, "CHECKS", tuple(check for check in checks.CHECKS if check is not checks.py_spy))
    made = Home(tmp_path / "swarm")
    made.prepare()
    return made


def fixed(home: Home, *words: str) -> dict[str, Any]:
    told = CliRunner().invoke(doctor, ["--fix", "--json", "--home", str(home.root), *words])
    assert told.exit_code == 0, told.output
    document: dict[str, Any] = json.loads(told.stdout)
    return document


def shown(home: Home, *words: str) -> Result:
    return CliRunner().invoke(doctor, ["--fix", "--home", str(home.root), *words])


@contextlib.contextmanager
def a_holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# -- what is mended ---------------------------------------------------------------------------------------------------


def open_to_others(home: Home) -> Callable[[], None]:
    log = home.logs / "swarmd.log"
    log.write_text("hush")
    log.chmod(0o644)
    home.journal.chmod(0o755)
    (home.champions / "BTCUSDT_5m.json").write_text("{}")
    (home.champions / "BTCUSDT_5m.json").chmod(0o666)
    (home.results / "shown.md").write_text("to a colleague")
    (home.results / "shown.md").chmod(0o644)
    elsewhere = home.root.parent / "elsewhere.txt"
    elsewhere.write_text("not of this home")
    elsewhere.chmod(0o666)
    (home.logs / "link.log").symlink_to(elsewhere)
    home.root.chmod(0o777)

    def holds() -> None:
        assert (mode(log), mode(home.journal), mode(home.root)) == (0o600, 0o700, 0o755)
        # A champion may be read by the process that trades it; it is not to be written there.
        assert mode(home.champions / "BTCUSDT_5m.json") == 0o644
        assert mode(home.results / "shown.md") == 0o644
        assert mode(elsewhere) == 0o666

    return holds


def locks_of_the_dead(home: Home) -> Callable[[], None]:
    for run in ("one-a1", "two-a1"):
        with a_holder(home.lock_path(run)):
            pass
    order = home.order_path("one-a1")
    order.write_text("{}")
    order.chmod(0o600)

    def holds() -> None:
        assert [path.name for path in home.run_dir.glob("*.lock")] == ["daemon.lock"]
        assert order.exists()
        assert not is_locked(home.daemon_lock)

    return holds


def a_socket_of_the_dead(home: Home) -> Callable[[], None]:
    # A path within a socket's hundred bytes, whatever the test's folder is called.
    there = os.open(home.run_dir, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(f"/proc/self/fd/{there}/notify.sock")
    os.close(there)
    (home.run_dir / "notify.sock").chmod(0o600)
    return lambda: _gone(home.run_dir / "notify.sock")


def a_token_others_read(home: Home) -> Callable[[], None]:
    before = token_of(home)
    token_path(home).chmod(0o640)

    def holds() -> None:
        _gone(token_path(home))
        assert token_of(home) != before

    return holds


def a_broken_profile(home: Home) -> Callable[[], None]:
    (home.root / PROFILE_FILE).write_text("lanes: three")

    def holds() -> None:
        assert profile_of(home).lanes >= 1
        assert json.loads((home.root / PROFILE_FILE).read_text())["schema"] == "swarmd.machine_profile/1"
        assert (home.root / f"{PROFILE_FILE}.broken").read_text() == "lanes: three"

    return holds


def _gone(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    ("wrong", "n_mended"),
    [
        (open_to_others, 4),
        (locks_of_the_dead, 1),
        (a_socket_of_the_dead, 1),
        (a_token_others_read, 1),
        (a_broken_profile, 1),
    ],
)
def test_what_is_wrong_is_mended_told_and_the_second_time_there_is_nothing(
    home: Home, wrong: Callable[[Home], Callable[[], None]], n_mended: int
) -> None:
    holds = wrong(home)
    first = fixed(home)
    assert len(first["mended"]) == n_mended, first["mended"]
    holds()
    again = fixed(home)
    assert again["mended"] == []
    assert [each["level"] for each in again["checks"]] == [each["level"] for each in first["checks"]]


def test_a_sound_home_is_left_as_it_was(home: Home) -> None:
    fixed(home)
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in home.root.rglob("*")}
    assert fixed(home)["mended"] == []
    after = {path: (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in home.root.rglob("*")}
    # The profile is written by every doctor, and with it changes the folder it stands in.
    assert {path for path in after if after[path] != before.get(path)} <= {home.root / PROFILE_FILE}


def test_where_there_is_no_home_none_is_made(tmp_path: Path, home: Home) -> None:
    assert fixed(Home(tmp_path / "nowhere"))["mended"] == []
    assert not (tmp_path / "nowhere").exists()


# -- what is not touched ----------------------------------------------------------------------------------------------


def test_nothing_of_a_daemon_that_lives_is_touched_and_the_command_for_later_is_told(home: Home) -> None:
    log = home.logs / "swarmd.log"
    log.touch()
    log.chmod(0o644)
    with a_holder(home.lock_path("gone-a1")):
        pass
    with a_holder(home.daemon_lock) as daemon:
        told = fixed(home)
        assert told["mended"] == []
        assert (mode(log), home.lock_path("gone-a1").exists()) == (0o644, True)
        whats = [each["what"] for each in told["left"] if f"pid {daemon.pid}" in each["what"]]
        assert len(whats) == 2
        assert any("gone-a1.lock" in what for what in whats)
        fixes = {each["fix"] for each in told["left"] if each["what"] in whats}
        assert fixes == {f"swarmd --home {home.root} stop && swarmd --home {home.root} doctor --fix"}
    assert len(fixed(home)["mended"]) == 2


def test_a_run_that_outlived_its_daemon_keeps_its_lock_and_its_socket(home: Home) -> None:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    there = os.open(home.run_dir, os.O_RDONLY)
    listening.bind(f"/proc/self/fd/{there}/notify.sock")
    os.close(there)
    (home.run_dir / "notify.sock").chmod(0o600)
    with a_holder(home.lock_path("lives-a1")), a_holder(home.lock_path("dies-a1")) as dying, listening:
        dying.kill()
        dying.wait()
        assert [told for told in fixed(home)["mended"] if "dies-a1" in told] != []
        assert is_locked(home.lock_path("lives-a1"))
        assert (home.run_dir / "notify.sock").exists()


def test_a_dashboard_that_serves_keeps_its_token_and_a_person_is_told(home: Home) -> None:
    before = token_of(home)
    token_path(home).chmod(0o644)
    held = lock_file(hold_path(home), {"pid": os.getpid()})
    assert held is not None
    told = fixed(home)
    os.close(held)
    assert token_path(home).read_text().strip() == before
    assert [each["fix"] for each in told["left"] if "token" in each["what"]] == [
        f"kill {os.getpid()} && swarmd --home {home.root} doctor --fix"
    ]


def test_what_only_a_person_can_mend_is_told_with_its_command(home: Home) -> None:
    (home.journal / "000001.jsonl").write_bytes(b"this is no record\nnor this\n")
    (home.journal / "000001.jsonl").chmod(0o600)
    said = shown(home)
    assert said.exit_code == 0
    assert "left     journal: 2 damaged places: " in said.stdout
    assert "the next start quarantines them and goes on" in said.stdout
    assert (home.journal / "000001.jsonl").read_bytes() == b"this is no record\nnor this\n"


# -- what is installed ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may install packages")
def test_tmux_is_installed_only_with_a_yes(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an apt-get in reach of a test: it writes down what it was asked and brings what it was asked for."""
    programs = tmp_path / "bin"
    programs.mkdir()
    asked = tmp_path / "asked"
    script = (
        f'#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {asked}\nprintf "#!/bin/sh\\necho tmux 3.3a\\n" > {programs}/tmux\n'
    )
    (programs / "apt-get").write_text(script + f"/bin/chmod +x {programs}/tmux\n")
    (programs / "apt-get").chmod(0o700)
    monkeypatch.setenv("PATH", str(programs))
    told = fixed(home)
    assert told["mended"] == []
    assert {"what": "tmux is not installed", "fix": "apt-get install -y tmux, or `swarmd doctor --fix --yes`"} in told[
        "left"
    ]
    assert not asked.exists()
    assert fixed(home, "--yes")["mended"] == ["tmux: installed with apt-get"]
    assert asked.read_text() == "noninteractive -qq install -y tmux\n"
    assert fixed(home, "--yes")["mended"] == []
