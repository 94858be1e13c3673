"""The page made from records and the topic made from plain rows are one table."""

from pathlib import Path

from builders import a_campaign, a_job, a_result, a_run, a_session, a_view
from swarm_builders import a_home

from swarmd.agents.pages.tracker import rows_of, shortlist, tracker
from swarmd.state.query import TOPICS, Facts, Picture
from swarmd.state.records.run import run_id
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import read_journal


def test_records_and_plain_rows_give_the_same_table(tmp_path: Path) -> None:
    campaign = a_campaign()
    symbol = campaign.settings.symbols()[0]
    mode = campaign.settings.strategy.modes[0]
    done = [a_job(symbol, phase, status="done", attempt=1, mode="" if phase == "preflight" else mode, reason="ok")
            for phase in ("preflight", "prescreen", "refine", "screen")]  # fmt: skip
    crown = a_job(symbol, "crown", mode=mode, attempt=1)
    screen = done[-1]
    figures = {"wfe": 0.8, "oos_annual_sharpe": 1.1, "annual_sharpe": 1.9, "oos_trades": 77}
    summary = {"verdict": "pass", "headline": "all gates passed", "figures": figures}
    result = a_result(run_id(screen.id, 1), job=screen.id, phase="screen", summary=summary)
    run = a_run(crown.id)
    view = a_view(campaigns=[campaign], jobs=[*done, crown], runs=[run], results=[result])
    home = a_home(tmp_path)
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append([a_session(), campaign, *done, crown, run, result])
        journal.commit()
    told = TOPICS["tracker"](Picture(read_journal(home.journal).folded()), Facts(now=0))
    assert told == rows_of(view)
    assert (told[0]["Asset"], told[0]["Screen Status"], told[0]["Sharpe"]) == (symbol, "PASS", 1.1)
    assert tracker(view).splitlines()[1].startswith(f"{symbol},")
    assert shortlist(view) == f"{symbol}\n"


def test_without_a_campaign_there_is_no_row() -> None:
    assert rows_of(a_view(campaigns=[])) == []
    assert shortlist(a_view(campaigns=[])) == ""
