"""The shell around the real agents: looks at the simulated world, records, enacts, and can be killed at any instant.

What decides, records and folds is the product's own code; only sensors and effects are made here, from values.
``checkpoint`` is called wherever a real daemon could die between two steps, and raises ``Killed`` where it does.
"""

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from simulation.champions import Champions
from simulation.errands import Errands
from simulation.laws import Laws
from simulation.ledger import Ledger
from simulation.world import World
from swarmd.agents.curator import page_id
from swarmd.agents.orchestration_consensus import arbitrate
from swarmd.state.actions import (
    Action,
    ActionTaken,
    EndSession,
    KeepKnowledge,
    MonitorChampions,
    RebuildSource,
    StartRun,
    StopRun,
    WriteDocuments,
    WriteHandoff,
)
from swarmd.state.beats import Pulse
from swarmd.state.errors import OutsideError
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.errand import HANDOFF, KNOWLEDGE
from swarmd.state.records.gauge import Document, Gauge
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, RunStatus, run_id
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.records.source import Source, SourceStatus
from swarmd.state.units import MINUTE, SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor import cycle
from swarmd.supervisor.daemon import last_number
from swarmd.supervisor.opening import opening_records
from swarmd.supervisor.processes import Exit
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.sensors import runs as run_sensor
from swarmd.supervisor.swarm import Swarm
from swarmd.supervisor.verdict_records import no_quiet, record_verdict

_LISTENED_TO_FOR: Millis = 10 * MINUTE


class Killed(Exception):  # noqa: N818 - what happened, not a mistake
    """SIGKILL met the daemon here."""


class _Boot:
    """Boot time and steady time are one here."""

    @staticmethod
    def of_boot(boot: Millis) -> Millis:
        return boot


@dataclass
class Shell:
    """What ``record_verdict`` and ``decide`` know of a ``Swarm``."""

    journal: Ledger
    daemon: "Daemon"
    number: int
    projection: Any
    took_ms: deque[float] = field(default_factory=lambda: deque([1.0], maxlen=600))
    turn_ms: dict[str, float] = field(default_factory=dict)

    def record(self, records: Any) -> None:
        if not records:
            return
        self.daemon.checkpoint()
        self.journal.append(records)
        for record in records:
            self.projection.apply(record)
        self.daemon.checkpoint()


@dataclass
class Turn:
    taken: list[ActionTaken]
    ending: str | None
    is_lost: bool = False


