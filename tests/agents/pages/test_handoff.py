import re
from typing import Any

from builders import (
    RUN,
    a_campaign,
    a_champion,
    a_finding,
    a_job,
    a_result,
    a_run,
    a_step,
    a_view,
    an_incident,
    the_settings,
)

from swarmd.agents.pages.handoff import CommandOutput, handoff
from swarmd.agents.pages.markdown import cell, fenced, table

NOW = 7_200_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
PHASES = ("preflight", "prescreen", "refine", "screen", "crown")


def a_night(**tables: Any) -> str:
    """One champion, one honest no, one asset in quarantine."""
    ends = {
        "BTCUSDT": ("done", "done", "done", "done", "done"),
        "ETHUSDT": ("done", "done", "done", "failed", "skipped"),
        "SOLUSDT": ("quarantined", "skipped", "skipped", "skipped", "skipped"),
    }
    jobs = [
        a_job(
            symbol, phase, status=status, attempt=1 if status in ("done", "failed") else 0, reason=f"{symbol} {phase} 7"
        )
        for symbol in SYMBOLS
        for phase, status in zip(PHASES, ends[symbol], strict=True)
    ]
    results = [
        a_result(
            f"{job.id}-a1",
            job=job.id,
            phase=job.phase,
            summary={
                "verdict": "pass" if job.status == "done" else "fail",
                "headline": job.reason,
                "tried": 100,
                "figures": {"oos_annual_sharpe": 1.25, "oos_trades": 44} if job.phase == "screen" else {"score": 1.5},
            },
        )
        for job in jobs
        if job.attempt
    ]
    runs = [a_run(job.id, status="done", exit_code=0, ordered_at=0, ended_at=60_000) for job in jobs if job.attempt]
    settings = the_settings(assets={"tiers": {"TIER1": SYMBOLS[:2], "TIER2": SYMBOLS[2:]}})
    given = {
        "campaigns": [a_campaign(settings=settings, status="done", reason="15 jobs settled")],
        "jobs": jobs,
        "results": results,
        "runs": runs,
        "champions": [a_champion()],
        "incidents": [
            an_incident(
                status="closed", opened_at=60_000, at=63_000, outcome="attempt 2 has done 7 of 100 units",
                evidence=("logs/lanes/r.evidence.txt",),
            )
        ],
    }  # fmt: skip
    return handoff(a_view(**given | tables), NOW, evidence=[CommandOutput("swarmd status", 0, "majors | done")])


def test_the_page_opens_with_what_came_of_it_and_has_every_section_in_order() -> None:
    page = a_night()
    assert page.startswith("# Handoff: majors is done\n")
    assert "**1 champion** (BTCUSDT balanced) out of 3 assets and modes; 15 of 15 jobs settled, 900 parameter" in page
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == [
        "What was asked",
        "What was run",
        "Verdicts",
        "Champions in force",
        "Incidents",
        "Next steps",
        "How to resume",
        "Evidence",
    ]


def test_each_asset_has_its_verdict_in_one_sentence_with_the_figures_of_the_vault() -> None:
    page = a_night()
    figures = "(annual Sharpe out of sample 1.25, trades 44)"
    assert f"- **BTCUSDT balanced.** Champion: BTCUSDT crown 7 {figures}." in page
    assert f"- **ETHUSDT balanced.** No champion; the screen out of sample said no: ETHUSDT screen 7 {figures}." in page
    assert "- **SOLUSDT balanced.** Undecided: preflight is in quarantine, SOLUSDT preflight 7." in page
    assert "| ETHUSDT | balanced | pass | pass | pass | no | · |" in page
    assert "| BTCUSDT | balanced | 500 | 1.50 | – | 1.25 | – | – | 44 |" in page


def test_incidents_are_told_in_plain_words_with_remedy_outcome_and_how_long_it_took() -> None:
    row = (
        f"| 1970-01-01 00:01:00 | a run crashed: `{RUN}` | it exited with code 1 "
        "| a new run (evidence: `logs/lanes/r.evidence.txt`) | attempt 2 has done 7 of 100 units | 3 s |"
    )
    assert row in a_night()
    still_open = a_night(incidents=[an_incident(opened_at=NOW - 90_000)])
    assert "| **open**, expected: the job progresses under attempt 2 | 1 min 30 s |" in still_open
    assert "0 incidents on record" in a_night(incidents=[])


