"""What ``swarmd doctor --fix`` may put right by itself: found first, then done one by one, each told.

Only what nobody uses and nobody would miss: rights that are too wide, files that a dead process left behind, a profile
that cannot be read, kernels not compiled yet. A home is mended while its lock is held, so that no daemon begins
meanwhile; where one lives nothing of it is touched, and what was found is left to a person with the command for it.
"""

import contextlib
import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, is_locked, lock_file, lock_holder
from swarmd.state.units import iso
from swarmd.supervisor.checks import kernel_cache
from swarmd.supervisor.clock import wall_millis
from swarmd.supervisor.dashboard.address import address_path, hold_path, token_path
from swarmd.supervisor.machine_profile import PROFILE_FILE, profile_of
from swarmd.supervisor.presence import daemon_of

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_WARM_WITHIN_S = 900.0
_INSTALL_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Repair:
    """One thing that can be put right: told once it is done. ``do`` raises OSError or SubprocessError."""

    told: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Left:
    """One thing for a person: what is wrong, and the command."""

    told: str
    fix: str


@dataclass(frozen=True, slots=True)
class Mending:
    done: tuple[str, ...]
    left: tuple[Left, ...]


def mend(home: Home, *, may_install: Callable[[str], bool], is_quiet: bool = False) -> Mending:
    """Mend the home, then the machine. ``may_install`` is asked before a package is; ``is_quiet``: no progress."""
    done: list[str] = []
    left: list[Left] = []
    if home.root.is_dir():
        _mend_home(home, done, left)
    for found in (*_kernels(is_quiet), *_tmux(may_install)):
        _take(found, done, left)
    return Mending(tuple(done), tuple(left))


def _mend_home(home: Home, done: list[str], left: list[Left]) -> None:
    if not any(True for _ in _of_home(home)):
        return
    holder = {"pid": os.getpid(), "since": iso(wall_millis()), "home": str(home.root)}
    held = lock_file(home.daemon_lock, holder) if os.access(home.run_dir, os.W_OK) or not home.run_dir.exists() else -1
    if held is None:
        running = daemon_of(home)
        whose = running.told(home) if running else f"home {home.root}"
        fix = f"swarmd --home {home.root} stop && swarmd --home {home.root} doctor --fix"
        left += [
            Left(f"{found.told}: not done while a daemon runs ({whose})", fix) if isinstance(found, Repair) else found
            for found in _of_home(home)
        ]
        return
    try:
        # Looked at anew under the lock: a daemon may have left or begun between the two looks.
        for found in list(_of_home(home)):
            _take(found, done, left)
    finally:
        if held >= 0:
            os.close(held)


def _take(found: Repair | Left, done: list[str], left: list[Left]) -> None:
    if isinstance(found, Left):
        left.append(found)
        return
    try:
        found.do()
    except (OSError, subprocess.SubprocessError) as trouble:
        left.append(
            Left(f"{found.told}: could not be done: {trouble}", "mend what it says, then `swarmd doctor --fix`")
        )
    else:
        done.append(found.told)


# -- the home ---------------------------------------------------------------------------------------------------------


def _of_home(home: Home) -> Iterator[Repair | Left]:
    # The token apart from the other rights: once its file is shut, nobody could tell that others may have read it.
    yield from _token(home)
    yield from _rights(home)
    yield from _locks(home)
    yield from _sockets(home)
    yield from _profile(home)


def _token(home: Home) -> Iterator[Repair | Left]:
    """A token that others could read is nobody's secret any more."""
    open_ones = [path for path in (token_path(home), address_path(home)) if _mode(path) & _OTHERS]
    if not open_ones:
        return
    if is_locked(hold_path(home)):
        pid = lock_holder(hold_path(home)).get("pid", "?")
        told = "the dashboard's token could be read by others, and a dashboard still opens to it"
        yield Left(told, f"kill {pid} && swarmd --home {home.root} doctor --fix")
        return
    told = "the dashboard's token could be read by others: taken away, the next dashboard makes a new one"
    yield Repair(told, partial(_unlink, open_ones))


