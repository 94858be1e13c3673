"""The faults that `scripts/chaos` injects: one function each, from the world as it is to what was done to it.

A function gives back what was done and what must be told of it, or None where there is nothing to do it to just now
(no lane at work, no screens): it is then asked again. A new fault is a function and a line in ``KINDS``.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos_home import Swarm, signal_run, wait
from chaos_match import Expected, Fault

_NOTICED_WITHIN_S = 40.0
_DAY_S = 86_400
_LOST_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
_BURN = "while True: pass"
_HOG = "import sys, time; held = b'x' * (int(sys.argv[1]) << 20); time.sleep(float(sys.argv[2]))"


@dataclass(slots=True)
class World:
    """What the faults work on. ``victims`` are runs that were harmed already: nothing more is done to them."""

    swarm: Swarm
    chance: random.Random
    clock: Path | None = None
    is_small_disk: bool = False
    victims: set[str] = field(default_factory=set)
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def fault(self, kind: str, what: str, *expected: Expected, at: int, tolerated: tuple[str, ...] = ()) -> Fault:
        return Fault(0, kind, at, what, tuple(expected), tolerated, self.swarm.now())

    def has_told(self, since: int, *signatures: str, subject: str = "") -> bool:
        incidents = self.swarm.table("incident").values()
        return any(
            i["opened_at"] >= since and i["signature"] in signatures and i["subject"].startswith(subject)
            for i in incidents
        )

    def end_helpers(self) -> None:
        for helper in self.helpers:
            helper.kill()
            helper.wait()
        self.helpers.clear()


Inject = Callable[[World], Fault | None]

# -- lanes ------------------------------------------------------------------------------------------------------------


def kill_lane(world: World) -> Fault | None:
    return _harm_lane(world, "kill lane", world.chance.choice(_LOST_SIGNALS), ("crash",))


def stop_lane(world: World) -> Fault | None:
    """For good: it is for the swarm to end it."""
    return _harm_lane(world, "stop lane", signal.SIGSTOP, ("stopped",))


def hold_lane(world: World) -> Fault | None:
    """For less than anybody may call a hang: no harm, and no incident."""
    at = world.swarm.now()
    for run, row in world.swarm.working():
        if run not in world.victims and signal_run(run, row, world.swarm.home, signal.SIGSTOP):
            time.sleep(world.chance.uniform(0.1, 0.9))
            signal_run(run, row, world.swarm.home, signal.SIGCONT)
            return world.fault("hold lane a moment", f"SIGSTOP and SIGCONT of {run}", at=at)
    return None


def _harm_lane(world: World, kind: str, number: signal.Signals, signatures: tuple[str, ...]) -> Fault | None:
    at = world.swarm.now()
    runs = [each for each in world.swarm.working() if each[0] not in world.victims]
    if not runs:
        return None
    run, row = world.chance.choice(runs)
    if not signal_run(run, row, world.swarm.home, number):
        return None
    world.victims.add(run)
    what = f"{number.name} of {run} in {row['lane']} (pid {row['pid']})"
    return world.fault(kind, what, Expected(signatures, run, run), at=at)


# -- the daemon -------------------------------------------------------------------------------------------------------


def kill_daemon(world: World) -> Fault | None:
    return _without_daemon(world, "kill daemon", lambda: "")


def tear_journal(world: World) -> Fault | None:
    """The last line cut while nobody holds the journal, as a power cut leaves it."""

    def tear() -> str:
        segment = sorted(world.swarm.home.journal.glob("0*.jsonl"))[-1]
        last = segment.read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
        cut = world.chance.randint(1, max(1, min(len(last) - 8, 200)))
        os.truncate(segment, segment.stat().st_size - cut)
        return f"journal/{segment.name}"

    segments = sorted(world.swarm.home.journal.glob("0*.jsonl"))
    if not segments or segments[-1].stat().st_size < 4096:
        return None
    return _without_daemon(world, "tear journal", tear)


def cut_power(world: World) -> Fault | None:
    """Daemon and lanes at once. The machine itself stays, so its boot id does as well."""
    swarm = world.swarm
    known = swarm.session()
    if known is None:
        return None
    at = swarm.now()
    runs = [(run, row) for run, row in swarm.working() if run not in world.victims]
    swarm.kill_daemon()
    killed = [run for run, row in runs if signal_run(run, row, swarm.home, signal.SIGKILL)]
    world.victims.update(killed)
    time.sleep(world.chance.uniform(0.0, 2.0))
    swarm.start()
    _until_on_record(world)
    lost = [Expected(("crash", "never_started"), run, run) for run in killed]
    what = f"SIGKILL of the daemon ({known[0]}) and of {', '.join(killed) or 'no run'}"
    return world.fault("cut power", what, Expected(("daemon_lost",), known[0]), *lost, at=at)


def _without_daemon(world: World, kind: str, meanwhile: Callable[[], str]) -> Fault | None:
    swarm = world.swarm
    known = swarm.session()
    if known is None or swarm.is_over:
        return None
    at = swarm.now()
    swarm.kill_daemon()
    harmed = meanwhile()
    pause = world.chance.uniform(0.0, 3.0)
    time.sleep(pause)
    swarm.start()
    _until_on_record(world)
    expected = [Expected(("daemon_lost",), known[0])]
    if harmed:
        expected.append(Expected(("journal_damaged",), f"{harmed}*"))
    what = f"SIGKILL of the daemon ({known[0]}){f', {harmed} cut' if harmed else ''}, back after {pause:.1f} s"
    return world.fault(kind, what, *expected, at=at)


def freeze_daemon(world: World) -> Fault | None:
    """Asleep longer than a stopped lane is borne with: nobody else may be blamed for it."""
    daemon = world.swarm.daemon
    assert daemon is not None
    at = world.swarm.now()
    pause = world.chance.uniform(0.5, 6.0)
    daemon.send_signal(signal.SIGSTOP)
    time.sleep(pause)
    daemon.send_signal(signal.SIGCONT)
    return world.fault("freeze daemon", f"SIGSTOP of the daemon for {pause:.1f} s", at=at)


def suspend(world: World) -> Fault | None:
    """Daemon and lanes stopped together, as a suspended machine stops them."""
    swarm = world.swarm
    assert swarm.daemon is not None
    at = swarm.now()
    pause = world.chance.uniform(2.5, 6.0)
    swarm.daemon.send_signal(signal.SIGSTOP)
    runs = [each for each in swarm.working() if each[0] not in world.victims]
    held = [each for each in runs if signal_run(*each, swarm.home, signal.SIGSTOP)]
    time.sleep(pause)
    for run, row in held:
        signal_run(run, row, swarm.home, signal.SIGCONT)
    swarm.daemon.send_signal(signal.SIGCONT)
    return world.fault("suspend", f"daemon and {len(held)} lanes stopped together for {pause:.1f} s", at=at)


def drain(world: World) -> Fault | None:
    """A person's stop and start: no harm."""
    swarm = world.swarm
    assert swarm.daemon is not None
    if swarm.session() is None:
        return None
    at = swarm.now()
    swarm.daemon.send_signal(signal.SIGTERM)
    swarm.daemon.wait(timeout=180)
    swarm.start()
    _until_on_record(world)
    return world.fault("drain and start", "SIGTERM of the daemon, which left, and a new start", at=at)


