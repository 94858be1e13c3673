from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_campaign,
    a_document,
    a_job,
    a_request,
    a_result,
    a_run,
    a_session,
    a_view,
    an_action,
    an_action_wished,
    an_incident,
    the_settings,
)

from swarmd.agents.main_orchestrator import decide
from swarmd.agents.rules.plan import planned_jobs
from swarmd.state.actions import (
    Action,
    AnswerRequest,
    EndSession,
    QueueJob,
    SetCampaign,
    SettleJob,
    StopRun,
    WriteHandoff,
)
from swarmd.state.records.campaign import Campaign

ONE = the_settings(assets={"tiers": {"TIER1": ["BTCUSDT"]}})


def all_jobs(status: str = "done", campaign: Campaign | None = None) -> list[Any]:
    plan = planned_jobs(campaign or a_campaign(settings=ONE))
    return [
        a_job(job.symbol, job.phase, mode=job.mode, after=job.after, status=status, reason="5 of 5") for job in plan
    ]


def wishes(now: int = 10_000, **tables: Any) -> list[Action]:
    return decide(a_view(**{"campaigns": [a_campaign(settings=ONE)], "jobs": all_jobs(), **tables}), now)


def kinds(found: list[Action]) -> list[str]:
    return [wish.kind for wish in found]


def answers(found: list[Action]) -> list[tuple[str, str]]:
    return [(wish.request, wish.reason) for wish in found if isinstance(wish, AnswerRequest)]


def test_a_campaign_is_planned_asset_by_asset_each_phase_after_the_one_before() -> None:
    settings = the_settings(
        assets={"tiers": {"TIER1": ["BTCUSDT"], "TIER2": ["SOLUSDT"]}},
        strategy={"name": "mtf_ema", "modes": ["balanced", "aggressive"]},
        search={"refine": {"rungs": []}},
    )
    found = [wish for wish in wishes(campaigns=[a_campaign(settings=settings)], jobs=[]) if isinstance(wish, QueueJob)]
    told = [(wish.job.removeprefix("majors."), wish.priority, *(after[7:] for after in wish.after)) for wish in found]
    assert told[:6] == [
        ("BTCUSDT.preflight", 1),
        ("BTCUSDT.balanced.prescreen", 1, "BTCUSDT.preflight"),
        ("BTCUSDT.balanced.refine", 1, "BTCUSDT.balanced.prescreen"),
        ("BTCUSDT.balanced.screen", 1, "BTCUSDT.balanced.refine"),
        ("BTCUSDT.balanced.crown", 1, "BTCUSDT.balanced.screen"),
        ("BTCUSDT.aggressive.prescreen", 1, "BTCUSDT.preflight"),
    ]
    assert told[9] == ("SOLUSDT.preflight", 2)
    assert len(told) == 18


def test_a_large_campaign_is_planned_in_several_cycles_each_going_on_where_the_one_before_stopped() -> None:
    settings = the_settings(assets={"tiers": {"T": [f"S{number:04d}" for number in range(300)]}})
    campaigns, jobs, sizes = [a_campaign(settings=settings)], list[Any](), list[int]()
    while queued := [wish for wish in wishes(campaigns=campaigns, jobs=jobs) if isinstance(wish, QueueJob)]:
        sizes.append(len(queued))
        jobs += [a_job(wish.symbol, wish.phase.value, id=wish.job, mode=wish.mode, after=wish.after) for wish in queued]
    planned = [job.id for job in planned_jobs(campaigns[0])]
    assert [job.id for job in jobs] == planned
    assert len(sizes) > 1
    assert max(sizes) == sizes[0] == 500


def test_only_what_is_missing_is_queued_and_only_while_active() -> None:
    jobs = all_jobs("queued")
    assert kinds(wishes(jobs=jobs[:-1])) == ["queue_job"]
    assert wishes(jobs=jobs[:-1], campaigns=[a_campaign(settings=ONE, status="paused")]) == []


