#!/usr/bin/env python3
"""A Python lane doing work again: from the SIGKILL of a lane at work to the first unit of work of its successor.

    scripts/bench_supervisor_spare.py DATA_ROOT --symbol BTCUSDT --interval 5m --rounds 10 --json spare.json

The real daemon (journal, agents, cycle) on a real campaign over real bars, its lane killed again and again in the
middle of a prescreen and of a refine; once with a spare waiting, once without. The end of a round is the progress page:
the successor's first unit of work, which its own loop counts. What the wait cost the successor in processor time is
told beside it, for that does not grow with the load of the machine. Back-off is 0 and bounds on attempts are lifted, as
in bench_supervisor's crashes with the fastest settings.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from swarmd.state.beats import BeatsPage, Pulse
from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.state.work_order import SPARE_OPTION
from swarmd.supervisor.backends.local import ENGINE_LANE

HERE = Path(__file__).resolve().parent
WITHIN_S = 120.0
# One lane, so its slot is the first.
SLOT = 0
PHASES = {"prescreen": {"combos": 50_000, "trials": 10}, "refine": {"combos": 2_000, "trials": 10_000}}
NEVER = 10**9
LIMITS = {"backoff_first": 0, "backoff_cap": 0, "max_attempts": NEVER, "fleet_losses_max": NEVER,
          "stopped_after": NEVER, "stuck_after": NEVER, "silent_after": NEVER}  # fmt: skip
CAMPAIGN = """\
name: spare
data: {{root: {root}, interval: {interval}, known_gaps: [{gaps}]{stretch}}}
assets: {{tiers: {{ALL: [{symbol}]}}}}
strategy: {{name: mtf_ema, modes: [aggressive]}}
search: {{prescreen: {{combos: {combos}, seed: 42}}, refine: {{trials: {trials}, seed: 42}}}}
constraints: {{min_trades: 1, max_drawdown: 1.0}}
limits: {{max_lanes: 1, disk_free_min: 1MiB, spares: {spares}}}
"""
T = TypeVar("T")
Figures = dict[str, Any]


def main() -> int:
    asked = options()
    document: Figures = {"load_before": os.getloadavg(), "rounds": asked.rounds, "peers": "ray is not installed"}
    for phase in asked.phases.split(","):
        document[phase] = {}
        for spares in (1, 0):
            with tempfile.TemporaryDirectory(prefix="bench-spare-") as folder:
                found = measured(Path(folder), asked, phase, spares)
            document[phase]["with a spare" if spares else "without"] = found
            print(told(phase, spares, found), flush=True)
    document["load_after"] = os.getloadavg()
    if asked.json:
        asked.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=Path, help="folder of bars, as data.root of a campaign")
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--interval", default="5m")
    parser.add_argument("--start", default="")
    parser.add_argument("--end", default="")
    parser.add_argument("--known-gap", action="append", default=[], metavar="DAY")
    parser.add_argument("--rounds", type=int, default=10, help="kills per phase and kind (default: %(default)s)")
    parser.add_argument("--phases", default=",".join(PHASES), help="of %(default)s")
    parser.add_argument("--json", type=Path, help="write all figures there")
    return parser.parse_args()


def measured(place: Path, asked: argparse.Namespace, phase: str, spares: int) -> Figures:
    """One daemon, and so many kills of its lane."""
    home, campaign, limits = Home(place / "home"), place / "c.yaml", place / "limits.json"
    ends = {"start": asked.start, "end": asked.end}
    stretch = "".join(f", {name}: {day}" for name, day in ends.items() if day)
    campaign.write_text(
        CAMPAIGN.format(
            root=asked.root.resolve(),
            interval=asked.interval,
            gaps=", ".join(asked.known_gap),
            stretch=stretch,
            symbol=asked.symbol,
            spares=spares,
            **PHASES[phase],
        )
    )
    limits.write_text(json.dumps(LIMITS))
    words = [sys.executable, "-P", HERE / "bench_supervisor_ours.py", home.root, campaign, limits, *ENGINE_LANE]
    with (place / "daemon.out").open("wb") as out:
        daemon = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait("the page of progress", home.beats_path.exists)
        with BeatsPage(home.beats_path) as page:
            rounds = [one_kill(home, page, phase, daemon, with_spare=bool(spares)) for _ in range(asked.rounds)]
    finally:
        end(daemon)
    return {name: [each[name] for each in rounds] for name in rounds[0]}


def one_kill(home: Home, page: BeatsPage, phase: str, daemon: subprocess.Popen[bytes], *, with_spare: bool) -> Figures:
    """Wait until it works, hold it there until a spare is ready where one is due, kill it, wait for the successor."""

    def at_work() -> tuple[int, Pulse] | None:
        if daemon.poll() is not None:
            raise RuntimeError(f"the daemon ended with {daemon.returncode}")
        pid, pulse = lane_of(home, phase), page.read(SLOT)
        return (pid, pulse) if pid and pulse.done > 0 else None

    pid, before = wait(f"a lane at its {phase}", at_work)
    # Or else it would be done before a busy machine has its spare ready.
    os.kill(pid, signal.SIGSTOP)
    spare, spent = wait("a spare that waits", lambda: settled(spare_of(daemon.pid))) if with_spare else (0, 0.0)
    marks: dict[str, float] = {}
    killed = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    while "work" not in marks:
        pulse, at = page.read(SLOT), (time.perf_counter() - killed) * 1000
        if pulse.token != before.token and pulse.token:
            marks.setdefault("began", at)
            if pulse.is_ready:
                marks.setdefault("ready", at)
            if pulse.done > 0:
                marks["work"] = at
        if at > WITHIN_S * 1000:
            raise RuntimeError("no successor came to work")
        time.sleep(0.0005)
    successor = lane_of(home, phase)
    cpu = cpu_ms(successor) - (spent if successor == spare else 0.0)
    return {f"{name}_ms": round(at, 1) for name, at in marks.items()} | {
        "cpu_ms": round(cpu),
        "by_spare": successor == spare,
    }


def lane_of(home: Home, phase: str) -> int:
    """Pid of the living lane at this phase, as its lock tells; 0 without one."""
    for lock in home.run_dir.glob(f"*.{phase}-a*.lock"):
        if is_locked(lock) and isinstance(pid := lock_holder(lock).get("pid"), int):
            return pid
    return 0


def spare_of(daemon: int) -> int:
    """Pid of the daemon's spare; 0 without one. Its words tell until it has become a lane."""
    for pid in map(int, Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()):
        with suppress(OSError):
            if f"\0{SPARE_OPTION}\0".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return 0


