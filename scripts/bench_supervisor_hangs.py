#!/usr/bin/env python3
"""Children that live and do nothing: who notices, how soon, and how soon there is another in their place.

And children that are only starved, which are to be left alone. Called by scripts/bench_supervisor.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench_supervisor_deaths import restart
from bench_supervisor_peers import Figures, Ours, Peer, running
from bench_supervisor_processes import ME, is_alive, nap, wait_for

LIMIT_S = 1.0
STARVED = 10
STARVED_TO = (5, 2)  # per cent of one core


def stopped(kind: type[Peer], tools: Path, n: int) -> Figures:
    """A child under SIGSTOP: by the fastest settings, then with the hang detection it has, its limit one second."""
    told: Figures = {}
    if kind is Ours:
        told["noticed_ms"] = [noticed(tools, is_adopted=False) for _ in range(n)]
        told["noticed_adopted_ms"] = [noticed(tools, is_adopted=True) for _ in range(n)]
    else:
        with running(kind, tools) as (peer, _):
            nap(1.5)
            at = time.monotonic_ns()
            os.kill(peer.last().pid, signal.SIGSTOP)
            told["without_watchdog"] = "replaced" if wait_for(lambda: peer.after(at), 6, 0.02) else "never noticed"
    if kind.watchdog:
        with running(kind, tools, mode="hb", setting="watchdog", limit_s=LIMIT_S) as (peer, _):
            told["replaced_s"] = []
            nap(8)  # some watchdogs take a while to begin
            for _ in range(n):
                nap(2.5)
                at = time.monotonic_ns()
                os.kill(peer.last().pid, signal.SIGSTOP)
                born = wait_for(lambda at=at: peer.after(at), 15, 0.005)  # type: ignore[misc]
                told["replaced_s"].append((born.at_ns - at) / 1e9 if born else None)
    return told


def noticed(tools: Path, *, is_adopted: bool) -> float | None:
    """From SIGSTOP to the line in the journal that says so."""
    with running(Ours, tools) as (peer, _):
        nap(1.0)
        if is_adopted:
            restart(peer)
            assert wait_for(lambda: peer.main is not None and turns_of(peer) == peer.main.pid, 20)
            nap(0.5)
        at = time.monotonic_ns()
        os.kill(peer.last().pid, signal.SIGSTOP)
        seen = wait_for(lambda: in_journal(peer, b'"process_state":"T"'), 10)
        return (time.monotonic_ns() - at) / 1e6 if seen else None


def turns_of(peer: Peer) -> int:
    """Pid of the daemon whose cycle was told last."""
    with suppress(OSError, ValueError):
        return int(json.loads((peer.place / "home/state/swarm_control_state.json").read_text())["daemon"]["pid"])
    return 0


def in_journal(peer: Peer, words: bytes) -> int:
    return sum(each.read_bytes().count(words) for each in (peer.place / "home/state/journal").glob("0*.jsonl"))


def stalled(kind: type[Peer], tools: Path, n: int) -> Figures | str:
    """A child that goes on beating and does nothing any more: how long beyond the limit until somebody says so.

    The replacement comes after that: ours looks into the process first.
    """
    if not kind.watchdog:
        return "no hang detection"
    noticed_after, replaced_after = [], []
    said = b'"signature":"stuck_without_cpu"'
    with running(kind, tools, mode="stall", setting="watchdog", limit_s=LIMIT_S) as (peer, _):
        for _ in range(n):
            nap(2.0)
            before = in_journal(peer, said)
            os.kill(peer.last().pid, signal.SIGUSR1)
            stall = wait_for(lambda: [each for each in peer.births("S") if each.pid == peer.last().pid], 5)
            if not stall:
                raise RuntimeError(f"{peer.name}: its child did not say that it stalls")
            since = stall[-1].at_ns
            if kind is Ours and wait_for(lambda before=before: in_journal(peer, said) > before, LIMIT_S + 5):  # type: ignore[misc]
                noticed_after.append((time.monotonic_ns() - since) / 1e9 - LIMIT_S)
            born = wait_for(lambda since=since: peer.after(since), LIMIT_S + 5, 0.005)  # type: ignore[misc]
            if not born:
                return "never noticed"
            replaced_after.append((born.at_ns - since) / 1e9 - LIMIT_S)
    return {"beyond_limit_s": noticed_after or replaced_after, "replaced_beyond_s": replaced_after}


# -- healthy, and starved ----------------------------------------------------------------------------------------------


def starved(kind: type[Peer], tools: Path, percent: int, seconds: float) -> Figures | str:
    """Healthy children that share so much of one core with four busy loops: how many are killed all the same."""
    if not kind.watchdog:
        return "no hang detection"
    with running(kind, tools, lanes=STARVED, mode="hb", setting="watchdog", limit_s=LIMIT_S) as (peer, _):
        nap(8)
        before = len(peer.births())
        with quota(percent) as group:
            hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
            try:
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    # A successor starves like its predecessor.
                    for pid in [
                        *(hog.pid for hog in hogs),
                        *(each.pid for each in peer.births() if is_alive(each.pid)),
                    ]:
                        with suppress(OSError):
                            group.write_text(str(pid))
                    nap(0.2)
            finally:
                for hog in hogs:
                    hog.kill()
                    hog.wait()
            throttled = int((group.parent / "cpu.stat").read_text().split("nr_throttled")[1].split()[0])
        return {"false_kills": len(peer.births()) - before, "throttled_periods": throttled}


@contextmanager
def quota(percent: int) -> Iterator[Path]:
    """The file that takes a pid into a group with so much of one core. Raises OSError where we may not make one."""
    first, second = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")
    is_first = (first / "cpu.cfs_quota_us").exists() or (first / "cgroup.procs").exists()
    group = (first if is_first else second) / f"bench-starved-{ME}"
    group.mkdir()
    try:
        if is_first:
            (group / "cpu.cfs_quota_us").write_text(str(percent * 1000))
        else:
            (group / "cpu.max").write_text(f"{percent * 1000} 100000")
        yield group / "cgroup.procs"
    finally:
        # Nobody is ended here: who lives goes back to where all are, and is not starved any more.
        for pid in (group / "cgroup.procs").read_text().split():
            with suppress(OSError):
                (group.parent / "cgroup.procs").write_text(pid)
        with suppress(OSError):
            group.rmdir()
