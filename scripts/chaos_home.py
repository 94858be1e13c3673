#!/usr/bin/env python3
"""A home under chaos: driven by commands and signals, read through its journal, compared by its files.

For ``scripts/chaos`` and its faults. Reads the journal directly (a command a look would load the machine that is being
watched); knows nothing of faults.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from swarmd.state.store.files import Home
from swarmd.state.store.raw import history, read_journal
from swarmd.state.units import millis_of_iso
from swarmd.supervisor.monitors.tmux import socket_name

T = TypeVar("T")
Row = dict[str, Any]
SWARMD = (sys.executable, "-P", "-m", "swarmd")

_MARK = b"SWARMD_RUN="
_VOLATILE = {"created_at", "run_id", "checksum", "trial_file", "seconds", "git_sha", "git_commit"}
_KEPT = (
    "champions/*.json",
    "results/*/*/*/all_trials.json",
    "results/*/*/*/trials/*.json",
    "results/*/*/*/screen.json",
    "results/*/*/*/best_*/*.json",
    "results/*/*/*/phase0_top500.json",
)


class Swarm:
    """One home and its daemon. ``environment`` is added to that of the daemon, and so to its lanes'."""

    def __init__(self, root: Path, *, monitors: bool = False, environment: dict[str, str] | None = None) -> None:
        self.home = Home(root)
        self.out = root.with_name(f"{root.name}.out")
        self.monitors = monitors
        self.environment = environment or {}
        self.daemon: subprocess.Popen[bytes] | None = None

    # -- the daemon -------------------------------------------------------------------------------------------------

    def start(self, campaign: Path | None = None) -> None:
        asked = [] if campaign is None else [str(campaign), "--checked"]
        extra = ["--no-dashboard"] if self.monitors else ["--no-monitors", "--no-dashboard"]
        with self.out.open("ab") as out:
            self.daemon = subprocess.Popen(
                [*SWARMD, "--home", str(self.home.root), "start", *asked, "--until-done", "--no-screen", *extra],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C is for us: the swarm is disturbed by what was drawn, and told of it
            )

    def kill_daemon(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()

    @property
    def is_over(self) -> bool:
        return self.daemon is not None and self.daemon.poll() is not None

    @property
    def code(self) -> int | None:
        return None if self.daemon is None else self.daemon.returncode

    # -- what its journal tells ---------------------------------------------------------------------------------------

    def table(self, kind: str) -> dict[str, Row]:
        return {name: line.said["data"] for name, line in read_journal(self.home.journal).folded().table(kind).items()}

    def incidents(self) -> dict[str, Row]:
        """Every incident there ever was, as it was last told, those included that the tables have forgotten."""
        lines, _ = history(self.home.journal)
        return {line.said["id"]: line.said["data"] for line in lines if line.said["kind"] == "incident"}

    def closed_at(self) -> dict[str, int]:
        """When each incident was closed, on the journal's axis."""
        lines, _ = history(self.home.journal)
        return {
            line.said["id"]: millis_of_iso(line.said["at"])
            for line in reversed(lines)
            if line.said["kind"] == "incident" and line.said["data"]["status"] == "closed"
        }

    def crowned(self, campaign: str) -> int:
        """How many crownings of this campaign the records tell of."""
        lines, _ = history(self.home.journal)
        champions = (line.said["data"] for line in lines if line.said["kind"] == "champion")
        return sum(row.get("campaign") == campaign for row in champions)

    def session(self) -> tuple[str, Row] | None:
        """The session of the daemon that runs now, once it is on record."""
        assert self.daemon is not None
        rows = ((name, row) for name, row in self.table("session").items() if row["status"] == "open")
        return next(((name, row) for name, row in rows if row["pid"] == self.daemon.pid), None)

    def now(self) -> int:
        """The present instant on the journal's own axis, which no step of a clock moves."""
        anchors = [row["anchor"] for row in self.table("session").values()]
        boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return (anchors[-1] if anchors else time.time_ns() // 1_000_000 - boot) + boot

    def at_work(self, share: float = 1.0) -> list[tuple[str, Row]]:
        """Runs that have begun to work, and have not done more than this share of it, as the journal knows them."""
        tables = read_journal(self.home.journal).folded()
        beats = {name: line.said["data"] for name, line in tables.table("beat").items()}
        found = []
        for name, line in tables.table("run").items():
            row, beat = line.said["data"], beats.get(name)
            if row["status"] == "running" and beat and beat["is_ready"] and beat["done"] <= share * beat["total"]:
                found.append((name, row))
        return found

    def working(self) -> list[tuple[str, Row]]:
        """Those that are not near their end: what is done to them is done to living work."""
        return self.at_work(0.7)

    # -- its screens ------------------------------------------------------------------------------------------------

    def tmux(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["tmux", "-L", socket_name(self.home), *words], capture_output=True, text=True, check=False, timeout=10
        )

    def windows(self) -> list[str]:
        if not self.monitors or shutil.which("tmux") is None:
            return []
        return self.tmux("list-windows", "-t", "=swarmd", "-F", "#{window_name}").stdout.split()


def wait(what: str, holds: Callable[[], T | None], within_s: float, every_s: float = 0.1) -> T:
    """The first truthy answer. TimeoutError says what it waited for."""
    until = time.monotonic() + within_s
    while not (found := holds()):
        if time.monotonic() > until:
            raise TimeoutError(f"waited {within_s:g} s in vain for {what}")
        time.sleep(every_s)
    return found


# -- what came of it ------------------------------------------------------------------------------------------------


def outcome(root: Path) -> dict[str, Any]:
    """What must not depend on disturbances, file by file. Times, seconds and names of sessions are left out."""
    paths = [path for pattern in _KEPT for path in sorted(root.glob(pattern))]
    return {str(path.relative_to(root)): _lasting(json.loads(path.read_text())) for path in paths}


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in _VOLATILE}
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value


def trials_of(root: Path) -> Iterator[tuple[str, list[int]]]:
    """The numbers of the trials of each refinement, in the order of its file."""
    for path in sorted(root.glob("results/*/*/*/all_trials.json")):
        yield str(path.relative_to(root)), [trial["number"] for trial in json.loads(path.read_text())["trials"]]


def trial_faults(root: Path, ends: set[int]) -> list[str]:
    """Trials that are missing or there twice; ``ends`` is how many a search may have, at a rung or at its end."""
    told = " or ".join(map(str, sorted(ends)))
    return [
        f"{name}: {len(numbers)} trials, {len(set(numbers))} different, expected {told} numbered from 0"
        for name, numbers in trials_of(root)
        if len(numbers) not in ends or sorted(numbers) != list(range(len(numbers)))
    ]


def belonging(folder: Path) -> dict[int, str]:
    """Living processes with this folder in their words or environment; we and those who started us excepted."""
    ours, pid = set(), os.getpid()
    while pid > 1:
        ours.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in ours:
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            marks = words + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(folder).encode() in marks and state not in "ZX":
            found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found


def signal_run(run: str, row: Row, home: Home, number: signal.Signals) -> bool:
    """To exactly the process of this run, by its mark; False when it is gone."""
    return _signal_marked(row["pid"], f"{run}@{home.run_dir}", number)


def spares(home: Home) -> dict[int, str]:
    """Lanes of this home that wait for an order, with their marks."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (mark := _mark_of(int(entry.name))):
            name, _, run_dir = mark.rpartition("@")
            if name.startswith("spare-") and run_dir == str(home.run_dir):
                found[int(entry.name)] = mark
    return found


def signal_spare(pid: int, mark: str, number: signal.Signals) -> bool:
    """To a spare that is one still: what has become a run meanwhile bears another mark."""
    return _signal_marked(pid, mark, number) and _mark_of(pid) in (mark, "")


def _signal_marked(pid: int, mark: str, number: signal.Signals) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if _mark_of(pid) != mark:
            return False
        signal.pidfd_send_signal(pidfd, number)
    except OSError:
        return False
    finally:
        os.close(pidfd)
    return True


def _mark_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((word[len(_MARK) :].decode(errors="replace") for word in words if word.startswith(_MARK)), "")
