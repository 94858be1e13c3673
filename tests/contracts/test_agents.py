"""What every agent must keep, over the whole roster: pure, total, idempotent, telling, and no reach for the outside."""

import ast
import copy
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from builders import (
    a_beat,
    a_campaign,
    a_device,
    a_finding,
    a_gauge,
    a_job,
    a_lane,
    a_policy,
    a_request,
    a_result,
    a_run,
    a_session,
    a_source,
    a_speed,
    a_step,
    a_throughput,
    a_view,
    an_incident,
    the_settings,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import swarmd.agents
from swarmd.agents.orchestration_consensus import arbitrate
from swarmd.state.actions import Action, ActionTaken, EndSession, Say, SettleJob, StartRun
from swarmd.state.projection import Projection
from swarmd.state.records.incident import Signature
from swarmd.state.records.job import JobStatus, Phase
from swarmd.state.records.lane import LaneStatus
from swarmd.state.view import View
from swarmd.supervisor.effects.records import consequences
from swarmd.supervisor.roster import ROSTER

NOW = 200_000
OUTSIDE = {
    "asyncio", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "psutil", "random", "shutil", "socket",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib",
}  # fmt: skip
SYMBOLS = ("BTCUSDT", "ETHUSDT")
instants = st.integers(0, NOW)


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any picture the records allow, however unlikely: the agents must have an answer to each."""
    jobs = [draw(_jobs(symbol, phase)) for symbol in SYMBOLS for phase in Phase if draw(st.booleans())]
    runs: list[Any] = []
    for job in jobs:
        for attempt in range(1, job.attempt + 1):
            is_newest = attempt == job.attempt
            runs.append(draw(_runs(job.id, attempt, may_live=is_newest, lane=f"cpu{len(runs)}")))
    told = [run for run in runs if draw(st.booleans())]
    subjects = [*(run.id for run in runs), *(job.id for job in jobs), "majors", "host", a_speed().work]
    has_gpu = draw(st.booleans())
    campaign = a_campaign(
        status=draw(st.sampled_from(("active", "active", "paused", "stopped", "done"))),
        reason="3 of 5 done",
        settings=the_settings(assets={"tiers": {"T": SYMBOLS}, "batch_size": draw(st.integers(1, 3))}),
    )
    sessions = [a_session(at=draw(instants), until_done=draw(st.booleans()))]
    if draw(st.booleans()):
        sessions = [a_session(id="bt-20250101_000000Z", status="lost", at=sessions[0].at), *sessions]
    return a_view(
        policy=a_policy(
            max_lanes=2,
            gpu_lanes=draw(st.integers(0, 2)),
            max_attempts=draw(st.integers(1, 3)),
            fleet_losses_max=draw(st.integers(1, 5)),
        ),
        campaigns=draw(st.sampled_from(([], [campaign]))),
        sessions=draw(st.sampled_from(([], sessions))),
        lanes=[
            *(a_lane(f"cpu{slot}", status=draw(st.sampled_from(tuple(LaneStatus)))) for slot in range(len(runs) + 2)),
            *(draw(_gpu_lanes) if has_gpu else ()),
        ],
        devices=[draw(_devices)] if has_gpu else [],
        jobs=jobs,
        runs=runs,
        beats=[draw(_beats(run.id)) for run in runs if draw(st.booleans())],
        results=[
            a_result(run.id, job=run.job, attempt=run.attempt, phase=run.job.rsplit(".", 1)[1], verdict=draw(_verdicts))
            for run in told
            if not run.job.endswith("crown")
        ],
        incidents=[
            an_incident(subject, draw(st.sampled_from(tuple(Signature))), due=draw(instants), agent=draw(_agents))
            for subject in subjects
            if draw(st.integers(0, 3)) == 0
        ],
        requests=[
            a_request(verb, id=f"000{n}-{verb}", at=draw(instants))
            for n, verb in enumerate(
                draw(st.lists(st.sampled_from(("stop", "stop_now", "pause", "resume")), max_size=3))
            )
        ],
        sources=[
            a_source(name, status=draw(st.sampled_from(("fresh", "stale", "missing", "damaged"))), since=draw(instants))
            for name in ("state/worker_sentry_state.json", "monitor/cpu", "journal/000001.jsonl:7@0")
        ],
        steps=[a_step(id="majors.prescreen", due=draw(instants))] if draw(st.booleans()) else [],
        gauges=[a_gauge(name, value) for name, value in draw(_gauges).items()],
        findings=[a_finding("auto_scheduler/storm")] if draw(st.booleans()) else [],
        throughputs=[a_throughput(run.id, at=draw(instants), speed=draw(_speeds)) for run in told],
    )


_gpu_lanes = st.tuples(
    *(
        st.builds(a_lane, st.just(f"gpu0{letter}"), device=st.just("gpu0"), slot=st.just(n), is_fill=st.just(n > 0),
                  status=st.sampled_from(tuple(LaneStatus)))
        for n, letter in enumerate("ab")
    )
)  # fmt: skip
_devices = st.builds(
    a_device,
    is_there=st.booleans(),
    util=st.sampled_from((None, 0.0, 0.9)),
    left_alone=st.sampled_from(("", "", "CuPy is not installed")),
)
_verbs = st.sampled_from(("stop", "stop_now", "pause", "resume"))
_verdicts = st.sampled_from(("pass", "fail"))
_agents = st.sampled_from(tuple(agent.NAME for agent in ROSTER))
_gauges = st.fixed_dictionaries(
    {},
    optional={
        "host.cpu_util": st.floats(0, 1),
        "host.mem_available_bytes": st.floats(0, 1 << 33),
        "host.psi_memory": st.floats(0, 1),
        "host.disk_free_bytes": st.floats(0, 1 << 33),
        "host.gpu_count": st.sampled_from((0.0, 1.0)),
    },
)


_speeds = st.builds(
    a_speed,
    cpu_seconds=st.sampled_from((0.0, 1.0, 7.0, 30.0)),
    wall_seconds=st.sampled_from((0.0, 3.5, 60.0)),
    engine=st.sampled_from(("cpu", "cpu", "gpu")),
    runqueue_wait=st.sampled_from((None, 0, 100_000)),
    compiled_meanwhile=st.sampled_from((0, 3)),
    others=st.sampled_from((None, 0.0, 0.9)),
)


@st.composite
def _jobs(draw: st.DrawFn, symbol: str, phase: Phase) -> Any:
    before = Phase.PREFLIGHT if phase is not Phase.PREFLIGHT else None
    return a_job(
        symbol,
        phase,
        attempt=draw(st.integers(0, 3)),
        status=draw(st.sampled_from(("queued", "queued", "queued", "done", "failed", "quarantined", "skipped"))),
        not_before=draw(st.sampled_from((0, NOW // 2, NOW + 1_000))),
        reason="gate 1 of 4",
        after=() if before is None else (a_job(symbol, before).id,),
    )


@st.composite
def _runs(draw: st.DrawFn, job: str, attempt: int, *, may_live: bool, lane: str) -> Any:
    ends = ("done", "failed", "lost")
    status = draw(st.sampled_from(("starting", "running", "stopping", *ends) if may_live else ends))
    fields: dict[str, Any] = {"ordered_at": draw(instants), "lane": lane}
    if status in ("running", "stopping"):
        fields |= {"launched_at": draw(instants), "killed_at": draw(st.sampled_from((0, 1_000, NOW - 100)))}
    elif status != "starting":
        code, signal = draw(st.sampled_from(((0, -1), (75, -1), (1, -1), (2, -1), (3, -1), (5, -1), (-1, 9), (-1, -1))))
        fields |= {"ended_at": draw(instants), "exit_code": code, "signal": signal}
    return a_run(job, attempt, status=status, **fields)


@st.composite
def _beats(draw: st.DrawFn, run: str) -> Any:
    return a_beat(
        run,
        is_ready=draw(st.booleans()),
        done=draw(st.integers(0, 3)),
        progress_at=draw(instants),
        heartbeat_at=draw(instants),
        excused=draw(st.sampled_from((0, 0, 60_000))),
        process_state=draw(st.sampled_from("RSTDZ")),
        state_since=draw(instants),
    )


seldom = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def wishes_of(view: View, now: int = NOW) -> list[tuple[str, Action]]:
    return [(agent.NAME, wish) for agent in ROSTER for wish in agent.decide(view, now)]


def records_of(view: View) -> list[Any]:
    tables = [getattr(view, name) for name in View.__dataclass_fields__ if name not in ("policy", "scores", "cycle")]
    return [view.policy, *(record for table in tables for record in table.values())]


@seldom
@given(views())
def test_the_same_view_gives_the_same_wishes_and_stays_as_it_was(view: View) -> None:
    before = copy.deepcopy(view)
    assert wishes_of(view) == wishes_of(view)
    assert view == before


@seldom
@given(views())
def test_an_outcome_the_view_already_shows_is_not_wished_for_again(view: View) -> None:
    projection = Projection()
    for record in records_of(view):
        projection.apply(record)
    verdict = arbitrate(view, wishes_of(view), NOW)
    for number, (agent, action) in enumerate(verdict.taken):
        taken = ActionTaken(id=f"a1-{number}", at=NOW, agent=agent, action=action)
        for record in (taken, *consequences(projection.view(), taken, NOW)):
            projection.apply(record)
        if isinstance(action, EndSession) and view.session is not None:
            projection.apply(a_session(**{**dict(view.session), "status": "closed"}))
    assert projection.refused_moves == []
    done = {(agent, _key(action)) for agent, action in verdict.taken}
    repeated = [(a, w) for a, w in wishes_of(projection.view()) if (a, _key(w)) in done and not _is_endless(view, w)]
    assert repeated == []


def _key(action: Action) -> str:
    """What it brings about: of a word the word itself, of everything else all but why."""
    return action.model_dump_json(exclude={"caused_by"} if isinstance(action, Say) else {"reason", "caused_by"})


def _is_endless(view: View, action: Action) -> bool:
    """The end of a session that was never opened: nothing on record can show that it came."""
    return isinstance(action, EndSession) and view.session is None


@seldom
@given(views())
def test_what_is_taken_never_doubles_a_job_or_a_lane_and_never_starts_what_may_not_run(view: View) -> None:
    verdict = arbitrate(view, wishes_of(view), NOW)
    starts = [action for _, action in verdict.taken if isinstance(action, StartRun)]
    assert len({start.job for start in starts}) == len(starts) == len({start.lane for start in starts})
    for start in starts:
        job = view.jobs[start.job]
        assert view.is_working
        assert job.status == "queued"
        assert job.not_before <= NOW
        assert view.waits_for(job) == []
        assert view.open_run_of(job.id) is None
        assert view.run_in(start.lane) is None
        assert view.lanes[start.lane].status is LaneStatus.OPEN
        assert start.attempt == job.attempt + 1
    for score in (getattr(verdict.scores, name) for name in ("adherence", "efficacy", "deviation", "efficiency")):
        assert 0.0 <= score <= 1.0


@seldom
@given(views())
def test_every_wish_says_why_in_numbers_and_what_it_follows_from(view: View) -> None:
    known = {record.id for record in records_of(view)}
    for agent, wish in wishes_of(view):
        is_taken_back = isinstance(wish, Say) and wish.reason == ""
        # A skipped job names the gate; the figures stand with the gate's own end, once.
        is_gated = isinstance(wish, SettleJob) and wish.status is JobStatus.SKIPPED
        assert is_taken_back or is_gated or re.search(r"\d", wish.reason), (agent, wish)
        assert set(wish.caused_by) & known, (agent, wish)


def test_an_empty_view_is_nothing_to_act_on() -> None:
    assert wishes_of(a_view(campaigns=[], sessions=[], lanes=[])) == []


@pytest.mark.parametrize("agent", ROSTER, ids=lambda agent: str(agent.NAME))
def test_an_agent_is_named_like_its_file(agent: Any) -> None:
    assert isinstance(agent, ModuleType)
    assert agent.__name__ == f"swarmd.agents.{agent.NAME}"


@pytest.mark.parametrize("path", sorted(Path(swarmd.agents.__path__[0]).rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_of_the_agents_reaches_for_the_outside_or_for_a_sibling(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    siblings = {agent.NAME for agent in ROSTER}
    assert {name.split(".")[0] for name in imported} & OUTSIDE == set()
    assert not any(name.startswith(("swarmd.state.store", "swarmd.supervisor", "swarmd.engine")) for name in imported)
    assert not any(name.startswith("swarmd.agents.") and name.split(".")[2] in siblings for name in imported)
