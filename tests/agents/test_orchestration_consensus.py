from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_campaign,
    a_finding,
    a_job,
    a_lane,
    a_run,
    a_step,
    a_view,
    an_action_wished,
    an_incident,
)

from swarmd.agents.orchestration_consensus import Verdict, arbitrate
from swarmd.state.actions import Action
from swarmd.state.view import View

START = an_action_wished(caused_by=[JOB])


def wish(kind: str, **fields: Any) -> Action:
    return an_action_wished(kind, **{"reason": "1 of 2", **fields})


def judged(view: View, *wishes: tuple[str, Action]) -> Verdict:
    return arbitrate(view, wishes, 10_000)


def taken(verdict: Verdict) -> list[tuple[str, str]]:
    return [(agent, action.kind) for agent, action in verdict.taken]


def test_equal_wishes_are_one_action_of_the_earlier_agent() -> None:
    kill = wish("stop_run", run=RUN, how="kill")
    other = wish("stop_run", run=RUN, how="kill", reason="another word")
    verdict = judged(a_view(runs=[a_run()]), ("guard", kill), ("orchestrator", other))
    assert (taken(verdict), verdict.refused) == ([("guard", "stop_run")], [])


def test_kill_beats_term_whoever_wished_first() -> None:
    view = a_view(runs=[a_run()])
    term, kill = wish("stop_run", run=RUN, how="term"), wish("stop_run", run=RUN, how="kill")
    verdict = judged(view, ("a", term), ("b", kill))
    assert verdict.taken == [("b", kill)]
    assert verdict.refused == [("a", term, f"{RUN} is killed in this cycle by b: 1 stop is enough")]


@pytest.mark.parametrize(
    ("view", "against", "because"),
    [
        (
            a_view(jobs=[a_job()]),
            wish("hold_job", job=JOB, not_before=20_000),
            "held or settled in this cycle by first",
        ),
        (a_view(jobs=[a_job()]), wish("settle_job", job=JOB, status="skipped"), "held or settled in this cycle"),
        (a_view(jobs=[a_job()]), wish("set_lane", lane="cpu0", status="held"), "cpu0 is held in this cycle by first"),
        (a_view(jobs=[a_job()]), wish("set_campaign", campaign="majors", status="paused"), "majors is paused by first"),
        (a_view(jobs=[a_job()]), wish("end_session"), "the session ends in this cycle"),
    ],
)
def test_a_wish_to_restrain_stands_against_a_wish_to_start(view: View, against: Action, because: str) -> None:
    for order in ([("first", against), ("last", START)], [("last", START), ("first", against)]):
        verdict = judged(view, *order)
        assert verdict.taken == [("first", against)]
        assert because in verdict.refused[0][2]


@pytest.mark.parametrize(
    ("tables", "because"),
    [
        ({"jobs": []}, "is not on record"),
        ({"lanes": []}, "cpu0 is not on record"),
        ({"campaigns": [a_campaign(status="paused")]}, "campaign majors is paused: 0 runs are started"),
        ({"jobs": [a_job(status="done", attempt=1)]}, "is done after 1 attempts"),
        ({"jobs": [a_job(attempt=4)]}, "attempt 1 wished, 5 is next"),
        ({"runs": [a_run()]}, f"{JOB} has 1 open run, {RUN} in cpu0"),
        ({"jobs": [a_job(after=("x", "y"))]}, "waits for 2 jobs, first x"),
        ({"jobs": [a_job(not_before=12_500, reason="loss 2")]}, "waits another 2500 ms: loss 2"),
        ({"lanes": [a_lane(status="held", reason="900 MiB")]}, "cpu0 is held, 0 runs are started in it: 900 MiB"),
        ({"runs": [a_run("other")]}, "cpu0 has 1 open run, other-a1"),
    ],
)
def test_a_start_that_cannot_be_is_refused_in_numbers(tables: dict[str, Any], because: str) -> None:
    verdict = judged(a_view(**{"jobs": [a_job()], **tables}), ("auto_scheduler", START))
    assert verdict.taken == []
    assert because in verdict.refused[0][2]


