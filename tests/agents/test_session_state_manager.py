from typing import Any

from builders import (
    SESSION,
    a_beat,
    a_finding,
    a_gauge,
    a_job,
    a_policy,
    a_result,
    a_run,
    a_session,
    a_source,
    a_step,
    a_view,
    an_action,
    an_action_wished,
    an_incident,
)

from swarmd.agents.session_state_manager import decide
from swarmd.state.actions import Action, CloseIncident, OpenIncident, RebuildSource, Say, SetStep
from swarmd.state.projection import Projection
from swarmd.state.records.step import StepStatus

STATE = "state/worker_sentry_state.json"
LOST = a_session(id="bt-old", status="lost", at=50_000, pid=7)


def wishes(now: int = 60_000, **tables: Any) -> list[Action]:
    return decide(a_view(**tables), now)


def steps(found: list[Action]) -> list[tuple[str, StepStatus, int, str]]:
    return [(wish.step, wish.status, wish.due, wish.reason) for wish in found if isinstance(wish, SetStep)]


def test_each_phase_with_work_is_a_step_due_after_those_before_it() -> None:
    jobs = [a_job(phase="preflight"), a_job(), a_job("ETHUSDT")]
    found = wishes(0, jobs=jobs, policy=a_policy(run_timeout=100_000, max_lanes=1))
    assert steps(found) == [
        ("majors.preflight", StepStatus.PENDING, 100_000, "1 of 1 preflight jobs are to do, due in 100000 ms"),
        ("majors.prescreen", StepStatus.PENDING, 300_000, "2 of 2 prescreen jobs are to do, due in 300000 ms"),
    ]


def test_what_runs_of_a_phase_took_so_far_makes_its_due_time() -> None:
    jobs = [a_job(status="done", attempt=1), a_job("ETHUSDT")]
    runs = [a_run(status="done", ordered_at=1_000, ended_at=31_000, exit_code=0)]
    (step,) = steps(wishes(40_000, jobs=jobs, runs=runs, results=[a_result()]))
    assert step[2] == 70_000


def test_a_known_step_is_left_until_it_can_be_judged() -> None:
    known = [a_step(id="majors.prescreen", due=100_000)]
    settled = [a_job(status="done"), a_job("ETHUSDT", status="failed")]
    assert steps(wishes(100_000, jobs=[a_job()], steps=known)) == []
    assert steps(wishes(100_001, jobs=[a_job()], steps=known)) == [
        ("majors.prescreen", StepStatus.MISSED, 100_000, "1 queued, 1 ms over its time")
    ]
    assert steps(wishes(100_000, jobs=settled, steps=known)) == [
        ("majors.prescreen", StepStatus.MET, 100_000, "1 done, 1 failed")
    ]
    late = [a_step(id="majors.prescreen", due=100_000, status="missed")]
    assert [step[1] for step in steps(wishes(200_000, jobs=settled, steps=late))] == [StepStatus.MET]


def test_a_quarantined_job_means_its_step_missed_its_outcome() -> None:
    known = [a_step(id="majors.prescreen", due=100_000)]
    jobs = [a_job(status="quarantined"), a_job("ETHUSDT", status="done")]
    assert [step[1] for step in steps(wishes(jobs=jobs, steps=known))] == [StepStatus.MISSED]


def test_a_lost_daemon_is_told_and_closed_when_each_of_its_runs_is_clear() -> None:
    sessions = [LOST, a_session(at=50_000)]
    runs = [a_run(ordered_at=1), a_run("other", ordered_at=2, status="starting")]
    (told,) = wishes(sessions=sessions, runs=runs)
    assert isinstance(told, OpenIncident)
    assert told.reason == "session bt-old (pid 7) ended without closing; it left 2 runs"
    known = [an_incident("bt-old", "daemon_lost", agent="session_state_manager", opened_at=50_000)]
    assert wishes(sessions=sessions, runs=runs, incidents=known) == []
    runs[1] = a_run("other", ordered_at=2, status="lost", ended_at=50_100)
    assert wishes(sessions=sessions, runs=runs, incidents=known) == [
        CloseIncident(
            incident="bt-old/daemon_lost",
            reason="1 run adopted, 1 ended, 10000 ms after it was noticed",
            caused_by=("bt-old/daemon_lost", SESSION),
        )
    ]


def test_a_missing_file_is_told_once_and_made_again() -> None:
    gone = [a_source(STATE, status="missing", since=57_000)]
    told, rebuild = wishes(sources=gone)
    assert isinstance(told, OpenIncident)
    assert told.incident == f"{STATE}@1970-01-01T00:00:57.000Z/state_missing"
    assert rebuild == RebuildSource(source=STATE, reason=f"{STATE} is missing for 3000 ms", caused_by=(STATE,))
    known = [an_incident(STATE, "state_missing", id=told.incident, opened_at=57_000)]
    assert [type(wish) for wish in wishes(sources=gone, incidents=known)] == [RebuildSource]
    (closed,) = wishes(sources=[a_source(STATE, note="published")], incidents=known)
    assert closed.reason == "fresh again 3000 ms later (published)"