@pytest.mark.parametrize(("verdict", "status"), [("pass", "done"), ("fail", "failed")])
def test_a_result_of_the_newest_attempt_ends_its_job_with_the_headline_as_reason(verdict: str, status: str) -> None:
    results = [a_result(verdict=verdict, headline="412 of 250000 valid")]
    found = [w for w in wishes(jobs=[a_job(attempt=1)], results=results) if isinstance(w, SettleJob)]
    assert found == [
        SettleJob(job=JOB, status=status, run=RUN, reason="412 of 250000 valid", caused_by=(RUN,))  # type: ignore[arg-type]
    ]


def test_a_result_of_an_older_attempt_counts_for_nothing() -> None:
    assert "settle_job" not in kinds(wishes(jobs=[a_job(attempt=2)], results=[a_result()]))


def test_what_stands_behind_a_closed_gate_is_skipped_at_once_with_the_first_reason() -> None:
    gate = a_job(status="quarantined", reason="3 of its runs were lost")
    refine = a_job(phase="refine", after=(gate.id,))
    screen = a_job(phase="screen", after=(refine.id,))
    found = [wish for wish in wishes(jobs=[gate, refine, screen]) if isinstance(wish, SettleJob)]
    assert [(wish.job, wish.status, wish.caused_by) for wish in found] == [
        (refine.id, "skipped", (gate.id,)),
        (screen.id, "skipped", (refine.id,)),
    ]
    assert {wish.reason for wish in found} == {"prescreen quarantined"}


def test_the_campaign_is_done_when_every_job_is_final_and_says_the_counts() -> None:
    assert wishes() == [
        SetCampaign(
            campaign="majors",
            status="done",  # type: ignore[arg-type]
            reason="5 jobs settled, 0 to do: 5 done; 1 crowned",
            caused_by=("majors",),
        )
    ]


def test_a_judge_that_said_no_is_not_told_as_a_failure() -> None:
    done, judge = all_jobs()[:3], all_jobs("failed")[3]
    jobs = [*done, judge, all_jobs("skipped")[4]]
    no = a_result(f"{judge.id}-a{judge.attempt}", job=judge.id, phase=judge.phase.value, verdict="fail")
    (said,) = wishes(jobs=jobs, results=[no])
    (fell,) = wishes(jobs=jobs)
    assert isinstance(said, SetCampaign)
    assert isinstance(fell, SetCampaign)
    assert said.reason == "5 jobs settled, 0 to do: 3 done, 1 said no, 1 skipped; 0 crowned"
    assert fell.reason == "5 jobs settled, 0 to do: 3 done, 1 failed, 1 skipped; 0 crowned"


def test_goal_lock_not_done_while_anything_actionable_is_left() -> None:
    assert wishes(jobs=[*all_jobs()[:-1], a_job(phase="crown")]) == []
    assert wishes(runs=[a_run()]) == []
    assert wishes(incidents=[an_incident(due=10_001)], runs=[a_run(status="done")]) == []
    assert kinds(wishes(incidents=[an_incident(due=10_000)], runs=[a_run(status="done")])) == ["set_campaign"]
    assert kinds(wishes(incidents=[an_incident("host", "disk_full", due=99_999)])) == ["set_campaign"]


def test_a_done_campaign_is_handed_over_once_and_then_ends_a_session_opened_until_done() -> None:
    done = [a_campaign(settings=ONE, status="done", at=9_000, reason="5 jobs settled")]
    assert kinds(wishes(campaigns=done)) == ["write_handoff"]
    tried = [an_action(at=9_500, action=an_action_wished("write_handoff"))]
    assert wishes(campaigns=done, actions=tried) == []
    written = [a_document(at=9_600)]
    assert kinds(wishes(campaigns=done, documents=written)) == ["end_session"]
    assert wishes(campaigns=done, documents=written, sessions=[a_session(until_done=False)]) == []
    assert kinds(wishes(campaigns=done, documents=[a_document(at=8_999)])) == ["write_handoff"]


