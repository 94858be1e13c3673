"""What is really so: processes that start, work, hang and die, a disk, memory, an inbox, and the instants of it all.

Everything a process does follows from its run's id and the seed, never from how often it is looked at. ``advance`` lets
the world go on until an instant; ``next_event`` says when something will happen by itself. The daemon sees of it what
the sensors would see, and touches it through ``launch``, ``terminate`` and ``kill``.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from swarmd.state.beats import Pulse
from swarmd.state.errors import OutsideError
from swarmd.state.records.job import Job, Phase
from swarmd.state.records.result import ResultSummary
from swarmd.state.records.run import RunAlive, RunOrdered
from swarmd.state.surrogates import EXCEEDANCES, shares
from swarmd.state.units import MINUTE, SECOND, Millis
from swarmd.supervisor.processes import Exit, ProcessStat

NEVER: Millis = 1 << 60
_UNITS = 1_000
# As many as a campaign prices its searches by where it says nothing.
SURROGATES = 199

# How long a phase works, least and most, before the day's pace is applied.
_WORK = {
    Phase.PREFLIGHT: (5 * SECOND, MINUTE),
    Phase.PRESCREEN: (60 * MINUTE, 360 * MINUTE),
    Phase.REFINE: (90 * MINUTE, 480 * MINUTE),
    Phase.SCREEN: (15 * MINUTE, 90 * MINUTE),
    Phase.REOPTIMIZE: (60 * MINUTE, 300 * MINUTE),
    Phase.GUARDS: (15 * MINUTE, 120 * MINUTE),
    Phase.SURROGATES: (10 * MINUTE, 40 * MINUTE),
    Phase.VALIDATE: (15 * MINUTE, 90 * MINUTE),
    Phase.CROWN: (5 * SECOND, MINUTE),
}
# One chain of them with its preflight takes so long on average; half of the screens say no, which leaves out a crown.
CHAIN: Millis = 550 * MINUTE
# What the second phase adds to one: half of the chains come so far, and half of these branch, the first tier the most.
SECOND_PHASE: Millis = 250 * MINUTE
# What it costs to price a search by surrogates: every second chain hears all shares, the others a few.
PRICED: Millis = 90 * MINUTE
# What may befall a run, each with its weight; ``healthy`` runs work to their end.
FATES = {
    "segv": 3, "exit_1": 3, "out_of_memory": 2, "oom_killed": 1, "device": 1, "never_ready": 1, "dies_early": 2,
    "stuck": 2, "spinning": 2, "silent": 1, "stopped": 2, "barren": 1, "deaf": 1, "unkillable": 1, "late": 2,
    "resultless": 1, "yields_unasked": 1,
}  # fmt: skip
_HANGS = frozenset({"never_ready", "stuck", "spinning", "silent", "stopped", "barren", "unkillable"})


def _share(job: Job) -> float:
    """How much of its phase's work a job is: rungs are after a quarter and a half of the trials, as ``auto`` has it."""
    if job.trials is not None:
        return 0.25
    if job.surrogates is not None:
        return job.surrogates[1] / 25
    if job.branch is not None:
        return 0.3
    return 0.5 if job.phase is Phase.REFINE and job.after and ".refine-" in job.after[0] else 1.0


@dataclass
class Process:
    """``mood`` turns from healthy to the fate's when ``worked`` reaches ``turns_at``; work rests while frozen."""

    run: str
    job: str
    lane: str
    token: int
    slot: int
    pid: int
    launched_at: Millis
    fate: str
    work: Millis
    turns_at: Millis
    startup: Millis
    mood: str = "starting"
    worked: Millis = 0
    started: Millis = 0
    since: Millis = 0
    freezes: int = 0
    starved: Millis = 0
    frozen_since: Millis = -1
    is_starving: bool = False
    silenced_at: Millis = -1
    spins_from: Millis = -1
    stood_still_at: Millis = -1
    asked_at: Millis = -1
    killed_at: Millis = -1
    plan: int = 0
    ended_at: Millis = -1
    exit: Exit = field(default_factory=Exit)
    is_struck: bool = False

    @property
    def is_alive(self) -> bool:
        return self.ended_at < 0

    @property
    def is_faulty(self) -> bool:
        """Whether a guard may rightly end it."""
        return self.mood in _HANGS or self.fate in ("never_ready", "barren")


