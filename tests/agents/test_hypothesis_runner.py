from typing import Any

import pytest
from builders import a_campaign, a_hypothesis, a_job, a_lane, a_result, a_view, the_settings

from swarmd.agents import auto_scheduler
from swarmd.agents.hypothesis_runner import LEAST_SHARPE, decide
from swarmd.engine.guards import soft_screen, strict_table
from swarmd.state.actions import Action, JudgeHypothesis, StartRun, StateHypothesis
from swarmd.state.records.hypothesis import HypothesisStatus
from swarmd.state.records.run import run_id

CHAIN = "majors.BTCUSDT.balanced"


def wishes(**tables: Any) -> list[Action]:
    return decide(a_view(**tables), 100)


def test_the_claim_promises_what_the_soft_screen_asks_for() -> None:
    assert LEAST_SHARPE == {
        "source_soft": soft_screen.LEAST_OOS_SHARPE,
        "source_strict": strict_table.LEAST_OOS_SHARPE,
        # Evidence claims that there is an edge at all, and says how sure it is by a p-value.
        "evidence": 0.0,
    }


def test_a_claim_is_stated_before_the_first_combination_is_tried() -> None:
    (stated,) = wishes(jobs=[a_job()])
    assert isinstance(stated, StateHypothesis)
    assert (stated.hypothesis, stated.symbol, stated.mode, stated.threshold) == (CHAIN, "BTCUSDT", "balanced", 0.8)
    assert stated.claim == (
        "mtf_ema balanced on BTCUSDT (5m bars) has an edge after costs (5 bps fee, 2 bps slippage): on the last 33% of "
        "the data, not looked at before, its annual Sharpe ratio is above 0.8"
    )
    assert stated.reason == "stated with 0 of 250,000 combinations tried"


def test_what_had_begun_before_gets_no_claim_afterwards() -> None:
    assert wishes(jobs=[a_job(attempt=1), a_job("ETHUSDT", status="done", attempt=1)]) == []
    assert wishes(jobs=[a_job()], hypotheses=[a_hypothesis()]) == []


def test_nothing_is_judged_before_the_chain_has_ended() -> None:
    jobs = [a_job(attempt=1, status="done"), a_job(phase="crown")]
    assert wishes(jobs=jobs, hypotheses=[a_hypothesis()]) == []


def chain(**ends: tuple[str, str, float | None]) -> dict[str, Any]:
    """Each phase with its status, the verdict of its result (empty: none) and the Sharpe it measured."""
    jobs, results = [], []
    for phase, (status, verdict, measured) in ends.items():
        job = a_job(phase=phase, status=status, attempt=1, reason=f"{phase} 1 of 4")
        jobs.append(job)
        if verdict:
            figures = {} if measured is None else {"oos_annual_sharpe": measured}
            summary = {"verdict": verdict, "headline": "so it is", "tried": 100, "figures": figures}
            results.append(a_result(run_id(job.id, 1), job=job.id, phase=phase, summary=summary))
    return {"jobs": jobs, "results": results}


DONE, SKIPPED = ("done", "pass", None), ("skipped", "", None)


@pytest.mark.parametrize(
    ("ends", "status", "measured", "why"),
    [
        (
            {"prescreen": DONE, "refine": DONE, "screen": ("done", "pass", 1.1), "crown": ("failed", "fail", None)},
            HypothesisStatus.SUPPORTED,
            1.1,
            "annual Sharpe 1.10 out of sample (claimed above 0.8); screen 1 of 4; crown failed: crown 1 of 4 "
            "(400 tried)",
        ),
        (
            {"prescreen": DONE, "refine": DONE, "screen": ("failed", "fail", 0.3), "crown": SKIPPED},
            HypothesisStatus.NOT_SUPPORTED,
            0.3,
            "annual Sharpe 0.30 out of sample (claimed above 0.8); screen said no: screen 1 of 4 (300 tried)",
        ),
        (
            {"prescreen": ("failed", "fail", None), "refine": SKIPPED, "screen": SKIPPED, "crown": SKIPPED},
            HypothesisStatus.NOT_SUPPORTED,
            None,
            "prescreen said no: prescreen 1 of 4 (100 tried)",
        ),
        (
            {"prescreen": DONE, "refine": ("quarantined", "", None), "screen": SKIPPED, "crown": SKIPPED},
            HypothesisStatus.NOT_JUDGED,
            None,
            "refine quarantined: refine 1 of 4 (100 tried)",
        ),
    ],
    ids=["passed the screen, niche held by a better one", "the screen said no", "nothing to refine", "quarantine"],
)
def test_a_claim_is_judged_by_how_its_chain_ended(
    ends: dict[str, Any], status: HypothesisStatus, measured: float | None, why: str
) -> None:
    (judged,) = wishes(**chain(**ends), hypotheses=[a_hypothesis()])
    assert isinstance(judged, JudgeHypothesis)
    assert (judged.hypothesis, judged.status, judged.measured, judged.reason) == (CHAIN, status, measured, why)


def test_a_verdict_stands_and_other_campaigns_are_left_alone() -> None:
    tables = chain(prescreen=("failed", "fail", None), crown=SKIPPED)
    assert wishes(**tables, hypotheses=[a_hypothesis(status="not_supported")]) == []
    later = a_campaign(id="later", started_at=1, settings=the_settings(name="later"))
    assert wishes(**tables, hypotheses=[a_hypothesis()], campaigns=[a_campaign(), later]) == []


def test_more_claims_are_stated_in_a_cycle_than_runs_are_started() -> None:
    jobs = [a_job(f"S{number:04d}") for number in range(1_000)]
    symbols = [job.symbol for job in jobs]
    settings = the_settings(assets={"tiers": {"T": symbols}, "batch_size": 1_000})
    tables = {
        "jobs": jobs,
        "campaigns": [a_campaign(settings=settings)],
        "lanes": [a_lane(f"cpu{slot}") for slot in range(1_000)],
    }
    stated, started = wishes(**tables), auto_scheduler.decide(a_view(**tables), 100)
    claimed = [wish.symbol for wish in stated if isinstance(wish, StateHypothesis)]
    begun = [wish.job.split(".")[1] for wish in started if isinstance(wish, StartRun)]
    assert len(begun) < len(claimed) < len(jobs)
    assert claimed[: len(begun)] == begun
