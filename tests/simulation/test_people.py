"""Days on which people kill, retry, prioritise and cancel, and the laws of what they were told."""

from typing import Any

import pytest
from builders import a_campaign, a_job, a_request, a_run, a_view, an_action

from simulation.laws import LawBroken, Laws
from simulation.play import Day, play
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.run import RunOrdered


@pytest.mark.parametrize("seed", [202, 211])
def test_a_day_on_which_every_verb_is_granted_breaks_no_law_and_is_decided_the_same_again(seed: int) -> None:
    report, it = play(Day(seed, lanes=8, hours=4, rate=8, keeps_history=True))
    assert {"cancel", "kill", "retry", "prioritise"} <= {*it.laws.asked.granted}
    campaigns = it.ledger.opened().view().campaigns
    cancelled = {name for name, each in campaigns.items() if each.status is CampaignStatus.CANCELLED}
    assert cancelled == it.laws.asked.cancelled
    assert report.campaigns > 1
    assert it.replayed()[1] == 0


def answered(verb: str, answer: str, **fields: Any) -> Any:
    return a_request(verb, at=5, status="answered", answer=answer, **fields)


@pytest.mark.parametrize(
    ("request_", "campaign"),
    [
        (answered("cancel", "cancelled for good"), a_campaign(status="stopped")),
        (answered("pause", "paused"), a_campaign(status="active")),
        (answered("kill", "killed majors.BTCUSDT.balanced.prescreen-a1 in cpu0"), a_campaign()),
        (answered("prioritise", "ETHUSDT goes first", subject="ETHUSDT"), a_campaign()),
    ],
)
def test_an_answer_that_is_not_true_is_found_out(request_: Any, campaign: Any) -> None:
    view = a_view(campaigns=[campaign], jobs=[a_job(attempt=1)], runs=[a_run()], requests=[request_])
    with pytest.raises(LawBroken, match="is told"):
        Laws().asked.looked(view, [], 5)


def test_a_run_of_a_cancelled_campaign_and_a_retry_that_keeps_its_wait_are_found_out() -> None:
    laws, cancelled = Laws(), a_campaign(status="cancelled")
    view = a_view(campaigns=[cancelled], jobs=[a_job()], requests=[answered("cancel", "cancelled for good")])
    laws.asked.looked(view, [], 5)
    run = a_run(status="starting")
    assert isinstance(run, RunOrdered)
    with pytest.raises(LawBroken, match="was cancelled"):
        laws.asked.starts(view, run, 6)
    waits = a_job(attempt=3, fresh_from=3, not_before=99)
    again = an_action(action={"kind": "retry_job", "job": waits.id, "reason": "asked", "caused_by": (waits.id,)})
    with pytest.raises(LawBroken, match="waits another"):
        laws.asked.looked(a_view(jobs=[waits], actions=[again]), [again], 5)