def _rights(home: Home) -> Iterator[Repair | Left]:
    """State and logs are their owner's alone; what one may want to show is written by the owner alone."""
    shut = [(home.state, _OTHERS), (home.logs, _OTHERS)]
    seen = [
        (part, _OTHERS_WRITE)
        for part in (home.results, home.champions, home.exports, home.docs, home.cache)
        if part.is_relative_to(home.root)  # a place chosen for the results may be a team's
    ]
    strangers = 0
    for part, forbidden in ((home.root, _OTHERS_WRITE), *shut, *seen):
        wrong: list[tuple[Path, int]] = []
        for path, found in _entries(part, is_deep=part != home.root):
            mode = stat.S_IMODE(found.st_mode)
            needed = stat.S_IRWXU if stat.S_ISDIR(found.st_mode) else stat.S_IRUSR | stat.S_IWUSR
            right = (mode | needed) & ~forbidden
            if right == mode or path in (token_path(home), address_path(home)):
                continue
            if os.geteuid() in (0, found.st_uid):
                wrong.append((path, right))
            else:
                strangers += 1
        if wrong:
            whose = "its owner's alone" if forbidden == _OTHERS else "written by its owner alone"
            named = "1 entry was" if len(wrong) == 1 else f"{len(wrong)} entries were"
            yield Repair(f"{part}: {named} not {whose}", partial(_set_modes, wrong))
    if strangers:
        told = f"{strangers} files of {home.root} with too wide rights belong to another user"
        yield Left(told, f"sudo chown -R {os.geteuid()} {home.root} && swarmd --home {home.root} doctor --fix")


def _entries(part: Path, *, is_deep: bool) -> Iterator[tuple[Path, os.stat_result]]:
    """The folder and what is in it, links left out. One that its owner cannot open is told before it is entered."""
    with contextlib.suppress(OSError):
        found = part.lstat()
        if stat.S_ISLNK(found.st_mode):
            return
        yield part, found
        if is_deep and stat.S_ISDIR(found.st_mode):
            for name in sorted(os.listdir(part)):  # noqa: PTH208  (names, so that one that vanishes is no error)
                yield from _entries(part / name, is_deep=True)


def _set_modes(wrong: list[tuple[Path, int]]) -> None:
    for path, mode in wrong:
        with contextlib.suppress(FileNotFoundError):
            path.chmod(mode, follow_symlinks=False) if os.chmod in os.supports_follow_symlinks else path.chmod(mode)


def _locks(home: Home) -> Iterator[Repair]:
    """They hold nothing (flock ends with its holder); they only look as if somebody were there."""
    left = [path for path in _listed(home.run_dir, "*.lock") if path != home.daemon_lock and not is_locked(path)]
    if left:
        named = f"{left[0].name}" + (f" and {len(left) - 1} more" if len(left) > 1 else "")
        told = f"{named}: left behind by a process that is gone, taken away"
        yield Repair(told, partial(_unlink, left))


def _sockets(home: Home) -> Iterator[Repair]:
    dead = [path for path in _listed(home.run_dir, "*") if stat.S_ISSOCK(_type(path)) and not _is_heard(path)]
    for path in dead:
        yield Repair(f"{path.name}: a socket that nobody listens to, taken away", path.unlink)


def _is_heard(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        try:
            asking.connect(str(path))
        except OSError as error:
            # Refused: nobody. Anything else (a stream's socket, a path too long) is not ours to judge.
            return error.errno != errno.ECONNREFUSED
    return True


def _profile(home: Home) -> Iterator[Repair]:
    path = home.root / PROFILE_FILE
    try:
        profile_of(home)
    except OperatorError as wrong:
        aside = path.with_name(f"{path.name}.broken")
        yield Repair(f"{wrong}: moved aside as {aside.name}, made anew", lambda: path.replace(aside))


# -- the machine ------------------------------------------------------------------------------------------------------


def _kernels(is_quiet: bool) -> Iterator[Repair]:
    place, is_writable = kernel_cache()
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    if not is_writable or next(place.rglob(f"*.{version}*.nbi"), None) is not None:
        return
    command = [sys.executable, "-P", "-m", "swarmd", "warm"]
    output = subprocess.DEVNULL if is_quiet else None
    yield Repair(
        f"kernels: compiled into {place}",
        lambda: subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=_WARM_WITHIN_S, check=True
        ),
    )


def _tmux(may_install: Callable[[str], bool]) -> Iterator[Repair | Left]:
    if shutil.which("tmux") is not None:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return  # the check itself says what a person can do
    if not may_install("tmux"):
        yield Left("tmux is not installed", "apt-get install -y tmux, or `swarmd doctor --fix --yes`")
        return
    yield Repair("tmux: installed with apt-get", _install_tmux)


def _install_tmux() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}

    def apt(*words: str) -> int:
        asked = subprocess.run(
            ["apt-get", "-qq", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_INSTALL_WITHIN_S,
            check=False,
        )
        return asked.returncode

    if apt("install", "-y", "tmux") and (apt("update") or apt("install", "-y", "tmux")):
        raise OSError("apt-get could not install it")


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


# -- looking ----------------------------------------------------------------------------------------------------------


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _type(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.lstat().st_mode
    return 0


def _mode(path: Path) -> int:
    with contextlib.suppress(OSError):
        return stat.S_IMODE(path.lstat().st_mode)
    return 0
