"""One turn of the loop: look, project, decide, arbitrate, record, enact.

The six steps are functions over values; ``Swarm`` holds what they work with and decides nothing. Nothing is enacted
before its action is on disk, and everything that is learned is in the journal before anybody decides from it.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.agents.contract import Agent
from swarmd.agents.orchestration_consensus import Verdict, arbitrate
from swarmd.state.actions import (
    Action,
    ActionTaken,
    EndSession,
    RebuildSource,
    Refusal,
    StartRun,
    StopRun,
    WriteHandoff,
)
from swarmd.state.beats import BeatsPage
from swarmd.state.projection import Projection
from swarmd.state.records.gauge import Cycle
from swarmd.state.records.incident import Incident, IncidentStatus, Signature
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunOrdered, run_id
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.state.store.published import DaemonFacts, publish, published_views
from swarmd.state.units import MINUTE, SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.chronicle import Chronicle
from swarmd.supervisor.clock import SteadyClock
from swarmd.supervisor.effects.documents import write_handoff
from swarmd.supervisor.effects.records import consequences
from swarmd.supervisor.effects.runs import start_run, stop_run, work_order
from swarmd.supervisor.logs import log
from swarmd.supervisor.monitors.desk import MonitorDesk
from swarmd.supervisor.processes import reap, zombies
from swarmd.supervisor.sensors.host import observe_host
from swarmd.supervisor.sensors.outbox import observe_inbox, observe_results
from swarmd.supervisor.sensors.runs import observe_runs
from swarmd.supervisor.sensors.sources import observe_monitors, observe_published

_CYCLES_TIMED = 600
# A standing refusal whose numbers change is told again at most this often.
_REFUSAL_EVERY: Millis = MINUTE
_HOST_EVERY: Millis = 2 * SECOND
_ORPHAN_AFTER: Millis = 5 * SECOND


@dataclass(slots=True)
class Swarm:
    """What a cycle works with: files, clock, journal, and the handles on the world."""

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
    published: tuple[str, ...] = ()
    host_seen_at: Millis = 0
    orphans: dict[int, Millis] = field(default_factory=dict)
    took_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_CYCLES_TIMED))

    def record(self, records: Sequence[Record]) -> None:
        """Journal first, then the picture: what could not be written has not happened."""
        if records:
            self.journal.append(records)
            for record in records:
                self.projection.apply(record)

    def facts(self, now: Millis) -> DaemonFacts:
        times = sorted(self.took_ms) or [0.0]
        return DaemonFacts(
            pid=self.pid,
            cycle=self.number,
            cycle_ms_p50=times[len(times) // 2],
            cycle_ms_p99=times[min(len(times) - 1, len(times) * 99 // 100)],
            uptime_s=(now - self.started_at) / 1000,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of a cycle: the View with what was decided, how much was, and why the session ends if it does."""

    view: View
    n_actions: int
    ending: str | None


async def turn(swarm: Swarm, roster: Iterable[Agent], *, late: Millis) -> Turn:
    """One cycle: look, project, decide, arbitrate, record, enact."""
    began = time.perf_counter()
    swarm.number += 1
    now = swarm.clock.now()

    done_with = observe(swarm, now, late)
    view = swarm.projection.view()
    wishes = decide(view, roster, now, swarm)
    verdict = arbitrate(view, wishes, now)
    taken = record_verdict(swarm, view, verdict, now)
    # One fdatasync for everything above, before anything below.
    swarm.journal.commit()
    for path in done_with:
        path.unlink(missing_ok=True)
    ending = await enact(swarm, taken, now)

    view = swarm.projection.view()
    swarm.took_ms.append((time.perf_counter() - began) * 1000)
    documents = published_views(view, now, daemon=swarm.facts(now))
    publish(swarm.home, documents)
    swarm.chronicle.tell(view, now, cycle=swarm.number)
    swarm.published = tuple(name for name in documents if name.endswith(".json"))
    return Turn(view, len(taken), ending)


def observe(swarm: Swarm, now: Millis, late: Millis) -> list[Path]:
    """All sensors, each against the picture as the former left it. Gives back the inbox files that were read."""
    _reap_orphans(swarm, now)

    view = swarm.projection.view()
    swarm.record(observe_runs(view, swarm.backend, swarm.page, swarm.clock, swarm.boot, now=now, late=late))
    view = swarm.projection.view()
    swarm.record(observe_results(view, swarm.home, now=now))
    requests, done_with = observe_inbox(view, swarm.home, now=now)
    swarm.record(requests)
    swarm.record(observe_published(view, swarm.home, swarm.published, now=now))
    swarm.record(observe_monitors(view, swarm.monitors.latest(), now=now))
    if now - swarm.host_seen_at >= _HOST_EVERY:
        swarm.record(observe_host(view, swarm.home, now=now))
        swarm.host_seen_at = now
    return done_with


def _reap_orphans(swarm: Swarm, now: Millis) -> None:
    """Zombies that came to us from lanes. One that is still there after a while is nobody else's to wait for."""
    waiting = zombies() - swarm.backend.pids()
    swarm.orphans = {pid: swarm.orphans.get(pid, now) for pid in waiting}
    reap(frozenset(pid for pid, since in swarm.orphans.items() if now - since >= _ORPHAN_AFTER))


