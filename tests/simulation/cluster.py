"""A made-up cluster below the simulated world: nodes that arrive, die, come back, fall silent, or spoil what they run.

Every figure that is assumed stands in ``Assumptions`` and can be given otherwise; what happens follows from the seed.
A run on a node is, to the supervisor, a courier on its own machine: it ends with a code of its own soon after its node
is gone, or hears nothing and hangs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulation.world import Process, World
from swarmd.state.cluster import AWAY
from swarmd.state.records.job import Job
from swarmd.state.records.node import NodeGpu
from swarmd.state.records.run import RunOrdered
from swarmd.state.units import DAY, HOUR, MINUTE, SECOND, Millis
from swarmd.state.work_order import ExitCode
from swarmd.supervisor.backends.ray.watch import Look, NodeSeen
from swarmd.supervisor.processes import Exit

# A cluster says of a node that it is not heard after so long, and gives it up only when its health check has failed.
UNHEARD_AFTER: Millis = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Of machines: ``arrive_within`` is how long the first ones take to come, ``lives_for`` the mean time to a failure
    of one, ``back_within`` how long a failed one is away. ``mass_loss`` is the share that fails at one instant.
    ``noticed_within`` is what the cluster's health check takes; ``deaf_couriers`` the share of couriers that never
    hear of it. ``bad_nodes`` is the share on which every run crashes for ``bad_for``. ``with_gpu`` is the share that
    lends a graphics processor, as busy as half of the lanes on it that work.

    Of the network: ``muffled_per_day`` times a node is not heard for up to ``muffled_for``.
    """

    arrive_within: Millis = 10 * MINUTE
    lives_for: Millis = 30 * DAY
    back_within: Millis = 15 * MINUTE
    mass_loss: float = 0.10
    noticed_within: Millis = 15 * SECOND
    deaf_couriers: float = 0.05
    bad_nodes: float = 0.01
    bad_for: Millis = HOUR
    with_gpu: float = 0.0
    muffled_per_day: float = 1.0
    muffled_for: Millis = 50 * SECOND
    price_per_hour: float = 0.80


@dataclass
class SimNode:
    """``is_up`` is the truth; what the backend says of it is ``ClusterWorld.look``."""

    id: str
    cpus: int
    gpus: int = 0
    life: int = 0
    is_up: bool = False
    died_at: Millis = -1
    muffled_since: Millis = -1
    muffled_until: Millis = -1
    bad_until: Millis = -1
    runs: dict[str, Process] = field(default_factory=dict)
    on_gpu: set[str] = field(default_factory=set)

    def is_muffled(self, now: Millis) -> bool:
        return self.muffled_until > now


