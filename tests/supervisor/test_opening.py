"""What a session says of the budget when it opens: the account so far, a raised limit, or a clear refusal."""

from typing import Any

import pytest
from builders import a_campaign, a_gauge, a_job, a_run, a_session, a_view, the_settings

from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, Verb
from swarmd.state.units import HOUR, MINUTE
from swarmd.state.view import View
from swarmd.supervisor.opening import check_campaign_unchanged, opening_records, policy_of
from swarmd.supervisor.question import digest

NOW = 10 * HOUR


def settings(wall: str, name: str = "majors", **fields: Any) -> CampaignSettings:
    return the_settings(name=name, limits={"budget": {"wall": wall}}, **fields)


def a_known(wall: str = "2h", **fields: Any) -> Campaign:
    asked = settings(wall)
    return a_campaign(**{"settings": asked, "digest": digest(asked), "at": HOUR, **fields})


def before(known: Campaign, **tables: Any) -> View:
    """Its session ended three hours after it was taken up."""
    closed = [a_session(id="old", status="closed", at=3 * HOUR)]
    return a_view(**{"campaigns": [known], "sessions": closed, "jobs": [a_job()], **tables})


def opened(view: View, asked: CampaignSettings | None) -> list[Record]:
    policy = policy_of(asked or settings("2h"), 1, monitors=False, now=NOW)
    return opening_records(view, a_session(id="new", at=NOW), policy, asked, "new.yaml" if asked else "", NOW)


def campaigns(records: list[Record]) -> dict[str, Campaign]:
    return {record.id: record for record in records if isinstance(record, Campaign)}


def test_a_spent_budget_is_refused_with_what_a_person_can_do() -> None:
    view = before(a_known())
    for asked in (None, settings("2h"), settings("3h")):
        with pytest.raises(OperatorError, match=r"spent its budget \(wall time 3 h 0 min of .*; raise limits\.budget"):
            check_campaign_unchanged(view, asked)


def test_a_raised_budget_is_the_same_question_and_goes_on_with_its_account() -> None:
    view = before(a_known(status="stopped", reason="budget spent: wall time", at=3 * HOUR))
    check_campaign_unchanged(view, settings("5h"))
    records = opened(view, settings("5h"))
    taken_up = campaigns(records)["majors"]
    assert taken_up.settings.limits.budget.wall == 5 * HOUR
    assert (taken_up.spent.wall, taken_up.started_at, taken_up.file) == (3 * HOUR, NOW, "new.yaml")
    assert taken_up.digest == digest(settings("2h"))
    assert [record.verb for record in records if isinstance(record, Request)] == [Verb.RESUME]


def test_any_other_change_is_another_question_still() -> None:
    with pytest.raises(OperatorError, match="started with other settings"):
        check_campaign_unchanged(before(a_known("9h")), settings("9h", costs={"fee_bps": 1}))


def test_a_session_is_opened_to_see_open_runs_to_their_end_without_going_on() -> None:
    view = before(a_known(status="stopped", reason="budget spent: wall time", at=3 * HOUR), runs=[a_run()])
    check_campaign_unchanged(view, None)
    assert not [record for record in opened(view, None) if isinstance(record, Request)]


def test_a_lost_session_counts_to_its_last_sign_of_life() -> None:
    lost = [a_session(id="old", status="open", at=0)]
    view = before(a_known("9h"), sessions=lost, gauges=[a_gauge(at=40 * MINUTE)])
    assert campaigns(opened(view, None))["majors"].spent.wall == 40 * MINUTE


def test_a_campaign_that_gives_way_to_another_keeps_its_account() -> None:
    view = before(a_known("9h"))
    records = campaigns(opened(view, settings("1h", name="later")))
    assert records["majors"].spent.wall == 3 * HOUR
    assert records["later"].spent.wall == 0
    again = a_view(
        campaigns=[records["majors"], records["later"]],
        sessions=[a_session(id="new", status="closed", at=NOW + HOUR)],
        jobs=[a_job()],
    )
    back = campaigns(opened(again, settings("9h")))
    assert back["majors"].spent.wall == 3 * HOUR
    assert back["later"].spent.wall == HOUR


def test_a_cancelled_campaign_is_opened_for_its_last_runs_alone() -> None:
    known = a_known(status="cancelled", reason="asked by cli: cancelled for good")
    with pytest.raises(OperatorError, match=r"'majors' is over for good .*another `name`"):
        check_campaign_unchanged(before(known), None)
    check_campaign_unchanged(before(known, runs=[a_run()]), settings("2h"))