@dataclass
class World:
    """``chance(name)`` is a generator of that name's own, so that nothing hangs on the order of looks."""

    seed: int
    pace: float = 1.0
    mark: Millis = 1
    fault_rate: float = 0.1
    faults_until: Millis = NEVER
    knows_exits: bool = True
    now: Millis = 0
    boot: int = 1
    processes: dict[str, Process] = field(default_factory=dict)
    outbox: dict[str, tuple[Millis, ResultSummary]] = field(default_factory=dict)
    kept: dict[str, Millis] = field(default_factory=dict)
    inbox: list[tuple[str, str, Millis]] = field(default_factory=list)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    storm_until: Millis = -1
    no_launch_until: Millis = -1
    held_up_until: Millis = -1
    poison: frozenset[str] = frozenset()
    unfit: frozenset[str] = frozenset()
    befell: Counter[str] = field(default_factory=Counter)
    losses: dict[str, list[str]] = field(default_factory=dict)
    lost_at: list[Millis] = field(default_factory=list)
    is_watched: bool = False
    skips: bool = True
    touched: set[str] = field(default_factory=set)
    _live: dict[str, Process] = field(default_factory=dict)
    _by_job: dict[str, Process] = field(default_factory=dict)
    _by_lane: dict[str, Process] = field(default_factory=dict)
    _events: list[tuple[Millis, int, Callable[[], None]]] = field(default_factory=list)
    _n_events: int = 0
    _n_pids: int = 100

    def __post_init__(self) -> None:
        self.gauges = {
            "host.cpu_util": 0.5,
            "host.mem_available_bytes": float(64 << 30),
            "host.disk_free_bytes": float(512 << 30),
            "host.psi_memory": 0.0,
            "host.gpu_count": 0.0,
        }

    def chance(self, name: str) -> Random:
        return Random(f"{self.seed}/{name}")

    # -- time -----------------------------------------------------------------------------------------------------

    def at(self, instant: Millis, happens: Callable[[], None]) -> None:
        self._n_events += 1
        heapq.heappush(self._events, (instant, self._n_events, happens))

    def next_event(self) -> Millis:
        return self._events[0][0] if self._events else NEVER

    def advance(self, until: Millis) -> None:
        while self._events and self._events[0][0] <= until:
            instant, _, happens = heapq.heappop(self._events)
            self.now = max(self.now, instant)
            happens()
        self.now = max(self.now, until)

    # -- processes ------------------------------------------------------------------------------------------------

    def live(self) -> Iterator[Process]:
        yield from self._live.values()

    def alive(self, run: str) -> Process | None:
        return self._live.get(run)

    def work_of(self, job: Job) -> Millis:
        low, high = _WORK[job.phase]
        work = self.chance(f"work/{job.id}").uniform(low, high) * _share(job)
        return max(SECOND, int(work * (self.pace if high > MINUTE else 1.0)))

    def launch(self, run: RunOrdered, job: Job) -> Process:
        """Raises OutsideError where no process can be made, AssertionError for a second copy beside a living one."""
        if self.now < self.no_launch_until or self.gauges["host.disk_free_bytes"] <= 0:
            raise OutsideError(f"cannot start {run.id}: resource temporarily unavailable")
        for living, what in ((self._by_job.get(run.job), "job"), (self._by_lane.get(run.lane), "lane")):
            assert living is None, f"a second live process for one {what}: {run.id} beside {living and living.run}"
        chance = self.chance(f"run/{run.id}")
        work = max(SECOND, self.work_of(job) - self.kept.get(job.id, 0))
        fate = self._fate(chance, job)
        self._n_pids += 1
        process = Process(
            run=run.id, job=run.job, lane=run.lane, token=run.attempt, slot=run.slot, pid=self._n_pids,
            launched_at=self.now, fate=fate, work=work, turns_at=int(work * chance.random()),
            startup=int(chance.uniform(2 * SECOND, 40 * SECOND)), since=self.now,
        )  # fmt: skip
        if fate in ("never_ready",):
            process.startup = NEVER
        if fate in ("dies_early", "swept_away"):
            process.startup = int(chance.uniform(50, 3 * SECOND))
            process.is_struck = fate == "swept_away"
        self.processes[run.id] = self._live[run.id] = process
        self._by_job[run.job] = self._by_lane[run.lane] = process
        self.touched.add(run.id)
        self._plan(process)
        return process

    def _fate(self, chance: Random, job: Job) -> str:
        drawn = chance.choices([*FATES], [*FATES.values()])[0]
        is_struck = chance.random() < self.fault_rate
        if job.id in self.unfit:
            return "unfit"
        if job.id in self.poison:
            return "segv"
        if self.now < self.storm_until:
            return "swept_away"
        return drawn if is_struck and self.now < self.faults_until else "healthy"

    def _plan(self, process: Process) -> None:
        """The process's next turn by itself, unless it is frozen; a later plan makes this one void."""
        process.plan += 1
        plan = process.plan
        if process.frozen_since >= 0 or not process.is_alive:
            return
        if process.mood == "starting":
            left = process.startup - process.started
        elif process.mood in ("healthy", "deaf"):
            goal = process.work if process.fate in ("healthy", "deaf", "late", "resultless") else process.turns_at
            left = goal - process.worked
        else:
            return
        if left < NEVER >> 1:
            due = self.now + max(1, left)
            # Once thawed it gets ready in its own time: two waits for a mark would be longer than any limit for that.
            if process.mood != "starting" or not process.freezes:
                due = self._marked(due)
            self.at(due, lambda: self._turn(process) if process.plan == plan else None)

    def _marked(self, instant: Millis) -> Millis:
        """The next whole mark: what processes do by themselves falls on marks, so that many share one look."""
        return -(-instant // self.mark) * self.mark

    def _settle_time(self, process: Process) -> None:
        """Count what was done since the last time, up to now."""
        if process.frozen_since < 0:
            spent = self.now - process.since
            if process.mood == "starting":
                process.started += spent
            elif process.mood in ("healthy", "deaf"):
                process.worked = min(process.work, process.worked + spent)
        process.since = self.now

    def _turn(self, process: Process) -> None:
        self.touched.add(process.run)
        self._settle_time(process)
        if process.mood == "starting":
            if process.fate in ("dies_early", "swept_away"):
                self._end(process, Exit(signal=11))
                return
            process.mood = "barren" if process.fate == "barren" else "healthy"
            self.at(self._marked(self.now + SECOND), lambda: self.touched.add(process.run))  # its first unit
            self._plan(process)
            return
        if process.worked >= process.work:
            self._finish(process)
            return
        self._strike(process)

    def _finish(self, process: Process) -> None:
        chance = self.chance(f"end/{process.run}")
        if process.fate == "resultless":
            self._end(process, Exit(code=0))
            return
        self.kept[process.job] = self.kept.get(process.job, 0) + process.worked
        if process.fate == "late":
            self._report(process, self.now + int(chance.uniform(SECOND, 8 * MINUTE)))
            self._end(process, Exit(signal=9))
            return
        self._report(process, self.now)
        # The result line is written a moment before the process is gone.
        self.at(self.now + chance.randint(1, 400), lambda: self._end(process, Exit(code=0)))
        process.plan += 1

    def _strike(self, process: Process) -> None:
        match process.fate:
            case "segv" | "poison":
                self._end(process, Exit(signal=11))
            case "exit_1":
                self._end(process, Exit(code=1))
            case "unfit":
                self._end(process, Exit(code=3))
            case "out_of_memory":
                self._end(process, Exit(code=5))
            case "oom_killed":
                self._end(process, Exit(signal=9))
            case "device":
                self._end(process, Exit(code=4))
            case "yields_unasked":
                self.kept[process.job] = self.kept.get(process.job, 0) + process.worked
                self._end(process, Exit(code=75))
            case "silent" | "stopped":
                process.mood = process.fate
                process.silenced_at = process.stood_still_at = self.now
            case "spinning":
                process.mood, process.spins_from = process.fate, self.now
            case hang:
                process.mood = hang

    def _report(self, process: Process, visible_at: Millis) -> None:
        phase = Phase(process.job.rsplit(".", 1)[1].partition("-")[0])
        chance = self.chance(f"verdict/{process.job}")
        judges = (Phase.SCREEN, Phase.GUARDS, Phase.VALIDATE)
        passes = chance.random() < (0.97 if phase not in judges else 0.5)
        figures: dict[str, Any] = {"score": round(chance.random(), 4)}
        symbol, mode = process.job.split(".")[1], process.job.split(".")[2]
        if phase is Phase.REFINE:
            figures["best_annual_sharpe"] = best = round(chance.uniform(-0.5, 1.2), 4)
            # Of some the best trades too seldom, of some none trades often enough; who ran before that was told says
            # nothing of it.
            if chance.random() < 0.7:
                figures["paced_annual_sharpe"] = chance.choice((best, round(best - 0.4, 4), None))
        if phase is Phase.GUARDS:
            figures |= {
                "guards": f"{chance.randrange(7)}/7", "oos_annual_sharpe": 0.9,
                "displacement": 52 if chance.random() < 0.8 else None, "conservative": chance.random() < 0.7,
            }  # fmt: skip
        if phase is Phase.SURROGATES:
            figures |= self._surrogates(process.job)
            passes = True
        if phase is Phase.CROWN:
            figures |= {
                "champion": f"{symbol}_5m", "timeframe": "5m", "strategy": "mtf_ema", "annual_sharpe": 1.5,
                "oos_annual_sharpe": 1.1, "tried": 250_200, "path": f"champions/{symbol}_5m.json",
                "checksum": f"{mode}-{process.token}",
            }  # fmt: skip
        verdict = "pass" if passes or phase is Phase.CROWN else "fail"
        headline = f"{phase.value} of {symbol}: {1 + int(chance.random() * 500)} of 250000 kept"
        summary = ResultSummary.model_validate({"verdict": verdict, "headline": headline, "figures": figures})
        self.outbox[process.run] = (visible_at, summary)
        self.at(visible_at, lambda: None)

    def _surrogates(self, job: str) -> dict[str, int]:
        """How many markets of a share were searched, and were as good: some finalists are lucky, some are not."""
        chain, _, first = job.rpartition(".surrogates-")
        luck = self.chance(f"luck/{chain}").choice((0.0, 0.01, 0.2, 0.6))
        chance, count = self.chance(f"surrogates/{job}"), dict(shares(SURROGATES))[int(first)]
        as_good = searched = 0
        while searched < count and as_good < EXCEEDANCES:
            as_good += chance.random() < luck
            searched += 1
        return {"first": int(first), "searched": searched, "as_good": as_good}

    def _end(self, process: Process, how: Exit) -> None:
        if not process.is_alive:
            return
        self._settle_time(process)
        self.touched.add(process.run)
        process.ended_at, process.exit, process.mood = self.now, how, "gone"
        process.plan += 1
        del self._live[process.run], self._by_job[process.job], self._by_lane[process.lane]
        if how.code not in (0, 75) and process.run not in self.outbox:
            self.kept[process.job] = self.kept.get(process.job, 0) + int(process.worked * 0.8)  # its outbox
        is_loss = how.code != 75 and process.run not in self.outbox and process.asked_at < 0
        if is_loss:
            self.lost_at.append(self.now)
            if self.is_watched and not process.is_struck:
                self.losses.setdefault(process.job, []).append(process.run)
        self.befell[process.fate if process.killed_at < 0 else f"{process.fate}, killed"] += 1
        if self.kept.get(process.job, 0) > 0 and process.run in self.outbox:
            self.kept[process.job] = NEVER >> 2

    # -- what the supervisor does to them -------------------------------------------------------------------------

    def terminate(self, run: str) -> None:
        process = self._live.get(run)
        if process is None or process.asked_at >= 0:
            return
        process.asked_at = self.now
        if process.mood == "starting":
            self.at(self.now + 300, lambda: self._end(process, Exit(signal=15)))
        elif process.mood == "healthy" and process.fate != "deaf":
            wait = self.chance(f"yield/{run}").randint(100, 3_000)
            self.at(self.now + wait, lambda: self._yield(process))

    def _yield(self, process: Process) -> None:
        if not process.is_alive or process.mood != "healthy" or process.run in self.outbox:
            return
        if process.frozen_since >= 0:
            self.at(self.now + SECOND, lambda: self._yield(process))
            return
        self._settle_time(process)
        self.kept[process.job] = self.kept.get(process.job, 0) + process.worked
        self._end(process, Exit(code=75))

    def kill(self, run: str, *, by_a_person: bool = False) -> None:
        process = self._live.get(run)
        if process is None or process.killed_at >= 0:
            return
        if by_a_person and process.asked_at < 0:
            process.asked_at = self.now
        process.killed_at = self.now
        chance = self.chance(f"kill/{run}")
        # In the kernel's hands (state D), a process outlives SIGKILL until its wait is over.
        wait = int(chance.uniform(5 * MINUTE, 90 * MINUTE)) if process.mood == "unkillable" else chance.randint(5, 60)
        self.at(self.now + wait, lambda: self._end(process, Exit(signal=9)))

    def freeze(self, process: Process, *, starving: bool) -> None:
        self._settle_time(process)
        if process.frozen_since < 0:
            process.frozen_since, process.is_starving = self.now, starving
            process.plan += 1

    def thaw(self, process: Process) -> None:
        if process.frozen_since < 0 or not process.is_alive:
            return
        if process.is_starving:
            process.starved += self.now - process.frozen_since
        process.frozen_since, process.since = -1, self.now
        process.freezes += 1
        self.at(self.now + SECOND, lambda: self.touched.add(process.run))
        self._plan(process)

    def strike_dead(self, process: Process, signal: int) -> None:
        """Somebody else's kill, or the kernel's."""
        if process.mood != "unkillable":
            process.is_struck = True
            self._end(process, Exit(signal=signal))

    def reboot(self) -> None:
        self.boot += 1
        watched, self.is_watched = self.is_watched, False
        for process in [*self._live.values()]:
            self._end(process, Exit())
        self.is_watched = watched

    # -- what can be seen of them ---------------------------------------------------------------------------------

    def pulse(self, run: RunAlive) -> Pulse:
        process = self.processes[run.id]
        self._settle_time(process)
        is_ready = process.mood != "starting"
        silent = process.silenced_at >= 0
        heartbeat = process.silenced_at if silent else self.now
        if process.frozen_since >= 0:
            heartbeat = process.frozen_since
        worked = process.worked // SECOND
        kept = min(self.kept.get(process.job, 0), NEVER >> 4) // SECOND
        total = max(1, process.work // SECOND + kept)
        done = 0 if process.mood == "barren" or not is_ready else min(total, worked + kept)
        progress = (self.now - process.launched_at) // SECOND if process.mood == "barren" else worked + int(is_ready)
        skipped = min(done, kept)
        return Pulse(process.token, is_ready, int(progress), int(done), int(total), heartbeat, int(skipped))

    def stat(self, run: RunAlive) -> ProcessStat:
        process = self.processes[run.id]
        letter = {"stopped": "T", "unkillable": "D"}.get(process.mood, "S")
        spun = self.now - process.spins_from if process.spins_from >= 0 else 0
        waited = process.starved + (
            self.now - process.frozen_since if process.is_starving and process.frozen_since >= 0 else 0
        )
        rss = (48 << 30) if process.fate == "oom_killed" else (200 << 20)
        return ProcessStat(letter, process.pid, process.started + process.worked + spun, waited, rss)
