"""An answer that is not true, and a promise to a person that does not come about, are found out.

Each law is seen to fail on a planted state, and to hold on the nearest lawful one.
"""

from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_campaign,
    a_job,
    a_policy,
    a_request,
    a_result,
    a_run,
    a_view,
    an_action,
    an_action_wished,
    the_settings,
)

from simulation.laws import LawBroken, Laws
from simulation.world import World
from swarmd.state.actions import ActionTaken
from swarmd.state.records.run import RunOrdered

NOW = 100_000


def looked(*taken: ActionTaken, laws: Laws | None = None, **tables: Any) -> Laws:
    """After a cycle in which those deeds were done, or something of no consequence."""
    laws = laws or Laws()
    laws.looked(a_view(**tables), taken or (deed("say", topic="a word"),), NOW, World(1))
    return laws


def answered(verb: str, answer: str = "yes, it is so", **fields: Any) -> Any:
    return a_request(verb, **{"at": NOW, "status": "answered", "answer": answer, **fields})


def deed(kind: str, **fields: Any) -> ActionTaken:
    return an_action(action=an_action_wished(kind, **fields))


# -- an answer is true --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "status"), [("cancel", "cancelled"), ("pause", "paused"), ("resume", "active"), ("retry", None)]
)
def test_a_campaign_that_is_not_what_was_answered_is_found_out(verb: str, status: str | None) -> None:
    for other in ("active", "paused", "stopped", "done", "cancelled"):
        campaigns = [a_campaign(status=other)]
        if other == status or status is None:
            laws = looked(requests=[answered(verb)], campaigns=campaigns)
            assert laws.asked.granted == {verb: 1}
            assert laws.asked.cancelled == ({"majors"} if verb == "cancel" else set())
            continue
        with pytest.raises(LawBroken, match=f"0001-stop is told 'yes, it is so', and majors is {other}"):
            looked(requests=[answered(verb)], campaigns=campaigns)
        refused = looked(requests=[answered(verb, is_refused=True)], campaigns=campaigns)
        assert (refused.asked.granted, refused.asked.refused) == ({}, {verb: 1})
        looked(requests=[answered(verb, "overtaken by another")], campaigns=campaigns)
        looked(requests=[a_request(verb)], campaigns=campaigns)


@pytest.mark.parametrize(("verb", "status"), [("pause", "active"), ("resume", "paused")])
def test_an_answer_given_in_a_cycle_in_which_the_daemon_died_may_be_overtaken_by_the_next(
    verb: str, status: str
) -> None:
    looked(requests=[answered(verb, at=NOW - 1)], campaigns=[a_campaign(status=status)])
    with pytest.raises(LawBroken, match="0001-stop is told"):
        looked(requests=[answered("cancel", at=NOW - 1)], campaigns=[a_campaign(status=status)])


@pytest.mark.parametrize("verb", ["stop", "stop_now"])
def test_a_stop_says_nothing_of_a_campaign(verb: str) -> None:
    for campaigns in ([], [a_campaign()]):
        assert looked(requests=[answered(verb)], campaigns=campaigns).asked.granted == {verb: 1}
    with pytest.raises(AssertionError):
        looked(requests=[answered("pause")], campaigns=[])


def test_an_answer_is_held_against_what_is_so_when_it_is_given_and_not_later() -> None:
    pause = [answered("pause")]
    laws = looked(requests=pause, campaigns=[a_campaign(status="paused")])
    looked(laws=laws, requests=pause, campaigns=[a_campaign()])
    with pytest.raises(LawBroken, match="0002 is told"):
        looked(laws=laws, requests=[*pause, answered("pause", id="0002")], campaigns=[a_campaign()])


@pytest.mark.parametrize("answer", [f"killed {RUN} in cpu0, pid 100", f"{RUN} was killed 3 s ago"])
def test_a_run_that_is_told_to_be_killed_and_is_not_is_found_out(answer: str) -> None:
    for run in (a_run(), a_run(status="starting")):
        with pytest.raises(LawBroken, match=f"0001-stop is told '{answer}', and {RUN} is not killed"):
            looked(requests=[answered("kill", answer)], runs=[run])
    killed = [a_run(status="stopping", killed_at=1)]
    by_people = Laws()
    by_people.asked.stopped.add(RUN)
    assert looked(laws=by_people, requests=[answered("kill", answer)], runs=killed).asked.killed == {RUN: NOW}
    by_a_guard = looked(requests=[answered("kill", answer)], runs=killed)
    assert by_a_guard.asked.killed == ({RUN: NOW} if answer.startswith("killed") else {})
    for gone in ([a_run(status="failed")], [a_run(f"{JOB}2")], []):
        assert looked(requests=[answered("kill", answer)], runs=gone).asked.killed == {}


