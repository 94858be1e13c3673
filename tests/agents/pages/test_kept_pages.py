"""The pages kept true to the records: expected outcomes, the knowledge base, and the block of notes."""

from typing import Any

import pytest
from builders import (
    a_campaign,
    a_champion,
    a_failure,
    a_gauge,
    a_hypothesis,
    a_lesson,
    a_step,
    a_view,
    an_authored_hypothesis,
    an_incident,
    the_scores,
)
from markdown_it import MarkdownIt

from swarmd.agents.pages.expected_outcomes import expected_outcomes
from swarmd.agents.pages.knowledge import knowledge
from swarmd.agents.pages.workflow_notes import END, START, notes, with_notes

YES = a_hypothesis(status="supported", measured=1.1, tried=250_200, verdict="all 4 gates passed")
NO = a_hypothesis("majors.ETHUSDT.balanced", status="not_supported", measured=0.3, tried=250_200, verdict="1 of 4")
OPEN = a_hypothesis("majors.SOLUSDT.balanced")
LATE = an_incident("r0", status="closed", at=90_000, outcome="attempt 2 went on")
TABLES: dict[str, Any] = dict(  # noqa: C408  (it reads as a call does)
    campaigns=[a_campaign(status="done")],
    hypotheses=[NO, OPEN, YES],
    incidents=[an_incident(), LATE],
    steps=[a_step(), a_step(id="s2", what="refine of 2 jobs", status="met", outcome="2 done")],
    champions=[a_champion()],
    gauges=[a_gauge("host.cpu_util", 0.87)],
    scores=the_scores(adherence=0.75),
    failures=[a_failure(count=2, remedies={"relaunch": (2, 1)}, last_incidents=("r0/crash",))],
    lessons=[a_lesson()],
)
VIEW = a_view(**TABLES)


def test_every_promise_stands_beside_what_came_of_it() -> None:
    page = expected_outcomes(VIEW)
    assert "| refine of 2 jobs | a result with 500 kept | met | 2 done |" in page
    assert "0 of 2 remedies did what was expected in time." in page
    assert "| 30 s late | attempt 2 went on |" in page
    assert "| open, due 1970-01-01 00:01 |" in page
    assert "above 0.8 | supported | 1.10 | 250,200 | all 4 gates passed |" in page
    assert "above 0.8 | stated | – | – | – |" in page


def test_lessons_are_claims_with_scope_verdict_and_record_the_supported_first() -> None:
    page = knowledge(VIEW)
    assert "claimed of 3 assets and modes, before anything was tried: 1 supported, 1 not supported." in page
    assert "Scope: `mtf_ema`, 5m bars from the first to the last, 5 bps fee and 2 bps slippage." in page
    yes, no = page.index("| BTCUSDT | balanced | supported"), page.index("| ETHUSDT | balanced | not supported | 0.30")
    assert yes < no
    assert "SOLUSDT" not in page
    assert "- `BTCUSDT_5m`: mtf_ema balanced, annual Sharpe 1.10 out of sample" in page
    row = (
        "| a run crashed | prescreen | 2 | 1970-01-01 to 1970-01-01 | relaunch 1 of 2 (50%) | exit code 1 | "
        "`r0/crash` |"
    )
    assert row in page
    assert "| 4 | 5% to 70% | `majors.BTCUSDT.balanced.prescreen-a1` |" in page


def test_an_empty_home_has_pages_as_well() -> None:
    empty = a_view(campaigns=[], sessions=[], lanes=[])
    assert "No campaign is on record" in expected_outcomes(empty)
    assert "No champion." in knowledge(empty)
    assert "- Campaign: none" in notes(empty)


def test_the_notes_stand_between_their_marks_and_nothing_else_is_touched() -> None:
    said = notes(VIEW)
    assert "- Machine: 1 lane, 0 GPUs" in said
    assert "- As of 1970-01-01 00:01:30 UTC. Session `bt-20260131_093000Z`" in said
    assert "searches passed on data not seen before" in said
    first = with_notes("", VIEW)
    assert first.startswith("# Backtest and optimise")
    assert with_notes(first, VIEW) == first
    assert with_notes("mine\n", VIEW) == f"mine\n\n{START}\n{said}\n{END}\n"


