import re
from typing import Any

from builders import (
    RUN,
    a_campaign,
    a_champion,
    a_failure,
    a_finding,
    a_job,
    a_result,
    a_run,
    a_step,
    a_view,
    an_incident,
    the_settings,
)
from markdown_it import MarkdownIt

from swarmd.agents.pages.handoff import handoff
from swarmd.agents.pages.markdown import cell, code, fenced, plain, table
from swarmd.agents.pages.verification import CommandOutput

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
        "What came out",
        "What can be trusted, and why",
        "What broke, and what was done",
        "What to do next",
        "How to reproduce",
        "What was run",
        "Verification",
    ]
    short = page.partition("## What was asked")[0]
    assert re.findall(r"^- \*\*(\w+( out)?):\*\*", short, re.MULTILINE) == [
        ("Asked", ""), ("Came out", " out"), ("Trust", ""), ("Broke", ""), ("Next", ""),
    ]  # fmt: skip


def test_each_asset_has_its_verdict_in_one_sentence_with_the_figures_of_the_vault() -> None:
    page = a_night()
    figures = "(annual Sharpe out of sample 1.25, trades 44)"
    assert f"- **BTCUSDT balanced.** Champion: BTCUSDT crown 7 {figures}." in page
    assert f"- **ETHUSDT balanced.** No champion; the screen out of sample said no: ETHUSDT screen 7 {figures}." in page
    assert "- **SOLUSDT balanced.** Undecided: preflight is in quarantine, SOLUSDT preflight 7." in page
    assert "| ETHUSDT | balanced | pass | pass | pass | no | · | 400 |" in page
    assert "| BTCUSDT | balanced | yes | – | 1.25 | – | 44 | – |" in page


def test_each_incident_is_a_story_of_what_was_seen_decided_expected_and_what_came_of_it() -> None:
    page = a_night()
    story = page.partition(f"### 1970-01-01 00:01:00 UTC: a run crashed: `{RUN}`, over after 3 s\n\n")[2].partition(
        "\n\n"
    )[0]
    assert story.split("\n") == [
        "- **Seen:** it exited with code 1. Evidence kept: `logs/lanes/r.evidence.txt`.",
        "- **Decided** by worker_sentry: a new run.",
        "- **Expected:** the job progresses under attempt 2, by 00:01:00.",
        "- **Came of it:** attempt 2 has done 7 of 100 units (**not what was hoped for**, 3 s late).",
        f"- The whole chain: `swarmd explain {RUN}/crash`",
    ]
    still_open = a_night(incidents=[an_incident(opened_at=NOW - 90_000)])
    assert f"a run crashed: `{RUN}`, open for 1 min 30 s" in still_open
    assert "- **Came of it:** **nothing yet**, 1 h 59 min over its time." in still_open
    assert "**1 of them is still open.**" in still_open
    assert "nothing; 0 incidents on record" in a_night(incidents=[])


def test_a_night_of_many_incidents_is_told_by_kind_and_nothing_rare_hides_behind_what_is_common() -> None:
    crashes = [
        an_incident(f"r{n}", status="closed", opened_at=n, at=n + 2_000, rung="relaunch", is_verified=n % 2 == 0)
        for n in range(50)
    ]
    rare = an_incident("gpu0", "device_failed", status="closed", opened_at=3, at=9)
    failure = a_failure("crash", "", remedies={"relaunch": (50, 25)}, count=50)
    page = a_night(incidents=[*crashes, rare], failures=[failure])
    assert "| a run crashed | 50 | 25 of 50 | 50 of 50 | 2 s | relaunch 25 of 50 |" in page
    assert "3 of 51 in full: those still open, then the newest of each kind." in page
    assert "a device failed: `gpu0`, over after 6 ms" in page
    assert "Tried: relaunch, which has helped 25 of 50 times by now (50% likely to help)." in page


def test_findings_are_told_and_those_taken_back_are_not() -> None:
    page = a_night(incidents=[], findings=[a_finding(text="no GPU here"), a_finding("x/y", text="")])
    assert "### Also worth knowing\n\n- util_controller: no GPU here\n" in page
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
    page = handoff(
        a_view(), NOW, evidence=[CommandOutput("swarmd status", 1, "```\nnot a fence\n```", 1.25, "it works")]
    )
    assert "### `swarmd status`: exit 1\n\n````text\n```\nnot a fence\n```\n````\n" in page
    assert "| `swarmd status` | exit 1 | 1.2 s | it works |" in page
    assert "0 of 1 command run for this page ended well; **not so**: `swarmd status` (exit 1)." in page


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
    in_force, _, no_more = page.partition("### Champions in force")[2].partition("No longer in force")
    assert "e 0.41 after 1 day" in in_force
    assert "ETHUSDT" not in in_force
    assert "- `ETHUSDT_5m` mtf_ema balanced: dethroned (the monitor: it fell); e 22.1 after 92 days" in no_more


