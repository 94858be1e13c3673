"""A person asks for something in the very cycle in which the budget is spent: both agents, and the arbiter between."""

from typing import Any

import pytest
from builders import a_campaign, a_job, a_request, a_run, a_view, the_settings

from swarmd.agents import budget_guard, main_orchestrator
from swarmd.agents.orchestration_consensus import Verdict, arbitrate
from swarmd.state.actions import AnswerRequest, SetCampaign
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.units import HOUR

NOW = 10 * HOUR
SPENT = "budget spent: wall time 10 h 0 min of 10 h 0 min, with 2 jobs still to do and 1 run open"


def decided(verb: str, **campaign: Any) -> Verdict:
    """What stands of both agents' wishes, in the order of the roster."""
    settings = the_settings(limits={"budget": {"wall": "10h"}})
    view = a_view(
        campaigns=[a_campaign(settings=settings, **campaign)],
        jobs=[a_job(attempt=1), a_job("ETHUSDT")],
        runs=[a_run()],
        requests=[a_request(verb, at=NOW - 1, subject="majors" if verb == "cancel" else "")],
    )
    agents = (budget_guard, main_orchestrator)
    return arbitrate(view, [(agent.NAME, wish) for agent in agents for wish in agent.decide(view, NOW)], NOW)


def statuses(verdict: Verdict) -> list[CampaignStatus]:
    return [action.status for _, action in verdict.taken if isinstance(action, SetCampaign)]


def answers(verdict: Verdict) -> list[str]:
    return [action.reason for _, action in verdict.taken if isinstance(action, AnswerRequest)]


@pytest.mark.parametrize("verb", ["cancel", "pause"])
def test_who_asks_while_the_budget_ends_is_not_told_what_did_not_come_about(verb: str) -> None:
    verdict = decided(verb)
    assert statuses(verdict) == [CampaignStatus.STOPPED]
    assert answers(verdict) == []
    assert any("1 of the wishes it tells of did not stand" in because for _, _, because in verdict.refused)


def test_a_cancel_is_granted_in_the_next_cycle_and_a_pause_told_that_there_is_nothing_to_pause() -> None:
    cancelled = decided("cancel", status="stopped", reason=SPENT)
    assert statuses(cancelled) == [CampaignStatus.CANCELLED]
    assert answers(cancelled) == ["cancelled for good: 1 run killed, 2 jobs left undone"]
    paused = decided("pause", status="stopped", reason=SPENT)
    assert statuses(paused) == []
    assert answers(paused) == [f"nothing to pause: majors is stopped ({SPENT})"]


def test_an_answer_whose_wishes_stand_is_given_in_the_same_cycle() -> None:
    verdict = decided("cancel", started_at=NOW - HOUR)
    assert statuses(verdict) == [CampaignStatus.CANCELLED]
    assert len(answers(verdict)) == 1
