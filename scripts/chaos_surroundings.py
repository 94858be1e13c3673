#!/usr/bin/env python3
"""Faults of what a swarm stands on: its files, its screens, the machine. Functions as in ``chaos_faults``."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from chaos_home import wait
from chaos_match import Expected, Fault
from chaos_world import World

_NOTICED_WITHIN_S = 40.0
_DAY_S = 86_400
_LOCK = "state/run/daemon.lock"
# Below what the campaign asks to be left (disk_free_min, 8 MiB), and still some room.
_ALMOST_FULL = 4 << 20
_BURN = "while True: pass"
_HOG = "import sys, time; held = b'x' * (int(sys.argv[1]) << 20); time.sleep(float(sys.argv[2]))"

# -- files ------------------------------------------------------------------------------------------------------------


def lose_state(world: World) -> Fault | None:
    """A published file deleted or damaged, again until it is seen: harm within a cycle is mended by that very cycle."""
    home = world.swarm.home
    files = sorted(home.state.glob("*_state.json"))
    if not files or world.swarm.session() is None:
        return None
    at = world.swarm.now()
    path = world.chance.choice(files)
    is_deleted = world.chance.random() < 0.5
    for _ in range(20):
        if is_deleted:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(b'{"schema": "swar')
        with contextlib.suppress(TimeoutError):
            wait("it", lambda: world.has_told(at, "state_missing", subject=f"state/{path.name}"), 2)
            break
        if world.swarm.is_over:
            return None
    what = f"{'deleted' if is_deleted else 'damaged'} {path.name}"
    return world.fault("lose state", what, Expected(("state_missing",), f"state/{path.name}"), at=at)


def rob_run_folder(world: World) -> Fault | None:
    """The lock of a run that lives and the socket: a lane is held by its process, and looked at each second anyway."""
    runs = world.swarm.working()
    if not runs:
        return None
    at = world.swarm.now()
    run, _ = world.chance.choice(runs)
    world.swarm.home.lock_path(run).unlink(missing_ok=True)
    (world.swarm.home.run_dir / "notify.sock").unlink(missing_ok=True)
    return world.fault("rob run folder", f"deleted {run}.lock and notify.sock", at=at)


def lose_daemon_lock(world: World) -> Fault | None:
    """Removed under the daemon: nobody else may find the home free, and every command must find the daemon again."""
    if world.swarm.session() is None:
        return None
    at = world.swarm.now()
    world.swarm.home.daemon_lock.unlink(missing_ok=True)
    with contextlib.suppress(TimeoutError):
        wait("it", lambda: world.has_told(at, "state_missing", subject=_LOCK) or world.swarm.is_over, _NOTICED_WITHIN_S)
    if world.swarm.is_over and not world.has_told(at, "state_missing", subject=_LOCK):
        return None
    return world.fault("lose daemon's lock", "deleted daemon.lock", Expected(("state_missing",), _LOCK), at=at)


def fill_disk(world: World) -> Fault | None:
    """First below the limit, then to the last byte, then free again."""
    swarm = world.swarm
    if not world.is_small_disk or swarm.session() is None or not swarm.working():
        return None
    at = swarm.now()
    rest = swarm.home.root / "rest"
    try:
        with rest.open("wb", buffering=0) as file:
            # Step by step, for the swarm writes meanwhile: what is free must be asked again and again.
            with contextlib.suppress(OSError):
                while _free(swarm.home.root) > _ALMOST_FULL:
                    file.write(bytes(1 << 20))
            wait("disk_full", lambda: world.has_told(at, "disk_full") or swarm.is_over, _NOTICED_WITHIN_S)
            with contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass
            time.sleep(world.chance.uniform(1.0, 3.0))
    except TimeoutError:
        pass  # that nobody told of it is for the comparison to say
    finally:
        rest.unlink(missing_ok=True)
    return world.fault(
        "fill disk",
        "filled the home's disk to the last byte, and freed it",
        Expected(("disk_full",), "host"),
        at=at,
        # Of the host by what is left, and of the journal once it took a line no more: which comes first is chance.
        tolerated=("crash", "state_missing", "journal_damaged", "disk_full"),
    )


def _free(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


# -- screens ----------------------------------------------------------------------------------------------------------


def kill_tmux(world: World) -> Fault | None:
    windows = world.swarm.windows()
    if len(windows) < 4 or world.swarm.session() is None:
        return None
    at = world.swarm.now()
    world.swarm.tmux("kill-server")
    return _missed_screens(world, "kill tmux server", "tmux kill-server", "monitor/*", at)


def kill_window(world: World) -> Fault | None:
    windows = world.swarm.windows()
    if len(windows) < 4 or world.swarm.session() is None:
        return None
    at = world.swarm.now()
    window = world.chance.choice(sorted(windows))
    world.swarm.tmux("kill-window", "-t", f"=swarmd:{window}")
    return _missed_screens(world, "kill tmux window", f"tmux kill-window {window}", f"monitor/{window}", at)


def _missed_screens(world: World, kind: str, what: str, subject: str, at: int) -> Fault | None:
    with contextlib.suppress(TimeoutError):
        prefix = subject.removesuffix("*")
        wait(what, lambda: world.has_told(at, "monitor_lost", subject=prefix) or world.swarm.is_over, _NOTICED_WITHIN_S)
    if world.swarm.is_over and not world.has_told(at, "monitor_lost"):
        return None  # the screens went with the end of the campaign
    return world.fault(kind, what, Expected(("monitor_lost",), subject), at=at, tolerated=("monitor_lost",))


# -- the machine ------------------------------------------------------------------------------------------------------


def starve(world: World) -> Fault | None:
    """Eight busy loops on every processor: slower, not wrong."""
    at = world.swarm.now()
    world.helpers += [subprocess.Popen([sys.executable, "-S", "-c", _BURN]) for _ in range(8)]
    pause = world.chance.uniform(3.0, 6.0)
    time.sleep(pause)
    world.end_helpers()
    return world.fault("starve", f"8 busy loops for {pause:.1f} s", at=at)


def hog_memory(world: World) -> Fault | None:
    at = world.swarm.now()
    free = int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) >> 10
    taken = min(2048, free // 4)
    world.helpers.append(subprocess.Popen([sys.executable, "-S", "-c", _HOG, str(taken), "3"]))
    world.helpers[-1].wait()
    world.helpers.clear()
    return world.fault("hog memory", f"{taken} MiB taken beside it for 3 s", at=at)


def step_clock(world: World) -> Fault | None:
    """A day forth or back under the daemon's and the lanes' feet.

    Only a daemon that knew the time before can tell, so nothing more is done until it has looked.
    """
    if world.clock is None or world.swarm.session() is None:
        return None
    at = world.swarm.now()
    days = world.chance.choice((-1, 1))
    before = int.from_bytes(world.clock.read_bytes()[:8], "little", signed=True)
    with world.clock.open("r+b") as file:
        file.write((before + days * _DAY_S).to_bytes(8, "little", signed=True))
    with contextlib.suppress(TimeoutError):
        wait("it", lambda: world.has_told(at, "clock_stepped") or world.swarm.is_over, _NOTICED_WITHIN_S)
    if world.swarm.is_over and not world.has_told(at, "clock_stepped"):
        return None
    return world.fault(
        "step clock", f"the wall clock stepped by {days:+d} day", Expected(("clock_stepped",), "host"), at=at
    )
