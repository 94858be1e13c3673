from typing import Any

from builders import (
    SESSION,
    a_campaign,
    a_document,
    a_finding,
    a_gauge,
    a_job,
    a_lane,
    a_result,
    a_run,
    a_session,
    a_view,
    an_incident,
    the_settings,
)

from swarmd.agents.budget_guard import decide
from swarmd.state.actions import (
    Action,
    CloseIncident,
    EndSession,
    OpenIncident,
    Say,
    SetCampaign,
    StopRun,
    WriteHandoff,
)
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.units import HOUR, MINUTE

WALL = {"wall": "10h"}
STOPPED = "budget spent: wall time 10 h 0 min of 10 h 0 min, with 2 jobs still to do and 1 run open"


def a_budgeted(budget: dict[str, Any], **fields: Any) -> Campaign:
    return a_campaign(settings=the_settings(limits={"budget": budget}), **fields)


def wishes(now: int, campaign: Campaign, **tables: Any) -> list[Action]:
    return decide(a_view(**{"jobs": [a_job(), a_job("ETHUSDT")], "campaigns": [campaign], **tables}), now)


def test_without_a_budget_nothing_is_wished_however_long_it_takes() -> None:
    assert wishes(10_000 * HOUR, a_campaign()) == []


def test_nothing_is_said_below_four_fifths_and_each_twentieth_after_that_once() -> None:
    campaign = a_budgeted(WALL)
    assert wishes(8 * HOUR - 1, campaign) == []
    (said,) = wishes(8 * HOUR, campaign)
    assert said == Say(
        topic="budget",
        reason="wall time is past 80% of its budget (8 h 0 min of 10 h 0 min)",
        caused_by=("majors",),
    )
    told = [a_finding("budget_guard/budget", text=said.reason)]
    assert wishes(8 * HOUR + 20 * MINUTE, campaign, findings=told) == []
    (said,) = wishes(8 * HOUR + 30 * MINUTE, campaign, findings=told)
    assert said.reason == "wall time is past 85% of its budget (8 h 30 min of 10 h 0 min)"


def test_a_warning_is_taken_back_when_the_budget_was_raised() -> None:
    told = [a_finding("budget_guard/budget", text="wall time is past 80% of its budget")]
    assert wishes(8 * HOUR, a_budgeted({"wall": "20h"}), findings=told) == [
        Say(topic="budget", reason="", caused_by=("majors",))
    ]


def test_earlier_sessions_count_and_the_time_between_them_does_not() -> None:
    spent = {"wall": 9 * HOUR}
    campaign = a_budgeted(WALL, started_at=50 * HOUR, spent=spent)
    (said,) = wishes(50 * HOUR + 30 * MINUTE, campaign)
    assert isinstance(said, Say)
    assert said.reason.startswith("wall time is past 95% of its budget (9 h 30 min")


def test_at_the_end_nothing_new_is_started_and_what_runs_goes_on_within_the_grace() -> None:
    run = a_run()
    stop, told, said = wishes(10 * HOUR, a_budgeted(WALL), runs=[run])
    assert stop == SetCampaign(campaign="majors", status=CampaignStatus.STOPPED, reason=STOPPED, caused_by=("majors",))
    assert isinstance(told, OpenIncident)
    assert told.signature == "budget_spent"
    assert told.remedy == "start nothing new; give 1 open run 30 min 0 s to end; hand over"
    assert isinstance(said, Say)
    stopped = a_budgeted(WALL, status="stopped", reason=STOPPED, at=10 * HOUR)
    assert wishes(10 * HOUR + 30 * MINUTE, stopped, runs=[run]) == []


def test_what_overruns_the_grace_is_asked_to_stop_at_a_safe_point_once_and_never_killed() -> None:
    stopped = a_budgeted({**WALL, "grace": 0.01}, status="stopped", reason=STOPPED, at=10 * HOUR)
    now = 10 * HOUR + 6 * MINUTE + 1_000
    (stop,) = wishes(now, stopped, runs=[a_run()])
    assert isinstance(stop, StopRun)
    assert (stop.how, stop.reason) == (
        "term", "majors is 6 min 1 s over its budget (grace 6 min 0 s): stop at a safe point (attempt 1)"
    )  # fmt: skip
    assert wishes(now, stopped, runs=[a_run(status="stopping", stop_asked_at=now - 1)]) == []


def test_a_result_that_is_still_to_be_counted_is_waited_for() -> None:
    stopped = a_budgeted(WALL, status="stopped", reason=STOPPED, at=10 * HOUR)
    jobs = [a_job(attempt=1), a_job("ETHUSDT")]
    ended = [a_run(status="done", exit_code=0, ended_at=10 * HOUR)]
    assert wishes(10 * HOUR + 1_000, stopped, jobs=jobs, runs=ended) == []
    assert wishes(10 * HOUR + 9_000, stopped, jobs=jobs, runs=ended, results=[a_result()]) == []


