"""One of everything, with sensible defaults: a test names only what matters to it.

``a_view(jobs=[a_job()], runs=[a_run(killed_at=5)])``. Any field of the record may be given by name; texts are taken
where an enum is meant. Defaults fit together: the job belongs to the campaign, the run to the job and to lane cpu0,
the beat and the result to the run.
"""

from collections.abc import Iterable
from typing import Any

from swarmd.state.actions import ACTION_SHAPES, Action, ActionTaken, Refusal
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.champion import Champion
from swarmd.state.records.claim import StatedClaim
from swarmd.state.records.device import Device
from swarmd.state.records.errand import Errand
from swarmd.state.records.failure import Failure, Tally
from swarmd.state.records.gauge import Cycle, Document, Finding, Gauge, Scores
from swarmd.state.records.hypothesis import Hypothesis
from swarmd.state.records.incident import Incident
from swarmd.state.records.job import Job, Phase, job_id
from swarmd.state.records.lane import Lane
from swarmd.state.records.lesson import Lesson
from swarmd.state.records.monitoring import Monitoring
from swarmd.state.records.node import Node
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request
from swarmd.state.records.result import Result
from swarmd.state.records.run import RUN_SHAPES, RunAlive, RunEnded, RunOrdered, RunStatus, run_id
from swarmd.state.records.session import Session
from swarmd.state.records.source import Source
from swarmd.state.records.step import Step
from swarmd.state.records.throughput import Conditions, Fastest, Mark, Speed, Throughput, fastest_id
from swarmd.state.view import View

CAMPAIGN = "majors"
SESSION = "bt-20260131_093000Z"
JOB = job_id(CAMPAIGN, "BTCUSDT", "balanced", Phase.PRESCREEN)
RUN = run_id(JOB, 1)


def a_policy(**fields: Any) -> Policy:
    return Policy(**{"at": 0, **fields})


def the_settings(**fields: Any) -> CampaignSettings:
    return CampaignSettings.model_validate(
        {
            "name": CAMPAIGN,
            "data": {"root": "/data"},
            "assets": {"tiers": {"TIER1": ["BTCUSDT", "ETHUSDT"]}},
            "strategy": {"name": "mtf_ema", "modes": ["balanced"]},
            "validation": {"crown_on": "screen"},
            **fields,
        }
    )


def a_campaign(**fields: Any) -> Campaign:
    settings = fields.pop("settings", None) or the_settings(name=fields.get("id", CAMPAIGN))
    return Campaign.model_validate(
        {
            "id": CAMPAIGN, "at": 0, "settings": settings, "digest": "d1", "file": "campaign.yaml", "status": "active",
            "started_at": 0, **fields,
        }
    )  # fmt: skip


def a_session(**fields: Any) -> Session:
    return Session.model_validate(
        {
            "id": SESSION, "at": 0, "status": "open", "pid": 4242, "boot_id": "boot", "anchor": 0, "wall": 0,
            "host": "here", "code_version": "0.1.0", "until_done": True, "reason": "started by a person", **fields,
        }
    )  # fmt: skip


def a_lane(id: str = "cpu0", **fields: Any) -> Lane:
    slot = int("".join(filter(str.isdigit, id)) or 0)
    return Lane.model_validate({"id": id, "at": 0, "device": "cpu", "slot": slot, "status": "open", **fields})


def a_job(symbol: str = "BTCUSDT", phase: str = "prescreen", **fields: Any) -> Job:
    """The id follows from campaign, symbol, mode and phase unless it is given. A preflight has no mode."""
    campaign = fields.get("campaign", CAMPAIGN)
    mode = fields.get("mode", "" if phase == "preflight" else "balanced")
    return Job.model_validate(
        {
            "id": job_id(campaign, symbol, mode, Phase(phase)), "at": 0, "campaign": campaign, "symbol": symbol,
            "mode": mode, "phase": phase, "priority": 0, **fields,
        }
    )  # fmt: skip


