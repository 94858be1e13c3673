"""What /proc and /sys tell, read from files of our own: shares and counts, and None for what is not told."""

import os
import time
from pathlib import Path

import pytest

from swarmd.engine.phases.conditions import (
    Counters,
    began_at,
    compiled_between,
    conditions_between,
    machine_name,
    read_counters,
)
from swarmd.state.records.throughput import Conditions

TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def places(tmp_path):
    proc, sys = tmp_path / "proc", tmp_path / "sys"
    for folder in (proc, sys):
        folder.mkdir()
    return proc, sys


def put(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def between(places, before: Counters, after: Counters, *, elapsed=10.0) -> Conditions:
    proc, sys = places
    return conditions_between(before, after, elapsed=elapsed, proc=proc, sys=sys, compiled=0, compiled_meanwhile=0)


def counters(**fields) -> Counters:
    nothing = dict.fromkeys(("cpu_ticks", "stalled_us", "runqueue_ns", "quota_us", "throttles"))
    return Counters(**{**nothing, "own_seconds": 0.0, "major_faults": 0, **fields})


def test_of_the_processors_time_it_tells_what_was_stolen_and_what_others_used(places):
    before = counters(cpu_ticks=(100, 0, 0, 1000, 0, 0, 0, 0), own_seconds=1.0)
    # 2 processors for 10 s: 4 s idle, 1 s waiting for the disk, 3 s stolen, 12 s used, 5 s of these by us.
    after = counters(
        cpu_ticks=(100 + 9 * TICKS, 0, 2 * TICKS, 1000 + 4 * TICKS, TICKS, 0, TICKS, 3 * TICKS), own_seconds=6.0
    )
    seen = between(places, before, after)
    assert (seen.steal, seen.others) == (0.15, 0.35)


def test_counters_become_what_they_grew_by(places):
    before = counters(stalled_us=1_000_000, runqueue_ns=5_000_000, quota_us=0, throttles=7, major_faults=3)
    after = counters(stalled_us=3_500_000, runqueue_ns=1_505_000_000, quota_us=2_000, throttles=19, major_faults=8)
    seen = between(places, before, after)
    assert (seen.pressure, seen.runqueue_wait, seen.quota_wait) == (0.25, 1_500, 2)
    assert (seen.throttles, seen.major_faults) == (12, 5)


def test_what_is_not_told_is_none_and_never_zero(places):
    seen = between(places, read_counters(*places), read_counters(*places))
    assert seen == Conditions(major_faults=seen.major_faults)
    assert (seen.steal, seen.others, seen.throttles, seen.frequency, seen.load) == (None,) * 5


@pytest.mark.parametrize("garbage", ["", "cpu", "cpu 1 2 3\n", "some avg10=x\n"])
def test_what_makes_no_sense_is_not_told_either(places, garbage):
    proc, sys = places
    put(proc, stat=garbage, loadavg=garbage, pressure__cpu=garbage, self__cgroup=garbage)
    put(sys, devices__system__cpu__cpu0__thermal_throttle__core_throttle_count=garbage)
    seen = between(places, read_counters(*places), read_counters(*places))
    assert seen == Conditions(major_faults=seen.major_faults)


def test_everything_is_found_where_the_kernel_puts_it(places):
    proc, sys = places
    put(
        proc,
        stat=f"cpu  {TICKS} 0 0 {TICKS} 0 0 0 {TICKS} 0 0\ncpu0 1 1 1\n",
        loadavg="5.25 4.0 3.0 2/300 1\n",
        pressure__cpu="some avg10=1.0 avg60=1.0 avg300=1.0 total=42\nfull avg10=0 total=1\n",
        self__task__11__schedstat="100 2000000 3\n",
        self__task__12__schedstat="100 5000000 3\n",
        self__cgroup="0::/swarm/lane\n",
    )
    put(sys, **{"fs__cgroup__swarm__lane__cpu.stat": "nr_periods 5\nthrottled_usec 900\n"})
    for cpu, (throttled, now) in enumerate(((3, 1_500_000), (4, 2_500_000))):
        at = f"devices__system__cpu__cpu{cpu}"
        put(sys, **{f"{at}__thermal_throttle__core_throttle_count": f"{throttled}\n"})
        put(sys, **{f"{at}__cpufreq__scaling_cur_freq": f"{now}\n", f"{at}__cpufreq__cpuinfo_max_freq": "4000000\n"})
    told = read_counters(*places)
    assert told.cpu_ticks == (TICKS, 0, 0, TICKS, 0, 0, 0, TICKS)
    assert (told.stalled_us, told.runqueue_ns, told.quota_us, told.throttles) == (42, 7_000_000, 900, 7)
    seen = between(places, told, told)
    assert (seen.load, seen.frequency) == (5.25, 0.5)


def test_a_quota_of_the_older_kind_of_control_group_is_found_as_well(places):
    proc, sys = places
    put(proc, self__cgroup="9:cpu,cpuacct:/box\n0::/\n")
    put(sys, **{"fs__cgroup__cpu__box__cpu.stat": "nr_throttled 2\nthrottled_time 5000000\n"})
    assert read_counters(*places).quota_us == 5_000


def test_the_machine_is_named_by_model_and_processors(places):
    put(places[0], cpuinfo="processor : 0\nmodel name\t: AMD EPYC 9B45 (R) @ 2.6GHz\n")
    assert machine_name(places[0]) == f"AMD-EPYC-9B45-R-2-6GHz-x{os.cpu_count()}"
    assert machine_name(places[1]).endswith(f"-x{os.cpu_count()}")


def test_kernels_compiled_in_a_stretch_are_counted_by_their_files(tmp_path):
    for name, at in (("a.1.nbc", 100), ("b/c.1.nbc", 200), ("b/c.nbi", 200), ("b/d.1.nbc", 300)):
        put(tmp_path, **{name.replace("/", "__"): ""})
        os.utime(tmp_path / name, (at, at))
    assert compiled_between(tmp_path, 150, 300) == 1
    assert compiled_between(tmp_path, 0, 1e9) == 3
    assert compiled_between(tmp_path / "none", 0, 1e9) == 0


def test_this_process_began_before_now_and_after_the_machine():
    began = began_at(Path("/proc"))
    assert time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) < began < time.time()