def placed(place: str, places: dict[str, int], **tiers: Any) -> None:
    settings = the_settings(assets={"tiers": tiers or {"ONE": ["BTCUSDT", "ETHUSDT"], "TWO": ["XRPUSDT"]}})
    request = answered("prioritise", subject="ETHUSDT", place=place)
    looked(requests=[request], campaigns=[a_campaign(settings=settings, places=places)])


@pytest.mark.parametrize(
    ("place", "others", "true", "untrue"),
    [
        ("first", {}, 0, [1, 2, 3]),
        ("first", {"XRPUSDT": -4}, -5, [-4, -3, 0]),
        ("last", {}, 3, [2, 1, 0]),
        ("last", {"BTCUSDT": 9}, 10, [9, 8, 3]),
    ],
)
def test_an_asset_that_is_told_to_be_first_or_last_and_is_not_is_found_out(
    place: str, others: dict[str, int], true: int, untrue: list[int]
) -> None:
    placed(place, {**others, "ETHUSDT": true})
    placed(place, {"ETHUSDT": 5}, ONE=["ETHUSDT"])
    for mine in untrue:
        with pytest.raises(LawBroken, match=f"and its place is {mine} among "):
            placed(place, {**others, "ETHUSDT": mine})


# -- what was granted comes about ---------------------------------------------------------------------------------


def test_a_run_of_a_cancelled_campaign_is_found_out() -> None:
    laws = looked(requests=[answered("cancel")], campaigns=[a_campaign(status="cancelled")])
    run = a_run(status="starting")
    assert isinstance(run, RunOrdered)
    with pytest.raises(LawBroken, match=f"{RUN} starts though majors was cancelled"):
        laws.starts(a_view(jobs=[a_job(attempt=1)]), run, NOW, World(1))
    next_one = a_job(attempt=1, id=JOB, campaign="next")
    laws.starts(a_view(jobs=[next_one], campaigns=[a_campaign(id="next")]), run, NOW, World(1))


def test_a_retry_that_is_none_is_found_out() -> None:
    again = deed("retry_job", job=JOB)
    for status, attempt, fresh_from in (("failed", 3, 3), ("queued", 3, 2), ("queued", 3, 4)):
        with pytest.raises(LawBroken, match=f"{JOB} is retried, and is {status} with attempt {attempt}"):
            looked(again, jobs=[a_job(status=status, attempt=attempt, fresh_from=fresh_from)])
    with pytest.raises(LawBroken, match=f"{JOB} is retried, and waits another 1 ms for old losses"):
        looked(again, jobs=[a_job(attempt=3, fresh_from=3, not_before=NOW + 1)])
    assert looked(again, jobs=[a_job(attempt=3, fresh_from=3, not_before=NOW)]).asked.retried == {JOB: 3}


def test_an_asset_that_is_not_where_it_was_put_is_found_out() -> None:
    put = deed("place_asset", campaign="majors", symbol="BTCUSDT", place=0)
    for places in ({}, {"BTCUSDT": 1}, {"ETHUSDT": 0}):
        with pytest.raises(LawBroken, match="BTCUSDT is to be at 0 and is not"):
            looked(put, campaigns=[a_campaign(places=places)])
    looked(put, campaigns=[a_campaign(places={"BTCUSDT": 0})])


# -- the order of places ------------------------------------------------------------------------------------------

PLACES = {"ETHUSDT": 0, "BTCUSDT": 1}


def starts(*others: Any, mine: Any = None, also: tuple[ActionTaken, ...] = (), **tables: Any) -> None:
    """The job of BTCUSDT is started, and those others are there, with an earlier one of ETHUSDT begun."""
    begun = a_job("ETHUSDT", "preflight", status="done", attempt=1)
    known = {"jobs": [mine or a_job(attempt=1), begun, *others], "campaigns": [a_campaign(places=PLACES)]}
    looked(deed("start_run", job=JOB, lane="cpu0", attempt=1), *also, **{**known, **tables})


@pytest.mark.parametrize("phase", ["prescreen", "screen", "guards"])
def test_a_start_before_that_of_an_asset_which_comes_first_is_found_out(phase: str) -> None:
    mine, other = a_job(phase=phase, id=JOB, attempt=1), a_job("ETHUSDT", phase)
    with pytest.raises(LawBroken, match=f"{JOB} starts before majors.ETHUSDT.balanced.{phase}, which comes first"):
        starts(other, mine=mine)
    with pytest.raises(LawBroken, match="which comes first"):  # by its tier, where nobody moved it
        starts(a_job("XRPUSDT", phase, priority=-1), a_job("XRPUSDT", "preflight", attempt=1), mine=mine)
    with pytest.raises(LawBroken, match="which comes first"):
        starts(a_job("ETHUSDT", phase, after=("majors.ETHUSDT.preflight",), not_before=NOW), mine=mine)
    starts(other, mine=mine, campaigns=[a_campaign(places={"ETHUSDT": 1, "BTCUSDT": 1})])
    starts(other, mine=mine, campaigns=[a_campaign(places={"ETHUSDT": 2, "BTCUSDT": 1})])