def a_run(job: str = JOB, attempt: int = 1, **fields: Any) -> RunOrdered | RunAlive | RunEnded:
    """A running run by default; ``status`` starting, stopping, done, failed or lost gives the others."""
    status = RunStatus(fields.pop("status", "running"))
    stage: dict[str, Any] = {}
    if status in (RunStatus.RUNNING, RunStatus.STOPPING):
        stage = {"pid": 100, "start_ticks": 1, "boot_id": "boot", "launched_at": 0}
    elif status is not RunStatus.STARTING:
        stage = {"ended_at": 0, "reason": "it ended"}
    return RUN_SHAPES.validate_python(
        {
            "id": run_id(job, attempt), "at": 0, "lane": "cpu0", "job": job, "attempt": attempt, "slot": 0,
            "ordered_at": 0, "status": status, **stage, **fields,
        }
    )  # fmt: skip


def a_beat(id: str = RUN, **fields: Any) -> Beat:
    return Beat.model_validate(
        {
            "id": id, "at": 0, "is_ready": True, "progress": 1, "done": 1, "total": 100, "rate": 1.0, "progress_at": 0,
            "heartbeat_at": 0, "excused": 0, "process_state": "S", "state_since": 0, "cpu_time": 0,
            "runqueue_wait": 0, "stalled_cpu": 0, "rss_bytes": 1 << 20, **fields,
        }
    )  # fmt: skip


def a_result(id: str = RUN, **fields: Any) -> Result:
    summary = {"verdict": fields.pop("verdict", "pass"), "headline": fields.pop("headline", "500 of 250000 kept")}
    return Result.model_validate(
        {"id": id, "at": 0, "job": JOB, "phase": "prescreen", "attempt": 1, "summary": summary, **fields}
    )


def a_champion(**fields: Any) -> Champion:
    return Champion.model_validate(
        {
            "id": "BTCUSDT_5m", "at": 0, "symbol": "BTCUSDT", "timeframe": "5m", "strategy": "mtf_ema",
            "mode": "balanced", "score": 1.5, "annual_sharpe": 1.6, "oos_annual_sharpe": 1.1, "tried": 250_200,
            "campaign": CAMPAIGN, "path": "champions/BTCUSDT_5m.json", "checksum": "c1", **fields,
        }
    )  # fmt: skip


def a_monitoring(**fields: Any) -> Monitoring:
    return Monitoring.model_validate(
        {"id": "champions", "at": 0, "status": "done", "order": "a1-0", "began_at": 0, "ended_at": 2_000, **fields}
    )


def an_incident(subject: str = RUN, signature: str = "crash", **fields: Any) -> Incident:
    return Incident.model_validate(
        {
            "id": f"{subject}/{signature}", "at": 0, "status": "open", "signature": signature, "subject": subject,
            "agent": "worker_sentry", "opened_at": 0, "cause": "it exited with code 1", "remedy": "a new run",
            "expected": "the job progresses under attempt 2", "due": 60_000, **fields,
        }
    )  # fmt: skip


def a_request(verb: str = "stop", **fields: Any) -> Request:
    return Request.model_validate(
        {"id": "0001-stop", "at": 0, "verb": verb, "asked_by": "cli", "status": "pending", **fields}
    )


def a_source(id: str = "state/worker_sentry_state.json", **fields: Any) -> Source:
    return Source.model_validate({"id": id, "at": 0, "status": "fresh", "since": 0, **fields})


def a_step(**fields: Any) -> Step:
    return Step.model_validate(
        {
            "id": f"{JOB}/progress", "at": 0, "agent": "session_state_manager", "what": "prescreen BTCUSDT",
            "expected_outcome": "a result with 500 kept", "due": 60_000, **fields,
        }
    )  # fmt: skip


def a_gauge(id: str = "host.cpu_util", value: float = 0.5, **fields: Any) -> Gauge:
    return Gauge.model_validate({"id": id, "at": 0, "value": value, **fields})


