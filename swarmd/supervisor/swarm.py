"""What a cycle works with, in one place: the home, the clock, the journal and the handles on the world.

Made by ``daemon``, used by ``cycle`` and the effects. It keeps, and decides nothing.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swarmd.state.beats import BeatsPage
from swarmd.state.projection import Projection
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.state.store.published import DaemonFacts, Written
from swarmd.state.units import Millis
from swarmd.supervisor.backends.errands import ErrandProcess
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.backends.monitoring import MonitoringProcess
from swarmd.supervisor.backends.ray.watch import NodeWatch
from swarmd.supervisor.chronicle import Chronicle
from swarmd.supervisor.clock import SteadyClock
from swarmd.supervisor.effects.errands import errand_processes
from swarmd.supervisor.effects.notify import NoticeDesk
from swarmd.supervisor.logs import log
from swarmd.supervisor.monitors.desk import MonitorDesk
from swarmd.supervisor.ownership import Ownership
from swarmd.supervisor.sensors.champions import ChampionWatch
from swarmd.supervisor.sensors.clock import ClockWatch
from swarmd.supervisor.sensors.gpu_watch import GpuWatch, Look
from swarmd.supervisor.sensors.home_lock import HomeLock
from swarmd.supervisor.study_server import StudyServerKeeper
from swarmd.supervisor.verdict_records import Quiet, no_quiet

_CYCLES_TIMED = 600


@dataclass(frozen=True, slots=True)
class LostTurns:
    """Cycles the disk did not take, and what it last said: told in the first cycle that can be recorded again."""

    since: Millis
    count: int
    why: str


@dataclass(slots=True)
class Swarm:
    """What a cycle works with: files, clock, journal, and the handles on the world.

    ``asked`` holds what signals ask for until the next observation: a full disk must not make a Ctrl-C unheard.
    ``has_child_news`` says that a child of ours may have stopped, gone on or ended since the last look.
    ``asked_to_stop`` are the open runs that this daemon has asked to, ``resultless`` how many bytes of a run's outbox
    were read without finding a result. ``moved_at`` is when a glance between two turns last saw a run's progress move.
    """

    home: Home
    clock: SteadyClock
    boot: str
    session: str
    journal: Journal
    projection: Projection
    page: BeatsPage
    backend: LocalBackend
    monitors: MonitorDesk
    chronicle: Chronicle
    threads: int
    pid: int
    number: int
    started_at: Millis
    published: Mapping[str, Written] = field(default_factory=dict)
    has_child_news: bool = True
    states_seen_at: Millis = 0
    host_seen_at: Millis = 0
    upkept_at: Millis = 0
    tidied_at: Millis = 0
    swept_at: Millis = 0
    is_losing_turns: bool = False
    lost: LostTurns | None = None
    lost_turns: int = 0
    n_readings: int = 0
    turn_ms: dict[str, float] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    asked_to_stop: set[str] = field(default_factory=set)
    orphans: dict[int, Millis] = field(default_factory=dict)
    gpus: GpuWatch = field(default_factory=lambda: GpuWatch(Look))
    moved_at: dict[str, Millis] = field(default_factory=dict)
    resultless: dict[str, int] = field(default_factory=dict)
    took_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_CYCLES_TIMED))
    quiet: Quiet = field(default_factory=no_quiet)
    clocks: ClockWatch = field(default_factory=ClockWatch)
    champions: ChampionWatch = field(default_factory=ChampionWatch)
    monitoring: MonitoringProcess = field(init=False)
    errands: dict[str, ErrandProcess] = field(init=False)
    notices: NoticeDesk = field(init=False)
    nodes: NodeWatch | None = None
    lock: HomeLock | None = None
    studies: StudyServerKeeper | None = None
    owned: Ownership | None = None

    def __post_init__(self) -> None:
        self.notices = NoticeDesk(self.home)
        self.monitoring = MonitoringProcess(self.home)
        self.errands = errand_processes(self.home)

    def lose_turn(self, why: str) -> None:
        before = self.lost
        since, count = (before.since, before.count) if before is not None else (self.clock.now(), 0)
        self.lost = LostTurns(since, count + 1, why)

    def record(self, records: Sequence[Record]) -> None:
        """Journal first, then the picture: what could not be written has not happened."""
        if records:
            self.journal.append(records)
            for record in records:
                self.projection.apply(record)
            for refused in self.projection.take_refused_moves():
                log.error("a record was kept and not believed: %s", refused)

    def measure(self, readings: Sequence[Record]) -> None:
        """Record how the machine fares, which the agents of this very turn see: no reason for another one soon."""
        self.record(readings)
        self.n_readings += len(readings)

    @property
    def n_news(self) -> int:
        """How much was ever recorded, readings of the machine aside: a swarm in which this stands still is still."""
        return self.journal.seq - self.n_readings

    def facts(self, now: Millis) -> DaemonFacts:
        times = sorted(self.took_ms) or [0.0]
        return DaemonFacts(
            pid=self.pid,
            cycle=self.number,
            cycle_ms_p50=times[len(times) // 2],
            cycle_ms_p99=times[min(len(times) - 1, len(times) * 99 // 100)],
            uptime_s=(now - self.started_at) / 1000,
        )
