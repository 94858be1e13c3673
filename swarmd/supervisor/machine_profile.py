"""What this machine gives a swarm, and how many lanes that makes: measured, written down, and a person's to change.

``swarmd doctor`` writes ``machine_profile.json`` into the home; the daemon takes ``max_lanes: auto`` from it, and
measures for itself where there is none, or one of another machine. A container's share counts, not its host's cores.
"""

import dataclasses
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, atomic_write

SCHEMA = "swarmd.machine_profile/1"
PROFILE_FILE = "machine_profile.json"
# A lane has numpy, numba, pyarrow and its bars in memory before it computes anything.
_LANE_BYTES = 384 << 20
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MachineProfile:
    """``cpus`` are those this process may use, ``cpu_quota`` the share a control group leaves of them, in processors.

    ``memory_bytes`` is what there is or what the control group allows, ``lanes`` what ``max_lanes: auto`` means here.
    """

    host: str
    cpus: int
    cpu_quota: float | None
    memory_bytes: int
    lanes: int
    reason: str

    @property
    def processors(self) -> int:
        """Those that are really given: what lanes share among them."""
        return _given(self.cpus, self.cpu_quota)

    def is_of(self, other: "MachineProfile") -> bool:
        """Whether both are of one machine, as far as it can be told; memory may be a page more or less."""
        return (self.host, self.cpus, self.cpu_quota) == (other.host, other.cpus, other.cpu_quota)


def measured(cgroup: Path = _CGROUP) -> MachineProfile:
    cpus = len(os.sched_getaffinity(0)) or psutil.cpu_count() or 1
    quota, allowed = _quota(cgroup), _memory_allowed(cgroup)
    there = psutil.virtual_memory().total
    memory = min(there, allowed) if allowed else there
    lanes, reason = lanes_for(cpus, quota, memory)
    return MachineProfile(socket.gethostname(), cpus, quota, memory, lanes, reason)


def lanes_for(cpus: int, quota: float | None, memory_bytes: int) -> tuple[int, str]:
    """A lane for each processor that is really given, as long as each has the memory to begin with; at least one."""
    given = _given(cpus, quota)
    fitting = max(1, memory_bytes // _LANE_BYTES)
    if fitting < given:
        return fitting, f"{memory_bytes >> 20} MiB of memory carry {fitting} lanes, fewer than {given} processors"
    if given < cpus:
        return given, f"a control group leaves {quota:g} of {cpus} processors"
    return given, f"{cpus} processors may be used"


def _given(cpus: int, quota: float | None) -> int:
    return cpus if quota is None else min(cpus, max(1, round(quota)))


def profile_of(home: Home) -> MachineProfile:
    """The one written down if it is of this machine, else measured now.

    Raises
    ------
    OperatorError
        If the file is there and cannot be understood: a person may have changed it, and should know.
    """
    now = measured()
    path = home.root / PROFILE_FILE
    try:
        said = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return now
    except (OSError, ValueError) as trouble:
        raise OperatorError(
            f"{path} cannot be read: {trouble}; mend it, or delete it to have it made anew"
        ) from trouble
    known = _understood(path, said)
    return known if known.is_of(now) else now


def write_profile(home: Home, profile: MachineProfile) -> Path:
    """Write it down; the home must be there."""
    path = home.root / PROFILE_FILE
    document = {"schema": SCHEMA, **dataclasses.asdict(profile)}
    try:
        atomic_write(path, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as trouble:
        raise OutsideError(f"{path} cannot be written: {trouble.strerror}") from trouble
    return path


def _understood(path: Path, said: Any) -> MachineProfile:
    names = [field.name for field in dataclasses.fields(MachineProfile)]
    lacking = [name for name in names if not isinstance(said, dict) or name not in said]
    if lacking:
        raise OperatorError(f"{path} lacks {', '.join(lacking)}; mend it, or delete it to have it made anew")
    lanes = said["lanes"]
    if not isinstance(lanes, int) or isinstance(lanes, bool) or not 1 <= lanes <= 4096:
        raise OperatorError(f"{path}: lanes is {lanes!r}; give a whole number from 1 to 4096")
    return MachineProfile(**{name: said[name] for name in names})


def _quota(cgroup: Path) -> float | None:
    """Processors that a control group's quota comes to; None without one."""
    text = _text(cgroup / "cpu.max").split()
    if len(text) == 2 and text[0] != "max":
        return int(text[0]) / int(text[1])
    quota, period = _text(cgroup / "cpu/cpu.cfs_quota_us"), _text(cgroup / "cpu/cpu.cfs_period_us")
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def _memory_allowed(cgroup: Path) -> int | None:
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _text(cgroup / name)
        if text and text != "max":
            return int(text)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