class Daemon:
    """One life of a daemon. Opened from what the ledger says, like the real one.

    ``held_s`` is the processor time in which it was held to the laws, which is no part of any cycle.
    """

    def __init__(
        self, world: World, ledger: Ledger, laws: Laws, champions: Champions, errands: Errands, policy: Policy,
        settings: CampaignSettings, *,
        until_done: bool, beats_every: Millis, now: Millis,
    ) -> None:  # fmt: skip
        self.world, self.ledger, self.laws, self.champions, self.errands = world, ledger, laws, champions, errands
        self.beats_every, self.began_at = beats_every, now
        self.kill_in = self.round = -1
        self.held_s = 0.0
        self.quiet = no_quiet()
        self.held: set[str] = set()
        self.unread: set[str] = set()
        self.published: set[str] = set()
        self.asked_to_stop: set[str] = set()
        projection = ledger.opened()
        before = projection.view()
        laws.asked.hears(before.actions.values())
        self.shell = Shell(ledger, self, last_number(before), projection)
        self.session = Session(
            id=f"bt-{now:015d}", at=now, status=SessionStatus.OPEN, pid=1000 + world.boot, boot_id=f"boot{world.boot}",
            anchor=0, wall=now, host="here", code_version="0", until_done=until_done, reason="started",
        )  # fmt: skip
        opening = opening_records(
            before, self.session, policy.model_copy(update={"at": now}), settings, "campaign.yaml", now
        )
        world.is_watched = True
        self.unread = {run.id for run in before.runs.values() if run.id not in before.results}
        self.shell.record([*opening, *self._damages(now)])

    def view(self) -> View:
        return cast(View, self.shell.projection.view())

    def checkpoint(self) -> None:
        if self.kill_in >= 0:
            self.kill_in -= 1
            if self.kill_in < 0:
                raise Killed

    # -- one cycle ------------------------------------------------------------------------------------------------

    def turn(self, now: Millis, late: Millis) -> Turn:
        """As ``cycle.turn``: what goes wrong outside costs the turn. Raises ``Killed``."""
        self.shell.number += 1
        self.now = now
        try:
            self._observe(now, late)
            view = self.view()
            swarm = cast(Swarm, self.shell)
            wishes = cycle.decide(view, ROSTER, now, swarm)
            verdict = arbitrate(view, wishes, now)
            with self._held_to_the_laws():
                self.laws.decided(view, wishes, now, self.ledger.seq)
            taken = record_verdict(swarm, view, verdict, now, late=late, quiet=self.quiet)
            if self.ledger.is_behind:
                self.checkpoint()
                self.ledger.commit()
                self.checkpoint()
            self.world.inbox = [mail for mail in self.world.inbox if mail[0] not in self.view().requests]
            ending = self._enact(taken, now)
        except OutsideError:
            return Turn([], None, is_lost=True)
        self._publish()
        with self._held_to_the_laws():
            self.laws.looked(self.view(), taken, now, self.world)
        return Turn(taken, ending)

    @contextlib.contextmanager
    def _held_to_the_laws(self) -> Iterator[None]:
        began = time.thread_time()
        yield
        self.held_s += time.thread_time() - began

    def close(self, now: Millis, ending: str) -> None:
        closed = {"status": SessionStatus.CLOSED, "at": now, "reason": ending}
        self.shell.record([self.session.model_copy(update=closed)])
        self.ledger.commit()
        self.champions.killed()
        self.errands.killed()

    def _publish(self) -> None:
        if self.ledger.is_full:
            return
        for name in [*self.world.sources]:
            if name.startswith("state/"):
                self.world.sources[name] = "fresh"

    # -- sensors --------------------------------------------------------------------------------------------------

    def _observe(self, now: Millis, late: Millis) -> None:
        record = self.shell.record
        view = self.view()
        # Of the others nothing can be seen but that they went on; every so often all are looked at together.
        round_now = now // self.beats_every
        touched = None if late or not self.world.skips or round_now != self.round else self.world.touched
        beats = view.beats
        if touched is None:
            runs = view.open_runs()
        else:
            of = view.open_by_id, beats
            fresh = view.while_same(
                "fresh", of, lambda: {run.id for run in view.open_runs() if not _is_under_way(run, beats)}
            )
            asked = fresh | touched
            runs = [run for run in view.open_runs() if run.id in asked] if asked else []
        looked = (self._run(run, beats, now, late) for run in runs)
        record([seen for seen in looked if seen is not None])
        self.round = round_now
        self.world.touched.clear()
        view = self.view()
        record(self._results(view, now))
        record(self._requests(view, now))
        record(self.champions.seen(self.view(), now))
        record(self.errands.seen(self.view(), now))
        record(
            [
                Source(id=name, at=now, status=SourceStatus(status), since=now, note="seen")
                for name, status in self.world.sources.items()
                if name not in view.sources or view.sources[name].status.value != status
            ]
        )
        gauges = view.gauges
        record(
            [
                Gauge(id=name, at=now, value=value)
                for name, value in self.world.gauges.items()
                if name not in gauges or gauges[name].value != value
            ]
        )

    def _run(self, run: RunOrdered | RunAlive, beats: Mapping[str, Beat], now: Millis, late: Millis) -> Record | None:
        process = self.world.processes.get(run.id)
        if isinstance(run, RunOrdered):
            if process is not None and process.is_alive:
                self.held.add(run.id)
                identity = run_sensor.Identity(process.pid, process.pid)
                return run_sensor.launched(run, identity, self.session.boot_id, now, adopted=True)
            if process is not None and run.id in self.held:
                return self._judged(run, process.exit, now)
            return run_sensor.ended(run, now, Exit(), RunStatus.LOST, "ordered, and no process", was_launched=False)
        if run.boot_id != self.session.boot_id:
            return run_sensor.ended(run, now, Exit(), RunStatus.LOST, "the machine was restarted")
        assert process is not None, f"{run.id} is on record as alive and never was"
        if not process.is_alive:
            knows = run.id in self.held and (not run.adopted or self.world.knows_exits)
            return self._judged(run, process.exit if knows else Exit(), now)
        self.held.add(run.id)
        return self._beat(run, beats.get(run.id), now, late)

    def _beat(self, run: RunAlive, last: Beat | None, now: Millis, late: Millis) -> Beat | None:
        """Journalled when something turned, and else at common instants, so that many share one look."""
        is_due = last is None or late > 0 or last.at // self.beats_every != now // self.beats_every
        if not is_due and last is not None and last.is_ready and last.has_worked and last.process_state == "S":
            process = self.world.processes[run.id]
            if process.mood in ("healthy", "stuck", "spinning", "silent", "deaf"):
                return None
        pulse, stat = self.world.pulse(run), self.world.stat(run)
        if not is_due and last is not None:
            begins = pulse.is_ready != last.is_ready or (pulse.done > pulse.skipped) != last.has_worked
            # The time to get ready is shorter than a round: what it waited meanwhile must be known when that is over.
            begins |= not last.is_ready and stat.runqueue_wait != last.runqueue_wait
            if not begins and stat.state == last.process_state:
                return None
        return _beat(run, last, pulse, stat, now, late)

    def _judged(self, run: RunOrdered | RunAlive, exited: Exit, now: Millis) -> RunEnded:
        if exited.code in (0, 75):
            status = RunStatus.DONE
        elif exited.code >= 0:
            status = RunStatus.FAILED
        elif exited.signal < 0 and self._is_told(run.id, now):
            return run_sensor.ended(run, now, exited, RunStatus.DONE, "gone after it reported its result")
        else:
            status = RunStatus.LOST
        return run_sensor.ended(run, now, exited, status, exited.told())

    def _is_told(self, run: str, now: Millis) -> bool:
        return run in self.world.outbox and self.world.outbox[run][0] <= now

    def _results(self, view: View, now: Millis) -> list[Record]:
        seen: list[Record] = []
        for id in sorted(self.unread & self.world.outbox.keys()):
            run = view.runs.get(id)
            if (
                run is None
                or id in view.results
                or (isinstance(run, RunEnded) and now - run.ended_at > _LISTENED_TO_FOR)
            ):
                self.unread.discard(id)
            elif self._is_told(id, now) and not isinstance(run, RunOrdered):
                phase, summary = view.jobs[run.job].phase, self.world.outbox[id][1]
                seen.append(
                    Result(
                        id=id, at=now, caused_by=(id,), job=run.job, phase=phase, attempt=run.attempt, summary=summary
                    )
                )
        return seen

    def _requests(self, view: View, now: Millis) -> list[Record]:
        return [
            Request(
                id=id, at=now if written >= self.began_at else self.session.at - 1, verb=Verb(verb), asked_by="cli",
                status=RequestStatus.PENDING, **cast(Any, self.world.words.get(id, {})),
            )
            for id, verb, written in self.world.inbox
            if id not in view.requests
        ]  # fmt: skip

    def _damages(self, now: Millis) -> list[Record]:
        found = self.world.chance(f"damage/{now}").random() < 0.1
        note = "its checksum is wrong or missing"
        return [
            Source(id=f"journal/000001.jsonl:7@{now}", at=now, status=SourceStatus.DAMAGED, since=now, note=note)
        ] * found

    # -- effects --------------------------------------------------------------------------------------------------

    def _enact(self, taken: list[ActionTaken], now: Millis) -> str | None:
        ending = None
        for each in taken:
            if isinstance(each.action, EndSession):
                ending = each.action.reason
                continue
            self._carry_out(each, each.action, now)
        just_stopped = {each.action.run for each in taken if isinstance(each.action, StopRun)}
        stopping = [run for run in self.view().live_runs() if run.stop_asked_at or run.killed_at]
        for run in stopping:
            if run.killed_at and run.id not in just_stopped:
                self.world.kill(run.id)
            elif run.id not in just_stopped | self.asked_to_stop:
                self.world.terminate(run.id)
        self.asked_to_stop = {run.id for run in stopping}
        if self.ledger.is_behind:
            self.checkpoint()
            self.ledger.commit()
        return ending

    def _carry_out(self, taken: ActionTaken, action: Action, now: Millis) -> None:
        view, cause = self.shell.projection.glimpse(), taken.id
        match action:
            case StartRun():
                run = view.runs[run_id(action.job, action.attempt)]
                if not isinstance(run, RunOrdered):
                    return
                self.checkpoint()
                with self._held_to_the_laws():
                    self.laws.starts(view, run, now, self.world)
                self.unread.add(run.id)
                try:
                    process = self.world.launch(run, view.jobs[run.job])
                except OutsideError as error:
                    lost = run_sensor.ended(run, now, Exit(), RunStatus.LOST, str(error), was_launched=False)
                    self.shell.record([lost])
                    return
                self.held.add(run.id)
                identity = run_sensor.Identity(process.pid, process.pid)
                self.shell.record([run_sensor.launched(run, identity, self.session.boot_id, now, adopted=False)])
            case StopRun():
                self.checkpoint()
                with self._held_to_the_laws():
                    self.laws.stops(view, action, now, self.world)
                if action.how == "kill":
                    self.world.kill(action.run, by_a_person=taken.agent == "main_orchestrator")
                else:
                    self.world.terminate(action.run)
            case RebuildSource():
                if action.source.startswith("monitor/"):
                    source = action.source
                    self.world.at(now + 2 * SECOND, lambda: self.world.sources.update({source: "fresh"}))
            case MonitorChampions():
                self.checkpoint()
                self.champions.begin(cause, now)
            case WriteHandoff() | KeepKnowledge():
                self.checkpoint()
                self.errands.begin(HANDOFF if isinstance(action, WriteHandoff) else KNOWLEDGE, cause, now)
            case WriteDocuments():
                campaign = "" if view.campaign is None else view.campaign.id
                pages = [page_id(campaign, name) for name in action.names]
                why = action.reason
                self.shell.record(
                    [Document(id=page, at=now, caused_by=(cause,), title="Page", reason=why) for page in pages]
                )
            case _:
                pass


def _is_under_way(run: RunOrdered | RunAlive, beats: Mapping[str, Beat]) -> bool:
    """Seen ready: from then on nothing about it changes unless something happens to it."""
    return isinstance(run, RunAlive) and run.id in beats and beats[run.id].is_ready


def _beat(run: RunAlive, last: Beat | None, pulse: Pulse, stat: Any, now: Millis, late: Millis) -> Beat:
    """The sensor's own arithmetic of what is excused; a glance between two looks has seen nothing here."""
    return run_sensor._beat(run, last, pulse, stat, cast(Any, _Boot), now, late, now)
