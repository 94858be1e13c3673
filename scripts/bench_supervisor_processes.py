#!/usr/bin/env python3
"""Processes as the kernel tells of them: who lives, who descends from us, what they spent. Nothing here measures.

Used by scripts/bench_supervisor and its parts.
"""

import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_PARENT_DEATH_SIGNAL, _SUBREAPER = 1, 36
ME = os.getpid()


def adopt_orphans() -> None:
    """What a killed supervisor leaves behind comes to us, so that it can be counted and ended."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def end_with_parent(number: int) -> None:
    """Whoever began us dies: so do we, by this signal."""
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, number, 0, 0, 0)


@dataclass(frozen=True)
class Stat:
    state: str
    parent: int


def stat_of(pid: int) -> Stat | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Stat(fields[0], int(fields[1]))


def is_alive(pid: int) -> bool:
    seen = stat_of(pid)
    return seen is not None and seen.state not in "ZX"


def descendants(root: int = ME) -> list[int]:
    """Living ones."""
    children: dict[int, list[tuple[int, str]]] = {}
    for name in (entry.name for entry in os.scandir("/proc")):
        if name.isdigit() and (seen := stat_of(int(name))) is not None:
            children.setdefault(seen.parent, []).append((int(name), seen.state))
    found, ahead = [], [root]
    while ahead:
        for pid, state in children.get(ahead.pop(), []):
            ahead.append(pid)
            if state not in "ZX":
                found.append(pid)
    return found


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def end_descendants() -> None:
    """Kill them until none is left, those among them that come to us only now. Raises RuntimeError where some stay."""
    for _ in range(500):
        left = descendants()
        reap()
        if not left:
            return
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    raise RuntimeError(f"left over: {left}")


def wait_for(holds: Callable[[], T], within_s: float, every_s: float = 0.001) -> T | None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if found := holds():
            return found
        reap()
        time.sleep(every_s)
    return None


def nap(seconds: float) -> None:
    wait_for(lambda: None, seconds, 0.02)


def cpu_ns(pid: int) -> int:
    """Of all its threads, to the nanosecond."""
    total = 0
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total


def resident_kib(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1])
    return 0


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
