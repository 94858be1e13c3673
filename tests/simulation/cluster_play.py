"""A day on a cluster: the real agents, arbiter, projection, codec and journal above nodes that are made up.

``play_cluster`` is called by the tests and by ``scripts/simulate --nodes``. What is timed is the product's own work in
a cycle: taking up what was seen, deciding, arbitrating, recording, and making it durable. The world below is not.
"""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from simulation.champions import Champions
from simulation.cluster import Assumptions, ClusterWorld
from simulation.daemon import Daemon, Killed, Shell
from simulation.errands import Errands
from simulation.laws import Laws, broken
from simulation.ledger import Ledger
from swarmd.agents.rules.nodes import carries, carries_on_gpus
from swarmd.state.actions import ActionTaken
from swarmd.state.projection import Projection
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import JobStatus, Phase
from swarmd.state.records.node import Node
from swarmd.state.records.policy import Policy
from swarmd.state.records.run import RunAlive, RunOrdered
from swarmd.state.store.journal import Journal
from swarmd.state.units import HOUR, MINUTE, SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.node_gpu_lanes import lanes_of_node_gpus
from swarmd.supervisor.sensors.nodes import observe_nodes

_GATHERED: Millis = 20
_RESTLESS_MAX = 300


@dataclass(frozen=True, slots=True)
class ClusterDay:
    """``pace`` scales the work of a job (1: hours). ``loses_at`` is when ``mass_loss`` of the nodes fail at once.

    ``beats_every`` is the pace of beats, ``step`` that of cycles in which nothing was decided in the one before.
    """

    seed: int
    nodes: int = 200
    lanes: int = 10_000
    hours: float = 1.0
    pace: float = 0.3
    loses_at: Millis = 30 * MINUTE
    beats_every: Millis = MINUTE
    step: Millis = 5 * SECOND
    fault_rate: float = 0.01
    assumed: Assumptions = field(default_factory=Assumptions)
    journal: Path | None = None
    until_done: bool = False
    kills: int = 0


@dataclass
class ClusterReport:
    """``refilled_after`` is from the loss to the instant when nine tenths of the room that is left are at work."""

    day: ClusterDay
    simulated: Millis = 0
    cycles: int = 0
    cycle_ms: list[float] = field(default_factory=list)
    parts_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_agent_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    runs: int = 0
    busy_max: int = 0
    jobs: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    bytes_by_kind: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    on_gpus: int = 0
    lost_lanes: int = 0
    full_after: Millis = -1
    refilled_after: Millis = -1
    killed: int = 0
    money: float = 0.0


class DiskLedger(Ledger):
    """The product's own journal in a folder, with its fdatasync and its snapshots."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.journal, _ = Journal.open(folder)
        self.bytes_by_kind: Counter[str] = Counter()

    def append(self, records: Any) -> None:
        before = self.journal.seq
        self.journal.append(records)
        self.seq = self.journal.seq
        assert self.seq == before + len(records)
        for record in records:
            self.by_kind[record.KIND] += 1

    @property
    def is_behind(self) -> bool:
        return self.journal.seq > self.journal.committed_seq

    def commit(self) -> None:
        self.journal.commit()

    def daemon_died(self) -> None:
        self.journal.close()
        self.journal, _ = Journal.open(self.folder)

    def opened(self) -> Projection:
        return Projection.from_journal(self.folder)


@dataclass
class ClusterLaws(Laws):
    """What holds besides: no lane on a node that is known to be gone, no more runs on one than it carries, on its
    graphics processors neither, and there only what computes on them. ``n_on_gpus`` counts those."""

    n_on_gpus: int = 0

    def starts(self, view: View, run: RunOrdered, now: Millis, world: Any) -> None:
        super().starts(view, run, now, world)
        lane = view.lanes[run.lane]
        node = view.nodes.get(lane.node)
        if node is None or not node.is_alive:
            raise broken(now, f"{run.id} starts in {lane.id} on {lane.node or 'no node'}, which is not there")
        if run.node not in ("", lane.node):
            raise broken(now, f"{run.id} starts on {run.node}, its lane stands on {lane.node}")
        if lane.is_on_gpu:
            self._starts_on_gpu(view, node, run, now)
        most = carries(view, node) + max(1, carries(view, node) // 2)
        if view.n_runs_on.get(node.id, 0) > most:
            raise broken(now, f"{view.n_runs_on[node.id]} runs on {node.id}, which carries {carries(view, node)}")

    def _starts_on_gpu(self, view: View, node: Node, run: RunOrdered, now: Millis) -> None:
        self.n_on_gpus += 1
        if (view.jobs[run.job].phase, run.engine, run.node) != (Phase.PRESCREEN, "auto", node.id):
            raise broken(now, f"{run.id} ({run.engine}) starts in {run.lane}, a lane of a GPU of {node.id}")
        there = [each for each in view.gpu_lanes if each.node == node.id and view.run_in(each.id) is not None]
        most = carries_on_gpus(view.policy, node)
        if len(there) > most:
            raise broken(now, f"{len(there)} runs on the GPUs of {node.id}, which carries {most}")

    def looked(self, view: View, taken: Any, now: Millis, world: Any) -> None:
        super().looked(view, taken, now, world)
        for name, count in view.open_lanes_on.items():
            node = view.nodes.get(name)
            if node is None or not node.is_alive:
                raise broken(now, f"{count} lanes are open on {name or 'no node'}, which is not there")


class ClusterDaemon(Daemon):
    """Sees nodes besides, and is timed: ``spent`` is what the cycle took of the product's own work, by part."""

    world: ClusterWorld

    def _observe(self, now: Millis, late: Millis) -> None:
        self.shell.record(observe_nodes(self.view(), self.world.look(now), now=now))
        self.shell.record(lanes_of_node_gpus(self.view(), now=now))
        super()._observe(now, late)

    def _beat(self, run: RunAlive, last: Beat | None, now: Millis, late: Millis) -> Beat | None:
        node = self.world.nodes.get(run.node)
        if node is not None and node.is_muffled(now) and last is not None:
            return None  # what it says is on its way
        return super()._beat(run, last, now, late)


