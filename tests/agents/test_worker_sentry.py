from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_beat,
    a_campaign,
    a_gauge,
    a_job,
    a_policy,
    a_result,
    a_run,
    a_session,
    a_view,
    an_action,
    an_action_wished,
    an_incident,
)

from swarmd.agents.worker_sentry import decide
from swarmd.state.actions import Action, CloseIncident, HoldJob, OpenIncident, SettleJob
from swarmd.state.records.incident import Signature
from swarmd.state.records.remedy import Remedy

GIB = 1 << 30


def lost(**fields: Any) -> Any:
    return a_run(**{"status": "failed", "ended_at": 10_000, "exit_code": 1, "reason": "", **fields})


def wishes(now: int = 10_100, **tables: Any) -> list[Action]:
    return decide(a_view(**{"jobs": [a_job(attempt=1)], **tables}), now)


def opened(found: list[Action]) -> list[tuple[Signature, str]]:
    return [(wish.signature, wish.reason) for wish in found if isinstance(wish, OpenIncident)]


def test_a_lost_run_opens_an_incident_and_its_job_waits_from_the_end_of_the_run() -> None:
    held = "wait 1000 ms after loss 1 (limit 5): exit code 1"
    assert wishes(runs=[lost()]) == [
        OpenIncident(
            incident=f"{RUN}/crash",
            signature=Signature.CRASH,
            subject=RUN,
            remedy=(
                f"wait 1000 ms, then attempt 2 of {JOB} from its outbox "
                "(relaunch: crash number 1 in a row; no remedy has a record yet)"
            ),
            expected="attempt 2 makes progress",
            due=10_100 + 1_000 + 240_000,
            reason="exit code 1",
            caused_by=(RUN,),
            rung=Remedy.RELAUNCH,
        ),
        HoldJob(job=JOB, not_before=11_000, reason=held, caused_by=(RUN,)),
    ]


@pytest.mark.parametrize(
    ("ending", "signature", "words"),
    [
        ({"exit_code": 4}, Signature.DEVICE_FAILED, "exit code 4, its device failed"),
        ({"exit_code": 5}, Signature.OUT_OF_MEMORY, "exit code 5, it ran out of memory"),
        ({"exit_code": -1, "signal": 11}, Signature.CRASH, "ended by SIGSEGV (signal 11)"),
        ({"exit_code": -1, "signal": 6, "reason": "core\nmore"}, Signature.CRASH, "ended by SIGABRT (signal 6): core"),
        ({"status": "lost", "exit_code": -1}, Signature.NEVER_STARTED, "ordered and not seen alive in 10000 ms"),
        ({"status": "done", "exit_code": 0, "ended_at": 1}, Signature.CRASH, "exit code 0 without a result on record"),
    ],
)
def test_the_way_a_run_ended_gives_the_signature(ending: dict[str, Any], signature: Signature, words: str) -> None:
    assert opened(wishes(runs=[lost(**ending)])) == [(signature, words)]


def test_a_sigkill_is_named_out_of_memory_when_memory_was_short_or_the_run_held_most_of_it() -> None:
    killed = lost(exit_code=-1, signal=9, status="lost")
    short = [a_gauge("host.mem_available_bytes", 0.5 * GIB)]
    ample = [a_gauge("host.mem_available_bytes", 8 * GIB)]
    assert opened(wishes(runs=[killed], gauges=short))[0][0] is Signature.OUT_OF_MEMORY
    assert opened(wishes(runs=[killed], gauges=ample, beats=[a_beat(rss_bytes=5 * GIB)])) == [
        (
            Signature.OUT_OF_MEMORY,
            "killed with SIGKILL while holding 5120 MiB; 8192 MiB are available now that it is gone",
        )
    ]
    assert opened(wishes(runs=[killed], gauges=ample, beats=[a_beat(rss_bytes=GIB)])) == [
        (Signature.CRASH, "ended by SIGKILL (signal 9)")
    ]


