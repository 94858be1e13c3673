"""How the machine fares while a phase computes: what else wants the processors, and what slows them down.

Read from /proc and /sys by the run itself, which alone knows when it computed. Two readings of counters that only grow
make one ``Conditions``; what a kernel does not tell stays None. For a measure's sake nothing here raises.
"""

import os
import platform
import re
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from swarmd.state.records.throughput import Conditions

T = TypeVar("T")

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
# The columns of the first line of /proc/stat; guests' time is counted in the first two already.
_IDLE, _IOWAIT, _STEAL, _COLUMNS = 3, 4, 7, 8


@dataclass(frozen=True, slots=True)
class Counters:
    """Everything that only grows, at one instant. ``cpu_ticks`` is the machine's first line of /proc/stat."""

    cpu_ticks: tuple[int, ...] | None
    own_seconds: float
    stalled_us: int | None
    runqueue_ns: int | None
    quota_us: int | None
    throttles: int | None
    major_faults: int


def read_counters(proc: Path, sys: Path) -> Counters:
    """``proc`` and ``sys`` are where those file systems are mounted."""
    return Counters(
        cpu_ticks=_known(lambda: _cpu_ticks(proc)),
        own_seconds=time.process_time(),
        stalled_us=_known(lambda: _stalled(proc)),
        runqueue_ns=_known(lambda: _waited(proc)),
        quota_us=_known(lambda: _held_back(proc, sys)),
        throttles=_known(lambda: _throttles(sys)),
        major_faults=resource.getrusage(resource.RUSAGE_SELF).ru_majflt,
    )


def conditions_between(
    before: Counters, after: Counters, *, elapsed: float, proc: Path, sys: Path, compiled: int, compiled_meanwhile: int
) -> Conditions:
    """What happened between two readings that lie ``elapsed`` seconds apart."""
    steal, others = _shares(before, after)
    stalled = _grown(before.stalled_us, after.stalled_us)
    waited = _grown(before.runqueue_ns, after.runqueue_ns)
    quota = _grown(before.quota_us, after.quota_us)
    return Conditions(
        steal=steal,
        others=others,
        pressure=_share(stalled / 1e6, elapsed) if stalled is not None else None,
        load=_known(lambda: float((proc / "loadavg").read_text().split()[0])),
        runqueue_wait=waited // 1_000_000 if waited is not None else None,
        quota_wait=quota // 1_000 if quota is not None else None,
        throttles=_grown(before.throttles, after.throttles),
        frequency=_known(lambda: _frequency(sys)),
        major_faults=max(0, after.major_faults - before.major_faults),
        compiled=compiled,
        compiled_meanwhile=compiled_meanwhile,
    )


def machine_name(proc: Path) -> str:
    """``AMD-EPYC-9B45-x2``: model and number of processors, fit to be part of an id."""
    found = _known(lambda: re.search(r"^model name\s*:\s*(.+)$", (proc / "cpuinfo").read_text(), re.MULTILINE))
    model = found[1] if found else platform.machine()
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', model).strip('-')}-x{os.cpu_count() or 1}"


def began_at(proc: Path) -> float:
    """When this process was started, in seconds of the wall clock (as files' times are); now, where nobody tells."""
    now = time.time()
    ticks = _known(lambda: int((proc / "self/stat").read_text().rpartition(")")[2].split()[19]))
    return now if ticks is None else now - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / _CLOCK_TICKS)


def compiled_between(folder: Path, since: float, until: float) -> int:
    """Kernels that were compiled into this folder in that time."""
    count = 0
    for path in folder.rglob("*.nbc"):
        written = _known(lambda path=path: path.stat().st_mtime)  # type: ignore[misc]
        count += written is not None and since <= written < until
    return count


# -- pieces -----------------------------------------------------------------------------------------------------------


def _known(read: Callable[[], T]) -> T | None:
    """What it says, or None where the file is not there or says something else."""
    try:
        return read()
    except (OSError, ValueError, IndexError, KeyError):
        return None


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else max(0, after - before)


def _share(part: float, whole: float) -> float:
    return round(min(1.0, max(0.0, part / whole)), 4) if whole > 0 else 0.0


def _shares(before: Counters, after: Counters) -> tuple[float | None, float | None]:
    """Of all processors' time: what the hypervisor kept, and what other processes used."""
    if before.cpu_ticks is None or after.cpu_ticks is None:
        return None, None
    ticks = [max(0, now - then) for then, now in zip(before.cpu_ticks, after.cpu_ticks, strict=True)]
    whole = sum(ticks)
    used = whole - ticks[_IDLE] - ticks[_IOWAIT] - ticks[_STEAL]
    ours = (after.own_seconds - before.own_seconds) * _CLOCK_TICKS
    return _share(ticks[_STEAL], whole), _share(used - ours, whole)


def _cpu_ticks(proc: Path) -> tuple[int, ...]:
    with (proc / "stat").open() as file:
        ticks = tuple(int(word) for word in file.readline().split()[1 : 1 + _COLUMNS])
    if len(ticks) < _COLUMNS:
        raise ValueError(f"{len(ticks)} columns")
    return ticks


def _stalled(proc: Path) -> int:
    some = (proc / "pressure/cpu").read_text().splitlines()[0]
    return int(dict(word.split("=") for word in some.split()[1:])["total"])


def _waited(proc: Path) -> int:
    """Of all threads: those of the kernels are not the one that /proc/self/schedstat tells of."""
    waits = [int(path.read_text().split()[1]) for path in (proc / "self/task").glob("*/schedstat")]
    if not waits:
        raise ValueError("not told")
    return sum(waits)


def _held_back(proc: Path, sys: Path) -> int:
    """By a quota of the control group, in microseconds; the first version of control groups counts nanoseconds."""
    for line in (proc / "self/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "" and (stat := sys / "fs/cgroup" / group.lstrip("/") / "cpu.stat").is_file():
            told = dict(entry.split() for entry in stat.read_text().splitlines())
            if "throttled_usec" in told:
                return int(told["throttled_usec"])
        if "cpu" in controllers.split(","):
            stat = sys / "fs/cgroup/cpu" / group.lstrip("/") / "cpu.stat"
            if stat.is_file():
                return int(dict(entry.split() for entry in stat.read_text().splitlines())["throttled_time"]) // 1000
    raise ValueError("no quota is told")


def _throttles(sys: Path) -> int:
    counts = _numbers((sys / "devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))
    if not counts:
        raise ValueError("not told")
    return sum(counts)


def _frequency(sys: Path) -> float:
    folders = [*(sys / "devices/system/cpu").glob("cpu[0-9]*/cpufreq")]
    now = _numbers(folder / "scaling_cur_freq" for folder in folders)
    highest = _numbers(folder / "cpuinfo_max_freq" for folder in folders)
    if not now or not highest or max(highest) == 0:
        raise ValueError("not told")
    return round((sum(now) / len(now)) / (sum(highest) / len(highest)), 3)


def _numbers(paths: Iterable[Path]) -> list[int]:
    return [number for path in paths if (number := _known(lambda path=path: int(path.read_text()))) is not None]  # type: ignore[misc]
