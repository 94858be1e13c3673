"""A world whose journal is kept: its cycles are decided and written down by the supervisor's own code, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from scenarios.world import World

from swarmd.agents.contract import Agent
from swarmd.agents.orchestration_consensus import arbitrate
from swarmd.state.projection import Projection
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive
from swarmd.state.store.codec import encode
from swarmd.state.store.raw import Line, line_of
from swarmd.state.units import SECOND, Millis
from swarmd.supervisor.cycle import decide
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.swarm import Swarm
from swarmd.supervisor.verdict_records import Quiet, no_quiet, record_verdict


@dataclass
class Book:
    """What ``decide`` and ``record_verdict`` know of a Swarm: a number, a picture, and a journal that has a seq."""

    projection: Projection = field(default_factory=Projection)
    number: int = 0
    took_ms: Sequence[float] = ()
    lines: list[Line] = field(default_factory=list)
    quiet: Quiet = field(default_factory=no_quiet)
    turn_ms: dict[str, float] = field(default_factory=dict)

    @property
    def journal(self) -> "Book":
        return self

    @property
    def seq(self) -> int:
        return self.lines[-1].seq if self.lines else 0

    def record(self, records: Sequence[Record]) -> None:
        for record in records:
            self.lines.append(line_of(encode(record, self.seq + 1).rstrip(b"\n")))
            self.projection.apply(record)


@dataclass
class RecordedWorld(World):
    """``agents`` decide in it, and ``book.lines`` is its journal."""

    book: Book = field(default_factory=Book)
    agents: Sequence[Agent] = ROSTER

    def __post_init__(self) -> None:
        self.projection = self.book.projection

    def record(self, *records: Record) -> None:
        self.book.record(records)

    def step(self, now: Millis) -> list[str]:
        self.cycle += 1
        self.book.number = self.cycle
        self._look(now)
        view = self.view()
        wishes = decide(view, self.agents, now, cast(Swarm, self.book))
        verdict = arbitrate(view, wishes, now)
        taken = record_verdict(self.book, view, verdict, now, late=0, quiet=self.book.quiet)
        for each in taken:
            self._enact(each.action, now)
        self._check()
        return [each.action.kind for each in taken]


def a_turbulent_world(seed: int, cycles: int = 150, agents: Sequence[Agent] = ROSTER) -> RecordedWorld:
    """Two assets on two lanes for some minutes, with whatever can befall them by this seed."""
    chance = Random(seed)
    world = RecordedWorld(agents=agents)
    world.given("symbols=BTCUSDT,ETHUSDT lanes=2 policy.max_attempts=3")
    now = 0
    for _ in range(cycles):
        now += chance.choice((20, 400, SECOND, SECOND, SECOND, 7 * SECOND, 40 * SECOND))
        for told in _events(world, chance):
            world.happens(told, now)
        world.step(now)
        if world.has_ended:
            break
    return world


def _events(world: RecordedWorld, chance: Random) -> list[str]:
    events: list[Any] = []
    for run in world.view().open_runs():
        if not isinstance(run, RunAlive) or run.id not in world.processes:
            continue
        events += chance.choices(
            [
                [],
                [f"{run.id} done {chance.randint(1, 90)}"],
                [f'{run.id} pass "all fit"'],
                [f'{run.id} fail "nothing found"'],
                [f"{run.id} exits {chance.choice((1, 65, 66, 137))}"],
                [f"{run.id} dies {chance.choice((9, 11))}"],
                [f"{run.id} is {chance.choice(('stuck', 'spinning', 'stopped', 'silent', 'deaf', 'healthy'))}"],
                [f"{run.id} vanishes"],
            ],
            weights=(40, 15, 12, 2, 3, 3, 5, 2),
        )[0]
    events += chance.choices(
        [
            [],
            [f"gauge host.cpu_util {chance.random()}"],
            [f"gauge host.disk_free_bytes {chance.choice((10**6, 10**12))}"],
            [f"source state/auto_scheduler_state.json {chance.choice(('missing', 'damaged', 'fresh'))}"],
            [f"request {chance.choice(('pause', 'resume', 'resume'))}"],
        ],
        weights=(60, 10, 3, 5, 4),
    )[0]
    return events