@pytest.mark.parametrize(("code", "signature"), [(2, Signature.BAD_ORDER), (3, Signature.BAD_DATA)])
def test_an_order_or_data_that_cannot_work_is_not_tried_twice(code: int, signature: Signature) -> None:
    first, second = wishes(runs=[lost(exit_code=code)])
    assert isinstance(first, OpenIncident)
    assert first.signature is signature
    assert isinstance(second, SettleJob)
    assert (second.status, second.run) == ("failed", RUN)


def test_waits_double_with_each_loss_and_stop_at_the_cap() -> None:
    policy = a_policy(max_attempts=50, backoff_first=1_000, backoff_cap=8_000)
    held = []
    for attempts in (1, 2, 3, 4, 5, 40):
        runs = [lost(attempt=attempt) for attempt in range(1, attempts + 1)]
        found = wishes(jobs=[a_job(attempt=attempts)], runs=runs, policy=policy)
        held += [wish.not_before - 10_000 for wish in found if isinstance(wish, HoldJob)]
    assert held == [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]


def test_at_the_limit_of_losses_the_job_is_quarantined_with_every_run_as_cause() -> None:
    runs = [lost(attempt=attempt) for attempt in (1, 2, 3)]
    found = wishes(jobs=[a_job(attempt=3)], runs=runs, policy=a_policy(max_attempts=3))
    assert [signature for signature, _ in opened(found)] == [Signature.CRASH, Signature.POISON_JOB]
    assert isinstance(found[-1], SettleJob)
    assert found[-1].status == "quarantined"
    assert found[-1].caused_by == tuple(run.id for run in runs)
    assert not any(isinstance(wish, HoldJob) for wish in found)


def test_runs_asked_to_stop_and_runs_gone_with_their_daemon_do_not_count_against_the_job() -> None:
    policy = a_policy(max_attempts=2)
    job, runs = a_job(attempt=2), [lost(attempt=1), lost(attempt=2, exit_code=-1, signal=9)]
    stop = an_action(action=an_action_wished("stop_run", run=runs[1].id, how="kill"), agent="main_orchestrator")
    assert wishes(jobs=[job], runs=runs, policy=policy, actions=[stop]) == []

    gone = lost(attempt=2, status="lost", exit_code=-1, ordered_at=1_000, ended_at=10_000)
    restarted = [a_session(id="bt-old", status="lost", at=9_000), a_session(at=9_000)]
    found = wishes(jobs=[job], runs=[runs[0], gone], policy=policy, sessions=restarted)
    assert not any(isinstance(wish, SettleJob) for wish in found)
    assert [signature for signature, _ in opened(found)] == [Signature.NEVER_STARTED]


def test_a_kill_for_a_hang_is_counted_and_told_by_the_incident_that_led_to_it() -> None:
    kill = an_action(action=an_action_wished("stop_run", run=RUN, how="kill"), agent="operation_hang_guard")
    hang = an_incident(signature="silent", agent="operation_hang_guard", cause="no heartbeat for 21000 ms")
    killed = lost(status="lost", exit_code=-1, signal=9)
    reason = "wait 1000 ms after loss 1 (limit 5): no heartbeat for 21000 ms"
    assert wishes(runs=[killed], incidents=[hang], actions=[kill]) == [
        HoldJob(job=JOB, not_before=11_000, reason=reason, caused_by=(RUN,))
    ]


def test_a_clean_exit_is_given_time_for_its_result_and_a_result_makes_up_for_any_exit() -> None:
    clean = lost(status="done", exit_code=0)
    assert wishes(now=15_000, runs=[clean]) == []
    assert opened(wishes(now=15_001, runs=[clean])) != []
    assert wishes(runs=[lost(exit_code=-1, signal=9)], results=[a_result()]) == []


def test_a_yield_nobody_here_asked_for_waits_one_turn_without_an_incident() -> None:
    found = wishes(runs=[lost(status="done", exit_code=75)])
    assert [type(wish) for wish in found] == [HoldJob]


