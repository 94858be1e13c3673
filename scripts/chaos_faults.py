#!/usr/bin/env python3
"""The faults that `scripts/chaos` injects: one function each, from the world as it is to what was done to it.

A function gives back what was done and what must be told of it, or None where there is nothing to do it to just now
(no lane at work, no screens): it is then asked again. A new fault is a function, here for lanes and the daemon or in
``chaos_surroundings``, and a line in ``KINDS``.
"""

import os
import signal
import time
from collections.abc import Callable

from chaos_home import Swarm, signal_run, signal_spare, spares, wait
from chaos_match import Expected, Fault
from chaos_surroundings import (
    fill_disk,
    hog_memory,
    kill_tmux,
    kill_window,
    lose_daemon_lock,
    lose_state,
    rob_run_folder,
    starve,
    step_clock,
)
from chaos_world import Inject, World

_LOST_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)

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


def kill_spare(world: World) -> Fault | None:
    """A lane that waits for an order has no work to lose: another is made ready, or a run starts without one."""
    return _harm_spare(world, "kill spare", signal.SIGKILL)


def stop_spare(world: World) -> Fault | None:
    """For good: a run that finds it deaf starts without it."""
    return _harm_spare(world, "stop spare", signal.SIGSTOP)


def _harm_spare(world: World, kind: str, number: signal.Signals) -> Fault | None:
    at = world.swarm.now()
    waiting = sorted(spares(world.swarm.home).items())
    if not waiting:
        return None
    pid, mark = world.chance.choice(waiting)
    if not signal_spare(pid, mark, number):
        return None
    return world.fault(kind, f"{number.name} of spare {pid}", at=at)


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
    runs = [each for each in swarm.at_work() if each[0] not in world.victims]
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


# How often each is drawn, beside the others.
KINDS: dict[str, tuple[int, Inject]] = {
    "kill_lane": (8, kill_lane),
    "stop_lane": (4, stop_lane),
    "hold_lane": (2, hold_lane),
    "kill_spare": (2, kill_spare),
    "stop_spare": (1, stop_spare),
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
    "lose_daemon_lock": (1, lose_daemon_lock),
    "fill_disk": (1, fill_disk),
    "kill_tmux": (1, kill_tmux),
    "kill_window": (2, kill_window),
    "starve": (1, starve),
    "hog_memory": (1, hog_memory),
    "step_clock": (2, step_clock),
}

# These end runs or the daemon politely: a harmed run must have been told of before, or it is taken for an asked one.
AFTER_THE_OTHERS = frozenset({"drain", "fill_disk"})
