"""Paths, whole-file replacement and locks, with real files and real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from faulty_disk import file_size_limit

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, atomic_write, home_from, is_locked, lock_file, lock_holder


def test_the_option_comes_before_the_variable_and_the_variable_before_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SWARMD_HOME", "STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert home_from() == Home(tmp_path / "swarm")
    monkeypatch.setenv("SWARMD_HOME", "there")
    assert home_from() == Home(tmp_path / "there")
    assert home_from("here/../this") == Home(tmp_path / "this")
    monkeypatch.setenv("STATE_ROOT", str(tmp_path / "fast"))
    assert home_from().journal == tmp_path / "fast" / "journal"
    assert home_from().logs == tmp_path / "there" / "logs"


def test_prepared_directories_belong_to_their_owner_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "home")
    home.prepare()
    home.prepare()
    for directory in (home.root.parent, home.root, home.journal, home.inbox, home.run_dir, home.champions):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_made_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"cannot make the directory .*file.*--home DIR"):
        Home(tmp_path / "file" / "home").prepare()


def test_names_are_relative_to_the_home_wherever_its_parts_lie(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", results_root=tmp_path / "big" / "disk")
    path = home.results_of("majors", "BTCUSDT", "balanced") / "report.md"
    assert path == tmp_path / "big" / "disk" / "majors" / "BTCUSDT" / "balanced" / "report.md"
    assert home.relative(path) == "results/majors/BTCUSDT/balanced/report.md"
    assert home.inside("results/majors/BTCUSDT/balanced/report.md") == path
    assert home.inside("champions/X.json") == tmp_path / "home" / "champions" / "X.json"
    assert home.results_of("majors", "BTCUSDT") == tmp_path / "big" / "disk" / "majors" / "BTCUSDT"


@pytest.mark.parametrize("path", ["../elsewhere", "state/../../elsewhere", "/etc/passwd", "link/x"])
def test_a_path_that_leaves_the_home_is_refused(tmp_path: Path, path: str) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    (home.root / "link").symlink_to("/etc")
    with pytest.raises(OperatorError, match="name a path inside it"):
        home.inside(path)


def test_a_write_replaces_the_whole_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    atomic_write(path, b"one")
    atomic_write(path, b"two", sync=True)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_a_write_that_does_not_fit_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, b"old")
    with file_size_limit(4096), pytest.raises(OutsideError, match=r"cannot write .*a\.json"):
        atomic_write(path, b"x" * 10_000)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_lock_has_one_holder_who_can_be_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "run" / "daemon.lock"
    assert not is_locked(path)
    first = lock_file(path, {"pid": 1, "since": "a long time ago"})
    assert first is not None
    assert lock_file(path, {"pid": 2}) is None
    assert is_locked(path)
    assert lock_holder(path) == {"pid": 1, "since": "a long time ago"}
    os.close(first)
    assert not is_locked(path)
    second = lock_file(path, {"pid": 2})
    assert second is not None
    assert lock_holder(path) == {"pid": 2}
    os.close(second)


def test_an_inherited_lock_lives_as_long_as_the_child(tmp_path: Path) -> None:
    path = tmp_path / "r1.lock"
    held = lock_file(path, {})
    assert held is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=(held,), stdin=subprocess.PIPE) as child:
        os.close(held)
        assert is_locked(path)
        child.kill()
        child.wait()
    assert not is_locked(path)


def test_somebody_who_only_looks_does_not_keep_the_lock_from_anyone(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    look = """
import pathlib, sys
from swarmd.state.store.files import is_locked
while True:
    is_locked(pathlib.Path(sys.argv[1]))
"""
    path.touch()
    lookers = [subprocess.Popen([sys.executable, "-c", look, str(path)]) for _ in range(2)]
    try:
        for _ in range(300):
            held = lock_file(path, {"pid": 1})
            assert held is not None
            os.close(held)
    finally:
        for looker in lookers:
            looker.kill()
            looker.wait()


def test_a_holder_who_said_nothing_readable_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_bytes(b"\x00\xff\n")
    assert lock_holder(tmp_path / "a.lock") == {}
    assert lock_holder(tmp_path / "missing.lock") == {}
