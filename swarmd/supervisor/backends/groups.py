"""A control group for each lane, where the kernel counts what memory did to it: an OOM kill is then known, not guessed.

Version 2 in a subtree that was delegated to us, or version 1's memory controller where we may write. Used by
``local`` and asked by ``sensors/memory``. Everything here is a gain and nothing a need: where no group can be made
the runs live as before, and what cannot be written is left alone.
"""

import contextlib
import hashlib
import os
import select
import signal
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from swarmd.supervisor.logs import log

Version = Literal[1, 2]
# Not a SteadyEvent, which would hold a descriptor for as long as the lane lives, and could not be made where there is
# none left: by when anybody waits for it, it has long been set.
_Moved = threading.Event  # noqa: TID251
# The group's path, the process that joins it, and what to set once it has.
_Move = tuple[Path, int, _Moved]

# Where the daemon itself stands in version 2, beside its lanes; the unit of `swarmd service` names it too.
DAEMON_LEAF = "swarmd-daemon"
_PREFIX = "swarmd-run-"
# File of the counter, of the limit and of the highest use, by version.
_EVENTS = {1: "memory.oom_control", 2: "memory.events"}
_LIMIT = {1: "memory.limit_in_bytes", 2: "memory.max"}
_PEAK = {1: "memory.max_usage_in_bytes", 2: "memory.peak"}
_LOOKS_FOR_LEFTOVERS = 5
_MOVES_WITHIN_S = 5.0
# A process killed while it waits for a disk takes its time, and no cycle waits for it.
_ENDS_WITHIN_MS = 50


@dataclass(slots=True)
class LaneGroups:
    """``parent`` is where lanes' groups are made; None where there is no such place. ``version`` is the hierarchy's.

    ``owner`` is part of each group's name: two homes on one machine may have runs of the same names, and what ends one
    home's group must not end the other's run.

    A run that another daemon started is in a group of that daemon's: ``adopt`` finds it by the run's process.
    """

    parent: Path | None = None
    version: Version = 2
    owner: str = ""
    _of_run: dict[str, Path] = field(default_factory=dict)
    _joining: dict[str, _Moved] = field(default_factory=dict)
    _moves: SimpleQueue[_Move] | None = None

    def make(self, run: str, *, limit_bytes: int = 0) -> None:
        """A new group for a run that just started. With a limit the kernel ends the run there and not its neighbour."""
        if self.parent is None:
            return
        path = self.parent / self._name(run)
        try:
            # One of the same name is left from an attempt of the same id that never came to be: empty, or not ours.
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()
            path.mkdir(mode=0o700)
            if limit_bytes:
                (path / _LIMIT[self.version]).write_text(str(limit_bytes))
        except OSError as error:
            log.warning("no control group for run %s (%s): its memory is not counted apart", run, error.strerror)
            return
        self._of_run[run] = path

    def _name(self, run: str) -> str:
        return f"{_PREFIX}{self.owner}{run}"

    def join(self, run: str, pid: int) -> None:
        """Move the process that was just started; what it starts from here on is born in the group.

        By a thread that does nothing else: a lone move waits some 10 ms for the kernel (a burst of 100 costs 0.1 ms
        each), a start is over in two. Whoever reaps the process calls ``settle`` before: until then its number is its
        own.
        """
        path = self._of_run.get(run)
        if path is None:
            return
        if self._moves is None:
            moves: SimpleQueue[_Move] = SimpleQueue()
            try:
                threading.Thread(target=_move_on, args=(moves,), name="join", daemon=True).start()
            except RuntimeError as error:  # no room for another thread
                log.warning("pid %d could not join %s (%s): its memory is not counted apart", pid, path, error)
                return
            self._moves = moves
        self._joining[run] = _Moved()
        self._moves.put((path, pid, self._joining[run]))

    def settle(self, run: str) -> None:
        """Wait until the process has been moved, which it has long been unless it ended at once."""
        moved = self._joining.pop(run, None)
        if moved is not None:
            moved.wait(_MOVES_WITHIN_S)

    def adopt(self, run: str, pid: int) -> None:
        """The group of a run that another daemon started, if it is in one."""
        if run not in self._of_run:
            path = group_of(pid, self.version)
            if path is not None and path.name == self._name(run):
                self._of_run[run] = path

    def place(self, run: str) -> str:
        """The group's path as people know it; empty where the run has none."""
        path = self._of_run.get(run)
        return "" if path is None else str(path)

    def oom_kills(self, run: str) -> int | None:
        """Processes of the run that the kernel ended for want of memory; None where nobody counts."""
        path = self._of_run.get(run)
        return None if path is None else counter(path / _EVENTS[self.version], "oom_kill")

    def high_water(self, run: str) -> int:
        """The most memory the run and its descendants ever held, pages of files included; 0 where nobody counts."""
        path = self._of_run.get(run)
        try:
            return int((path / _PEAK[self.version]).read_text()) if path is not None else 0
        except (OSError, ValueError):
            return 0

    def remove(self, run: str) -> None:
        """End whatever is still in the group, wherever it moved itself and whatever it calls itself; then forget it."""
        self.settle(run)
        path = self._of_run.pop(run, None)
        if path is not None:
            _remove(path)

    def remove_but(self, runs: Collection[str]) -> list[int]:
        """The same for every group of this home that is of none of these runs; gives back the pids of who was in one.

        A daemon that dies between burying a run and ending what it left behind leaves its group, and in it what carries
        no mark of the run any more. One that stood elsewhere in the hierarchy has its groups there, out of our sight.
        """
        if self.parent is None or not self.owner:
            return []
        known = {self._name(run) for run in runs}
        left = [path for path in self.parent.glob(f"{_PREFIX}{self.owner}*") if path.name not in known]
        return [pid for path in left for pid in _remove(path)]