def test_findings_are_told_and_those_taken_back_are_not() -> None:
    page = a_night(incidents=[], findings=[a_finding(text="no GPU here"), a_finding("x/y", text="")])
    assert "Also worth knowing:\n\n- util_controller: no GPU here\n" in page
    assert "- x:" not in page


def test_steps_that_are_not_met_stand_with_their_expected_outcome_and_overdue_ones_say_so() -> None:
    steps = [a_step(id="1", due=NOW - 1), a_step(id="2", what="old news", status="met")]
    page = a_night(steps=steps)
    assert "| prescreen BTCUSDT | a result with 500 kept | 1970-01-01 01:59 (overdue) | pending | – |" in page
    assert "old news" not in page
    assert "1 job in quarantine (first `majors.SOLUSDT.preflight`)" in page


def test_how_to_go_on_fits_where_the_campaign_stands() -> None:
    assert "swarmd summarize majors " in a_night()
    stopped = a_night(campaigns=[a_campaign(status="stopped")], jobs=[a_job()], results=[], runs=[])
    assert re.search(r"^swarmd start +# take the last campaign up", stopped, re.MULTILINE)
    assert "1 job still to do, 1 of them ready (first `majors.BTCUSDT.balanced.prescreen`)" in stopped
    assert "- **BTCUSDT balanced.** Unfinished: 0 of 5 phases done, prescreen is to do." in stopped
    assert "swarmd resume" in a_night(campaigns=[a_campaign(status="paused")])


def test_an_honest_no_is_called_an_answer() -> None:
    jobs = [a_job(symbol, "screen", status="failed", reason="0 of 4 gates") for symbol in ("BTCUSDT", "ETHUSDT")]
    refused = {"verdict": "fail", "headline": "0 of 4 gates"}
    results = [a_result(f"{job.id}-a{job.attempt}", job=job.id, phase="screen", summary=refused) for job in jobs]
    page = a_night(campaigns=[a_campaign(status="done")], jobs=jobs, results=results, runs=[])
    assert "**0 champions** out of 2 assets and modes" in page
    assert "No champion is an answer" in page


def test_a_question_that_came_to_no_screen_is_not_called_answered() -> None:
    jobs = [a_job(symbol, "preflight", mode="", status="failed", reason="16 bars missing") for symbol in ("BTC", "ETH")]
    page = a_night(campaigns=[a_campaign(status="done")], jobs=jobs, results=[], runs=[])
    assert "**The question was not answered**" in page
    assert "No champion is an answer" not in page


def test_a_home_without_a_campaign_still_gets_a_page() -> None:
    page = handoff(a_view(campaigns=[]), NOW, evidence=())
    assert "There is no campaign on record" in page
    assert "swarmd start CAMPAIGN.yaml" in page


def test_evidence_is_shown_as_it_was_whatever_it_contains() -> None:
    page = handoff(a_view(), NOW, evidence=[CommandOutput("swarmd status", 1, "```\nnot a fence\n```")])
    assert "`swarmd status` ended with exit code 1.\n\n````text\n```\nnot a fence\n```\n````\n" in page


def test_pieces_of_markdown() -> None:
    assert cell("a | b\n c ") == "a \\| b c"
    assert cell("") == "–"
    assert fenced("plain\n") == "```text\nplain\n```"
    assert table(("a", "n"), [("x", "1")], numbers=("n",)) == "| a | n |\n| --- | ---: |\n| x | 1 |"


def test_a_champion_that_fell_is_told_below_those_in_force_with_its_evidence() -> None:
    fallen = a_champion(
        id="ETHUSDT_5m", symbol="ETHUSDT", status="dethroned", note="the monitor: it fell", e_value=22.1, days=92
    )
    page = a_night(champions=[a_champion(e_value=0.41, days=1), fallen])
    in_force, _, no_more = page.partition("## Champions in force")[2].partition("No longer in force")
    assert "e 0.41 after 1 day" in in_force
    assert "ETHUSDT" not in in_force
    assert "- `ETHUSDT_5m` mtf_ema balanced: dethroned (the monitor: it fell); e 22.1 after 92 days" in no_more
