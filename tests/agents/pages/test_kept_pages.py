"""The pages kept true to the records: expected outcomes, the knowledge base, and the block of notes."""

from builders import a_campaign, a_champion, a_gauge, a_hypothesis, a_step, a_view, an_incident, the_scores

from swarmd.agents.pages.expected_outcomes import expected_outcomes
from swarmd.agents.pages.knowledge import knowledge
from swarmd.agents.pages.workflow_notes import END, START, notes, with_notes

NOW = 3_600_000
YES = a_hypothesis(status="supported", measured=1.1, tried=250_200, verdict="all 4 gates passed")
NO = a_hypothesis("majors.ETHUSDT.balanced", status="not_supported", measured=0.3, tried=250_200, verdict="1 of 4")
OPEN = a_hypothesis("majors.SOLUSDT.balanced")
LATE = an_incident("r0", status="closed", at=90_000, outcome="attempt 2 went on")
VIEW = a_view(
    campaigns=[a_campaign(status="done")],
    hypotheses=[NO, OPEN, YES],
    incidents=[an_incident(), LATE],
    steps=[a_step(), a_step(id="s2", what="refine of 2 jobs", status="met", outcome="2 done")],
    champions=[a_champion()],
    gauges=[a_gauge("host.cpu_util", 0.87)],
    scores=the_scores(adherence=0.75),
)


def test_every_promise_stands_beside_what_came_of_it() -> None:
    page = expected_outcomes(VIEW, NOW)
    assert "| refine of 2 jobs | a result with 500 kept | met | 2 done |" in page
    assert "0 of 2 remedies did what was expected in time." in page
    assert "| 30 s late | attempt 2 went on |" in page
    assert "| open, 59 min 0 s over its time |" in page
    assert "above 0.8 | supported | 1.10 | 250,200 | all 4 gates passed |" in page
    assert "above 0.8 | stated | – | – | – |" in page


def test_lessons_are_claims_with_scope_verdict_and_record_the_supported_first() -> None:
    page = knowledge(VIEW, NOW)
    assert "3 claims: 1 supported, 1 not supported." in page
    assert "Scope: `mtf_ema`, 5m bars from the first to the last, 5 bps fee and 2 bps slippage." in page
    yes, no = page.index("| BTCUSDT | balanced | supported"), page.index("| ETHUSDT | balanced | not supported | 0.30")
    assert yes < no
    assert "SOLUSDT" not in page
    assert "- `BTCUSDT_5m`: mtf_ema balanced, annual Sharpe 1.10 out of sample" in page
    assert "| a run crashed | 2 | 1 |" in page


def test_an_empty_home_has_pages_as_well() -> None:
    empty = a_view(campaigns=[], sessions=[], lanes=[])
    assert "no campaign on record" in expected_outcomes(empty, NOW)
    assert "No champion." in knowledge(empty, NOW)
    assert "- Campaign: none" in notes(empty, NOW)


def test_the_notes_stand_between_their_marks_and_nothing_else_is_touched() -> None:
    said = notes(VIEW, NOW)
    assert "- Machine: processors 87% busy, 1 lane, 0 GPUs" in said
    assert "adherence 0.75" in said
    first = with_notes("", VIEW, NOW)
    assert first.startswith("# Backtest and optimise")
    assert with_notes(first, VIEW, NOW) == first
    assert with_notes("mine\n", VIEW, NOW) == f"mine\n\n{START}\n{said}\n{END}\n"
    # A start without an end is no block: nothing of the page may be lost for it.
    assert with_notes(f"{START}\nmine", VIEW, NOW).startswith(f"{START}\nmine\n\n{START}")