def test_a_page_that_cannot_be_written_is_tried_three_times_and_does_not_hold_the_end_up() -> None:
    done = [a_campaign(settings=ONE, status="done", at=0, reason="5 jobs settled")]
    tries = [
        an_action(f"a{n}-0", at=at, action=an_action_wished("write_handoff")) for n, at in enumerate((0, 2_000, 5_000))
    ]
    assert kinds(wishes(2_000, campaigns=done, actions=tries[:1])) == ["write_handoff"]
    assert wishes(4_000, campaigns=done, actions=tries[:2]) == []
    assert kinds(wishes(5_000, campaigns=done, actions=tries[:2])) == ["write_handoff"]
    assert kinds(wishes(9_001, campaigns=done, actions=tries)) == ["end_session"]


def test_pause_lets_runs_finish_and_resume_goes_on() -> None:
    jobs, runs = [a_job(attempt=1), a_job("ETHUSDT")], [a_run()]
    campaign = a_campaign(settings=the_settings(assets={"tiers": {"T": ["BTCUSDT", "ETHUSDT"]}}))
    found = wishes(jobs=jobs, runs=runs, campaigns=[campaign], requests=[a_request("pause")])
    assert [wish for wish in found if isinstance(wish, StopRun)] == []
    assert answers(found) == [("0001-stop", "paused: 1 open run to finish, 1 further job to wait")]
    resumed = wishes(jobs=jobs, campaigns=[a_campaign(status="paused")], requests=[a_request("resume")])
    assert kinds(resumed) == ["set_campaign", "answer_request"]


@pytest.mark.parametrize("verb", ["pause", "resume"])
@pytest.mark.parametrize(
    ("campaigns", "words"),
    [
        ([], "0 campaigns on record"),
        ([a_campaign(settings=ONE, status="done", reason="5 jobs settled")], "majors is done (5 jobs settled)"),
    ],
)
def test_a_request_that_finds_nothing_to_steer_is_answered_and_changes_nothing(
    verb: str, campaigns: list[Campaign], words: str
) -> None:
    found = wishes(campaigns=campaigns, requests=[a_request(verb)], documents=[a_document()], sessions=[])
    assert kinds(found) == ["answer_request"]
    assert words in found[0].reason


def test_requests_are_taken_in_the_order_in_which_they_were_made_one_a_cycle() -> None:
    requests = [a_request("resume", id="a", at=2), a_request("pause", id="b", at=1)]
    found = wishes(jobs=all_jobs("queued"), requests=requests)
    assert [request for request, _ in answers(found)] == ["b"]


def test_stop_asks_each_run_once_and_waits_until_they_are_gone() -> None:
    stop, jobs = [a_request("stop")], [a_job(attempt=1)]
    found = wishes(jobs=jobs, runs=[a_run()], requests=stop)
    assert [(wish.run, wish.how) for wish in found if isinstance(wish, StopRun)] == [(RUN, "term")]
    stopped = [a_campaign(settings=ONE, status="stopped")]
    assert wishes(jobs=jobs, runs=[a_run(status="stopping", stop_asked_at=1)], requests=stop, campaigns=stopped) == []


def test_stop_now_kills_and_turns_a_drain_into_an_end() -> None:
    draining = a_run(status="stopping", stop_asked_at=9_000)
    requests = [a_request("stop"), a_request("stop_now", id="0002", at=9_500)]
    found = wishes(jobs=[a_job(attempt=1)], runs=[draining], requests=requests)
    assert [(wish.run, wish.how) for wish in found if isinstance(wish, StopRun)] == [(RUN, "kill")]


def test_a_run_that_is_only_ordered_is_waited_for_not_signalled() -> None:
    stopped = [a_campaign(settings=ONE, status="stopped")]
    ordered = [a_run(status="starting", ordered_at=9_000)]
    assert wishes(jobs=[a_job(attempt=1)], runs=ordered, requests=[a_request()], campaigns=stopped) == []
    late = wishes(900_000, jobs=[a_job(attempt=1)], runs=ordered, requests=[a_request()], campaigns=stopped)
    assert kinds(late) == ["write_handoff"]