class ClusterWorld(World):
    """The world with nodes in it. ``with_nodes`` puts them there."""

    assumed: Assumptions
    nodes: dict[str, SimNode]
    home_of: dict[str, SimNode]
    n_deaths: int

    def with_nodes(self, n_nodes: int, n_lanes: int, assumed: Assumptions) -> None:
        """Put their arrivals and troubles on the calendar, up to the end of the faults."""
        self.assumed, self.n_deaths, self.home_of = assumed, 0, {}
        cpus = -(-n_lanes // n_nodes)
        self.nodes = {f"n{number:03d}": SimNode(f"n{number:03d}", cpus) for number in range(n_nodes)}
        for node in self.nodes.values():
            chance = self.chance(f"node/{node.id}")
            node.gpus = int(self.chance(f"gpu/{node.id}").random() < assumed.with_gpu)
            arrives = int(chance.uniform(0, assumed.arrive_within))
            self.at(arrives, self._then(self._up, node))
            self._draw(chance, arrives, assumed.lives_for, lambda node=node: self.node_dies(node))  # type: ignore[misc]
            between = int(DAY / assumed.muffled_per_day) if assumed.muffled_per_day else 0
            if between:
                self._draw(chance, arrives, between, lambda node=node: self._muffle(node))  # type: ignore[misc]
            if chance.random() < assumed.bad_nodes:
                begins = arrives + int(chance.uniform(0, max(1, self.faults_until - arrives)))
                self.at(begins, lambda node=node: setattr(node, "bad_until", self.now + assumed.bad_for))  # type: ignore[misc]

    def _draw(self, chance: Random, since: Millis, mean: Millis, befalls: Callable[[], None]) -> None:
        at = float(since)
        while (at := at + chance.expovariate(1 / mean)) < self.faults_until:
            self.at(int(at), befalls)

    def _then(self, what: Callable[[SimNode], None], node: SimNode) -> Callable[[], None]:
        return lambda: what(node)

    def _up(self, node: SimNode) -> None:
        if not node.is_up:
            node.is_up, node.died_at = True, -1
            node.life += 1
            self.at(self.now + 1, lambda: None)

    def node_dies(self, node: SimNode) -> None:
        """With all that is on it. It comes back as another life of the same machine."""
        if not node.is_up:
            return
        self.n_deaths += 1
        self.befell["node_dies"] += 1
        node.is_up, node.died_at = False, self.now
        chance = self.chance(f"death/{node.id}/{node.life}")
        for process in [*node.runs.values()]:
            if not process.is_alive:
                continue
            process.is_struck = True
            self.freeze(process, starving=False)
            process.mood = "stuck"  # whoever ends it now is right
            if chance.random() >= self.assumed.deaf_couriers:
                hears = self.now + int(chance.uniform(SECOND, self.assumed.noticed_within))
                self.at(hears, lambda process=process: self._end(process, Exit(code=int(ExitCode.NODE_LOST))))  # type: ignore[misc]
        node.runs.clear()
        node.on_gpu.clear()
        noticed = self.now + self.assumed.noticed_within
        self.at(noticed, lambda: None)
        self.at(noticed + int(chance.uniform(MINUTE, self.assumed.back_within)), self._then(self._up, node))

    def many_die(self, share: float) -> None:
        up = [node for node in self.nodes.values() if node.is_up]
        for node in self.chance(f"many/{self.now}").sample(up, int(len(up) * share)):
            self.node_dies(node)

    def _muffle(self, node: SimNode) -> None:
        if node.is_up and not node.is_muffled(self.now):
            self.befell["node_muffled"] += 1
            node.muffled_since = self.now
            node.muffled_until = self.now + int(
                self.chance(f"muffle/{node.id}/{self.now}").uniform(5 * SECOND, self.assumed.muffled_for)
            )
            for instant in (self.now + 11 * SECOND, node.muffled_until + 1):
                self.at(instant, lambda: None)

    def launch(self, run: RunOrdered, job: Job) -> Process:
        """Raises AssertionError for work on a node that is known to be gone."""
        node = self.nodes.get(run.node) if run.node else None
        if job.phase in AWAY:
            assert node is not None, f"{run.id} is ordered onto no node"
        if node is not None and node.died_at >= 0 and self.now - node.died_at > 2 * self.assumed.noticed_within:
            raise AssertionError(f"{run.id} is put on {node.id}, which is gone for {self.now - node.died_at} ms")
        process = super().launch(run, job)
        if node is None:
            return process
        if not node.is_up:
            process.is_struck = True
            self.at(self.now + SECOND, lambda: self._end(process, Exit(code=int(ExitCode.NODE_LOST))))
            return process
        node.runs[run.id] = process
        if run.engine != "cpu":
            node.on_gpu.add(run.id)
        self.home_of[run.id] = node
        if node.bad_until > self.now:
            process.fate, process.startup, process.is_struck = "dies_early", 2 * SECOND, True
            self._plan(process)
        return process

    def _end(self, process: Process, how: Exit) -> None:
        super()._end(process, how)
        node = self.home_of.pop(process.run, None)
        if node is not None:
            node.runs.pop(process.run, None)
            node.on_gpu.discard(process.run)

    def look(self, now: Millis) -> Look:
        """What the backend lists: of a dead node nothing is known before the health check has failed."""
        return Look(nodes=tuple(self._seen(node, now) for node in self.nodes.values() if node.life))

    def _seen(self, node: SimNode, now: Millis) -> NodeSeen:
        is_noticed = not node.is_up and now - node.died_at >= self.assumed.noticed_within
        is_unheard = node.is_muffled(now) and now - node.muffled_since > UNHEARD_AFTER
        trouble = "health check failed" if is_noticed else "not heard" if is_unheard else ""
        return NodeSeen(
            name=node.id, address=f"10.0.{int(node.id[1:]) // 250}.{int(node.id[1:]) % 250}", is_alive=not is_noticed,
            cpus=node.cpus, gpus=node.gpus, devices=_devices(node),
            memory_bytes=4 * node.cpus << 30, cpu_util=min(1.0, len(node.runs) / node.cpus),
            mem_used_bytes=len(node.runs) << 30, price_per_hour=self.assumed.price_per_hour,
            life=f"{node.id}-{node.life}", trouble=trouble,
        )  # fmt: skip


def _devices(node: SimNode) -> tuple[NodeGpu, ...]:
    busy = len(node.on_gpu)
    load = min(1.0, busy / 2)
    return tuple(
        NodeGpu(index=n, name="A100", util=load, mem_used=busy << 30, mem_total=8 << 30) for n in range(node.gpus)
    )
