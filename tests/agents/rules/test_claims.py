"""Claims in figures of their own: stated before, refused after, judged over all searches in their scope."""

from typing import Any

import pytest
from builders import (
    a_campaign,
    a_claim,
    a_job,
    a_request,
    a_result,
    a_view,
    an_authored_hypothesis,
    the_settings,
)

from swarmd.agents.hypothesis_runner import decide
from swarmd.state.actions import Action, AnswerRequest, JudgeHypothesis, StateHypothesis
from swarmd.state.records.claim import claim_id
from swarmd.state.records.hypothesis import HypothesisStatus
from swarmd.state.records.run import run_id

CLAIM = a_claim()
ID = claim_id("majors", CLAIM)


def authored(wishes: list[Action]) -> list[StateHypothesis]:
    return [wish for wish in wishes if isinstance(wish, StateHypothesis) and wish.origin != "standard"]


def test_the_claims_of_the_file_are_stated_once_before_anything_begins() -> None:
    campaign = a_campaign(settings=the_settings(hypotheses=[CLAIM.model_dump()]))
    (stated,) = authored(decide(a_view(campaigns=[campaign]), 5))
    assert (stated.hypothesis, stated.origin, stated.stated) == (ID, "campaign", CLAIM)
    known = [an_authored_hypothesis(ID)]
    assert authored(decide(a_view(campaigns=[campaign], hypotheses=known), 5)) == []


def test_a_claim_that_says_something_else_is_another_claim() -> None:
    assert claim_id("majors", a_claim(threshold=0.6)) != ID != claim_id("minors", CLAIM)


def answered(claim: Any, *, subject: str = "majors", **tables: Any) -> tuple[list[StateHypothesis], AnswerRequest]:
    request = a_request("state", subject=subject, claim=claim)
    wishes = decide(a_view(requests=[request], **tables), 5)
    (answer,) = [wish for wish in wishes if isinstance(wish, AnswerRequest)]
    return authored(wishes), answer


def test_a_person_states_a_claim_of_a_campaign_that_has_not_begun_or_is_still_to_come() -> None:
    (stated,), answer = answered(CLAIM)
    assert (stated.hypothesis, stated.origin, answer.is_refused) == (ID, "person", False)
    assert answer.reason == (
        f"stated as {ID}: annual Sharpe ratio out of sample above 0.5, for every one of all assets in all modes"
    )
    (stated,), answer = answered(CLAIM, subject="next")
    assert stated.hypothesis == claim_id("next", CLAIM)
    assert stated.reason.endswith("before its campaign is known")
    assert answered(CLAIM, hypotheses=[an_authored_hypothesis(ID)])[0] == []


@pytest.mark.parametrize(
    ("claim", "tables", "told"),
    [
        (
            CLAIM,
            {"jobs": [a_job(attempt=1)]},
            "1 of 2 searches in its scope have begun (first majors.BTCUSDT.balanced)",
        ),
        (a_claim(scope={"assets": ["DOGEUSDT"]}), {}, "DOGEUSDT is none of the 2 assets of majors"),
        (a_claim(scope={"modes": ["wild"]}), {}, "wild is none of the 1 mode of majors"),
        (a_claim(scope={"strategy": "ema_cross"}), {}, "majors searches 1 strategy, mtf_ema, not ema_cross"),
        (a_claim(metric="pbo"), {}, "screen measures 7 figures, and pbo is none of them"),
        (CLAIM, {"campaigns": [a_campaign(status="done")]}, "majors is done: 0 of its searches are still to begin"),
        (None, {}, "the request names 0 claims"),
    ],
)
def test_what_comes_late_or_cannot_be_judged_is_refused_with_the_figures(claim: Any, tables: Any, told: str) -> None:
    stated, answer = answered(claim, **tables)
    assert stated == []
    assert answer.is_refused
    assert told in answer.reason


