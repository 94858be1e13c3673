"""What people ask for while the swarm works: kill what runs in a lane, try a job again, put an asset first, cancel.

Who asks looks at the world, not at the records, and is as often wrong as people are: lanes with nothing in them, jobs
that need no retry, assets of another campaign. Drawn from the seed like the faults.
"""

from collections.abc import Callable
from random import Random

from simulation.faults import Stage
from simulation.world import World
from swarmd.state.units import DAY, MINUTE, SECOND, Millis

Deed = Callable[[World, Stage, Random], None]


def _kills_a_lane(world: World, stage: Stage, chance: Random) -> None:
    lanes = sorted(process.lane for process in world.live())
    name = chance.choice(lanes) if lanes and chance.random() < 0.9 else "cpu0"
    stage.ask(world, "kill", subject=name)
    if chance.random() < 0.3:
        stage.ask(world, "kill", subject=name)  # once more, out of impatience


def _kills_a_run(world: World, stage: Stage, chance: Random) -> None:
    runs = sorted(world.processes)
    if runs:
        stage.ask(world, "kill", subject=chance.choice(runs[-20:]))


def _retries(world: World, stage: Stage, chance: Random) -> None:
    """Mostly what is known to have gone wrong, sometimes anything."""
    wrong, begun = sorted(world.poison | world.unfit | world.losses.keys()), sorted(world.kept)
    jobs = wrong if wrong and chance.random() < 0.8 else begun
    if jobs:
        job = chance.choice(jobs)
        if chance.random() < 0.7:  # mended, and told so
            world.poison, world.unfit = world.poison - {job}, world.unfit - {job}
        stage.ask(world, "retry", subject=job)


def _prioritises(world: World, stage: Stage, chance: Random) -> None:
    assets = sorted({job.split(".")[1] for job in world.kept}) or ["S0000"]
    later = f"S{chance.randrange(40):04d}"
    place = chance.choice(("first", "first", "last"))
    stage.ask(world, "prioritise", subject=chance.choice((*assets, later)), place=place)


def _cancels(world: World, stage: Stage, chance: Random) -> None:
    stage.ask(world, "cancel")
    if chance.random() < 0.5:
        follows = chance.choice(("resume", "retry", "cancel", "stop", "pause"))
        subject = {"subject": chance.choice(sorted(world.kept) or ["nothing"])} if follows == "retry" else {}
        wait = int(chance.uniform(0, MINUTE)) if chance.random() < 0.5 else chance.randint(1, SECOND)
        world.at(world.now + wait, lambda: stage.ask(world, follows, **subject))


# How often a day each is asked for, on average.
TABLE: dict[Deed, float] = {
    _kills_a_lane: 6,
    _kills_a_run: 2,
    _retries: 8,
    _prioritises: 4,
    _cancels: 0.7,
}


def draw_deeds(world: World, stage: Stage, until: Millis, rate: float) -> None:
    """Put them on the world's calendar; ``rate`` 1 is the table's."""
    for deed, per_day in TABLE.items():
        chance = world.chance(f"people/{deed.__name__}")
        at = 0.0
        while per_day * rate > 0:
            at += chance.expovariate(per_day * rate / DAY)
            if at >= until:
                break
            world.at(int(at), _does(deed, world, stage, Random(chance.random())))


def _does(deed: Deed, world: World, stage: Stage, chance: Random) -> Callable[[], None]:
    def happens() -> None:
        world.befell[deed.__name__.strip("_")] += 1
        deed(world, stage, chance)

    return happens