@pytest.mark.parametrize(
    ("page", "kept", "told"),
    [
        (f"{START}\nmine", f"{START}\nmine\n\n", "line 1 has a start without its partner"),
        (f"mine\n{END}\nmore\n", f"mine\n{END}\nmore\n\n", "line 2 has an end without its partner"),
        (f"{END}\nmine\n{START}\n", f"{END}\nmine\n{START}\n\n", "line 3 has a start without its partner"),
        (f"{START}\nmine\n{START}\nold\n{END}\n", f"{START}\nmine\n", "line 1 has a start without its partner"),
        (
            f"a\n{START}\nfirst\n{END}\nb\n{START}\nold\n{END}\n",
            f"a\n{START}\nfirst\n{END}\nb\n",
            "the block in lines 2 to 4 is not the last one and is left as it is",
        ),
    ],
    ids=["no end", "no start", "the wrong way round", "a start twice", "two blocks"],
)
def test_damaged_marks_cost_nothing_of_the_page_and_are_told(page: str, kept: str, told: str) -> None:
    once = with_notes(page, VIEW)
    assert once.startswith(kept + START)
    assert f"- Marks of this page: {told}" in once
    # The block of its own is found again, and the odd mark does not take what stands between them.
    assert with_notes(once, VIEW).startswith(kept + START)
    assert with_notes(with_notes(once, VIEW), VIEW) == with_notes(once, VIEW)


def test_every_byte_outside_the_block_stays_whatever_the_line_ends_and_the_end_of_the_page() -> None:
    for before, after in (("mine\r\n", "\r\nmore\r\n"), ("mine\n", "\nmore"), ("  \n\tx\n", ""), ("mine\n", "\n\n\n")):
        end = "\r\n" if "\r\n" in before else "\n"
        page = with_notes(f"{before}{START}{end}old{end}{END}{after}", VIEW)
        assert page.startswith(before + START + end)
        assert page.endswith(END + after)
        assert page.replace("\r\n", "").count("\n") == (0 if end == "\r\n" else page.count("\n"))
        assert with_notes(page, VIEW) == page
    assert with_notes("no line end", VIEW).startswith(f"no line end\n\n{START}")
    assert with_notes("two\r\n", VIEW).startswith(f"two\r\n\r\n{START}\r\n")
    # Words about the mark are no mark.
    assert with_notes(f"the mark {START} is ours\n", VIEW).startswith(f"the mark {START} is ours\n\n{START}\n")


def test_the_same_records_give_the_same_pages_whenever_they_are_written() -> None:
    for render in (expected_outcomes, knowledge, notes):
        assert render(VIEW) == render(a_view(**TABLES))


def test_no_foreign_word_becomes_html_or_a_link_on_any_kept_page() -> None:
    hostile = "<img src=x onerror=alert(1)> [a](javascript:b) | `c` <!-- AUTO-WORKFLOW-NOTES:END -->\n# d"
    view = a_view(
        steps=[a_step(what=hostile, expected_outcome=hostile, outcome=hostile)],
        incidents=[an_incident(cause=hostile, remedy=hostile, expected=hostile)],
        failures=[a_failure(last_cause=hostile)],
        hypotheses=[
            a_hypothesis(status="not_supported", verdict=hostile),
            an_authored_hypothesis(claim=hostile, rationale=hostile, verdict=hostile, status="supported"),
        ],
        lessons=[a_lesson(claim=hostile)],
        champions=[a_champion(strategy=hostile)],
    )
    page = with_notes("mine\n", view)
    assert with_notes(page, view) == page
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    for text in (expected_outcomes(view), knowledge(view), page):
        tokens = [inner for token in parser.parse(text) for inner in (token, *(token.children or ()))]
        html = [token.content.strip() for token in tokens if token.type in ("html_block", "html_inline")]
        assert not any("img" in each for each in html), html
        assert not any(token.type in ("link_open", "image") for token in tokens)
