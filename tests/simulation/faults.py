"""What befalls the swarm as a whole, drawn from the seed: each fault is an instant and something done to the world.

Those of single runs are fates and live in ``world``. Together they are the table of fault classes that the real
injection provokes, as far as records can show them.
"""

from collections.abc import Callable
from random import Random

from simulation.world import World
from swarmd.state.units import DAY, HOUR, MINUTE, SECOND, Millis

Fault = Callable[[World, "Stage", Random], None]


class Stage:
    """What a fault may do to the daemon: ``play`` reads and clears these before each look."""

    def __init__(self) -> None:
        self.is_killed = False
        self.kill_in = -1
        self.blocked_until: Millis = -1
        self.is_power_lost = False
        self.is_disk_full = False
        self.n_asked = 0

    def ask(self, world: World, verb: str, **words: str) -> None:
        """``words`` are a request's ``subject`` and ``place``."""
        self.n_asked += 1
        id = f"{world.now:015d}-{self.n_asked:04d}-{verb}"
        world.inbox.append((id, verb, world.now))
        world.words[id] = words


def _daemon_killed(world: World, stage: Stage, chance: Random) -> None:
    stage.is_killed = True


def _daemon_killed_within_a_cycle(world: World, stage: Stage, chance: Random) -> None:
    """Between two steps of one of the next cycles that write anything."""
    stage.kill_in = chance.randint(0, 25)


def _power_lost(world: World, stage: Stage, chance: Random) -> None:
    world.reboot()
    stage.is_killed = stage.is_power_lost = True


def _daemon_sleeps(world: World, stage: Stage, chance: Random) -> None:
    # A machine that is suspended wakes nobody earlier.
    stage.blocked_until = max(stage.blocked_until, world.now + int(chance.uniform(5 * SECOND, 15 * MINUTE)))


def _machine_suspended(world: World, stage: Stage, chance: Random) -> None:
    until = world.now + int(chance.uniform(MINUTE, 2 * HOUR))
    asleep = [*world.live()]
    for process in asleep:
        world.freeze(process, starving=False)
    stage.blocked_until = max(stage.blocked_until, until)
    world.held_up_until = max(world.held_up_until, until)
    world.at(until, lambda: [world.thaw(process) for process in asleep] and None)


def _starvation(world: World, stage: Stage, chance: Random) -> None:
    """Lanes wait for a processor and do nothing for longer than any limit."""
    starved = [process for process in world.live() if chance.random() < 0.5]
    for process in starved:
        world.freeze(process, starving=True)
    until = world.now + int(chance.uniform(MINUTE, 20 * MINUTE))
    world.at(until, lambda: [world.thaw(process) for process in starved] and None)


def _disk_low(world: World, stage: Stage, chance: Random) -> None:
    _for_a_while(world, chance, "host.disk_free_bytes", float(200 << 20), 30 * MINUTE)


def _disk_full(world: World, stage: Stage, chance: Random) -> None:
    _for_a_while(world, chance, "host.disk_free_bytes", 0.0, 20 * MINUTE)


def _memory_short(world: World, stage: Stage, chance: Random) -> None:
    _for_a_while(world, chance, "host.mem_available_bytes", float(300 << 20), 20 * MINUTE)
    living = [*world.live()]
    for process in chance.sample(living, min(len(living), chance.randint(0, 3))):
        world.strike_dead(process, 9)


def _memory_stalls(world: World, stage: Stage, chance: Random) -> None:
    _for_a_while(world, chance, "host.psi_memory", 0.6, 10 * MINUTE)


def _processor_busy(world: World, stage: Stage, chance: Random) -> None:
    _for_a_while(world, chance, "host.cpu_util", 0.97, 30 * MINUTE)


def _for_a_while(world: World, chance: Random, gauge: str, value: float, at_most: Millis) -> None:
    usual = World(0).gauges[gauge]
    if world.gauges[gauge] != usual:
        return
    world.gauges[gauge] = value
    until = world.now + int(chance.uniform(10 * SECOND, at_most))
    world.at(until, lambda: world.gauges.update({gauge: usual}))


def _lanes_killed(world: World, stage: Stage, chance: Random) -> None:
    living = [*world.live()]
    for process in chance.sample(living, min(len(living), chance.randint(1, 12))):
        world.strike_dead(process, chance.choice((9, 11, 6, 15)))


def _all_lanes_killed(world: World, stage: Stage, chance: Random) -> None:
    for process in [*world.live()]:
        world.strike_dead(process, 9)


def _storm(world: World, stage: Stage, chance: Random) -> None:
    world.storm_until = world.now + int(chance.uniform(30 * SECOND, 5 * MINUTE))
    _lanes_killed(world, stage, chance)


def _no_launch(world: World, stage: Stage, chance: Random) -> None:
    """No more processes, or descriptors: every order comes to nothing."""
    world.no_launch_until = world.now + int(chance.uniform(10 * SECOND, 10 * MINUTE))
    _lanes_killed(world, stage, chance)


def _paused(world: World, stage: Stage, chance: Random) -> None:
    stage.ask(world, "pause")
    world.at(world.now + int(chance.uniform(SECOND, 40 * MINUTE)), lambda: stage.ask(world, "resume"))


def _stopped(world: World, stage: Stage, chance: Random) -> None:
    stage.ask(world, chance.choice(("stop", "stop_now", "stop")))
    if chance.random() < 0.2:
        stage.ask(world, chance.choice(("pause", "resume", "stop_now")))


def _file_deleted(world: World, stage: Stage, chance: Random) -> None:
    name = chance.choice(("state/worker_sentry_state.json", "state/swarm_control_state.json"))
    world.sources[name] = chance.choice(("missing", "damaged"))


def _monitor_lost(world: World, stage: Stage, chance: Random) -> None:
    world.sources[chance.choice(("monitor/gpu", "monitor/cpu"))] = "missing"


# How often a day each happens, on average.
TABLE: dict[Fault, float] = {
    _daemon_killed: 3, _daemon_killed_within_a_cycle: 12, _power_lost: 0.5, _daemon_sleeps: 2, _machine_suspended: 0.7,
    _starvation: 2, _disk_low: 1, _disk_full: 1.5, _memory_short: 1.5, _memory_stalls: 1, _processor_busy: 1,
    _lanes_killed: 6, _all_lanes_killed: 0.3, _storm: 1, _no_launch: 1, _paused: 1, _stopped: 1, _file_deleted: 3,
    _monitor_lost: 2,
}  # fmt: skip


def draw(world: World, stage: Stage, until: Millis, rate: float) -> None:
    """Put the faults of the whole play on the world's calendar; ``rate`` 1 is the table's."""
    for fault, per_day in TABLE.items():
        chance = world.chance(f"faults/{fault.__name__}")
        at = 0.0
        while per_day * rate > 0:
            at += chance.expovariate(per_day * rate / DAY)
            if at >= until:
                break
            own = Random(chance.random())
            world.at(int(at), _befalls(fault, world, stage, own))


def _befalls(fault: Fault, world: World, stage: Stage, chance: Random) -> Callable[[], None]:
    def happens() -> None:
        world.befell[fault.__name__.strip("_")] += 1
        fault(world, stage, chance)

    return happens
