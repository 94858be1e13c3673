"""Runs that die by themselves: by signals, by exit codes, for want of memory, and again and again."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.swarm import Swarm, campaign_text, outcome, wait

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

CGROUPS = Path("/sys/fs/cgroup/memory")
TRIALS = "results/faults/EDGE/aggressive/all_trials.json"


def test_a_job_that_dies_in_different_ways_is_done_in_the_end_and_one_that_always_dies_is_quarantined(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any]
) -> None:
    swarm = swarm_of(campaign_text(bars, "EDGE", "NOISE", lanes=2))
    for order in ("prescreen-a1@3.signal11", "prescreen-a2@5.signal6", "refine-a1@3.gorge", "refine-a2@4.exit1"):
        swarm.order(f"EDGE.aggressive.{order}")
    for attempt in (1, 2, 3):
        swarm.order(f"NOISE.aggressive.prescreen-a{attempt}@2.exit7")
    swarm.start(limits={"max_attempts": 3})
    assert swarm.finish() == 1, "work had to be given up"

    told = {name: swarm.run_of(f"{name}") for name in ("EDGE.aggressive.prescreen-a1", "EDGE.aggressive.prescreen-a2")}
    assert [row["signal"] for row in told.values()] == [signal.SIGSEGV, signal.SIGABRT]
    causes = {row["subject"].removeprefix("faults."): row["cause"] for row in swarm.incidents("crash").values()}
    assert "SIGSEGV (signal 11)" in causes["EDGE.aggressive.prescreen-a1"]
    assert "SIGABRT (signal 6)" in causes["EDGE.aggressive.prescreen-a2"]
    assert causes["EDGE.aggressive.refine-a2"].startswith("exit code 1")
    assert all(causes[f"NOISE.aggressive.prescreen-a{n}"].startswith("exit code 7") for n in (1, 2, 3))
    assert len(causes) == 6

    # Its own limit on memory: said as what it is, and not as a crash.
    (memory,) = swarm.incidents("out_of_memory").values()
    assert memory["subject"] == "faults.EDGE.aggressive.refine-a1"

    # The job that always dies keeps nobody from anything, and is not tried for ever.
    jobs = swarm.records("job")
    assert jobs["faults.NOISE.aggressive.prescreen"]["status"] == "quarantined"
    assert swarm.run_of("NOISE.aggressive.prescreen-a4") == {}
    (poison,) = swarm.incidents("poison_job").values()
    assert (poison["subject"], poison["status"]) == ("faults.NOISE.aggressive.prescreen", "closed")
    assert outcome(swarm)[TRIALS] == undisturbed[TRIALS]
    assert {row["status"] for row in swarm.records("incident").values()} == {"closed"}


def memory_group_of_this_process() -> Path:
    lines = (line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines())
    return CGROUPS / next(path for _, controllers, path in lines if controllers == "memory").lstrip("/")


def test_a_run_that_the_kernel_kills_for_memory_is_told_as_that(swarm_of: Callable[..., Swarm], bars: Path) -> None:
    group = CGROUPS / f"swarmd-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as refusal:
        pytest.skip(f"no memory cgroup of our own can be made in {CGROUPS}: {refusal.strerror}")
    swarm = swarm_of(campaign_text(bars))
    try:
        (group / "memory.limit_in_bytes").write_text(str(1500 << 20))
        order = swarm.order("prescreen-a1@3.hog")
        held = swarm.order("prescreen-a2@3.wait")
        # As in a container: the daemon is born under the limit, and so is everything it starts.
        before = memory_group_of_this_process()
        (group / "cgroup.procs").write_text(str(os.getpid()))
        try:
            swarm.start()
        finally:
            (before / "cgroup.procs").write_text(str(os.getpid()))
        swarm.reached(order.name)
        swarm.reached(held.name)
        killed = swarm.run_of("prescreen-a1")
        assert killed["signal"] == signal.SIGKILL
        assert swarm.incident("out_of_memory")["subject"].endswith("prescreen-a1")
        held.unlink()
        assert swarm.run("stop", "--now").returncode == 0
        assert swarm.finish() == 0
    finally:
        swarm.clear()
        wait("the group to be empty", lambda: not (group / "cgroup.procs").read_text())
        for inner in sorted(group.rglob("*/"), reverse=True):
            inner.rmdir()
        group.rmdir()
