"""What a machine needs to carry a swarm, one check a function: found, and the fix where something is amiss.

``swarmd doctor`` runs them all. A check leaves the world as it was; one that breaks is itself a finding.
"""

import os
import platform
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.supervisor.machine_profile import profile_of
from swarmd.supervisor.standing import size

Level = Literal["ok", "warn", "fail"]

_WITHIN_S = 15.0
_DISK_MIN, _DISK_GOOD = 1 << 30, 5 << 30
_MEMORY_MIN, _MEMORY_GOOD = 512 << 20, 2 << 30
# A run takes some ten descriptors of the daemon's: lock, pidfd, pipe, log, outbox.
_DESCRIPTORS_GOOD = 1024


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    level: Level
    found: str
    fix: str = ""


def examine(home: Home) -> tuple[Check, ...]:
    return tuple(_guarded(check, home) for check in CHECKS)


def _guarded(check: Callable[[Home], Check], home: Home) -> Check:
    try:
        return check(home)
    except (OSError, subprocess.SubprocessError, psutil.Error) as trouble:
        return Check(check.__name__.replace("_", " "), "warn", f"could not be looked at: {trouble}")


def python(_home: Home) -> Check:
    told = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
    return Check("python", "ok", told)


def kernel(_home: Home) -> Check:
    told = f"{platform.system()} {platform.release()}"
    if not hasattr(os, "pidfd_open"):
        return Check("kernel", "fail", f"{told} without pidfds", "run on Linux 5.4 or newer")
    os.close(os.pidfd_open(os.getpid()))
    return Check("kernel", "ok", f"{told}, pidfds work")


def tmux(_home: Home) -> Check:
    path = shutil.which("tmux")
    if path is None:
        fix = "for the monitor windows install it (`apt install tmux`); everything else works without"
        return Check("tmux", "warn", "not installed", fix)
    told = subprocess.run([path, "-V"], capture_output=True, text=True, timeout=_WITHIN_S, check=False)
    if told.returncode != 0:
        return Check("tmux", "warn", f"{path} does not run: {told.stderr.strip()}", "reinstall tmux")
    return Check("tmux", "ok", f"{told.stdout.strip()} ({path})")


def gpu(home: Home) -> Check:
    from swarmd.supervisor.monitors.gpu import read

    reading = read(home)
    if reading.trouble:
        # The only engine of today computes on the CPU: no GPU is nothing to mend.
        return Check("gpu", "ok", reading.trouble)
    if reading.notes:
        return Check("gpu", "warn", "; ".join(reading.notes), "see `nvidia-smi` and the kernel log")
    names = ", ".join(f"{each.index}: {each.name} {size(each.mem_total or 0)}" for each in reading.gpus)
    return Check("gpu", "ok", f"{names} (driver {reading.driver})")


def cores(home: Home) -> Check:
    there, load = psutil.cpu_count() or 1, psutil.getloadavg()[0]
    try:
        profile = profile_of(home)
    except OperatorError as wrong:
        return Check("cores", "fail", str(wrong), "see the file it names")
    told = f"{profile.cpus} usable of {there}, load {load:.1f}; {profile.lanes} lanes where a campaign says auto"
    return Check("cores", "ok", f"{told}: {profile.reason}")


def memory(_home: Home) -> Check:
    reading = psutil.virtual_memory()
    told = f"{size(reading.available)} of {size(reading.total)} free"
    if reading.available < _MEMORY_MIN:
        return Check("memory", "fail", told, f"free some: a lane needs {size(_MEMORY_MIN)} at least")
    if reading.available < _MEMORY_GOOD:
        return Check("memory", "warn", told, "set limits.max_lanes: 1 in the campaign, or free some")
    return Check("memory", "ok", told)


def disk(home: Home) -> Check:
    free = psutil.disk_usage(str(_there(home.root))).free
    told = f"{size(free)} free at {home.root}"
    if free < _DISK_MIN:
        return Check("disk", "fail", told, f"free some, or choose another --home: {size(_DISK_MIN)} is the least")
    if free < _DISK_GOOD:
        return Check("disk", "warn", told, "a long campaign writes some GiB; free some or choose another --home")
    return Check("disk", "ok", told)


def home_permissions(home: Home) -> Check:
    there = _there(home.root)
    if not os.access(there, os.W_OK | os.X_OK):
        return Check("home", "fail", f"may not write in {there}", f"chmod u+rwx {there}, or choose another --home")
    if there != home.root:
        return Check("home", "ok", f"{home.root} is not there yet and can be made")
    shut = [part for part in (home.state, home.logs, home.results, home.run_dir) if not _is_open(part)]
    if shut:
        return Check("home", "fail", f"may not write in {shut[0]}", f"chmod -R u+rwX {home.root}")
    mode = stat.S_IMODE(home.root.stat().st_mode)
    if mode & 0o022:
        fix = f"chmod go-w {home.root}"
        return Check("home", "warn", f"{home.root} may be written by others ({mode:04o})", fix)
    return Check("home", "ok", f"{home.root} ({mode:04o})")


