"""Was it the out-of-memory killer? What the kernel counted and wrote down about a process that SIGKILL ended.

Asked by ``sensors/runs`` once a run has ended that nobody here killed. The lane's own control group knows exactly;
without one the machine's counter says that somebody was killed, and the kernel's log, where we may read it, who.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.supervisor.backends.groups import LaneGroups, counter

_VMSTAT = Path("/proc/vmstat")
_KERNEL_LOG = Path("/dev/kmsg")
# The kernel's log numbers processes as the first namespace does: elsewhere a number names somebody else.
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_KILLED = re.compile(r"[Kk]illed process (\d+) \(([^)]*)\)")
_LINES_MAX = 4096


def machine_oom_kills(vmstat: Path = _VMSTAT) -> int | None:
    """How many processes the kernel has ended for want of memory since it booted; None where it does not say."""
    return counter(vmstat, "oom_kill")


@dataclass(slots=True)
class OomWatch:
    """Remembers the machine's counter from look to look, and what the kernel's log said since it was opened.

    A rise since the last look is held against every run that ended by SIGKILL since: without a group of its own nobody
    can say which of two it was, and the sentence says as much.
    """

    groups: LaneGroups
    vmstat: Path = _VMSTAT
    kernel_log: "KernelLog | None" = None
    _counted: int | None = None
    _is_asked: bool = True

    def look(self, *, is_hasty: bool = False) -> None:
        """Once after each look at the runs: what is counted from here on befell those that end later.

        The kernel takes a quarter of a millisecond to say it, so in haste only where the counter was asked for.
        """
        if self._is_asked or not is_hasty:
            self._counted, self._is_asked = machine_oom_kills(self.vmstat), False

    def told_of(self, run: str, pid: int) -> str:
        """Why the end of this run was the OOM killer's work, with the figure that says so; empty where nothing does.

        Before the run's group is removed. ``pid`` is 0 where it is not known.
        """
        kills = self.groups.oom_kills(run)
        if kills is not None:
            # Counted for this run alone: none is an answer too, whatever befell others meanwhile.
            return f"oom_kill counter of {self.groups.place(run)} rose by {kills}" if kills else ""
        if self.kernel_log is not None and (line := self.kernel_log.told_of(pid)):
            return f"the kernel's log says: {line} (oom)"
        rose = self._risen()
        return f"the machine's oom_kill counter rose by {rose} since the last look" if rose else ""

    def _risen(self) -> int:
        self._is_asked = True
        counted = machine_oom_kills(self.vmstat)
        return 0 if counted is None or self._counted is None else max(0, counted - self._counted)


@dataclass(slots=True)
class KernelLog:
    """The kernel's log from the moment it is opened; what was said before is somebody else's story."""

    descriptor: int
    _killed: dict[int, str] = field(default_factory=dict)

    @classmethod
    def opened(cls, path: Path = _KERNEL_LOG) -> "KernelLog | None":
        """None where we may not read it, or where its numbers are not ours."""
        try:
            if str(Path("/proc/self/ns/pid").readlink()) != _FIRST_PID_NAMESPACE:
                return None
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.lseek(descriptor, 0, os.SEEK_END)
        except OSError:
            return None
        return cls(descriptor)

    def told_of(self, pid: int) -> str:
        """The line in which the kernel says that it killed this process for want of memory; empty without one."""
        for _ in range(_LINES_MAX):
            try:
                line = os.read(self.descriptor, 8192).decode(errors="replace")
            except BlockingIOError:
                break
            except BrokenPipeError:  # lines were lost before we read them; those that follow are there
                continue
            except OSError:
                break
            if not line:
                break
            text = line.partition(";")[2].splitlines()[0] if ";" in line else line.strip()
            if found := _KILLED.search(text):
                self._killed[int(found[1])] = text.strip()
        return self._killed.pop(pid, "")

    def close(self) -> None:
        os.close(self.descriptor)


def high_water_bytes(pid: int) -> int:
    """The most memory a living process ever held resident; 0 when it is gone, for its pages went with it."""
    try:
        found = re.search(rb"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_bytes(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