@pytest.mark.parametrize(
    "other",
    [
        {"attempt": 1},
        {"status": "done"},
        {"not_before": NOW + 1},
        {"after": ("majors.XRPUSDT.preflight",)},
        {"after": ("majors.ETHUSDT.preflight",)},  # which was done in this very cycle
        {"trials": 50},
        {"branch": "conservative"},
        {"phase": "screen"},
        {"campaign": "older"},
    ],
)
def test_who_waits_for_more_than_a_lane_or_does_something_else_is_passed_by(other: dict[str, Any]) -> None:
    done = a_job("ETHUSDT", "preflight", status="done", attempt=1, at=NOW)
    starts(a_job("ETHUSDT", **{"phase": "prescreen", **other}), done)


def test_where_the_order_is_not_asked_for_none_is_kept() -> None:
    other = a_job("ETHUSDT")
    with pytest.raises(LawBroken, match="which comes first"):
        starts(other, also=(deed("say", topic="x"),))
    moved = deed("place_asset", campaign="majors", symbol="ETHUSDT", place=0)
    starts(other, also=(moved,))  # it was moved in this very cycle
    starts(a_job("ETHUSDT", priority=-1), campaigns=[a_campaign()])
    starts(other, campaigns=[])
    starts(other, campaigns=[a_campaign(id="next", places=PLACES, started_at=1)])
    starts(other, mine=a_job(id=JOB, attempt=1, phase="refine"))  # who is in which rung is another matter
    starts(a_job("ETHUSDT", "refine"), mine=a_job(id=JOB, attempt=1, phase="refine"))
    starts(a_job("ETHUSDT", "preflight"), mine=a_job(id=JOB, attempt=1, phase="preflight"))
    starts(a_job("XRPUSDT", priority=-1))  # nothing of that asset is begun


# -- at the end ---------------------------------------------------------------------------------------------------


def ends(laws: Laws, **tables: Any) -> None:
    laws.asked.at_the_end(a_view(**tables), NOW)


def killed(cancelled: set[str] | None = None) -> Laws:
    laws = Laws()
    laws.asked.killed[RUN] = 7
    laws.asked.cancelled |= cancelled or set()
    return laws


def test_a_killed_run_that_never_ends_or_that_nothing_follows_is_found_out() -> None:
    for run in (a_run(status="stopping", killed_at=7), a_run(status="starting")):
        with pytest.raises(LawBroken, match=f"{RUN} was killed at 7 and never ended"):
            ends(killed(), runs=[run], jobs=[a_job(attempt=2)])
        ends(killed({"majors"}), runs=[run], jobs=[a_job(attempt=2)])
    gone: Any = {"runs": [a_run(status="lost")]}
    for status in ("queued", "done", "failed", "quarantined"):
        with pytest.raises(LawBroken, match=f"{RUN} was killed, {JOB} is {status} and no attempt followed"):
            ends(killed(), **gone, jobs=[a_job(attempt=1, status=status)])
    for lawful in (a_job(attempt=2), a_job(attempt=1, status="skipped")):
        ends(killed(), **gone, jobs=[lawful])
    ends(killed(), **gone, jobs=[a_job(attempt=1)], results=[a_result()])
    with pytest.raises(LawBroken, match="no attempt followed"):
        ends(killed({"another"}), **gone, jobs=[a_job(attempt=1)], results=[a_result("another")])
    ends(killed({"majors"}), **gone, jobs=[a_job(attempt=1)])
    ends(killed(), **gone)  # its job is not known
    ends(killed(), jobs=[a_job(attempt=1)])  # it is forgotten


def test_a_job_that_was_to_be_tried_again_and_was_not_is_found_out() -> None:
    laws = Laws()
    laws.asked.retried[JOB] = 3
    for attempt in (2, 3):
        with pytest.raises(LawBroken, match=f"{JOB} was to be tried again after attempt 3, and was not"):
            ends(laws, jobs=[a_job(attempt=attempt, status="quarantined")])
    ends(laws, jobs=[a_job(attempt=4)])
    ends(laws, jobs=[a_job(attempt=3, status="skipped")])
    ends(laws, jobs=[a_job("ETHUSDT", attempt=3)])
    with pytest.raises(LawBroken, match="and was not"):
        laws.at_the_end(a_view(jobs=[a_job(attempt=3)], policy=a_policy()), NOW)
    laws.asked.cancelled.add("majors")
    ends(laws, jobs=[a_job(attempt=3)])
