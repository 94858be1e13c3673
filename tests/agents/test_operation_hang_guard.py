from typing import Any

import pytest
from builders import JOB, RUN, a_beat, a_job, a_policy, a_run, a_session, a_view, an_incident

from swarmd.agents.operation_hang_guard import decide
from swarmd.state.actions import Action, CloseIncident, OpenIncident, SetLane, StopRun
from swarmd.state.records.incident import Signature
from swarmd.state.records.lane import LaneStatus

FRESH = {"is_ready": True, "progress_at": 10**9, "heartbeat_at": 10**9}


def wishes(now: int, **tables: Any) -> list[Action]:
    return decide(a_view(**{"jobs": [a_job(attempt=1)], "runs": [a_run()], **tables}), now)


def hang(now: int, run: dict[str, Any] | None = None, **beat: Any) -> tuple[Signature, str] | None:
    """What is found about one run with this beat, and that the kill gives the same reason."""
    found = wishes(now, runs=[a_run(**(run or {}))], beats=[a_beat(**{**FRESH, **beat})])
    if not found:
        return None
    told, stop = found
    assert isinstance(told, OpenIncident)
    assert stop == StopRun(run=RUN, how="kill", reason=told.reason, caused_by=(RUN,))
    return told.signature, told.reason


@pytest.mark.parametrize(
    ("limit", "beat", "signature", "words"),
    [
        (
            45_000,
            {"progress_at": 0, "stalled_cpu": 300},
            Signature.STUCK_WITHOUT_CPU,
            "no progress for 45001 ms (limit 45000 ms); 300 ms of processor time used meanwhile",
        ),
        (
            45_000,
            {"progress_at": 0, "stalled_cpu": 40_000},
            Signature.STUCK_WITH_CPU,
            "no progress for 45001 ms (limit 45000 ms); 40000 ms of processor time used meanwhile",
        ),
        (20_000, {"heartbeat_at": 0}, Signature.SILENT, "no heartbeat for 20001 ms (limit 20000 ms)"),
        (240_000, {"is_ready": False}, Signature.NEVER_STARTED, "not ready after 240001 ms (limit 240000 ms)"),
        (7_200_000, {}, Signature.OVERTIME, "running for 7200001 ms (limit 7200000 ms)"),
        (2_000, {"process_state": "T"}, Signature.STOPPED, "stopped by a signal for 2001 ms (limit 2000 ms)"),
        (2_000, {"process_state": "t"}, Signature.STOPPED, "stopped by a signal for 2001 ms (limit 2000 ms)"),
    ],
)
def test_a_run_past_a_limit_is_told_and_killed_and_at_the_limit_it_is_not(
    limit: int, beat: dict[str, Any], signature: Signature, words: str
) -> None:
    assert hang(limit, **beat) is None
    assert hang(limit + 1, **beat) == (signature, words)


BARREN = {"done": 0, "progress": 31, "ready_at": 5_000}


def test_a_run_with_signs_of_life_and_no_first_result_is_replaced_at_the_gate() -> None:
    assert hang(125_000, **BARREN) is None
    assert hang(125_001, **BARREN) == (
        Signature.NO_FIRST_RESULT,
        "no first result for 120001 ms (limit 120000 ms); 31 signs of life without work meanwhile",
    )
    (told, _) = wishes(125_001, beats=[a_beat(**{**FRESH, **BARREN})])
    assert isinstance(told, OpenIncident)
    assert told.remedy.startswith("take its stack and status, kill it, and go on with attempt 2")


def test_after_its_first_result_a_run_is_not_held_to_the_gate() -> None:
    assert hang(900_000, **{**BARREN, "done": 1}) is None


def test_the_gate_counts_from_ready_so_that_a_cold_start_may_compile_and_starvation_is_taken_off() -> None:
    """Compiling comes before READY and has its own, longer limit."""
    assert hang(239_000, run={"launched_at": 0}, is_ready=False, done=0) is None
    assert hang(320_000, **{**BARREN, "ready_at": 200_000}) is None
    assert hang(185_000, **BARREN, ready_excused=60_000) is None
    assert hang(185_001, **BARREN, ready_excused=60_000) == (
        Signature.NO_FIRST_RESULT,
        "no first result for 120001 ms (limit 120000 ms; 60000 ms of waiting excused); "
        "31 signs of life without work meanwhile",
    )


def test_a_run_that_gives_no_sign_at_all_is_found_stuck_long_before_the_gate() -> None:
    found = hang(45_001, done=0, progress=1, ready_at=0, progress_at=0)
    assert found is not None
    assert found[0] is Signature.STUCK_WITHOUT_CPU


def test_a_run_that_was_never_seen_is_held_to_its_time_to_start() -> None:
    assert wishes(240_000) == []
    told, _ = wishes(240_001)
    assert isinstance(told, OpenIncident)
    assert told.reason == "not ready after 240001 ms (limit 240000 ms)"