def test_drained_it_closes_its_incident_hands_over_and_ends_a_session_opened_until_done() -> None:
    stopped = a_budgeted(WALL, status="stopped", reason=STOPPED, at=10 * HOUR)
    told = an_incident("majors", "budget_spent", agent="budget_guard", opened_at=10 * HOUR)
    closed, page = wishes(10 * HOUR + 5_000, stopped, incidents=[told])
    assert isinstance(closed, CloseIncident)
    assert closed.reason == ("0 runs open 5 s later, 2 jobs kept for a raised budget (5000 ms after it was spent)")
    assert isinstance(page, WriteHandoff)
    written = [a_document(at=10 * HOUR + 6_000)]
    (end,) = wishes(10 * HOUR + 7_000, stopped, documents=written)
    assert isinstance(end, EndSession)
    assert end.caused_by == ("majors", SESSION)
    assert end.reason == (f"{STOPPED}; 2 jobs left; raise limits.budget in campaign.yaml and start it again")
    watching = [a_session(until_done=False)]
    assert wishes(10 * HOUR + 7_000, stopped, documents=written, sessions=watching) == []


def test_what_ran_as_the_last_of_it_makes_the_campaign_an_ordinary_end() -> None:
    stopped = a_budgeted(WALL, status="stopped", reason=STOPPED, at=10 * HOUR)
    (again,) = wishes(10 * HOUR + 5_000, stopped, jobs=[a_job(status="done")])
    assert isinstance(again, SetCampaign)
    assert again.status is CampaignStatus.ACTIVE
    assert wishes(10 * HOUR + 6_000, a_budgeted(WALL), jobs=[a_job(status="done")], findings=_said(again)) == []


def _said(wish: SetCampaign) -> list[Any]:
    text = "wall time is past 100% of its budget (10 h 0 min of 10 h 0 min)"
    return [a_finding("budget_guard/budget", text=text, at=0, caused_by=(wish.campaign,))]


def test_a_raised_budget_closes_what_is_still_open_about_the_old_one() -> None:
    told = an_incident("majors", "budget_spent", agent="budget_guard")
    (closed,) = wishes(HOUR, a_budgeted(WALL), incidents=[told])
    assert isinstance(closed, CloseIncident)
    assert closed.reason.startswith("majors goes on within its budget, raised or its own")


def test_money_is_the_price_of_an_hour_times_the_hours() -> None:
    stop, *_ = wishes(10 * HOUR, a_budgeted({"cost_per_hour": 0.45, "total": 4.50}))
    assert isinstance(stop, SetCampaign)
    assert "money 4.50 of 4.50" in stop.reason


def test_lane_time_is_counted_for_each_kind_of_device_and_only_of_this_campaign() -> None:
    campaign = a_budgeted({"device_time": {"gpu": "1h"}}, spent={"device_time": {"gpu": 30 * MINUTE}})
    lanes = [a_lane("cpu0"), a_lane("gpu0", device="gpu0")]
    runs = [
        a_run(lane="gpu0", status="done", ended_at=20 * MINUTE, exit_code=0),
        a_run(a_job("ETHUSDT").id, ended_at=90 * MINUTE, status="lost"),
        a_run("other.BTCUSDT.prescreen", lane="gpu0", status="lost", ended_at=90 * MINUTE),
    ]
    (said,) = wishes(25 * MINUTE, campaign, lanes=lanes, runs=runs)
    assert isinstance(said, Say)
    assert said.reason == "gpu lane time is past 80% of its budget (48 min 0 s of 1 h 0 min)"
    assert wishes(17 * MINUTE, campaign, lanes=lanes, runs=runs) == []


def test_the_home_may_grow_to_its_limit() -> None:
    held = [a_gauge("home.bytes", float(20 << 30))]
    stop, *_ = wishes(MINUTE, a_budgeted({"disk": "20GiB"}), gauges=held)
    assert isinstance(stop, SetCampaign)
    assert "disk 20.00 GiB of 20.00 GiB" in stop.reason


def test_a_pause_counts_and_a_campaign_stopped_by_a_person_is_left_alone() -> None:
    paused = a_budgeted(WALL, status="paused")
    assert isinstance(wishes(10 * HOUR, paused)[0], SetCampaign)
    assert wishes(10 * HOUR, a_budgeted(WALL, status="stopped", reason="asked by cli", at=HOUR)) == []
