"""Was it the out-of-memory killer: the lane's own counter first, then the kernel's log, then the machine's counter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from swarmd.supervisor.backends.groups import LaneGroups
from swarmd.supervisor.sensors.memory import KernelLog, OomWatch, high_water_bytes, machine_oom_kills


class World:
    """Counters in files, as the kernel writes them."""

    def __init__(self, folder: Path) -> None:
        self.vmstat = folder / "vmstat"
        self.log = folder / "kmsg"
        self.log.touch()
        self.groups = LaneGroups(folder, 2)
        self.machine(7)

    def machine(self, kills: int) -> None:
        self.vmstat.write_text(f"pgfault 1\noom_kill {kills}\n")

    def lane(self, run: str, kills: int) -> None:
        (Path(self.groups.place(run)) / "memory.events").write_text(f"oom 9\noom_kill {kills}\n")

    def watch(self, *, reads_log: bool = False) -> OomWatch:
        log = KernelLog(os.open(self.log, os.O_RDONLY)) if reads_log else None
        return OomWatch(self.groups, vmstat=self.vmstat, kernel_log=log)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_lanes_own_counter_says_so_with_its_place(world: World) -> None:
    world.groups.make("r1")
    world.lane("r1", 1)
    told = world.watch().told_of("r1", 100)
    assert told == f"oom_kill counter of {world.groups.place('r1')} rose by 1"
    assert "oom" in told.lower()


def test_a_lane_whose_own_counter_stands_still_is_not_suspected_for_another(world: World) -> None:
    world.groups.make("r1")
    world.lane("r1", 0)
    watch = world.watch()
    watch.look()
    world.machine(8)
    assert watch.told_of("r1", 100) == ""
    assert watch.told_of("without-a-group", 101) == "the machine's oom_kill counter rose by 1 since the last look"


def test_the_machines_counter_counts_from_look_to_look(world: World) -> None:
    watch = world.watch()
    watch.look()  # what was before we looked is nobody's here
    assert watch.told_of("r", 1) == ""
    world.machine(9)
    told = "the machine's oom_kill counter rose by 2 since the last look"
    assert watch.told_of("r", 1) == told
    assert watch.told_of("s", 2) == told, "either may have been the one"
    watch.look(is_hasty=True)
    assert watch.told_of("t", 3) == "", "what was held against the first two is not held against a third"


def test_a_look_in_haste_leaves_the_counter_alone_where_nobody_asked_for_it(world: World) -> None:
    watch = world.watch()
    watch.look()
    world.machine(8)
    watch.look(is_hasty=True)
    assert watch.told_of("r", 1) == "the machine's oom_kill counter rose by 1 since the last look"


def test_a_machine_that_does_not_count_suspects_nobody(world: World) -> None:
    world.vmstat.write_text("pgfault 1\n")
    watch = world.watch()
    watch.look()
    watch.look()
    assert watch.told_of("r", 1) == ""


def test_the_kernels_log_names_whom_it_killed(world: World) -> None:
    watch = world.watch(reads_log=True)
    watch.look()
    world.log.write_text(
        "3,1,2,-;Out of memory: Killed process 4711 (python) total-vm:9kB, anon-rss:8kB, UID:0 oom_score_adj:0\n"
    )
    world.machine(8)
    assert watch.told_of("other", 4712) == "the machine's oom_kill counter rose by 1 since the last look"
    told = watch.told_of("r", 4711)
    assert told.startswith("the kernel's log says: Out of memory: Killed process 4711 (python) total-vm:9kB")
    assert "Killed process" not in watch.told_of("r", 4711), "a number used again is another process"


def test_this_machines_log_is_read_or_left_alone() -> None:
    log = KernelLog.opened()
    if log is not None:
        assert log.told_of(1) == ""
        log.close()
    assert KernelLog.opened(Path("/nowhere/kmsg")) is None


def test_this_machines_counter_is_a_figure_or_unknown() -> None:
    kills = machine_oom_kills()
    assert kills is None or kills >= 0
    assert machine_oom_kills(Path("/nowhere")) is None


def test_high_water_is_the_most_a_living_process_ever_held() -> None:
    code = "a = bytearray(80 << 20); del a; print('up', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert 80 << 20 <= high_water_bytes(process.pid) < 200 << 20
    process.communicate(b"\n")
    assert high_water_bytes(process.pid) == 0
