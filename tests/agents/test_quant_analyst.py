from typing import Any

from builders import a_campaign, a_finding, a_job, a_lesson, a_result, a_view, the_settings

from swarmd.agents.quant_analyst import LESSONS_EVERY, decide
from swarmd.state.actions import Say, TellLesson
from swarmd.state.records.run import run_id


def wishes(jobs: list[Any], **tables: Any) -> list[Say]:
    return [wish for wish in decide(a_view(jobs=jobs, **tables), 100) if isinstance(wish, Say)]


def taught(now: int, jobs: list[Any], **tables: Any) -> list[TellLesson]:
    return [wish for wish in decide(a_view(jobs=jobs, **tables), now) if isinstance(wish, TellLesson)]


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


def test_a_lesson_says_how_many_cases_it_rests_on_its_interval_and_the_results_behind_it() -> None:
    (lesson,) = taught(100, [SCREEN, PRESCREEN], results=RESULTS)
    assert (lesson.lesson, lesson.n, lesson.held) == ("majors/verdicts", 1, 0)
    assert (round(lesson.low, 3), round(lesson.high, 3)) == (0.0, 0.793)
    assert lesson.evidence == (run_id(SCREEN.id, 1),)
    assert lesson.reason.startswith(
        "mtf_ema on 5m bars, in all, at 5 bps fee and 2 bps slippage: 0 of 1 search passed on data not seen before"
    )


def test_lessons_are_counted_anew_once_in_a_while_and_at_the_end_and_not_before_anything_was_judged() -> None:
    assert taught(100, [PRESCREEN], results=RESULTS) == []
    jobs, known = [SCREEN, PRESCREEN], [a_lesson(at=15)]
    assert taught(15 + LESSONS_EVERY - 1, jobs, results=RESULTS, lessons=known) == []
    assert len(taught(15 + LESSONS_EVERY, jobs, results=RESULTS, lessons=known)) == 1
    assert taught(15 + LESSONS_EVERY, jobs, results=RESULTS, lessons=[a_lesson(at=20)]) == []
    done = [a_campaign(status="done", at=30)]
    assert len(taught(31, jobs, results=RESULTS, lessons=[a_lesson(at=20)], campaigns=done)) == 1
    assert taught(31, jobs, results=RESULTS, lessons=[a_lesson(at=30)], campaigns=done) == []


def test_a_lesson_about_a_part_is_told_again_only_when_it_says_something_else() -> None:
    symbols = ("AAA", "BBB", "CCC")
    campaign = a_campaign(settings=the_settings(assets={"tiers": {"T": symbols}}))
    jobs = [a_job(symbol, "screen", status="failed", attempt=1, at=20) for symbol in symbols]
    headline = "1 of 4 gates failed: psr 0.2 (>= 0.99): fail"
    results = [
        a_result(
            run_id(job.id, 1), job=job.id, phase="screen", summary={"verdict": "fail", "headline": headline, "tried": 1}
        )
        for job in jobs
    ]
    first = taught(100, jobs, results=results, campaigns=[campaign])
    assert [each.topic for each in first] == ["verdicts", "gate/psr"]
    gate = first[1]
    assert "3 of 3 judged searches failed at psr, 3 of them by nothing else" in gate.reason
    said = [a_lesson(at=10), a_lesson("gate/psr", at=10, claim=gate.reason, evidence=gate.evidence)]
    again = taught(10 + LESSONS_EVERY, jobs, results=results, campaigns=[campaign], lessons=said)
    assert [each.topic for each in again] == ["verdicts"]
