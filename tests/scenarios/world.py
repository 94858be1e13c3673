"""A world of runs in simulated time: it obeys the swarm's actions, and does what the scenario's text tells it to.

Everything the daemon does around the agents is done here with values only: sensors become beats and ends, the real
consequences and the real projection fold the records, effects become changes of this world.
"""

import json
import shlex
from dataclasses import dataclass, field
from typing import Any

from builders import (
    CAMPAIGN,
    a_beat,
    a_campaign,
    a_document,
    a_gauge,
    a_lane,
    a_policy,
    a_request,
    a_result,
    a_run,
    a_session,
    a_source,
    a_speed,
    the_settings,
)

from swarmd.agents.curator import page_id
from swarmd.agents.orchestration_consensus import arbitrate
from swarmd.agents.pages.handoff import handoff
from swarmd.state.actions import Action, ActionTaken, EndSession, StartRun, StopRun, WriteDocuments, WriteHandoff
from swarmd.state.projection import Projection
from swarmd.state.records.errand import HANDOFF
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered, run_id
from swarmd.state.units import SECOND, Millis
from swarmd.state.view import View
from swarmd.supervisor.backends.errands import Answer
from swarmd.supervisor.effects.records import consequences
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.sensors.errands import errand_ended
from swarmd.supervisor.sensors.throughput import throughput_records


@dataclass
class Process:
    """A run's process as the world has it.

    ``mood`` is healthy, stuck, spinning, stopped, silent, deaf, ghost or barren (signs of life, and no work).
    """

    mood: str = "healthy"
    done: int = 0
    is_ready: bool = False
    progress_at: Millis = 0
    ready_at: Millis = 0
    heartbeat_at: Millis = 0
    state_since: Millis = 0
    rss: int = 1 << 20
    dying: dict[str, Any] | None = None


