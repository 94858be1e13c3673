"""Processes are told apart by identity, never by number; whatever a run leaves behind can be found and ended."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_disk import descriptors_left
from swarm_builders import a_headless_process

from swarmd.state.errors import OutsideError
from swarmd.supervisor.processes import (
    Exit,
    Process,
    hold,
    kill_stragglers,
    kill_strangers,
    processes_with,
    read_stat,
    reap,
    zombies,
)

SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def spawned(*words: str, environment: dict[str, str] | None = None) -> int:
    return os.posix_spawn(words[0], words, {**os.environ, **(environment or {})}, setsid=True)


def eventually(holds: "object", within_s: float = 10.0) -> bool:
    """Whether a claim about another process comes true; polling, because the kernel tells nobody."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if holds():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def sleeper() -> Iterator[Process]:
    pid = spawned(*SLEEPER)
    process = hold(pid, 0, is_child=True)
    assert process is not None
    yield process
    if Path(f"/proc/{process.pid}").exists():
        process.send(signal.SIGKILL)
        eventually(process.has_ended)
        process.collect()
    process.close()


def test_a_living_process_has_a_state_and_counters(sleeper: Process) -> None:
    stat = read_stat(sleeper.pid)
    assert stat is not None
    assert stat.start_ticks > 0
    # While a process is being made it has no pages yet.
    assert eventually(lambda: getattr(read_stat(sleeper.pid), "rss_bytes", 0) > 0)
    assert not sleeper.has_ended()


def test_a_stopped_process_shows_its_state(sleeper: Process) -> None:
    sleeper.send(signal.SIGSTOP)
    assert eventually(lambda: getattr(read_stat(sleeper.pid), "state", "") == "T")


def test_the_signal_that_ended_a_child_is_told(sleeper: Process) -> None:
    sleeper.send(signal.SIGKILL)
    assert eventually(sleeper.has_ended)
    assert sleeper.collect().told() == "killed by SIGKILL"


@pytest.mark.parametrize("code", [0, 3, 75])
def test_the_exit_code_of_a_child_is_told(code: int) -> None:
    process = hold(spawned(sys.executable, "-S", "-c", f"raise SystemExit({code})"), 0, is_child=True)
    assert process is not None
    assert eventually(process.has_ended)
    assert process.collect().code == code
    process.close()


def test_a_zombie_is_not_called_alive(sleeper: Process) -> None:
    sleeper.send(signal.SIGKILL)
    assert eventually(sleeper.has_ended)
    assert read_stat(sleeper.pid) is None


def test_a_process_is_there_as_long_as_a_thread_outlives_its_first_one() -> None:
    with a_headless_process() as child:
        stat = read_stat(child.pid)
        assert stat is not None
        assert stat.state == "Z"
        process = hold(child.pid, stat.start_ticks, is_child=False)
        assert process is not None
        assert not process.has_ended()
        assert child.stdin is not None
        child.stdin.close()
        assert eventually(process.has_ended)
        assert read_stat(child.pid) is None
        process.close()


def test_a_pid_with_another_start_time_is_a_stranger_and_is_not_held(sleeper: Process) -> None:
    stat = read_stat(sleeper.pid)
    assert stat is not None
    assert hold(sleeper.pid, stat.start_ticks + 1, is_child=False) is None
    ours = hold(sleeper.pid, stat.start_ticks, is_child=False)
    assert ours is not None
    ours.close()


def test_signalling_a_process_that_is_gone_is_harmless(sleeper: Process) -> None:
    sleeper.send(signal.SIGKILL)
    assert eventually(sleeper.has_ended)
    sleeper.send(signal.SIGTERM)
    assert sleeper.collect().signal == signal.SIGKILL


def test_the_whole_group_is_killed_with_its_leader(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    leader = spawned(
        sys.executable,
        "-S",
        "-c",
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)",
    )
    process = hold(leader, 0, is_child=True)
    assert process is not None
    assert eventually(lambda: note.exists() and note.read_text() != "")
    grandchild = int(note.read_text())
    process.kill_group()
    assert eventually(lambda: read_stat(grandchild) is None)
    assert eventually(process.has_ended)
    process.collect()
    process.close()


def test_a_descendant_in_a_session_of_its_own_is_found_by_its_environment_and_killed() -> None:
    mark = f"mark-{os.getpid()}"
    escaped = spawned(*SLEEPER, environment={"SWARMD_TEST_MARK": mark})
    assert eventually(lambda: processes_with("SWARMD_TEST_MARK", mark) == [escaped])
    assert kill_stragglers("SWARMD_TEST_MARK", {f"{mark}-other"}) == []
    assert kill_stragglers("SWARMD_TEST_MARK", {mark}) == [escaped]
    assert eventually(lambda: read_stat(escaped) is None)
    os.waitpid(escaped, 0)


def test_of_those_with_a_mark_of_the_same_ending_only_the_unknown_are_ended() -> None:
    place = f"@/home-{os.getpid()}"
    known, lost, foreign = (
        spawned(*SLEEPER, environment={"SWARMD_TEST_MARK": mark})
        for mark in (f"a{place}", f"b{place}", f"b{place}-two")
    )
    try:
        assert eventually(lambda: processes_with("SWARMD_TEST_MARK", f"b{place}") == [lost])
        assert kill_strangers("SWARMD_TEST_MARK", place, {f"a{place}"}) == [lost]
        assert eventually(lambda: read_stat(lost) is None)
        assert all(read_stat(pid) is not None for pid in (known, foreign))
    finally:
        for pid in (known, lost, foreign):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def test_zombies_named_are_not_looked_at() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", "pass"])
    assert eventually(lambda: child.pid in zombies())
    assert child.pid not in zombies(besides={child.pid})
    reap(frozenset({child.pid}))


def test_zombies_are_listed_and_reaped() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", "pass"])
    assert eventually(lambda: child.pid in zombies())
    reap(frozenset({child.pid}))
    assert child.pid not in zombies()


def test_a_real_time_signal_has_no_name_and_is_told_by_its_number() -> None:
    assert Exit(signal=signal.SIGRTMIN + 1).told() == f"killed by signal {signal.SIGRTMIN + 1}"


def test_a_process_that_is_not_ours_to_wait_for_has_ended_though_nobody_has_reaped_it(sleeper: Process) -> None:
    stat = read_stat(sleeper.pid)
    assert stat is not None
    adopted = hold(sleeper.pid, stat.start_ticks, is_child=False)
    assert adopted is not None
    assert not adopted.has_ended()
    sleeper.send(signal.SIGKILL)
    assert eventually(adopted.has_ended)
    assert adopted.collect() == Exit(signal=signal.SIGKILL)
    adopted.close()


def test_without_a_descriptor_left_a_living_process_is_not_called_dead(sleeper: Process) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OutsideError, match="pidfd"):
            hold(sleeper.pid, 0, is_child=False)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_that_nobody_can_look_at_is_not_called_dead(sleeper: Process) -> None:
    stat = read_stat(sleeper.pid)
    assert stat is not None
    with descriptors_left(1), pytest.raises(OutsideError, match="cannot see who process"):
        hold(sleeper.pid, stat.start_ticks, is_child=False)
    with descriptors_left(2):
        held = hold(sleeper.pid, stat.start_ticks, is_child=False)
    assert held is not None
    held.close()


def test_an_exit_somebody_else_has_waited_for_is_no_error(sleeper: Process) -> None:
    sleeper.send(signal.SIGKILL)
    os.waitpid(sleeper.pid, 0)
    assert sleeper.has_ended()
    assert sleeper.collect() in (Exit(), Exit(signal=signal.SIGKILL))  # newer kernels remember