def test_a_result_of_an_older_attempt_is_refused_and_the_incident_closed_at_once() -> None:
    tables: dict[str, Any] = {"jobs": [a_job(attempt=2)], "results": [a_result()], "runs": [a_run(attempt=2)]}
    (told,) = wishes(**tables)
    assert isinstance(told, OpenIncident)
    assert told.reason == f"result of {JOB} carries token 1, the newest attempt is 2"
    known = an_incident(signature="late_result", opened_at=10_000)
    (closed,) = wishes(incidents=[known], **tables)
    assert isinstance(closed, CloseIncident)


def test_an_incident_is_closed_by_work_not_by_a_process_that_is_merely_there() -> None:
    jobs, runs = [a_job(attempt=2)], [lost(), a_run(attempt=2)]
    idle, reading, busy = (a_beat(runs[1].id, done=done, skipped=skipped) for done, skipped in ((0, 0), (6, 6), (7, 6)))
    incidents = [an_incident(opened_at=9_000)]
    assert wishes(jobs=jobs, runs=runs, incidents=incidents, beats=[idle]) == []
    assert wishes(jobs=jobs, runs=runs, incidents=incidents, beats=[reading]) == [], "the lost one's work, read again"
    assert wishes(jobs=jobs, runs=runs, incidents=incidents, beats=[busy]) == [
        CloseIncident(
            incident=f"{RUN}/crash",
            reason="attempt 2 has done 7 of 100 units, 6 of them found done, 1100 ms after the incident",
            caused_by=(f"{RUN}/crash",),
        )
    ]


def test_idle_lanes_beside_ready_jobs_are_an_incident_after_the_limit_until_a_run_is_open() -> None:
    assert wishes(now=30_000, jobs=[a_job()]) == []
    (found,) = wishes(now=30_001, jobs=[a_job()])
    assert isinstance(found, OpenIncident)
    assert found.signature is Signature.NO_WORKER
    assert found.reason.startswith("no run for 30001 ms (limit 30000 ms) with 1 jobs ready and 1 lanes free")
    known = an_incident("majors", "no_worker", opened_at=30_001)
    assert wishes(now=40_000, jobs=[a_job()], incidents=[known]) == []
    (closed,) = wishes(now=41_000, jobs=[a_job(attempt=1)], runs=[a_run()], incidents=[known])
    assert isinstance(closed, CloseIncident)


def test_nobody_misses_a_worker_while_the_campaign_is_paused_or_every_job_waits() -> None:
    assert wishes(now=90_000, jobs=[a_job()], campaigns=[a_campaign(status="paused")]) == []
    assert wishes(now=90_000, jobs=[a_job(not_before=90_001)]) == []
    assert wishes(now=90_000, jobs=[a_job(not_before=70_000)]) == []
    behind = a_job(phase="refine", after=(JOB,))
    assert wishes(now=90_000, jobs=[a_job(not_before=70_000), behind]) == []


def test_orders_that_no_process_came_of_are_waited_out_and_never_quarantine_a_job() -> None:
    job = a_job(attempt=9)
    runs = [
        a_run(JOB, n, status="lost", ended_at=10_000, was_launched=False, reason="cannot write the order: no space")
        for n in range(1, 10)
    ]
    found = wishes(jobs=[job], runs=runs)
    assert not [wish for wish in found if isinstance(wish, SettleJob)]
    assert [wish.not_before for wish in found if isinstance(wish, HoldJob)] == [70_000]
    assert opened(found) == [
        (Signature.NEVER_STARTED, "no process came of the order: cannot write the order: no space")
    ]


def test_an_order_that_nothing_came_of_does_not_add_to_the_losses_before_it() -> None:
    lost_once = lost(ended_at=5_000)
    unlaunched = a_run(JOB, 2, status="lost", ended_at=10_000, was_launched=False)
    found = wishes(jobs=[a_job(attempt=2)], runs=[lost_once, unlaunched], policy=a_policy(max_attempts=2))
    assert not [wish for wish in found if isinstance(wish, SettleJob)]
    [held] = [wish for wish in found if isinstance(wish, HoldJob)]
    assert held.reason == "wait 1000 ms after order 1 in a row that nothing came of"
