"""What a question has cost in trials: told to the ledger of its asset and family, by the days its search has seen."""

import pytest
from search_builders import a_desk, a_market, an_order, run_phase

from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.tried import ledger_of, note_tried, tried_so_far, vintage_of
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import LedgerName

NOW = 1_700_000_000_000


@pytest.fixture
def question(tmp_path):
    a_market(tmp_path / "bars", days=120)
    run_phase(tmp_path / "home", tmp_path / "bars", "preflight")
    return question_of(an_order(tmp_path / "home", tmp_path / "bars", "refine"), a_desk(tmp_path / "home"))


def test_the_vintage_ends_where_the_vault_begins(question):
    assert str(vintage_of(question)) == "2021-01-01_2021-03-21"


def test_what_is_noted_is_counted_with_where_it_came_from(question, tmp_path):
    home = Home(tmp_path / "home")
    assert tried_so_far(question, home) == 0
    note_tried(question, home, phase="prescreen", count=300, run="cpu0-prescreen-1", at=NOW)
    note_tried(question, home, phase="refine", count=0, run="cpu0-refine-1", at=NOW)
    note_tried(question, home, phase="refine", count=16, run="cpu0-refine-2", at=NOW)
    assert tried_so_far(question, home) == 316
    name, entries = ledger_of(question, home)
    assert name == LedgerName("NOISE", "mtf_ema")
    first = entries[0].batch
    assert (first.phase, first.count, first.run, first.interval) == ("prescreen", 300, "cpu0-prescreen-1", "15m")
    assert (first.data, first.code) == (question.origin.data_sha256, question.origin.code_version)