@dataclass
class World:
    """``step`` runs one cycle and tells what the swarm did in it, one line an action."""

    projection: Projection = field(default_factory=Projection)
    processes: dict[str, Process] = field(default_factory=dict)
    cycle: int = 0
    has_ended: bool = False
    asked: int = 0
    refusals: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)

    def given(self, text: str) -> None:
        """``symbols=BTCUSDT modes=balanced lanes=1 policy.max_attempts=3``; ``planned=yes``: its jobs are queued.

        A story about something else has no rungs; ``rungs=50,100`` gives it some.
        """
        words = dict(word.split("=", 1) for word in text.split())
        settings = the_settings(
            assets={
                "tiers": {"TIER1": words.get("symbols", "BTCUSDT").split(",")},
                "batch_size": int(words.get("batch", 6)),
            },
            search={"refine": {"rungs": [int(rung) for rung in words.get("rungs", "").split(",") if rung]}},
            strategy={"name": "mtf_ema", "modes": words.get("modes", "balanced").split(",")},
        )
        lanes = int(words.get("lanes", 1))
        limits = {key.removeprefix("policy."): int(value) for key, value in words.items() if key.startswith("policy.")}
        self.record(a_session(until_done=words.get("until_done", "no") == "yes"))
        self.record(a_policy(max_lanes=lanes, **limits))
        for slot in range(lanes):
            self.record(a_lane(f"cpu{slot}"))
        if words.get("campaign", "yes") == "yes":
            self.record(a_campaign(settings=settings))
        if words.get("planned", "no") == "yes":
            self.step(-SECOND)

    def record(self, *records: Record) -> None:
        for record in records:
            self.projection.apply(record)

    def view(self) -> View:
        return self.projection.view()

    # -- what the scenario tells the world to do ------------------------------------------------------------------

    def happens(self, told: str, now: Millis) -> None:
        subject, *words = shlex.split(told)
        match [subject, *words]:
            case ["request", verb]:
                self.asked += 1
                self.record(a_request(verb, id=f"{self.asked:04d}-{verb}", at=now))
            case ["request", verb, about, *place]:
                self.asked += 1
                said = {"subject": about, **({"place": place[0]} if place else {})}
                self.record(a_request(verb, id=f"{self.asked:04d}-{verb}", at=now, **said))
            case ["gauge", name, value]:
                self.record(a_gauge(name, float(value), at=now))
            case ["source", name, status]:
                self.record(a_source(name, status=status, at=now, since=now))
            case ["daemon", "dies"]:
                before = self.view().sessions.values()
                self.record(*(a_session(**{**dict(s), "status": "lost", "at": now}) for s in before))
                self.record(a_session(id="bt-20260131_110000Z", at=now, until_done=False))
            case [run, "ready"]:
                process = self.processes[run]
                process.is_ready, process.progress_at = True, now
            case [run, "done", units]:
                process = self.processes[run]
                process.is_ready, process.done, process.progress_at = True, int(units), now
            case [run, "is", mood]:
                process = self.processes[run]
                process.mood, process.state_since = mood, now
            case [run, "exits", code]:
                self.processes[run].dying = {
                    "status": "done" if code in ("0", "75") else "failed",
                    "exit_code": int(code),
                }
            case [run, "dies", signal]:
                self.processes[run].dying = {"status": "lost", "signal": int(signal)}
            case [run, "vanishes"]:
                self.processes[run].dying = {"status": "lost"}
            case [run, ("pass" | "fail") as verdict, headline, *figures]:
                said = {name: float(value) for name, _, value in (word.partition("=") for word in figures)}
                self._reports(run, verdict, headline, now, said)
                self.processes[run].dying = {"status": "done", "exit_code": 0}
            case [run, "measures", *figures]:
                self._measures(run, figures, now)
            case [run, "beats-only"]:
                self.processes[run].mood, self.processes[run].is_ready = "barren", True
                self.processes[run].ready_at = now
            case [run, "reports-late", headline]:
                self._reports(run, "pass", headline, now, {})
            case _:
                raise ValueError(f"the world does not know how to do this: {told}")

    def _reports(self, run: str, verdict: str, headline: str, now: Millis, said: dict[str, float]) -> None:
        view = self.view()
        job = view.jobs[view.runs[run].job]
        figures: dict[str, Any] = {"score": 1.25, **said}
        if job.phase.value == "crown":
            figures |= {
                "champion": f"{job.symbol}_5m", "timeframe": "5m", "strategy": "mtf_ema", "annual_sharpe": 1.5,
                "oos_annual_sharpe": 1.1, "tried": 250_200, "path": f"champions/{job.symbol}_5m.json", "checksum": "c1",
            }  # fmt: skip
        summary = {"verdict": verdict, "headline": headline, "tried": 100, "figures": figures}
        attempt = view.runs[run].attempt
        self.record(a_result(run, at=now, job=job.id, phase=job.phase, attempt=attempt, summary=summary))

    def _measures(self, run: str, figures: list[str], now: Millis) -> None:
        """``cpu_seconds=7 wall_seconds=3.5 runqueue_wait=900``, of the work that ``a_speed`` describes."""
        view = self.view()
        alive = view.runs[run]
        assert isinstance(alive, RunAlive)
        said = {name: float(figure) for name, _, figure in (word.partition("=") for word in figures)}
        speed = a_speed(symbol=view.jobs[alive.job].symbol, **said)
        judged_from = view.policy.throughput_judged_from
        self.record(*throughput_records(view.fastest, alive, speed, judged_from=judged_from, now=now))

    # -- one cycle ------------------------------------------------------------------------------------------------

    def step(self, now: Millis) -> list[str]:
        self.cycle += 1
        self._look(now)
        view = self.view()
        wishes: list[tuple[str, Action]] = [(agent.NAME, wish) for agent in ROSTER for wish in agent.decide(view, now)]
        verdict = arbitrate(view, wishes, now)
        self.refusals += [f"{agent} {action.kind}: {because}" for agent, action, because in verdict.refused]
        for index, (agent, action) in enumerate(verdict.taken):
            taken = ActionTaken(id=f"a{self.cycle}-{index}", at=now, agent=agent, action=action)
            # Each action's records follow from the picture as the actions before it left it.
            self.record(taken, *consequences(self.view(), taken, now))
        for _, action in verdict.taken:
            self._enact(action, now)
        self._check()
        return [_told(agent, action) for agent, action in verdict.taken]

    def _check(self) -> None:
        """What must hold at every instant: no illegal move, one run a job, a lane and a slot."""
        assert not self.projection.refused_moves
        runs = self.view().open_runs()
        for name in ("job", "lane", "slot"):
            held = [getattr(run, name) for run in runs]
            assert len(set(held)) == len(held), f"two open runs share a {name}: {held}"

    def _look(self, now: Millis) -> None:
        """What the sensors would see: who ended, the beats of those who live, and errands, which take no time here."""
        for errand in [each for each in self.view().errands.values() if each.is_running]:
            page = f"docs/reference/HANDOFF_SWARM_RUN_{errand.began_at}.md" if errand.id == HANDOFF else ""
            printed = json.dumps({"path": page, "outcome": "done"}).encode()
            self.record(*errand_ended(self.view(), errand, Answer(printed, "", 0), now=now))
        for run in self.view().open_runs():
            process = self.processes.get(run.id)
            if process is None or process.mood == "ghost":
                continue
            if process.dying is not None:
                self._bury(run, process.dying, now)
            elif isinstance(run, RunAlive):
                self._beat(run.id, process, now)

    def _bury(self, run: RunOrdered | RunAlive, how: dict[str, Any], now: Millis) -> None:
        identity = {"lane": run.lane, "slot": run.slot, "ordered_at": run.ordered_at}
        ended = a_run(run.job, run.attempt, at=now, ended_at=now, **{"reason": "", **identity, **how})
        assert isinstance(ended, RunEnded)
        self.record(ended)

    def _beat(self, run: str, process: Process, now: Millis) -> None:
        if process.mood in ("healthy", "deaf", "silent", "barren") and process.is_ready:
            process.progress_at = now
        if process.mood not in ("stopped", "silent"):
            process.heartbeat_at = now
        letter = {"stopped": "T", "spinning": "R"}.get(process.mood, "S")
        spent = now - process.progress_at if process.mood == "spinning" else 0
        self.record(
            a_beat(
                run, at=now, is_ready=process.is_ready, done=process.done, progress_at=process.progress_at,
                heartbeat_at=process.heartbeat_at, process_state=letter, state_since=process.state_since,
                stalled_cpu=spent, rss_bytes=process.rss, ready_at=process.ready_at,
            )
        )  # fmt: skip

    def _enact(self, action: Action, now: Millis) -> None:
        match action:
            case StartRun():
                run = self.view().runs[run_id(action.job, action.attempt)]
                place = {"lane": run.lane, "slot": run.slot, "ordered_at": run.ordered_at}
                self.record(a_run(run.job, run.attempt, at=now, launched_at=now, pid=100 + self.cycle, **place))
                self.processes[run.id] = Process(progress_at=now, heartbeat_at=now, state_since=now)
            case StopRun(how="kill"):
                self.processes[action.run].dying = {"status": "lost", "signal": 9}
            case StopRun():
                if self.processes[action.run].mood != "deaf":
                    self.processes[action.run].dying = {"status": "done", "exit_code": 75}
            case WriteHandoff():
                self.pages.append(handoff(self.view(), now, evidence=()))
            case WriteDocuments():
                self.record(*(a_document(id=page_id(CAMPAIGN, name), at=now) for name in action.names))
            case EndSession():
                self.has_ended = True
                if (session := self.view().session) is not None:
                    self.record(a_session(**{**dict(session), "status": "closed", "at": now}))
            case _:
                pass


def _told(agent: str, action: Action) -> str:
    """``agent kind target detail: reason``"""
    fields = action.model_dump(mode="json", exclude={"kind", "reason", "caused_by"})
    match action.kind:
        case "start_run":
            target = f"{fields['job']}-a{fields['attempt']} in {fields['lane']}"
        case "stop_run":
            target = f"{fields['run']} {fields['how']}"
        case "hold_job":
            target = f"{fields['job']} until {fields['not_before'] / 1000:g}s"
        case "settle_job" | "set_lane" | "set_campaign" | "set_step":
            target = f"{next(iter(fields.values()))} {fields['status']}"
        case _:
            target = str(next(iter(fields.values()), ""))
    return f"{agent} {action.kind} {target}".rstrip() + f": {action.reason}"