def a_device(id: str = "gpu0", **fields: Any) -> Device:
    return Device.model_validate(
        {
            "id": id, "at": 0, "index": int(id.removeprefix("gpu")), "name": "NVIDIA H100", "uuid": f"GPU-{id}",
            "is_there": True, "since": 0, "util": 0.5, "mem_used": 1 << 30, "mem_total": 80 << 30, "temp_c": 50,
            **fields,
        }
    )  # fmt: skip


def a_node(id: str = "n1", **fields: Any) -> Node:
    """Alive, with four processors of which half are busy."""
    return Node.model_validate(
        {
            "id": id, "at": 0, "name": id, "address": "10.0.0.1", "is_alive": True, "since": 0, "seen_at": 0, "cpus": 4,
            "memory_bytes": 16 << 30, "cpu_util": 0.5, "mem_used_bytes": 4 << 30, **fields,
        }
    )  # fmt: skip


def a_finding(id: str = "util_controller/gpu", **fields: Any) -> Finding:
    return Finding.model_validate({"id": id, "at": 0, "agent": id.split("/")[0], "text": "no GPU", **fields})


def a_speed(**fields: Any) -> Speed:
    """5e9 combo-bars per processor second; any condition may be given by its name as well."""
    conditions = {name: fields.pop(name) for name in Conditions.model_fields if name in fields}
    return Speed.model_validate(
        {
            "machine": "EPYC-x2", "kernel": "k1", "strategy": "mtf_ema", "direction": "long", "engine": "cpu",
            "threads": 2, "space": "5f3c2a1b", "symbol": "BTCUSDT", "combos": 250_000, "bars": 140_000,
            "cpu_seconds": 7.0, "wall_seconds": 3.5, "library": "numba 0.62.1", "code": "0.1.0+c1",
            "conditions": conditions, **fields,
        }
    )  # fmt: skip


def a_mark(**fields: Any) -> Mark:
    """The record of a run just as fast as ``a_speed``, in an older campaign."""
    return Mark.model_validate(
        {
            "per_cpu": 5e9, "per_thread": 5e9, "run": "older.BTCUSDT.balanced.prescreen-a1", "symbol": "BTCUSDT",
            "library": "numba 0.62.1", "code": "0.1.0+c1", **fields,
        }
    )  # fmt: skip


def a_throughput(id: str = RUN, **fields: Any) -> Throughput:
    """Within bounds by default; ``speed=a_speed(cpu_seconds=…)`` makes it slow."""
    speed = fields.pop("speed", None) or a_speed()
    return Throughput.model_validate(
        {
            "id": id, "at": 0, "job": JOB, "attempt": 1, "speed": speed, "against": fastest_id(speed),
            "mark": a_mark(), **fields,
        }
    )  # fmt: skip


def a_fastest(speed: Speed | None = None, **fields: Any) -> Fastest:
    of = speed or a_speed()
    return Fastest.model_validate(
        {"id": fastest_id(of), "at": 0, "work": of.work, "size": of.size, "mark": a_mark(), **fields}
    )


def a_failure(signature: str = "crash", phase: str = "prescreen", **fields: Any) -> Failure:
    """``remedies={"relaunch": (tried, verified)}``."""
    tallies = {name: Tally(tried=tried, verified=well) for name, (tried, well) in fields.pop("remedies", {}).items()}
    return Failure.model_validate(
        {
            "id": f"{signature}/{phase}", "at": 0, "signature": signature, "phase": phase, "count": 1, "first_seen": 0,
            "last_seen": 0, "last_cause": "exit code 1", "remedies": tallies, **fields,
        }
    )  # fmt: skip


def the_scores(**fields: Any) -> Scores:
    figures = dict.fromkeys(("adherence", "efficacy", "deviation", "performance", "efficiency"), 1.0)
    return Scores.model_validate({"at": 0, **figures, **fields})


def a_cycle(number: int = 1, **fields: Any) -> Cycle:
    return Cycle.model_validate(
        {
            "id": f"c{number}", "at": 0, "number": number, "took": 1.5, "late": 0, "wishes": 1, "actions": 1,
            "refusals": 0, **fields,
        }
    )  # fmt: skip


