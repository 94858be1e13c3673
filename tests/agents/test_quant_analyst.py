from typing import Any

from builders import a_finding, a_job, a_result, a_view

from swarmd.agents.quant_analyst import decide
from swarmd.state.actions import Action, Say
from swarmd.state.records.run import run_id


def wishes(jobs: list[Any], **tables: Any) -> list[Action]:
    return decide(a_view(jobs=jobs, **tables), 100)


def told_of(job: Any, verdict: str = "pass", **figures: Any) -> Any:
    summary = {"verdict": verdict, "headline": "so it is", "tried": 250_000, "figures": figures}
    return a_result(run_id(job.id, 1), job=job.id, phase=job.phase, summary=summary)


PRESCREEN = a_job(status="done", attempt=1, at=10)
SCREEN = a_job(phase="screen", status="failed", attempt=1, at=20)
RESULTS = [
    told_of(PRESCREEN, score=1.934),
    told_of(SCREEN, "fail", oos_annual_sharpe=0.311, oos_max_drawdown=0.2, oos_trades=84, psr=None),
]


def test_what_was_found_of_an_asset_is_told_phase_by_phase_in_figures() -> None:
    (said,) = wishes([SCREEN, PRESCREEN], results=RESULTS)
    assert said == Say(
        topic="majors.BTCUSDT",
        reason="balanced: prescreen pass, best score 1.93, 250,000 tried, then screen no, annual Sharpe out of sample "
        "0.31, drawdown 0.20, trades 84, 250,000 tried",
        caused_by=(SCREEN.id, run_id(SCREEN.id, 1)),
    )


def test_it_is_said_again_only_when_a_further_phase_is_settled() -> None:
    (said,) = wishes([PRESCREEN], results=RESULTS)
    known = [a_finding("quant_analyst/majors.BTCUSDT", text=said.reason, at=11)]
    waiting = a_job(phase="refine", at=50)
    assert wishes([PRESCREEN, waiting], results=RESULTS, findings=known) == []
    assert len(wishes([PRESCREEN, SCREEN], results=RESULTS, findings=known)) == 1


def test_what_was_settled_in_the_very_instant_of_the_last_word_is_said_too() -> None:
    (said,) = wishes([PRESCREEN], results=RESULTS)
    known = [a_finding("quant_analyst/majors.BTCUSDT", text=said.reason, at=SCREEN.at)]
    assert len(wishes([PRESCREEN, SCREEN], results=RESULTS, findings=known)) == 1


def test_a_phase_without_a_result_is_told_by_its_attempts() -> None:
    (said,) = wishes([a_job(status="quarantined", attempt=5)])
    assert said.reason == "balanced: prescreen in quarantine after 5 attempts"


def test_a_check_of_data_and_what_was_left_out_are_no_findings() -> None:
    assert wishes([a_job(phase="preflight", status="done", attempt=1), a_job(status="skipped")]) == []