HOSTILE = (
    "<script>alert(1)</script> **bold** [link](javascript:alert(1)) ![i](http://x/y) `code` | a cell\n\n# heading\n"
    "- item <img src=x onerror=alert(1)> &lt;b&gt; _em_ ~~no~~ \x1b[31mred \u202ekcab ``` fence"
)


def test_no_foreign_word_on_the_page_formats_it_links_or_becomes_html() -> None:
    """Causes come out of logs and names out of files: rendered with HTML allowed, none of it is live."""
    hostile = {"cause": HOSTILE, "remedy": HOSTILE, "outcome": HOSTILE, "expected": HOSTILE, "evidence": (HOSTILE,)}
    page = a_night(
        incidents=[an_incident(f"{HOSTILE}", status="closed", at=5, **hostile), an_incident("r2", **hostile)],
        findings=[a_finding(text=HOSTILE), a_finding("quant_analyst/majors.BTCUSDT", text=HOSTILE)],
        steps=[a_step(what=HOSTILE, expected_outcome=HOSTILE, outcome=HOSTILE)],
        campaigns=[a_campaign(file=f"/tmp/{HOSTILE}.yaml", status="done", reason=HOSTILE)],
        champions=[a_champion(strategy=HOSTILE, note=HOSTILE, status="dethroned")],
    )
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    tokens = [inner for token in parser.parse(page) for inner in (token, *(token.children or ()))]
    assert [token.content for token in tokens if token.type in ("html_block", "html_inline")] == []
    assert [
        token.attrGet("href") or token.attrGet("src") for token in tokens if token.type in ("link_open", "image")
    ] == []
    assert not any(token.type == "s_open" for token in tokens)
    shown = parser.render(page)
    assert not {"<em>em</em>", "<strong>bold</strong>", "<code>code</code>"} & set(
        re.findall(r"<(?:em|strong|code)>.*?>", shown)
    )
    headings = re.findall(r"<h[12]>(.*?)</h[12]>", shown)
    assert not any("heading" in heading for heading in headings)
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_foreign_text_reads_as_it_was_written() -> None:
    assert plain("annual_sharpe 0.3 (<= 0.8) a & b, 5 > 3") == "annual_sharpe 0.3 (<= 0.8) a & b, 5 > 3"
    assert plain("x" * 700).endswith("…")
    assert code("a ` b") == "``a ` b``"
    assert code("`") == "`` ` ``"


def test_what_can_be_trusted_is_told_in_figures_and_so_is_what_speaks_against_it() -> None:
    page = evidence_night()
    told = page.partition("### AAA balanced\n\n")[2].partition("\n\n")[0]
    assert "p 6.4e-05 of search and vault together (at most 0.01 was asked)" in told
    assert (
        "p 0.05, as the same search on 19 markets in which nothing is to be found came to as good a score never" in told
    )
    assert "50,798 parameter vectors of this asset and strategy stand in the trial ledger" in told
    assert (
        "**Expect** an annual Sharpe of 3.27, shrunken from annual Sharpe 4.26 in sample and 4.95 in the vault" in told
    )
    assert "the strict table, which crowns nobody here, misses regime_mismatch 0.1407 (< 0.01); only 40 trades" in told
    assert "with 19 surrogate markets the p of the search cannot fall below 0.05" in told
    assert "verified anew for this page, bit for bit" in told
    assert "**verification failed** (exit 1)" in evidence_night(code=1)


def evidence_night(code: int = 0) -> str:
    settings = the_settings(assets={"tiers": {"T": ["AAA"]}}, validation={"crown_on": "evidence", "surrogates": 19})
    share = a_job("AAA", "surrogates", status="done", attempt=1, surrogates=(0, 19))
    judge = a_job("AAA", "validate", status="done", attempt=1, reason="all 10 gates passed")
    figures = {
        "annual_sharpe": 4.26, "oos_annual_sharpe": 4.95, "oos_trades": 40, "p": 6.4e-05, "p_surrogates": 0.05,
        "p_vault": 9.66e-05, "forecast": 3.27, "dsr": 0.97, "pbo": 0.12, "tried": 50_798, "looks": 1,
    }  # fmt: skip
    headline = "AAA balanced: all 10 gates passed; the strict table misses regime_mismatch 0.1407 (< 0.01)"
    results = [
        a_result(
            f"{share.id}-a1", job=share.id, phase="surrogates",
            summary={"verdict": "pass", "headline": "so", "figures": {"searched": 19, "as_good": 0}},
        ),
        a_result(
            f"{judge.id}-a1", job=judge.id, phase="validate",
            summary={"verdict": "pass", "headline": headline, "figures": figures},
        ),
    ]  # fmt: skip
    view = a_view(
        campaigns=[a_campaign(settings=settings, status="done")],
        jobs=[share, judge],
        results=results,
        champions=[a_champion(id="AAA_5m", symbol="AAA")],
    )
    return handoff(view, NOW, evidence=[CommandOutput("swarmd champion verify AAA 5m", code, "so")])
