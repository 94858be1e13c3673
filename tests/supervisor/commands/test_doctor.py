"""Doctor: each finding on a machine or home made to have it."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from swarmd.state.store.files import Home, lock_file
from swarmd.supervisor import checks
from swarmd.supervisor.checks import CHECKS, Check, examine
from swarmd.supervisor.commands.doctor import doctor
from swarmd.supervisor.machine_profile import measured, profile_of


def test_every_check_answers_on_this_machine_and_leaves_the_home_unmade(tmp_path: Path) -> None:
    found = examine(Home(tmp_path / "nowhere"))
    assert len(found) == len(CHECKS)
    assert all(each.level == "ok" or each.fix for each in found), found
    assert not (tmp_path / "nowhere").exists()


def test_json_tells_each_check_and_the_exit_code_the_worst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECKS", (checks.python, lambda _home: Check("disk", "fail", "0 B free", "free some")))
    told = CliRunner().invoke(doctor, ["--json", "--home", str(tmp_path)])
    assert told.exit_code == 1
    document = json.loads(told.stdout)
    assert document["schema"] == "swarmd.doctor/1"
    assert not document["is_fit"]
    assert document["checks"][1] == {"name": "disk", "level": "fail", "found": "0 B free", "fix": "free some"}
    monkeypatch.setattr(checks, "CHECKS", (lambda _home: Check("tmux", "warn", "not installed", "install it"),))
    told = CliRunner().invoke(doctor, ["--home", str(tmp_path)])
    assert told.exit_code == 0
    assert "warn  tmux  not installed; install it" in told.stdout


def test_a_check_that_breaks_is_itself_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def inotify(_home: Home) -> Check:
        raise FileNotFoundError(2, "no such file", "/proc/sys/fs/inotify/max_user_instances")

    monkeypatch.setattr(checks, "CHECKS", (inotify,))
    (found,) = examine(Home(tmp_path))
    assert (found.name, found.level) == ("inotify", "warn")
    assert "max_user_instances" in found.found


def test_without_tmux_it_is_a_warning_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = checks.tmux(Home(tmp_path))
    assert (found.level, found.found) == ("warn", "not installed")
    assert "apt install tmux" in found.fix


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_may_not_be_written_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    found = checks.home_permissions(Home(tmp_path / "swarm"))
    tmp_path.chmod(0o700)
    assert found.level == "fail"


def test_a_home_that_others_may_write_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    assert checks.home_permissions(Home(tmp_path)).fix == f"chmod go-w {tmp_path}"
    tmp_path.chmod(0o700)
    assert checks.home_permissions(Home(tmp_path)).level == "ok"


def test_a_lock_held_by_another_than_it_names_is_told_and_one_left_behind_is_not(tmp_path: Path) -> None:
    home = Home(tmp_path)
    left_behind = lock_file(home.lock_path("old-a1"), {"pid": os.getpid()})
    assert left_behind is not None
    os.close(left_behind)
    assert checks.locks(home).level == "ok"
    held = lock_file(home.lock_path("odd-a1"), {"pid": 2**22 + 1})
    assert held is not None
    found = checks.locks(home)
    os.close(held)
    assert (found.level, found.found) == ("warn", "odd-a1.lock: held, but not by the process it names")


def test_runs_without_a_daemon_are_told_with_the_remedy(tmp_path: Path) -> None:
    home = Home(tmp_path)
    held = lock_file(home.lock_path("r-a1"), {"pid": os.getpid()})
    assert held is not None
    found = checks.locks(home)
    os.close(held)
    assert (found.level, found.found) == ("warn", "1 runs live without a daemon")
    assert "swarmd ensure" in found.fix


def test_a_damaged_journal_is_told_before_the_next_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.journal.mkdir(parents=True)
    (home.journal / "000001.jsonl").write_bytes(b"this is no record\nnor this\n")
    found = checks.journal(home)
    assert found.level == "warn"
    assert "000001.jsonl line 1" in found.found


@pytest.mark.parametrize(("asked", "lanes"), [("7", 7), ("auto", measured().lanes)])
def test_lanes_are_written_down_for_a_campaign_that_says_auto(asked: str, lanes: int, tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "swarm")
    told = CliRunner().invoke(doctor, ["--lanes", asked, "--json", "--home", str(home.root)])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["profile"] == str(home.root / "machine_profile.json")
    assert profile_of(home).lanes == lanes
    # Asked without, what a person said stays.
    assert CliRunner().invoke(doctor, ["--home", str(home.root)]).exit_code == 0
    assert profile_of(home).lanes == lanes


@pytest.mark.parametrize("asked", ["0", "-1", "4097", "2.5", "many", ""])
def test_a_number_of_lanes_that_cannot_be_is_refused(asked: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(doctor, ["--lanes", asked, "--home", str(tmp_path)])
    assert told.exit_code == 2
    assert "is neither a whole number from 1 to 4096 nor auto" in told.stderr
    assert list(tmp_path.iterdir()) == []
