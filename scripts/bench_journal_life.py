#!/usr/bin/env python3
"""A long life in records: what a daemon would have journalled in weeks, seeded, so that two builds hold the same.

Eight lanes, one campaign after the other; a run with its beats, its result and its actions, now and then an incident,
gauges of the machine, refusals, sessions. For ``bench_journal``; run by itself it writes such a journal into a home:

    .venv/bin/python scripts/bench_journal_life.py HOME [LINES]
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarmd.state.actions import ACTION_SHAPES, ActionTaken, Refusal
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.gauge import Cycle, Finding, Gauge, Scores
from swarmd.state.records.incident import Incident
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.lane import Lane
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.result import Result
from swarmd.state.records.run import RUN_SHAPES, RunStatus, run_id
from swarmd.state.records.session import Session
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.state.units import MINUTE, SECOND

LANES = 8
SYMBOLS = tuple(f"COIN{number:02d}USDT" for number in range(40))
PHASES = (Phase.PREFLIGHT, Phase.PRESCREEN, Phase.REFINE, Phase.SCREEN, Phase.CROWN)
BATCH = 40


@dataclass(slots=True)
class Story:
    """Records as a daemon would have journalled them. ``at`` is steady time; a week is some 150,000 lines."""

    chance: random.Random
    at: int = 1_767_225_600_000
    cycle: int = 0
    open_actions: int = 0
    lanes: list[Iterator[Record]] = field(default_factory=list)

    def records(self) -> Iterator[Record]:
        yield Policy(at=self.at, max_lanes=LANES)
        for slot in range(LANES):
            yield Lane.model_validate(
                {"id": f"cpu{slot}", "at": self.at, "device": "cpu", "slot": slot, "status": "open"}
            )
        number = 0
        while True:
            number += 1
            yield from self._campaign(f"weekly-{number:03d}")

    def _campaign(self, name: str) -> Iterator[Record]:
        yield self._session(name)
        yield self._asked(name, "active")
        jobs = [job for symbol in SYMBOLS for phase in PHASES for job in [self._job(name, symbol, phase)]]
        yield from jobs
        waiting = iter(jobs)
        busy = [self._work(slot, job) for slot, job in zip(range(LANES), waiting, strict=False)]
        while busy:
            slot = self.chance.randrange(len(busy))
            record = next(busy[slot], None)
            self.at += self.chance.randrange(20, 400)
            if record is not None:
                yield record
                if self.chance.random() < 0.16:
                    yield self._gauge()
                continue
            job = next(waiting, None)
            if job is None:
                del busy[slot]
            else:
                busy[slot] = self._work(slot, job)
        yield self._asked(name, "done")

    def _work(self, slot: int, job: Job) -> Iterator[Record]:
        """One job from its first order to its settling: one run, sometimes a second one after an incident."""
        attempts = 2 if self.chance.random() < 0.05 else 1
        for attempt in range(1, attempts + 1):
            is_lost = attempt < attempts
            run = run_id(job.id, attempt)
            yield from self._run(run, job, slot, attempt, is_lost)
            if is_lost:
                yield from self._incident(run)
        yield self._taken(run, {"kind": "settle_job", "job": job.id, "status": "done", "run": run})
        settled = {"status": JobStatus.DONE, "attempt": attempts, "reason": f"{run} is done"}
        yield job.model_copy(update={"at": self.at, **settled})
        yield self._closing_cycle()

    def _run(self, run: str, job: Job, slot: int, attempt: int, is_lost: bool) -> Iterator[Record]:
        told: dict[str, Any] = {
            "id": run, "lane": f"cpu{slot}", "job": job.id, "attempt": attempt, "slot": slot, "ordered_at": self.at,
        }  # fmt: skip
        action = self._taken(run, {"kind": "start_run", "job": job.id, "lane": f"cpu{slot}", "attempt": attempt})
        yield action
        yield job.model_copy(update={"at": self.at, "attempt": attempt, "caused_by": (action.id,)})
        yield RUN_SHAPES.validate_python(
            {**told, "at": self.at, "status": RunStatus.STARTING, "caused_by": (action.id,)}
        )
        yield self._closing_cycle()
        alive = {"pid": self.chance.randrange(1000, 60000), "start_ticks": self.at, "boot_id": "b" * 36}
        yield RUN_SHAPES.validate_python(
            {**told, **alive, "at": self.at, "status": RunStatus.RUNNING, "launched_at": self.at, "caused_by": (run,)}
        )
        for beat in range(self.chance.randrange(20, 400)):
            yield self._beat(run, beat)
        if self.chance.random() < 0.2:
            yield self._refusal(job, slot)
        if not is_lost:
            yield self._result(run, job, attempt)
        status = RunStatus.LOST if is_lost else RunStatus.DONE
        end = {"ended_at": self.at, "exit_code": -1 if is_lost else 0, "signal": 9 if is_lost else -1}
        why = "signal 9 (SIGKILL) without a result" if is_lost else "exit code 0 with a result"
        yield RUN_SHAPES.validate_python(
            {**told, **end, "at": self.at, "status": status, "reason": why, "caused_by": (run,)}
        )

    def _beat(self, run: str, number: int) -> Beat:
        return Beat(
            id=run, at=self.at, caused_by=(run,), is_ready=True, progress=number * 2500, done=number * 2500,
            total=250_000, rate=round(self.chance.uniform(2000, 90000), 3), progress_at=self.at - 40,
            heartbeat_at=self.at - 12, excused=number, heartbeat_excused=0, overslept=0, ready_at=self.at - 90_000,
            ready_excused=0, process_state="R", state_since=self.at - 3000, cpu_time=number * 990,
            runqueue_wait=number * 3, stalled_cpu=0, rss_bytes=self.chance.randrange(150 << 20, 400 << 20),
        )  # fmt: skip

    def _result(self, run: str, job: Job, attempt: int) -> Result:
        figures = {
            "annual_sharpe": round(self.chance.gauss(1, 1), 4), "oos_annual_sharpe": 0.9, "kept": 500,
            "timeframe": "5m", "score": 1.25, "strategy": "mtf_ema", "path": f"champions/{job.symbol}_5m.json",
            "checksum": "c" * 64, "tried": 250_000,
        }  # fmt: skip
        artifacts = [f"results/{job.campaign}/{job.symbol}/balanced/phase0_top500.json"]
        summary = {
            "verdict": "pass", "headline": f"500 of 250000 combinations kept, best annual_sharpe "
            f"{figures['annual_sharpe']}", "tried": 250_000, "figures": figures, "artifacts": artifacts,
        }  # fmt: skip
        return Result.model_validate(
            {
                "id": run, "at": self.at, "caused_by": (run,), "job": job.id, "phase": job.phase, "attempt": attempt,
                "summary": summary,
            }
        )  # fmt: skip

    def _incident(self, run: str) -> Iterator[Record]:
        shape: dict[str, Any] = {
            "id": f"{run}/crash", "at": self.at, "signature": "crash", "subject": run, "agent": "worker_sentry",
            "opened_at": self.at, "cause": f"{run} ended by signal 9 after 61203 ms without a result",
            "remedy": "a new run of the job, in the same lane", "expected": "the job progresses under the next attempt",
            "due": self.at + MINUTE, "evidence": [f"logs/lanes/{run}.evidence.txt"],
        }  # fmt: skip
        opened = self._taken(run, {"kind": "open_incident", "incident": shape["id"], **{
            name: shape[name] for name in ("signature", "subject", "remedy", "expected", "due")
        }})  # fmt: skip
        yield opened
        yield Incident.model_validate({**shape, "status": "open", "caused_by": (opened.id,)})
        yield self._closing_cycle()
        self.at += 4 * SECOND
        closed = self._taken(run, {"kind": "close_incident", "incident": shape["id"]})
        yield closed
        update = {"at": self.at, "status": "closed", "outcome": "attempt 2 made progress after 3120 ms"}
        yield Incident.model_validate({**shape, **update, "caused_by": (closed.id,)})

    def _taken(self, about: str, wish: dict[str, Any]) -> ActionTaken:
        self.open_actions += 1
        action = ACTION_SHAPES.validate_python({"reason": f"{about}: 1 lane free, 12 jobs ready", **wish})
        return ActionTaken(
            id=f"a{self.cycle + 1}-{self.open_actions - 1}", at=self.at, caused_by=(about,), agent="auto_scheduler",
            action=action,
        )  # fmt: skip

    def _closing_cycle(self) -> Cycle:
        self.cycle += 1
        told, self.open_actions = self.open_actions, 0
        return Cycle(
            id=f"c{self.cycle}", at=self.at, number=self.cycle, took=2.5, late=0, wishes=told, actions=told, refusals=0
        )

    def _gauge(self) -> Record:
        if self.chance.random() < 0.03:
            figures = {name: round(self.chance.random(), 3) for name in Scores.model_fields if name not in _HEAD}
            return Scores(at=self.at, **figures)
        if self.chance.random() < 0.01:
            return Finding(
                id="session_state_manager/low_use", at=self.at, agent="session_state_manager", text="load 0.2"
            )
        name = self.chance.choice(("cpu_util", "load1", "mem_used", "psi_cpu", "psi_io", "psi_memory"))
        return Gauge(id=f"host.{name}", at=self.at, value=round(self.chance.random(), 4))

    def _refusal(self, job: Job, slot: int) -> Refusal:
        wish = {"kind": "start_run", "job": job.id, "lane": f"cpu{slot}", "attempt": 9, "reason": "1 lane free"}
        return Refusal(
            id=f"auto_scheduler/start_run/{job.id}", at=self.at, agent="auto_scheduler",
            action=ACTION_SHAPES.validate_python(wish), because=f"cpu{slot} has 0.4 GiB free, the policy asks 1.0",
        )  # fmt: skip

    def _job(self, campaign: str, symbol: str, phase: Phase) -> Job:
        mode = "" if phase is Phase.PREFLIGHT else "balanced"
        return Job(
            id=job_id(campaign, symbol, mode, phase), at=self.at, campaign=campaign, symbol=symbol, mode=mode,
            phase=phase, priority=0, reason=f"{phase.value} of {symbol} is the next to do",
        )  # fmt: skip

    def _session(self, name: str) -> Session:
        return Session.model_validate(
            {
                "id": f"bt-{name}", "at": self.at, "status": "closed", "pid": 4242, "boot_id": "b" * 36,
                "anchor": 0, "wall": self.at, "host": "here", "code_version": "0.1.0", "until_done": True,
                "reason": "done",
            }
        )  # fmt: skip

    def _asked(self, name: str, status: str) -> Campaign:
        return Campaign.model_validate(
            {
                "id": name, "at": self.at, "settings": settings(name), "digest": name, "file": "campaign.yaml",
                "status": status, "started_at": self.at, "reason": "started",
            }
        )  # fmt: skip


_HEAD = frozenset({"id", "at", "caused_by"})


def settings(name: str) -> CampaignSettings:
    return CampaignSettings.model_validate(
        {
            "name": name,
            "data": {"root": "/nowhere"},
            "assets": {"tiers": {"ALL": list(SYMBOLS)}},
            "strategy": {"name": "mtf_ema", "modes": ["balanced"]},
        }
    )


def build(home: Home, lines: int, seed: int) -> None:
    """Write it, ending with the campaign of today paused: a daemon that starts on it does nothing but look."""
    home.prepare()
    journal, _ = Journal.open(home.journal)
    story = Story(random.Random(seed))
    batch: list[Record] = []
    with journal:
        for record in story.records():
            batch.append(record)
            if len(batch) >= BATCH:
                journal.append(batch)
                journal.commit()
                batch.clear()
                if journal.seq >= lines - 2:
                    break
        for last in (Story._asked(story, "today", "active"), Story._asked(story, "today", "paused")):
            journal.append([last])
            journal.commit()


if __name__ == "__main__":
    build(Home(Path(sys.argv[1]).absolute()), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000, seed=1)