def _move_on(moves: SimpleQueue[_Move]) -> None:
    while True:
        path, pid, moved = moves.get()
        _move(path, pid)
        moved.set()


def _move(path: Path, pid: int) -> None:
    try:
        (path / "cgroup.procs").write_text(str(pid))
    except ProcessLookupError:
        return  # it has ended already, which its pidfd tells
    except OSError as error:
        log.warning("pid %d could not join %s (%s): its memory is not counted apart", pid, path, error.strerror)


def counter(path: Path, name: str) -> int | None:
    """A figure of a file of ``name figure`` lines; None where the file or the name is missing."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return None
    start = name.encode() + b" "
    return next((int(line[len(start) :]) for line in lines if line.startswith(start)), None)


def group_of(pid: int, version: Version) -> Path | None:
    """Where a process stands in the hierarchy that counts memory; None where there is none, or the process is gone."""
    mount = _mount_of(version)
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        is_it = controllers == "" if version == 2 else "memory" in controllers.split(",")
        if is_it and mount is not None and "/.." not in path:
            place = mount / path.lstrip("/")
            return place if place.is_dir() else None
    return None


@cache
def _mount_of(version: Version) -> Path | None:
    """Where the hierarchy is mounted whole: one of a container shows a part, with its own root as ours.

    Asked once in a process: it is where it was when the process began, and a daemon that comes back adopts hundreds.
    """
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        is_it = kind == "cgroup2" if version == 2 else kind == "cgroup" and "memory" in options.split(",")
        if is_it and before.split()[3] == "/":
            return Path(before.split()[4])
    return None


def find_groups(run_dir: Path) -> LaneGroups:
    """The place for lanes' groups on this machine, prepared; without one, groups that do nothing.

    ``run_dir`` is that of the home whose lanes they are.
    """
    owner = hashlib.blake2b(os.fsencode(run_dir), digest_size=4).hexdigest() + "-"
    own = group_of(os.getpid(), 2)
    if own is not None and (parent := _prepared(own)) is not None and _can_hold_groups(parent):
        return LaneGroups(parent, 2, owner)
    own = group_of(os.getpid(), 1)
    if own is not None and _can_hold_groups(own):
        return LaneGroups(own, 1, owner)
    return LaneGroups()


def _prepared(own: Path) -> Path | None:
    """Version 2 counts memory below a group only where no process is in it: the daemon stands in a leaf of its own.

    ``swarmd service`` has systemd put it there. Otherwise we move ourselves, in a subtree that is ours alone; where
    others are in it the kernel refuses, and all is put back.
    """
    if own.name == DAEMON_LEAF:
        return own.parent if _counts_memory_below(own.parent) else None
    if not _is_ours(own) or "memory" not in _words(own / "cgroup.controllers"):
        return None
    leaf = own / DAEMON_LEAF
    try:
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
    except OSError:
        return None
    if _counts_memory_below(own):
        return own
    with contextlib.suppress(OSError):
        (own / "cgroup.procs").write_text(str(os.getpid()))
        leaf.rmdir()
    return None


def _is_ours(own: Path) -> bool:
    """Where a systemd keeps the tree, only a group it has delegated may be changed below."""
    if not Path("/run/systemd/system").is_dir():
        return os.access(own, os.W_OK)
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            return os.getxattr(own, name) == b"1"
    return False


def _counts_memory_below(group: Path) -> bool:
    if "memory" not in _words(group / "cgroup.subtree_control"):
        with contextlib.suppress(OSError):
            (group / "cgroup.subtree_control").write_text("+memory")
    return "memory" in _words(group / "cgroup.subtree_control")


def _can_hold_groups(parent: Path) -> bool:
    probe = parent / f"{_PREFIX}probe-{os.getpid()}"
    try:
        probe.mkdir(mode=0o700)
        probe.rmdir()
    except OSError:
        return False
    return True


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []


def _remove(group: Path) -> list[int]:
    """End whatever is in it, and give back who was."""
    ended: list[int] = []
    for _ in range(_LOOKS_FOR_LEFTOVERS):
        found = _end_all(group)
        if not found:
            break
        ended += found
    try:
        group.rmdir()
    except OSError as error:
        # Something in it dies slowly. Empty groups cost nothing, and `make` takes the name again.
        log.info("the control group %s is left behind (%s)", group, error.strerror)
    return list(dict.fromkeys(ended))


def _end_all(group: Path) -> list[int]:
    """SIGKILL to each process of the group; who was in it."""
    pids = [int(pid) for pid in _words(group / "cgroup.procs") if pid.isdigit()]
    for pid in pids:
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(pid)
            try:
                # Looked at again with the pidfd open: now it is surely the process that will be signalled.
                if str(pid) in _words(group / "cgroup.procs"):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    _await_end(pidfd)
            finally:
                os.close(pidfd)
    return pids


def _await_end(pidfd: int) -> None:
    looker = select.poll()
    looker.register(pidfd, select.POLLIN)
    looker.poll(_ENDS_WITHIN_MS)
