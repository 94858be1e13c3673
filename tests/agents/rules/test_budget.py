from typing import Any

import pytest
from builders import a_campaign, a_gauge, a_job, a_lane, a_run, a_session, a_view, the_settings

from swarmd.agents.rules.budget import lanes_settled, refusal_to_start, settled, uses_of_lanes, wall_time
from swarmd.state.records.campaign import Campaign, CampaignStatus, Spent
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.units import HOUR, MINUTE
from swarmd.state.view import View

SETTINGS = the_settings(limits={"budget": {"wall": "2h", "device_time": {"cpu": "4h"}}})


def a_spent(**fields: Any) -> Campaign:
    return a_campaign(**{"settings": SETTINGS, "started_at": HOUR, "spent": {"wall": MINUTE}, **fields})


def after_session(campaign: Campaign, **tables: Any) -> Spent:
    found = settled(a_view(**{"campaigns": [campaign], "jobs": [a_job()], **tables}))
    assert found is not None
    return found.spent


def test_a_closed_session_is_settled_to_its_end_with_the_lane_time_inside_it() -> None:
    runs = [
        a_run(ordered_at=0, status="done", ended_at=HOUR + 5 * MINUTE),
        a_run(attempt=2, ordered_at=HOUR + 10 * MINUTE, status="lost", ended_at=9 * HOUR),
    ]
    closed = [a_session(status="closed", at=HOUR + 30 * MINUTE)]
    assert after_session(a_spent(), sessions=closed, runs=runs) == Spent(
        wall=31 * MINUTE, device_time={"cpu": 25 * MINUTE}
    )


def test_a_lost_session_is_settled_to_its_last_sign_of_life() -> None:
    lost = [a_session(status="open", at=HOUR)]
    seen = [a_gauge(at=HOUR + 10 * MINUTE)]
    assert after_session(a_spent(), sessions=lost, gauges=seen).wall == 11 * MINUTE


def test_a_campaign_that_was_done_or_stopped_is_settled_to_its_last_run() -> None:
    closed = [a_session(status="closed", at=5 * HOUR)]
    done = a_spent(status="done", at=2 * HOUR)
    assert after_session(done, sessions=closed).wall == HOUR + MINUTE
    drained = [a_run(ordered_at=HOUR, status="done", ended_at=2 * HOUR + MINUTE)]
    assert after_session(done, sessions=closed, runs=drained).wall == HOUR + 2 * MINUTE


def test_lane_time_is_on_record_long_before_the_runs_it_was_spent_in_are_forgotten() -> None:
    campaign, session, now = a_spent(), [a_session(at=HOUR)], 9 * HOUR
    ended = [
        a_run(attempt=number, ordered_at=HOUR + number, status="done", ended_at=HOUR + number + 5_000)
        for number in range(1, 2_001)
    ]
    going = a_run("majors.ETHUSDT.prescreen", ordered_at=2 * HOUR)
    jobs = [a_job(), a_job(id="majors.ETHUSDT.prescreen")]

    def seen(runs: list[Any], account: Campaign) -> View:
        return a_view(campaigns=[account], sessions=session, jobs=jobs, runs=[*runs, going])

    assert lanes_settled(seen(ended[:-1], campaign), now) is None
    account = lanes_settled(seen(ended, campaign), now)
    assert account is not None
    assert account.spent.device_time == {"cpu": 2_000 * 5_000 + 7 * HOUR}
    assert account.spent.wall == MINUTE
    # An hour later it comes to the same, whether the runs before that are remembered or not.
    before = uses_of_lanes(seen(ended, campaign), campaign, ("cpu",), now + HOUR)
    for runs in (ended, ended[1_000:], []):
        assert uses_of_lanes(seen(runs, account), account, ("cpu",), now + HOUR) == before
        assert lanes_settled(seen(runs, account), now + HOUR) is None
    stopped = campaign.model_copy(update={"status": CampaignStatus.STOPPED})
    assert lanes_settled(seen(ended, stopped), now) is None


def test_time_is_not_counted_while_stopped_or_while_another_campaign_is_worked_on() -> None:
    campaign = a_spent(status="stopped", at=HOUR + MINUTE)
    assert wall_time(a_view(campaigns=[campaign]), campaign, 9 * HOUR) == 2 * MINUTE
    view = a_view(campaigns=[a_spent(), a_campaign(id="later", started_at=2 * HOUR)])
    assert wall_time(view, view.campaigns["majors"], 9 * HOUR) == MINUTE


def refusal(campaign: Campaign, settings: CampaignSettings = SETTINGS, **tables: Any) -> str:
    now = campaign.model_copy(update={"settings": settings})
    view = a_view(**{"campaigns": [now], "jobs": [a_job()], "sessions": [a_session(status="closed")], **tables})
    return refusal_to_start(view, now, "majors.yaml")


def test_a_spent_budget_is_a_reason_not_to_start_until_it_is_raised() -> None:
    spent = a_spent(spent={"wall": 2 * HOUR}, status="stopped", at=3 * HOUR)
    assert refusal(spent) == (
        "campaign 'majors' has spent its budget (wall time 2 h 0 min of 2 h 0 min) with 1 job still to do; raise "
        "limits.budget in majors.yaml and give that file to `swarmd start`"
    )
    assert refusal(spent, the_settings(limits={"budget": {"wall": "3h"}})) == ""
    assert refusal(spent, the_settings()) == ""


@pytest.mark.parametrize(
    "tables",
    [{"jobs": [a_job(status="done")]}, {"runs": [a_run()]}],
    ids=["nothing left to do", "a run to see to its end"],
)
def test_a_spent_budget_does_not_refuse_a_session_that_is_needed(tables: dict[str, Any]) -> None:
    assert refusal(a_spent(spent={"wall": 2 * HOUR}), **tables) == ""


def test_without_lanes_on_record_no_lane_time_is_invented() -> None:
    closed = [a_session(status="closed", at=2 * HOUR)]
    run = a_run(lane="gone", ordered_at=HOUR, status="done", ended_at=2 * HOUR)
    assert after_session(a_spent(), sessions=closed, runs=[run], lanes=[a_lane()]).device_time == {}
