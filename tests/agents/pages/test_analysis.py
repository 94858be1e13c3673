from builders import a_finding, a_view

from swarmd.agents import quant_analyst
from swarmd.agents.pages.analysis import ANALYST, analysis, other_findings

WARNING = a_finding("util_controller/gpu", text="no GPU here (0 found)")
FOUND = a_finding("quant_analyst/majors.BTCUSDT", text="balanced: prescreen pass, best score 1.93")
OLDER = a_finding("quant_analyst/older.BTCUSDT", text="balanced: prescreen no")


def test_the_section_holds_what_the_analyst_said_of_this_campaign_and_nothing_else() -> None:
    assert ANALYST == quant_analyst.NAME
    assert analysis(a_view(findings=[WARNING, OLDER, FOUND])) == (
        "## Phase by phase\n\n| asset | phase by phase |\n| --- | --- |\n"
        "| BTCUSDT | balanced: prescreen pass, best score 1.93 |"
    )
    assert analysis(a_view(findings=[WARNING, OLDER])) == ""
    assert analysis(a_view(campaigns=[], findings=[FOUND])) == ""


def test_figures_never_hide_a_warning() -> None:
    assert other_findings(a_view(findings=[FOUND, WARNING, a_finding("watchdog/quiet", text="")])) == [WARNING]