def decide(view: View, roster: Iterable[Agent], now: Millis, swarm: Swarm) -> list[tuple[str, Action]]:
    """Every agent's wishes, in roster order. An agent that fails loses its own turn and nothing else."""
    wishes: list[tuple[str, Action]] = []
    for agent in roster:
        try:
            wishes += [(agent.NAME, wish) for wish in agent.decide(view, now)]
            swarm.record(_agent_recovered(view, agent.NAME, now))
        except Exception as error:  # the shell's one answer to our own bugs: keep the evidence, lose the turn
            log.exception("%s failed in cycle %d; its turn is lost", agent.NAME, swarm.number)
            swarm.record(_agent_failed(view, agent.NAME, error, now))
    return wishes


def _agent_failed(view: View, agent: str, error: Exception, now: Millis) -> list[Record]:
    incident = f"{agent}/{Signature.AGENT_FAILED}/{type(error).__name__}"
    if incident in view.incidents:
        return []
    return [
        Incident(
            id=incident,
            at=now,
            status=IncidentStatus.OPEN,
            signature=Signature.AGENT_FAILED,
            subject=agent,
            agent="swarmd",
            opened_at=now,
            cause=f"{type(error).__name__}: {error}",
            remedy="its turn is lost each time; the other agents go on",
            expected="a corrected version",
            due=now + MINUTE,
            evidence=("logs/swarmd.log",),
        )
    ]


def _agent_recovered(view: View, agent: str, now: Millis) -> list[Record]:
    return [
        incident.model_copy(
            update={"status": IncidentStatus.CLOSED, "at": now, "outcome": "it decided again without fault"}
        )
        for incident in view.open_incidents()
        if incident.signature is Signature.AGENT_FAILED and incident.subject == agent
    ]


def record_verdict(swarm: Swarm, view: View, verdict: Verdict, now: Millis) -> list[ActionTaken]:
    """Journal what stands, what does not (when that is new), and what follows from it for the records."""
    refusals = [refusal for refusal in _refusals(verdict, now) if _is_new(refusal, view)]
    taken = [
        ActionTaken(id=f"a{swarm.number}-{index}", at=now, caused_by=action.caused_by, agent=agent, action=action)
        for index, (agent, action) in enumerate(verdict.taken)
    ]
    for action in taken:
        # Each against the picture as the former left it: two runs ordered in one cycle must not get one slot.
        swarm.record([action, *consequences(swarm.projection.view(), action, now)])
    records: list[Record] = [*refusals]
    if view.scores is None or _scores_moved(view, verdict):
        records.append(verdict.scores)
    if taken or refusals:
        records.append(
            Cycle(
                id=f"c{swarm.number}",
                at=now,
                number=swarm.number,
                took=round(swarm.took_ms[-1], 2) if swarm.took_ms else 0.0,
                late=0,
                wishes=len(verdict.taken) + len(verdict.refused),
                actions=len(taken),
                refusals=len(verdict.refused),
            )
        )
    swarm.record(records)
    return taken


def _refusals(verdict: Verdict, now: Millis) -> list[Refusal]:
    return [
        Refusal(
            id=f"{agent}/{action.kind}/{_target(action)}",
            at=now,
            caused_by=action.caused_by,
            agent=agent,
            action=action,
            because=because,
        )
        for agent, action, because in verdict.refused
    ]


def _target(action: Action) -> str:
    """What the action is about: the first of its own fields that names something."""
    for name in ("run", "job", "lane", "incident", "step", "source", "request", "campaign", "topic"):
        value = getattr(action, name, "")
        if value:
            return str(value)
    return action.kind


def _is_new(refusal: Refusal, view: View) -> bool:
    last = view.refusals.get(refusal.id)
    return last is None or (last.because != refusal.because and refusal.at - last.at >= _REFUSAL_EVERY)


def _scores_moved(view: View, verdict: Verdict) -> bool:
    last, new = view.scores, verdict.scores
    if last is None:
        return True
    names = ("adherence", "efficacy", "deviation", "performance", "efficiency")
    return any(abs(getattr(last, name) - getattr(new, name)) >= 0.05 for name in names)


async def enact(swarm: Swarm, taken: Sequence[ActionTaken], now: Millis) -> str | None:
    """Carry out what touches the world; the rest has already happened in the records."""
    ending: str | None = None
    for each in taken:
        view = swarm.projection.view()
        match each.action:
            case StartRun() as action:
                run = view.runs[run_id(action.job, action.attempt)]
                if isinstance(run, RunOrdered):
                    order = work_order(view, run, home=swarm.home.root, session=swarm.session, threads=swarm.threads)
                    swarm.record([start_run(swarm.backend, run, order, swarm.boot, now=swarm.clock.now())])
            case StopRun() as action:
                living = view.runs[action.run]
                if isinstance(living, RunAlive):
                    await stop_run(swarm.backend, living, action, now=swarm.clock.now())
            case RebuildSource() as action:
                if action.source.startswith("monitor/"):
                    await swarm.monitors.rebuild()
                # A published file is made anew at the end of this very cycle, like every other.
            case WriteHandoff() as action:
                swarm.record(await write_handoff(view, swarm.home, action.reason, each.id, now=swarm.clock.now()))
            case EndSession() as action:
                ending = action.reason
            case _:
                continue
    swarm.journal.commit()
    return ending