def locks(home: Home) -> Check:
    """A lock file without a holder is harmless; a lock held by a process that does not say who it is, is not."""
    held = [path for path in home.run_dir.glob("*.lock") if is_locked(path)]
    # Without a pid its process is a moment old and has not written who it is.
    strangers = [path for path in held if "pid" in (said := lock_holder(path)) and not _lives(said["pid"])]
    if strangers:
        named = ", ".join(path.name for path in strangers[:3])
        fix = f"find its holder with `fuser -v {strangers[0]}`"
        return Check("locks", "warn", f"{named}: held, but not by the process it names", fix)
    runs = sum(1 for path in held if path != home.daemon_lock)
    if is_locked(home.daemon_lock):
        return Check("locks", "ok", f"a daemon and {runs} runs hold theirs")
    if runs:
        return Check("locks", "warn", f"{runs} runs live without a daemon", "`swarmd ensure` takes them up again")
    return Check("locks", "ok", "none held; a lock left behind by a dead process holds nothing")


def descriptors(_home: Home) -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = f"{soft} open files allowed"
    if soft < _DESCRIPTORS_GOOD:
        return Check("descriptors", "warn", told, f"ulimit -n {min(4096, hard) if hard > 0 else 4096}")
    return Check("descriptors", "ok", told)


def inotify(_home: Home) -> Check:
    limit = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())
    if limit < 64:
        fix = "sysctl fs.inotify.max_user_instances=512"
        return Check("inotify", "warn", f"{limit} watchers allowed for all programs of this user", fix)
    return Check("inotify", "ok", f"{limit} watchers allowed")


def py_spy(_home: Home) -> Check:
    """Whether a stack can be taken of a process that is no child of ours, as an adopted run is."""
    fix = "allow it with `sysctl kernel.yama.ptrace_scope=0` or CAP_SYS_PTRACE; hangs are still found, without stacks"
    program = shutil.which(
        "py-spy", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    if program is None:
        return Check("py-spy", "warn", "not installed", "reinstall swarmd: evidence of a hang is taken with it")
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        assert sleeper.stdout is not None
        sleeper.stdout.readline()
        told = subprocess.run(
            [program, "dump", "--nonblocking", "--pid", str(sleeper.pid)],
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )
    finally:
        sleeper.kill()
        sleeper.communicate()
    if told.returncode != 0:
        reason = (told.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Check("py-spy", "warn", f"cannot look into processes: {reason}", fix)
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if scope.exists() and scope.read_text().strip() != "0" and os.geteuid() != 0:
        return Check("py-spy", "warn", "looks into its own children only, not into adopted runs", fix)
    return Check("py-spy", "ok", f"takes stacks ({program})")


def kernel_cache() -> tuple[Path, bool]:
    """Where compiled kernels are kept, and whether it can be written: beside the code, else in the user's cache."""
    import swarmd

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    place = Path(chosen) if chosen else Path(swarmd.__file__).parent / "engine"
    if _is_open(_there(place)):
        return place, True
    fallback = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if not chosen and _is_open(_there(fallback)):
        return fallback / "swarmd", True
    return place, False


def numba_cache(_home: Home) -> Check:
    place, is_writable = kernel_cache()
    if is_writable:
        return Check("numba cache", "ok", f"{place} is writable")
    cache = Path(tempfile.gettempdir()) / "numba"
    fix = f"export NUMBA_CACHE_DIR={cache}: without it each run compiles for half a minute"
    return Check("numba cache", "warn", f"{place} is not writable", fix)


def journal(home: Home) -> Check:
    from swarmd.state.store.raw import read_journal

    if not home.journal.is_dir():
        return Check("journal", "ok", "none yet")
    reading = read_journal(home.journal)
    new = [damage for damage in reading.damages if damage.is_new]
    if new:
        named = "; ".join(f"{damage.segment} line {damage.line}: {damage.reason}" for damage in new[:3])
        return Check(
            "journal", "warn", f"{len(new)} damaged places: {named}", "the next start quarantines them and goes on"
        )
    return Check("journal", "ok", f"sound up to record {reading.seq}")


CHECKS: tuple[Callable[[Home], Check], ...] = (
    python, kernel, cores, memory, disk, home_permissions, locks, journal, descriptors, inotify, tmux, gpu, py_spy,
    numba_cache,
)  # fmt: skip


def _there(path: Path) -> Path:
    """The path, or the nearest directory above it that exists."""
    return next((each for each in (path, *path.parents) if each.exists()), Path("/"))


def _is_open(path: Path) -> bool:
    return not path.exists() or os.access(path, os.W_OK | os.X_OK)


def _lives(pid: object) -> bool:
    return isinstance(pid, int) and psutil.pid_exists(pid)
