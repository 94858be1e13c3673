"""A control group for each lane: on the real hierarchy where it may be written, and in files that stand in for it."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarmd.supervisor.backends.groups import DAEMON_LEAF, LaneGroups, counter, find_groups, group_of

MIB = 1 << 20


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[LaneGroups]:
    """In a process group of our own making: this test's process stays where it is."""
    own = group_of(os.getpid(), 1)
    found = LaneGroups() if own is None else find_groups(tmp_path)
    if found.parent is None:
        pytest.skip("no version 1 memory controller may be written here")
    yield found
    assert not list(found.parent.glob(f"swarmd-run-*test-{os.getpid()}-*"))


def name(test: str) -> str:
    return f"test-{os.getpid()}-{test}"


def started(code: str) -> "subprocess.Popen[bytes]":
    """A process that says `up`, waits for a line, and then does what it was made for."""
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", f"print('up', flush=True); input(); {code}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process


def go(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


def test_a_run_killed_for_want_of_memory_is_counted_in_its_own_group_alone(groups: LaneGroups) -> None:
    hungry, modest = name("hungry"), name("modest")
    processes = [started("a = bytearray(400 << 20)"), started("pass")]
    try:
        for run, process in zip((hungry, modest), processes, strict=True):
            groups.make(run, limit_bytes=64 * MIB)
            groups.join(run, process.pid)
            groups.settle(run)
            go(process)
        assert [process.wait(30) for process in processes] == [-signal.SIGKILL, 0]
        assert (groups.oom_kills(hungry), groups.oom_kills(modest)) == (1, 0)
        assert 32 * MIB < groups.high_water(hungry) <= 64 * MIB
        assert groups.place(hungry).endswith(f"/swarmd-run-{groups.owner}{hungry}")
    finally:
        for run, process in zip((hungry, modest), processes, strict=True):
            groups.remove(run)
            process.kill()
            process.communicate()
    assert groups.oom_kills(hungry) is None
    assert groups.place(hungry) == ""


def test_what_moved_to_a_session_of_its_own_and_emptied_its_environment_dies_with_the_group(groups: LaneGroups) -> None:
    run = name("escapee")
    escape = (
        "import os, subprocess; p = subprocess.Popen(['sleep', '60'], env={}, stdout=-3, start_new_session=True); "
        "print(p.pid, flush=True)"
    )
    process = started(escape)
    groups.make(run)
    groups.join(run, process.pid)
    groups.settle(run)
    go(process)
    assert process.stdout is not None
    escapee = int(process.stdout.readline())
    process.communicate(timeout=30)
    pidfd = os.pidfd_open(escapee)
    try:
        assert str(escapee) in (Path(groups.place(run)) / "cgroup.procs").read_text().split()
        groups.remove(run)
        assert select.select([pidfd], [], [], 30)[0] == [pidfd]
    finally:
        os.close(pidfd)


def test_two_homes_whose_runs_have_the_same_name_do_not_end_each_others(groups: LaneGroups, tmp_path: Path) -> None:
    ours, theirs, run = groups, find_groups(tmp_path / "another"), name("same")
    processes = [started("input()"), started("input()")]
    try:
        for each, process in zip((ours, theirs), processes, strict=True):
            each.make(run)
            each.join(run, process.pid)
        for each in (ours, theirs):
            each.settle(run)
        assert ours.place(run) != theirs.place(run)
        theirs.remove(run)
        assert processes[1].wait(30) == -signal.SIGKILL
        assert processes[0].poll() is None
    finally:
        for process in processes:
            process.kill()
            process.communicate()
        ours.remove(run)


def test_a_new_daemon_finds_the_group_of_a_run_by_its_process(groups: LaneGroups) -> None:
    run = name("adopted")
    process = started("pass")
    try:
        groups.make(run)
        groups.join(run, process.pid)
        groups.settle(run)
        successor = LaneGroups(groups.parent, groups.version, groups.owner)
        assert successor.oom_kills(run) is None
        successor.adopt("another-a1", process.pid)
        assert successor.oom_kills("another-a1") is None
        successor.adopt(run, process.pid)
        assert successor.oom_kills(run) == 0
        assert successor.place(run) == groups.place(run)
    finally:
        process.kill()
        process.communicate()
        groups.remove(run)


def test_a_process_that_has_ended_already_is_no_trouble(groups: LaneGroups) -> None:
    run = name("gone")
    process = started("pass")
    groups.make(run)
    process.kill()
    process.wait()
    groups.join(run, process.pid)
    groups.remove(run)


def test_a_run_in_its_group_holds_no_descriptor_of_ours(groups: LaneGroups) -> None:
    """There are thousands of lanes, and a run must be startable with none to spare."""
    run = name("thrifty")
    process = started("pass")
    try:
        before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
        groups.make(run)
        groups.join(run, process.pid)
        groups._joining[run].wait(10)
        assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    finally:
        process.kill()
        process.communicate()
        groups.remove(run)


def test_a_group_that_a_daemon_left_behind_ends_with_all_that_is_in_it(groups: LaneGroups, tmp_path: Path) -> None:
    kept, left, foreign = name("kept"), name("left"), name("foreign")
    theirs = find_groups(tmp_path / "another")
    processes = [started("input()") for _ in range(3)]
    try:
        for each, run, process in zip((groups, groups, theirs), (kept, left, foreign), processes, strict=True):
            each.make(run)
            each.join(run, process.pid)
            each.settle(run)
        successor = LaneGroups(groups.parent, groups.version, groups.owner)
        assert successor.remove_but([kept]) == [processes[1].pid]
        assert processes[1].wait(30) == -signal.SIGKILL
        assert not Path(groups.place(left)).exists()
        assert [process.poll() for process in processes] == [None, -signal.SIGKILL, None]
        assert successor.remove_but([kept]) == []
    finally:
        for process in processes:
            process.kill()
            process.communicate()
        theirs.remove(foreign)
        for run in (kept, left):
            groups.remove(run)


def test_groups_of_nobody_known_are_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "swarmd-run-0123abcd-r"
    foreign.mkdir()
    assert LaneGroups(tmp_path, 2).remove_but([]) == []
    assert LaneGroups().remove_but([]) == []
    assert foreign.is_dir()


def test_where_no_thread_can_be_started_a_run_is_in_no_group_and_nobody_waits_for_it(
    groups: LaneGroups, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    run = name("alone")
    groups.make(run)
    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", refused)
        groups.join(run, os.getpid())
    assert run not in groups._joining
    groups.remove(run)


def test_a_group_left_behind_is_taken_again(groups: LaneGroups) -> None:
    run = name("again")
    groups.make(run)
    groups.make(run)
    assert groups.oom_kills(run) == 0
    groups.remove(run)


def test_where_no_group_can_be_made_nothing_is_counted_and_nothing_fails(tmp_path: Path) -> None:
    for groups in (LaneGroups(), LaneGroups(tmp_path / "missing")):
        groups.make("r", limit_bytes=1)
        groups.join("r", os.getpid())
        groups.adopt("r", os.getpid())
        assert (groups.oom_kills("r"), groups.high_water("r"), groups.place("r")) == (None, 0, "")
        groups.remove("r")


def test_both_versions_counters_are_read(tmp_path: Path) -> None:
    first, second = tmp_path / "memory.oom_control", tmp_path / "memory.events"
    first.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    second.write_text("low 0\nhigh 12\nmax 4\noom 2\noom_kill 1\noom_group_kill 0\n")
    assert (counter(first, "oom_kill"), counter(second, "oom_kill")) == (3, 1)
    assert counter(tmp_path / "none", "oom_kill") is None
    assert counter(first, "nothing") is None


def test_version_two_files_are_asked_where_that_is_the_hierarchy(tmp_path: Path) -> None:
    groups = LaneGroups(tmp_path, 2)
    groups.make("r", limit_bytes=5 * MIB)
    place = tmp_path / "swarmd-run-r"
    assert (place / "memory.max").read_text() == str(5 * MIB)
    (place / "memory.events").write_text("oom 1\noom_kill 1\n")
    (place / "memory.peak").write_text("4096\n")
    assert (groups.oom_kills("r"), groups.high_water("r")) == (1, 4096)


def test_the_units_leaf_for_the_daemon_is_the_one_looked_for() -> None:
    from swarmd.supervisor.service_unit import STEPS_SINCE, Service, unit_text

    text = unit_text(Service(python="/usr/bin/python3", home=Path("/srv/swarm")), systemd=STEPS_SINCE)
    assert f"DelegateSubgroup={DAEMON_LEAF}" in text.splitlines()