def test_a_search_outside_the_scope_may_have_begun() -> None:
    stated, answer = answered(a_claim(scope={"assets": ["ETHUSDT"]}), jobs=[a_job(attempt=1)])
    assert len(stated) == 1
    assert not answer.is_refused


def over(**sharpes: float | None) -> dict[str, Any]:
    """Searches that are over: by asset what the screen measured; None where none came so far."""
    jobs, results = [], []
    for symbol, sharpe in sharpes.items():
        jobs += [
            a_job(symbol, "prescreen", status="done" if sharpe is not None else "failed", attempt=1),
            a_job(symbol, "screen", status="skipped" if sharpe is None else "done", attempt=int(sharpe is not None)),
            a_job(symbol, "crown", status="skipped"),
        ]
        if sharpe is not None:
            screen = jobs[-2]
            figures = {"oos_annual_sharpe": sharpe, "oos_trades": 40}
            summary = {"verdict": "pass", "headline": "so", "tried": 100, "figures": figures}
            results.append(a_result(run_id(screen.id, 1), job=screen.id, phase="screen", summary=summary))
    settings = the_settings(assets={"tiers": {"T": tuple(sharpes)}})
    return {"campaigns": [a_campaign(settings=settings)], "jobs": jobs, "results": results}


def verdict(tables: dict[str, Any], **fields: Any) -> JudgeHypothesis:
    wishes = decide(a_view(**tables, hypotheses=[an_authored_hypothesis(ID, **fields)]), 5)
    (judged,) = [wish for wish in wishes if isinstance(wish, JudgeHypothesis)]
    return judged


@pytest.mark.parametrize(
    ("among", "status"),
    [
        ("every", HypothesisStatus.NOT_SUPPORTED),
        ("most", HypothesisStatus.SUPPORTED),
        ("any", HypothesisStatus.SUPPORTED),
    ],
)
def test_a_claim_is_judged_over_its_scope_by_how_many_it_is_made_for(among: str, status: HypothesisStatus) -> None:
    judged = verdict(over(AAA=1.0, BBB=0.9, CCC=0.2), among=among)
    assert (judged.status, judged.measured, judged.held, judged.n, judged.tried) == (status, 0.9, 2, 3, 300)
    assert judged.evidence == tuple(f"majors.{symbol}.balanced.screen-a1" for symbol in ("AAA", "BBB", "CCC"))
    assert judged.reason == (
        f"oos_annual_sharpe above 0.5 held in 2 of 3 that were judged (claimed of {among}); not in CCC balanced 0.20 "
        "(300 tried)"
    )


def test_any_figure_of_the_judge_may_be_claimed_and_a_scope_bounds_who_counts() -> None:
    judged = verdict(over(AAA=1.0, BBB=0.1), metric="oos_trades", comparison="at_least", threshold=40)
    assert judged.status is HypothesisStatus.SUPPORTED
    bounded = verdict(over(AAA=1.0, BBB=0.1), scope={"assets": ["AAA"]})
    assert (bounded.status, bounded.n) == (HypothesisStatus.SUPPORTED, 1)


def test_who_came_to_no_figure_speaks_neither_for_it_nor_against_it() -> None:
    judged = verdict(over(AAA=1.0, BBB=None))
    assert (judged.status, judged.held, judged.n) == (HypothesisStatus.SUPPORTED, 1, 1)
    assert "; 1 of 2 in its scope came to no such figure" in judged.reason
    nobody = verdict(over(AAA=None, BBB=None))
    assert (nobody.status, nobody.measured) == (HypothesisStatus.NOT_JUDGED, None)
    assert nobody.reason.startswith("0 of 2 searches in its scope came to a finalist that was judged")


def test_nothing_is_judged_while_a_search_in_its_scope_goes_on() -> None:
    tables = over(AAA=1.0, BBB=0.9)
    tables["jobs"][-1] = a_job("BBB", "crown")
    assert decide(a_view(**tables, hypotheses=[an_authored_hypothesis(ID)]), 5) == []