def test_two_starts_for_one_job_or_one_lane_the_earlier_stands() -> None:
    view = a_view(jobs=[a_job(), a_job("ETHUSDT")], lanes=[a_lane(), a_lane("cpu1")])
    elsewhere = an_action_wished(lane="cpu1")
    beside = an_action_wished(job="majors.ETHUSDT.balanced.prescreen")
    verdict = judged(view, ("a", START), ("b", elsewhere), ("c", beside))
    assert verdict.taken == [("a", START)]
    assert [because for _, _, because in verdict.refused] == [
        f"{JOB} is started in cpu0 in this cycle: 1 run at a time",
        f"cpu0 takes {JOB} in this cycle: 1 run a lane",
    ]


def test_an_end_is_an_end_and_one_end_a_job() -> None:
    quarantined = wish("settle_job", job=JOB, status="quarantined")
    done = wish("settle_job", job=JOB, status="done")
    both = judged(a_view(jobs=[a_job()]), ("sentry", quarantined), ("orchestrator", done))
    assert both.taken == [("sentry", quarantined)]
    late = judged(a_view(jobs=[a_job(status="failed", attempt=2)]), ("orchestrator", done))
    assert late.refused[0][2] == f"{JOB} is failed since attempt 2: an end is an end"


def test_an_illegal_move_of_the_campaign_is_refused() -> None:
    view = a_view(campaigns=[a_campaign(status="cancelled")])
    verdict = judged(view, ("orchestrator", wish("set_campaign", campaign="majors", status="active")))
    assert verdict.refused[0][2] == "majors is cancelled and may become nothing, not active"


def test_a_run_that_is_only_ordered_is_not_signalled() -> None:
    verdict = judged(a_view(runs=[a_run(status="starting")]), ("guard", wish("stop_run", run=RUN, how="kill")))
    assert verdict.refused[0][2] == f"{RUN} is only ordered: there are 0 processes to signal yet"


@pytest.mark.parametrize(
    "idle",
    [
        wish("set_lane", lane="cpu0", status="open"),
        wish("set_lane", lane="none", status="open"),
        wish("say", topic="gpu", reason=""),
        wish("close_incident", incident="unknown"),
        wish("stop_run", run="gone", how="kill"),
        wish("stop_run", run="other-a1", how="kill"),
        wish("hold_job", job=JOB, not_before=0),
        wish("set_campaign", campaign="majors", status="active"),
        wish("answer_request", request="unknown"),
        wish(
            "open_incident",
            incident=f"{RUN}/crash",
            signature="crash",
            subject=RUN,
            remedy="-",
            expected="-",
            due=1,
        ),
    ],
    ids=lambda idle: str(idle.kind),
)
def test_a_wish_that_changes_nothing_is_dropped_without_a_word(idle: Action) -> None:
    view = a_view(
        jobs=[a_job()],
        runs=[a_run("other", status="stopping", killed_at=1)],
        incidents=[an_incident(status="closed")],
        findings=[a_finding(text="")],
    )
    verdict = judged(view, ("agent", idle))
    assert (verdict.taken, verdict.refused) == ([], [])


def test_scores_tell_how_things_go() -> None:
    view = a_view(
        jobs=[a_job(), a_job("ETHUSDT", attempt=1)],
        lanes=[a_lane(), a_lane("cpu1")],
        runs=[
            a_run("majors.ETHUSDT.balanced.prescreen", lane="cpu1"),
            *(a_run("x", attempt, status=status) for attempt, status in enumerate(("done", "done", "lost", "failed"))),
        ],
        incidents=[
            an_incident("a", status="closed", at=10, due=20),
            an_incident("b", status="closed", at=30, due=20),
            an_incident("c", due=9_999),
            an_incident("d", due=10_001),
        ],
        steps=[a_step(id="1", status="met"), a_step(id="2", status="missed"), a_step(id="3")],
    )
    scores = judged(view, ("auto_scheduler", START), ("x", wish("settle_job", job="none", status="done"))).scores
    told = (scores.adherence, scores.efficacy, scores.deviation, scores.performance, scores.efficiency)
    assert told == (0.5, 0.333, 0.5, 0.5, 0.5)