def hang_up(world: World) -> Fault | None:
    daemon = world.swarm.daemon
    assert daemon is not None
    if world.swarm.session() is None:
        return None
    at = world.swarm.now()
    daemon.send_signal(signal.SIGHUP)
    return world.fault("hang up", "SIGHUP of the daemon", at=at)


def second_daemon(world: World) -> Fault | None:
    swarm = world.swarm
    if swarm.session() is None:
        return None
    at = swarm.now()
    other = Swarm(swarm.home.root, environment=swarm.environment)
    other.start()
    assert other.daemon is not None
    if other.daemon.wait(timeout=60) != 2 and not swarm.is_over:
        raise RuntimeError(f"a second daemon on {swarm.home.root} was not refused: exit {other.code}")
    return world.fault("second daemon", "started a second daemon, which was refused", at=at)


def _until_on_record(world: World) -> None:
    """The new session, or the end of the campaign: until then there is no daemon to do anything to."""
    wait("the new session", lambda: world.swarm.session() or world.swarm.is_over, 120)


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


def fill_disk(world: World) -> Fault | None:
    """First below the limit, then to the last byte, then free again."""
    swarm = world.swarm
    if not world.is_small_disk or swarm.session() is None or not swarm.working():
        return None
    at = swarm.now()
    rest = swarm.home.root / "rest"
    try:
        stat = os.statvfs(swarm.home.root)
        with rest.open("wb", buffering=0) as file:
            os.posix_fallocate(file.fileno(), 0, max(1, stat.f_bavail * stat.f_frsize - (3 << 20)))
            wait("disk_full", lambda: world.has_told(at, "disk_full") or swarm.is_over, _NOTICED_WITHIN_S)
            file.seek(0, os.SEEK_END)
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
        tolerated=("crash", "state_missing", "journal_damaged"),
    )


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
    """A day forth or back under the daemon's and the lanes' feet."""
    if world.clock is None:
        return None
    at = world.swarm.now()
    days = world.chance.choice((-1, 1))
    before = int.from_bytes(world.clock.read_bytes()[:8], "little", signed=True)
    with world.clock.open("r+b") as file:
        file.write((before + days * _DAY_S).to_bytes(8, "little", signed=True))
    return world.fault("step clock", f"the wall clock stepped by {days:+d} day", at=at, tolerated=("clock_stepped",))


# How often each is drawn, beside the others.
KINDS: dict[str, tuple[int, Inject]] = {
    "kill_lane": (8, kill_lane),
    "stop_lane": (4, stop_lane),
    "hold_lane": (2, hold_lane),
    "kill_daemon": (6, kill_daemon),
    "tear_journal": (3, tear_journal),
    "cut_power": (2, cut_power),
    "freeze_daemon": (2, freeze_daemon),
    "suspend": (2, suspend),
    "drain": (1, drain),
    "hang_up": (1, hang_up),
    "second_daemon": (1, second_daemon),
    "lose_state": (3, lose_state),
    "rob_run_folder": (2, rob_run_folder),
    "fill_disk": (1, fill_disk),
    "kill_tmux": (1, kill_tmux),
    "kill_window": (2, kill_window),
    "starve": (1, starve),
    "hog_memory": (1, hog_memory),
    "step_clock": (2, step_clock),
}

# These end runs or the daemon politely: a harmed run must have been told of before, or it is taken for an asked one.
AFTER_THE_OTHERS = frozenset({"drain", "fill_disk"})