@dataclass
class TimedShell(Shell):
    """Adds up the time of taking records up, apart from the world's."""

    spent_ms: float = 0.0

    def record(self, records: Any) -> None:
        began = time.thread_time()
        super().record(records)
        self.spent_ms += (time.thread_time() - began) * 1000


def policy_of(day: ClusterDay) -> Policy:
    """As a campaign on a cluster has it, with limits for silence that fit the pace of the beats."""
    return Policy(
        at=0,
        max_lanes=day.lanes,
        fill_lanes=max(1, day.lanes // 8),
        on_nodes=True,
        gpu_lanes=2 if day.assumed.with_gpu else 0,
        lane_gpus=0.5,
        silent_after=max(20 * SECOND, 2 * day.beats_every),
        stuck_after=max(45 * SECOND, 4 * day.beats_every),
        first_result_within=20 * MINUTE,
        start_within=4 * MINUTE,
        node_unheard_max=2 * MINUTE,
        monitors=False,
    )


def settings_of(day: ClusterDay) -> CampaignSettings:
    """More work than the lanes can do in the time, or as much as they can where the day is played to its end."""
    share = 0.25 if day.until_done else 1.6
    names = [f"S{number:05d}" for number in range(max(4, int(day.lanes * share)))]
    return CampaignSettings.model_validate(
        {
            "name": "cluster", "data": {"root": "/bars"}, "strategy": {"name": "mtf_ema", "modes": ["balanced"]},
            "search": {"refine": {"rungs": []}}, "validation": {"crown_on": "screen"},
            "assets": {"tiers": {"ONE": names}, "batch_size": len(names)},
            "backend": {"kind": "ray", "cost_per_hour": day.assumed.price_per_hour},
        }
    )  # fmt: skip


def play_cluster(day: ClusterDay) -> tuple[ClusterReport, View]:
    """Raises ``LawBroken`` with what did not hold. Gives the report and the picture at the end."""
    end = int(day.hours * HOUR)
    world = ClusterWorld(
        seed=day.seed, pace=day.pace, fault_rate=day.fault_rate, faults_until=int(end * 0.75), knows_exits=True,
        mark=day.step if day.lanes > 400 else 1,
    )  # fmt: skip
    world.with_nodes(day.nodes, day.lanes, day.assumed)
    lost: list[Millis] = []

    def lose_many() -> None:
        lost.append(world.now)
        world.many_die(day.assumed.mass_loss)

    world.at(day.loses_at, lose_many)
    chance = world.chance("kills")
    kills = sorted(int(chance.uniform(0.1, 0.7) * end) for _ in range(day.kills))
    laws, policy, settings = ClusterLaws(), policy_of(day), settings_of(day)
    ledger: Ledger = Ledger() if day.journal is None else DiskLedger(day.journal)
    report = ClusterReport(day)
    daemon = _opened(world, ledger, laws, policy, settings, day, 0)
    now, restless = 0, 0
    while now < end or day.until_done:
        if kills and now >= kills[0]:
            kills.pop(0)
            daemon.kill_in = world.chance(f"kill/{now}").randint(0, 40)
        try:
            taken, ending = _turn(daemon, report, now)
        except Killed:
            report.killed += 1
            ledger.daemon_died()
            now += 5 * SECOND
            world.advance(now)
            daemon = _opened(world, ledger, laws, policy, settings, day, now)
            continue
        view = daemon.view()
        _told(report, view, now, lost[0] if lost else -1, day)
        campaign = view.campaign
        if ending is not None or (campaign is not None and campaign.status is CampaignStatus.DONE):
            break
        if now > 60 * end:
            raise broken(now, "the campaign does not come to its end")
        restless = restless + 1 if taken else 0
        if 0 < restless <= _RESTLESS_MAX:
            now += _GATHERED
        else:
            restless = 0
            now = (now // day.step + 1) * day.step
        world.advance(now)
    view = daemon.view()
    report.simulated, report.runs, report.deaths = now, len(world.processes), world.n_deaths
    report.jobs = Counter(job.status.value for job in view.jobs.values())
    report.opened, report.by_kind, report.on_gpus = laws.opened, ledger.by_kind, laws.n_on_gpus
    if report.jobs[JobStatus.QUARANTINED.value]:
        raise broken(now, f"{report.jobs[JobStatus.QUARANTINED.value]} healthy jobs are quarantined")
    if isinstance(ledger, DiskLedger):
        ledger.journal.close()
    return report, view


def _opened(
    world: ClusterWorld, ledger: Ledger, laws: Laws, policy: Policy, settings: CampaignSettings, day: ClusterDay,
    now: Millis,
) -> ClusterDaemon:  # fmt: skip
    daemon = ClusterDaemon(
        world, ledger, laws, Champions(world), Errands(world), policy, settings,
        until_done=True, beats_every=day.beats_every, now=now,
    )  # fmt: skip
    shell = daemon.shell
    daemon.shell = TimedShell(ledger, daemon, shell.number, shell.projection)
    return daemon


def _turn(daemon: ClusterDaemon, report: ClusterReport, now: Millis) -> tuple[list[ActionTaken], str | None]:
    """As ``Daemon.turn``, with a stopwatch beside each part of it that is the product's."""
    from swarmd.agents.orchestration_consensus import arbitrate
    from swarmd.supervisor import cycle
    from swarmd.supervisor.roster import ROSTER
    from swarmd.supervisor.verdict_records import record_verdict

    shell = cast(TimedShell, daemon.shell)
    shell.number += 1
    shell.spent_ms = 0.0
    daemon.now = now
    daemon._observe(now, 0)
    taken_up_ms = shell.spent_ms
    report.parts_ms["taking up"] += taken_up_ms
    swarm = cast(Any, shell)
    began = time.thread_time()
    view = daemon.view()
    wishes = cycle.decide(view, ROSTER, now, swarm)
    decided = time.thread_time()
    verdict = arbitrate(view, wishes, now)
    arbitrated = time.thread_time()
    daemon.laws.decided(view, wishes, now, daemon.ledger.seq)
    recording = time.thread_time()
    taken = record_verdict(swarm, view, verdict, now, late=0, quiet=daemon.quiet)
    recorded = time.thread_time()
    daemon.checkpoint()
    committing = time.perf_counter()  # a disk is waited for: no processor's time
    daemon.ledger.commit()
    durable = time.perf_counter() - committing
    before_enacting = shell.spent_ms
    ending = daemon._enact(taken, now)
    enacted_ms = shell.spent_ms - before_enacting
    daemon._publish()
    daemon.laws.looked(daemon.view(), taken, now, daemon.world)
    parts = {
        "deciding": decided - began, "arbitrating": arbitrated - decided, "recording": recorded - recording,
        "durable": durable,
    }  # fmt: skip
    for name, seconds in parts.items():
        report.parts_ms[name] += seconds * 1000
    report.parts_ms["enacting"] += enacted_ms
    for name, spent in shell.turn_ms.items():
        report.by_agent_ms[name] += spent
    report.cycle_ms.append(sum(parts.values()) * 1000 + enacted_ms + taken_up_ms)
    report.cycles += 1
    return taken, ending


def _told(report: ClusterReport, view: View, now: Millis, lost_at: Millis, day: ClusterDay) -> None:
    busy = len(view.open_runs())
    report.busy_max = max(report.busy_max, busy)
    room = min(day.lanes, sum(carries(view, node) for node in view.nodes.values()))
    if report.full_after < 0 and busy >= 0.9 * day.lanes:
        report.full_after = now
    is_due = 0 <= lost_at < now - 2 * day.assumed.noticed_within and report.refilled_after < 0
    if is_due and busy >= 0.9 * room and not any(_is_adrift(view, run) for run in view.open_runs()):
        report.refilled_after = now - lost_at


def _is_adrift(view: View, run: RunOrdered | RunAlive) -> bool:
    """Still on record as open though its node is known to be gone."""
    return bool(run.node) and not view.nodes[run.node].is_alive