def settled(pid: int) -> tuple[int, float] | None:
    """The process and what it has used of a processor, once it uses no more: a spare is ready then."""
    if not pid or (before := cpu_ms(pid)) < 500:
        return None
    time.sleep(1.2)  # more than a turn of the daemon, which then knows it too
    with suppress(OSError):
        return (pid, before) if cpu_ms(pid) == before else None
    return None


def cpu_ms(pid: int) -> float:
    """Processor time of all its threads, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def wait(what: str, found: Callable[[], T | None]) -> T:
    until = time.monotonic() + WITHIN_S
    while not (answer := found()):
        if time.monotonic() > until:
            raise RuntimeError(f"waited {WITHIN_S:g} s in vain for {what}")
        time.sleep(0.01)
    return answer


def end(daemon: subprocess.Popen[bytes]) -> None:
    """Ctrl-C twice: its lanes are ended and itself."""
    for _ in range(2):
        daemon.send_signal(signal.SIGINT)
        time.sleep(0.2)
    try:
        daemon.wait(30)
    except subprocess.TimeoutExpired:
        daemon.kill()
        raise


def told(phase: str, spares: int, found: Figures) -> str:
    work = found["work_ms"]
    how = f"by a spare in {sum(found['by_spare'])} of {len(work)} rounds" if spares else "no spare"
    return (
        f"{phase}, {how}: at work again after {statistics.median(work):.0f} ms median "
        f"({min(work):.0f} to {max(work):.0f}), of its own processor time {statistics.median(found['cpu_ms']):.0f} ms; "
        f"process there after {statistics.median(found['began_ms']):.0f} ms, ready after "
        f"{statistics.median(found['ready_ms']):.0f} (load {os.getloadavg()[0]:.1f})"
    )


if __name__ == "__main__":
    sys.exit(main())
