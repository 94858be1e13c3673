#!/usr/bin/env python3
"""Children that die: how soon each supervisor starts them again, how often, and what of theirs is left behind.

Called by scripts/bench_supervisor, with one supervisor or with several. Crashes are dealt out in turn to those that run
side by side, and to a bare `posix_spawn` beside them (the floor), so that a noisy moment falls on all.
"""

import os
import random
import select
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

from bench_supervisor_peers import Figures, Ours, Peer, running
from bench_supervisor_processes import cpu_ns, nap, resident_kib, wait_for

T = TypeVar("T")
MANY = 100
# The child tells its own instant. Who looks for it every millisecond works beside the processor that is being measured:
# on two that share a core, 0.4 ms of 6.4.
LOOK_EVERY_S = 0.02
# What a cycle that starts a lost lane again appends to the journal, about.
CYCLE_BYTES = 4096
GRANDCHILDREN = {"gc": "same group", "gcsid": "own session", "gcdf": "double fork"}


def crashes(kinds: dict[str, type[Peer]], tools: Path, rounds: int, setting: str, within_s: float) -> Figures:
    """Kill each one's child in turn, in random order, the bare floor among them."""
    chance = random.Random(1)
    took: dict[str, list[float]] = {name: [] for name in [*kinds, "floor"]}
    missed = dict.fromkeys(kinds, 0)
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        floor = Floor(tools / "child", Path(folder) / "log")
        stack.callback(floor.close)
        peers = {name: stack.enter_context(running(kind, tools, setting=setting))[0] for name, kind in kinds.items()}
        for _ in range(rounds):
            nap(1.2 if setting == "fast" else 2.6)
            for name in chance.sample([*took], len(took)):
                time.sleep(chance.uniform(0.02, 0.15))
                if name == "floor":
                    took[name].append(floor.crash())
                elif missed[name] < 2:
                    ms = crash(peers[name], within_s)
                    if ms is None:
                        missed[name] += 1
                    else:
                        took[name].append(ms)
    return {"crash_ms": took, "missed": missed, "woken_ms": floor.woken_ms, "synced_ms": floor.synced_ms}


def crash(peer: Peer, within_s: float) -> float | None:
    pid = peer.last().pid
    at = time.monotonic_ns()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    born = seen_at_leisure(lambda: peer.after(at), within_s)
    return (born.at_ns - at) / 1e6 if born else None


def seen_at_leisure(holds: Callable[[], T], within_s: float) -> T | None:
    """As `wait_for`, and not at once: nothing is asked while a child is being started."""
    time.sleep(LOOK_EVERY_S)
    return wait_for(holds, within_s, LOOK_EVERY_S)


class Floor:
    """What cannot be avoided: kill, wake by epoll on the pidfd, reap, posix_spawn, the child's own first line.

    ``woken_ms`` is how long each took as far as the wake, ``synced_ms`` how long an fdatasync of a cycle's worth of
    journal took right after it: how quiet the machine was.
    """

    def __init__(self, child: Path, log: Path) -> None:
        self.words, self.log = [str(child), str(log), "x", "sleep"], log
        self.pid = os.posix_spawn(self.words[0], self.words, os.environ)
        self.journal = os.open(log.with_name("journal"), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.woken_ms: list[float] = []
        self.synced_ms: list[float] = []

    def crash(self) -> float:
        pidfd = os.pidfd_open(self.pid)
        looker = select.epoll()
        looker.register(pidfd, select.EPOLLIN)
        self.log.unlink(missing_ok=True)
        at = time.monotonic_ns()
        os.kill(self.pid, signal.SIGKILL)
        looker.poll(5)
        self.woken_ms.append((time.monotonic_ns() - at) / 1e6)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
        self.pid = os.posix_spawn(self.words[0], self.words, os.environ)
        line = seen_at_leisure(lambda: self.log.exists() and self.log.read_text().split(), 5)
        looker.close()
        os.close(pidfd)
        self._sync()
        return (int(line[4]) - at) / 1e6 if line else float("nan")

    def _sync(self) -> None:
        at = time.monotonic_ns()
        os.write(self.journal, bytes(CYCLE_BYTES))
        os.fdatasync(self.journal)
        self.synced_ms.append((time.monotonic_ns() - at) / 1e6)

    def close(self) -> None:
        os.close(self.journal)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def many(kind: type[Peer], tools: Path, seconds: float, *, starts: int) -> Figures:
    with running(kind, tools, lanes=MANY) as (peer, at):
        told: Figures = {"up_s": (max(each.at_ns for each in peer.births()) - at) / 1e9}
        if starts == 0:
            nap(8)
            pids = peer.own_pids()
            before, began = {pid: cpu_ns(pid) for pid in pids}, time.monotonic()
            nap(seconds)
            spent = sum(cpu_ns(pid) - was for pid, was in before.items()) / 1e9
            told["idle_share"] = spent / (time.monotonic() - began)
            told["rss_mib"] = sum(resident_kib(pid) for pid in pids) / 1024
            told["processes"] = len(pids)
    return told


def storm(kind: type[Peer], tools: Path) -> Figures:
    """A child that ends as soon as it begins, default settings, ten seconds."""
    with running(kind, tools, mode="exit", setting="default") as (peer, _):
        nap(10)
        first = peer.births()[0].at_ns
        return {"starts": sum(each.at_ns - first <= 10e9 for each in peer.births())}


def left_behind(kind: type[Peer], tools: Path, mode: str, n: int) -> tuple[int, int]:
    """How often the parent was killed and came back, n at most, and how many grandchildren are still there then.

    The last parent's own is not counted.
    """
    with running(kind, tools, mode=mode) as (peer, _):
        killed = 0
        while killed < n:
            nap(1.1 if kind is not Ours else 0.2)
            if crash(peer, 10) is None:
                break
            killed += 1
        nap(1.5)
        last = wait_for(lambda: peer.births("G"), 5)
        return killed, sum(peer.lives(each.pid) for each in (last or [])[:-1])