def test_waiting_that_was_not_the_runs_own_doing_is_taken_off_and_told() -> None:
    assert hang(65_000, progress_at=0, excused=20_000) is None
    assert hang(65_001, progress_at=0, excused=20_000) == (
        Signature.STUCK_WITHOUT_CPU,
        "no progress for 45001 ms (limit 45000 ms; 20000 ms of waiting excused); 0 ms of processor time used meanwhile",
    )
    assert hang(35_000, heartbeat_at=0, heartbeat_excused=20_000) is None


def test_nothing_is_held_against_a_run_from_before_this_session_watched_it() -> None:
    beats = [a_beat(**{**FRESH, "progress_at": 0, "heartbeat_at": 0})]
    sessions = [a_session(at=1_000_000)]
    assert wishes(1_020_000, beats=beats, sessions=sessions) == []
    told, _ = wishes(1_020_001, beats=beats, sessions=sessions)
    assert isinstance(told, OpenIncident)
    assert told.signature is Signature.SILENT


def test_a_kill_is_ordered_once_even_while_the_process_is_still_there() -> None:
    killed = a_run(status="stopping", killed_at=46_000)
    assert wishes(47_000, runs=[killed], beats=[a_beat()], incidents=[an_incident(signature="silent")]) == []


def test_a_known_incident_is_not_opened_again_but_its_kill_is_still_owed() -> None:
    known = an_incident(signature="stuck_without_cpu", agent="operation_hang_guard")
    found = wishes(46_000, beats=[a_beat(**{**FRESH, "progress_at": 0})], incidents=[known])
    assert [type(wish) for wish in found] == [StopRun]


def test_a_run_that_was_asked_to_stop_is_killed_after_its_grace_without_an_incident() -> None:
    asked = a_run(status="stopping", stop_asked_at=10_000)
    assert wishes(15_000, runs=[asked]) == []
    assert wishes(15_001, runs=[asked]) == [
        StopRun(
            run=RUN, how="kill", reason="asked to stop and still there after 5001 ms (limit 5000 ms)", caused_by=(RUN,)
        )
    ]


def test_a_process_that_survives_sigkill_keeps_its_lane_and_is_one_incident() -> None:
    killed = a_run(status="stopping", killed_at=10_000)
    assert wishes(25_000, runs=[killed]) == []
    told, held = wishes(25_001, runs=[killed])
    reason = f"{RUN} (pid 100) is still there 15001 ms after SIGKILL (limit 15000 ms)"
    assert isinstance(told, OpenIncident)
    assert (told.signature, told.subject, told.reason) == (Signature.UNKILLABLE, RUN, reason)
    assert held == SetLane(lane="cpu0", status=LaneStatus.HELD, reason=reason, caused_by=(RUN,))
    known = an_incident(signature="unkillable", agent="operation_hang_guard")
    assert [type(wish) for wish in wishes(25_002, runs=[killed], incidents=[known])] == [SetLane]
    (closed,) = wishes(26_000, runs=[a_run(status="lost", signal=9)], incidents=[known])
    assert isinstance(closed, CloseIncident)
    assert closed.reason == "gone 26000 ms after it was given up"


def test_an_order_nothing_came_of_is_told_and_not_signalled() -> None:
    (told,) = wishes(240_001, runs=[a_run(status="starting")])
    assert isinstance(told, OpenIncident)
    assert told.signature is Signature.NEVER_STARTED
    assert told.reason == "ordered and no process seen for 240001 ms (limit 240000 ms)"


def test_its_incidents_are_closed_by_the_work_of_a_newer_run_and_others_are_left_alone() -> None:
    runs = [a_run(status="lost", signal=9), a_run(attempt=2)]
    own = an_incident(signature="silent", agent="operation_hang_guard")
    foreign = an_incident(signature="crash", agent="worker_sentry")
    found = wishes(
        9_000, jobs=[a_job(attempt=2)], runs=runs, incidents=[own, foreign], beats=[a_beat(f"{JOB}-a2", **FRESH)]
    )
    assert [(type(wish), wish.reason) for wish in found] == [
        (CloseIncident, "attempt 2 has done 1 of 100 units, 9000 ms after the incident")
    ]


def test_limits_are_those_of_the_policy() -> None:
    view = a_view(runs=[a_run()], beats=[a_beat(**{**FRESH, "progress_at": 0})], policy=a_policy(stuck_after=5_000))
    told, _ = decide(view, 10_000)
    assert told.reason == "no progress for 10000 ms (limit 5000 ms); 0 ms of processor time used meanwhile"


def test_a_suspend_is_not_time_the_run_took() -> None:
    slept = 8 * 3_600_000
    now = slept + 7_200_000
    assert hang(now, overslept=slept, progress_at=now, heartbeat_at=now) is None
    told = hang(now + 1, overslept=slept, progress_at=now, heartbeat_at=now)
    assert told is not None
    assert told[0] is Signature.OVERTIME