def test_something_that_dies_at_once_is_made_again_with_growing_waits() -> None:
    gone = [a_source("monitor/gpu", status="missing", since=59_000)]
    known = [an_incident("monitor/gpu", "monitor_lost")]

    def tries(*instants: int) -> list[Any]:
        rebuild = an_action_wished("rebuild_source", source="monitor/gpu")
        return [an_action(f"a{at}-0", at=at, action=rebuild) for at in instants]

    def rebuilt(now: int, *instants: int) -> bool:
        found = wishes(now, sources=gone, incidents=known, actions=tries(*instants))
        return any(isinstance(wish, RebuildSource) for wish in found)

    assert rebuilt(59_000)
    assert [rebuilt(now, 59_000) for now in (59_000, 60_000, 60_001)] == [False, False, True]
    assert [rebuilt(now, 59_000, 60_001) for now in (62_001, 62_002)] == [False, True]


def test_a_damaged_journal_is_told_never_rebuilt_and_closed_once_decisions_go_on() -> None:
    place = "journal/000001.jsonl:7@50000"
    damaged = [a_source(place, status="damaged", since=50_000, note="crc differs")]
    (told,) = wishes(sources=damaged)
    assert isinstance(told, OpenIncident)
    known = an_incident(place, "journal_damaged", id=told.incident, opened_at=60_000)
    assert [type(wish) for wish in wishes(61_000, sources=damaged, incidents=[known])] == [CloseIncident]
    closed = an_incident(place, "journal_damaged", id=told.incident, status="closed")
    assert wishes(62_000, sources=damaged, incidents=[closed]) == []


def test_stalled_progress_is_said_once_and_taken_back() -> None:
    tables: dict[str, Any] = {
        "jobs": [a_job(attempt=1)],
        "runs": [a_run()],
        "steps": [a_step(id="majors.prescreen", due=10**9)],
    }
    still, moving = a_beat(progress_at=0), a_beat(progress_at=59_000)
    (said,) = wishes(30_001, beats=[still], **tables)
    assert isinstance(said, Say)
    assert said.reason == "0 of 1 run advanced for 30001 ms (limit 30000 ms), 1 job to do"
    finding = [a_finding("session_state_manager/stalled", text=said.reason)]
    assert wishes(31_000, beats=[still], findings=finding, **tables) == []
    assert [wish.reason for wish in wishes(60_000, beats=[moving], findings=finding, **tables)] == [""]


def test_low_use_beside_a_queue_is_said_and_stands_until_there_is_enough() -> None:
    tables: dict[str, Any] = {
        "jobs": [a_job(attempt=1), a_job("ETHUSDT")],
        "runs": [a_run()],
        "steps": [a_step(id="majors.prescreen", due=10**9)],
    }

    def texts(load: float, findings: tuple[Any, ...] = ()) -> list[str]:
        return [wish.reason for wish in wishes(gauges=[a_gauge("host.cpu_util", load)], findings=findings, **tables)]

    (text,) = texts(0.30)
    assert text == "processor load 0.30 (target 0.90) with 1 job ready and no lane free"
    finding = (a_finding("session_state_manager/low_use", text=text),)
    assert [texts(load, finding) for load in (0.20, 0.60, 0.70)] == [[], [], [""]]
    assert texts(0.60) == []


def test_a_loss_that_an_earlier_session_was_told_of_is_not_told_again() -> None:
    told = an_incident("bt-old", "daemon_lost", status="closed", agent="session_state_manager")
    assert wishes(sessions=[LOST, a_session(at=55_000)], incidents=[told]) == []
    # After an hour the incident itself may be forgotten.
    later = 55_000 + 3_600_001
    assert wishes(now=later, sessions=[LOST, a_session(at=55_001)]) == []


def test_a_loss_that_a_session_found_and_died_before_telling_is_told_by_the_next() -> None:
    second = a_session(id="bt-second", status="lost", at=55_000)
    found = wishes(sessions=[LOST, second, a_session(at=55_000)])
    assert [wish.incident for wish in found if isinstance(wish, OpenIncident)] == [
        "bt-old/daemon_lost", "bt-second/daemon_lost",
    ]  # fmt: skip


def test_an_incident_about_a_loss_is_closed_though_the_session_that_opened_it_was_lost_too() -> None:
    earlier = an_incident("bt-old", "daemon_lost", agent="session_state_manager", opened_at=50_000)
    second = a_session(id="bt-second", status="lost", at=55_000)
    found = wishes(sessions=[LOST, second, a_session(at=55_000)], incidents=[earlier])
    assert [wish.incident for wish in found if isinstance(wish, OpenIncident)] == ["bt-second/daemon_lost"]
    assert [wish.incident for wish in found if isinstance(wish, CloseIncident)] == [earlier.id]


def test_a_daemon_lost_with_a_thousand_lanes_is_told_once() -> None:
    """Each lane's own loss is told and closed after it, and closed incidents are forgotten, the oldest first."""
    fold = Projection()
    for record in (LOST, a_session(at=50_001)):
        fold.apply(record)
    fold.apply(an_incident("bt-old", "daemon_lost", status="closed", outcome="1024 runs adopted", opened_at=50_001))
    for number in range(1_024):
        fold.apply(an_incident(f"r{number}", status="closed", outcome="replaced", opened_at=50_002))
    assert [wish for wish in decide(fold.view(), 60_000) if isinstance(wish, OpenIncident)] == []