def test_with_no_run_left_the_page_comes_first_and_then_the_answer_and_the_end() -> None:
    stopped, jobs = [a_campaign(settings=ONE, status="stopped")], [a_job(attempt=1)]
    tables: dict[str, Any] = {"jobs": jobs, "campaigns": stopped, "requests": [a_request(at=9_000)]}
    assert kinds(wishes(**tables)) == ["write_handoff"]
    last = wishes(**tables, documents=[a_document(at=9_500)])
    assert kinds(last) == ["answer_request", "end_session"]
    assert last[0].reason == "stopped with 1 job still to do; `swarmd start` takes them up again"


def test_a_process_that_survives_sigkill_does_not_hold_the_stop_up_and_is_named() -> None:
    undead = a_run(status="stopping", killed_at=1_000)
    found = wishes(16_001, jobs=[a_job(attempt=1)], runs=[undead], requests=[a_request()], documents=[a_document()])
    end = found[-1]
    assert isinstance(end, EndSession)
    assert "1 run could not be ended, left behind" in end.reason


def test_a_last_result_is_counted_before_the_page_is_written() -> None:
    found = wishes(jobs=[a_job(attempt=1)], results=[a_result()], runs=[a_run(status="done")], requests=[a_request()])
    assert kinds(found) == ["settle_job", "set_campaign"]


def test_a_stop_meant_for_a_session_that_died_does_not_end_the_next_one() -> None:
    found = wishes(jobs=all_jobs("queued"), requests=[a_request(at=5_000)], sessions=[a_session(at=8_000)])
    assert kinds(found) == ["answer_request"]
    assert "died" in found[0].reason
    assert "3000 ms later" in found[0].reason


def test_without_a_campaign_a_stop_still_ends_the_session() -> None:
    found = wishes(campaigns=[], jobs=[], requests=[a_request(at=1)], documents=[a_document(at=2)])
    assert kinds(found) == ["answer_request", "end_session"]
    assert [w for w in wishes(campaigns=[], jobs=[]) if isinstance(w, WriteHandoff)] == []


def test_a_session_that_was_to_end_and_is_still_open_is_ended_once_more() -> None:
    stop = a_request("stop", at=50, status="answered", answer="stopped with 5 jobs still to do")
    stopped = {"campaigns": [a_campaign(settings=ONE, status="stopped")], "sessions": [a_session(at=10)]}
    [ending] = wishes(jobs=all_jobs("queued"), requests=[stop], **stopped)
    assert isinstance(ending, EndSession)
    assert ending.reason == "stopped with 5 jobs still to do"


@pytest.mark.parametrize(
    "fields", [{"at": 9}, {"answer": "overtaken: its session died, and bt began 1 ms later"}, {"verb": "pause"}]
)
def test_an_answered_request_that_ended_nothing_does_not_end_this_session(fields: dict[str, Any]) -> None:
    asked = a_request(**{"verb": "stop", "at": 50, "status": "answered", "answer": "stopped", **fields})
    stopped = {"campaigns": [a_campaign(settings=ONE, status="stopped")], "sessions": [a_session(at=10)]}
    assert wishes(jobs=all_jobs("queued"), requests=[asked], **stopped) == []


def test_an_honest_no_is_not_called_a_failure_behind_it() -> None:
    screen = a_job(phase="screen", status="failed", attempt=1, reason="1 of 4 gates failed")
    crown = a_job(phase="crown", after=(screen.id,))
    said = a_result(f"{screen.id}-a1", job=screen.id, phase="screen", verdict="fail")
    found = wishes(jobs=[screen, crown], results=[said])
    assert [wish.reason for wish in found if isinstance(wish, SettleJob)] == ["screen said no"]
