#!/usr/bin/env python3
"""What one process cost: seconds by the clock, seconds of the processor, and the most memory it held.

For ``bench_journal``. On a busy machine the clock tells of the others; the processor's seconds tell of the process. A
command is timed from before it is made until it is gone; a daemon until its first cycle is told.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from swarmd.state.store.files import Home, is_locked

SWARMD = (sys.executable, "-P", "-m", "swarmd")
_DAEMON_WITHIN_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """``seconds`` by the clock and ``busy`` ones of the processor, of each run; ``peak`` the most memory, in MiB."""

    seconds: tuple[float, ...]
    busy: tuple[float, ...]
    peak: float

    def row(self, what: str) -> str:
        low, middle, high = min(self.seconds), statistics.median(self.seconds), max(self.seconds)
        busy = f"{min(self.busy):.2f} to {max(self.busy):.2f} s"
        return f"| {what} | {low:.2f} s | {middle:.2f} s | {high:.2f} s | {busy} | {self.peak:.0f} MiB |"


# The memory of whoever starts a process counts as its own until it is another program: so a small one starts it.
_TIMED = """
import os, sys, time
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
began = time.perf_counter()
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=[
    (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)])
_, status, used = os.wait4(child, 0)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, os.waitstatus_to_exitcode(status), used.ru_maxrss)
"""


def cost(command: list[str], home: Home, runs: int, *, allowed: tuple[int, ...] = (0,)) -> Cost:
    """Of so many runs, after one that does not count where there is more than one. ``allowed`` are its exit codes."""
    out = home.root / "bench.out"
    seconds, busy, peak = [], [], 0.0
    for _ in range(runs + (runs > 1)):
        told = subprocess.run(
            [sys.executable, "-S", "-E", "-c", _TIMED, str(out), *command],
            env=environment(home), capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        if int(told[2]) not in allowed:
            raise SystemExit(f"{' '.join(command)}: {out.read_text()[-500:]}")
        seconds.append(float(told[0]))
        busy.append(float(told[1]))
        peak = max(peak, int(told[3]) / 1024)
    return Cost(tuple(seconds[-runs:]), tuple(busy[-runs:]), peak)


def environment(home: Home) -> dict[str, str]:
    elsewhere = ("STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT")
    kept = {name: value for name, value in os.environ.items() if name not in elsewhere}
    return kept | {"SWARMD_HOME": str(home.root)}


def daemon_cost(home: Home) -> tuple[Cost, float]:
    """From its start to its first published cycle, with the peak of its memory; and its memory 5 s later, in MiB."""
    published = home.state / "swarm_control_state.json"
    published.unlink(missing_ok=True)
    began = time.perf_counter()
    with (home.root / "bench.out").open("wb") as out:
        child = subprocess.Popen(
            [*SWARMD, "start", "--no-screen", "--no-monitors", "--no-dashboard"],
            env=environment(home), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        while not published.exists():
            if child.poll() is not None or time.perf_counter() - began > _DAEMON_WITHIN_S:
                raise SystemExit(f"the daemon did not come up: {(home.root / 'bench.out').read_text()[-500:]}")
            time.sleep(0.005)
        took, busy = time.perf_counter() - began, _busy_of(child.pid)
        while json.loads(published.read_bytes())["daemon"]["uptime_s"] < 5:
            time.sleep(0.1)
        told = Path(f"/proc/{child.pid}/status").read_text()
        now, peak = (int(told.split(f"{name}:")[1].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
        return Cost((took,), (busy,), peak), now
    finally:
        # Not asked to stop: the next measurement finds the campaign as this one did.
        child.send_signal(signal.SIGKILL)
        child.wait()
        while is_locked(home.daemon_lock):
            time.sleep(0.01)


def _busy_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    print(cost(sys.argv[2:], Home(Path(sys.argv[1]).absolute()), 3).row(" ".join(sys.argv[2:])))