def a_hypothesis(id: str = JOB.removesuffix(".prescreen"), **fields: Any) -> Hypothesis:
    campaign, symbol, mode = id.split(".")
    return Hypothesis.model_validate(
        {
            "id": id, "at": 0, "campaign": campaign, "symbol": symbol, "mode": mode, "status": "stated",
            "claim": f"mtf_ema {mode} on {symbol} has an edge after costs", "threshold": 0.8, "stated_at": 0, **fields,
        }
    )  # fmt: skip


def a_claim(**fields: Any) -> StatedClaim:
    return StatedClaim.model_validate({"claim": "the edge is there", "threshold": 0.5, **fields})


def an_authored_hypothesis(id: str = "majors/0123456789", **fields: Any) -> Hypothesis:
    """One of the campaign's file; ``scope={"assets": […]}``."""
    return Hypothesis.model_validate(
        {
            "id": id, "at": 0, "campaign": id.partition("/")[0], "symbol": "", "mode": "", "status": "stated",
            "origin": "campaign", "claim": "the edge is there", "threshold": 0.5, "stated_at": 0, **fields,
        }
    )  # fmt: skip


def a_lesson(topic: str = "verdicts", **fields: Any) -> Lesson:
    return Lesson.model_validate(
        {
            "id": f"{CAMPAIGN}/{topic}", "at": 0, "campaign": CAMPAIGN, "topic": topic,
            "claim": "mtf_ema on 5m bars: 1 of 4 searches passed on data not seen before",
            "scope": {"strategy": "mtf_ema", "interval": "5m"}, "n": 4, "held": 1, "low": 0.05, "high": 0.7,
            "evidence": (RUN,), **fields,
        }
    )  # fmt: skip


def an_errand(id: str = "handoff", **fields: Any) -> Errand:
    """One that is done; ``status="running"`` gives one that is under way."""
    return Errand.model_validate(
        {"id": id, "at": 2_000, "status": "done", "order": "a1-0", "began_at": 0, "ended_at": 2_000, **fields}
    )


def a_document(**fields: Any) -> Document:
    return Document.model_validate(
        {
            "id": "docs/reference/HANDOFF_SWARM_RUN_2026-01-31_0930Z.md", "at": 0, "title": "Handoff",
            "reason": "the campaign is done", **fields,
        }
    )  # fmt: skip


def an_action_wished(kind: str = "start_run", **fields: Any) -> Action:
    """A wish of any kind; only start_run has its fields filled in."""
    filled = {"job": JOB, "lane": "cpu0", "attempt": 1} if kind == "start_run" else {}
    return ACTION_SHAPES.validate_python({"kind": kind, "reason": "cpu0 is free", **filled, **fields})


def an_action(id: str = "a1-1", **fields: Any) -> ActionTaken:
    return ActionTaken.model_validate(
        {"id": id, "at": 0, "agent": "auto_scheduler", "action": an_action_wished(), **fields}
    )


def a_refusal(id: str = "auto_scheduler/start_run/cpu0", **fields: Any) -> Refusal:
    return Refusal.model_validate(
        {
            "id": id, "at": 0, "agent": "auto_scheduler", "action": an_action_wished(),
            "because": "cpu0 has 0.4 GiB free, the policy asks 1.0", **fields,
        }
    )  # fmt: skip


def a_view(**tables: Any) -> View:
    """``jobs=[…], runs=[…], policy=…``: each table by its name in View, as a list of records.

    Unless told otherwise there is one active campaign, one open session and one open lane.
    """
    given = {"policy": a_policy(), "campaigns": [a_campaign()], "sessions": [a_session()], "lanes": [a_lane()]} | tables
    plain = ("policy", "scores", "cycle")
    return View(**{name: value if name in plain else _by_id(value) for name, value in given.items()})


def _by_id(records: Iterable[Record]) -> dict[str, Any]:
    return {record.id: record for record in records}
