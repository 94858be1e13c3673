"""The trial ledger never holds fewer than were made: by every phase, after any kill, and whoever meddles with it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from search_builders import MODE, SYMBOL, Told, a_desk, a_market, an_order, run_phase

from swarmd.cli import exit_code_of
from swarmd.engine.market.formats import write_bars
from swarmd.engine.phases.desk import Yielded
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.refine import refine
from swarmd.engine.phases.remembered import heads_in, lost_lines, require_told
from swarmd.engine.phases.tried import days_of, ledger_of, note_tried, prices_of, vintage_of
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import (
    Batch,
    LedgerName,
    Relabelled,
    Vintage,
    ledger_path,
    of_symbol,
    read_ledger,
    tried,
)

NOW = 1_700_000_000_000


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder


def counts(home: Path) -> dict[str, int]:
    """What was told, phase by phase."""
    found: dict[str, int] = {}
    for entry in of_symbol(Home(home), SYMBOL):
        found[entry.batch.phase] = found.get(entry.batch.phase, 0) + entry.batch.count
    return found


def results(home: Path) -> Path:
    return home / "results" / "c" / SYMBOL / MODE


def a_question(home: Path, market: Path) -> Any:
    return question_of(an_order(home, market, "refine"), a_desk(home))


# -- every phase tells ------------------------------------------------------------------------------------------------


def test_a_chain_tells_its_draws_its_trials_and_one_look(market, tmp_path):
    judged_by_screen = {"validation": {"crown_on": "screen"}, "constraints": {"min_trades": 1, "max_drawdown": 0.99}}
    for phase in ("preflight", "prescreen", "refine", "screen"):
        run_phase(tmp_path, market, phase, **judged_by_screen)
    assert counts(tmp_path) == {"prescreen": 300, "refine": 16, "vault": 1}
    entries = of_symbol(Home(tmp_path), SYMBOL)
    assert [entry.batch.run for entry in entries] == ["cpu0-prescreen-1", "cpu0-refine-1", "cpu0-screen-1"]
    question = a_question(tmp_path, market)
    assert {entry.batch.vintage for entry in entries[:2]} == {vintage_of(question)}
    assert {entry.batch.prices for entry in entries[:2]} == {prices_of(question.development)}
    require_told(Home(tmp_path), SYMBOL, days_of(question.bars))
    assert set(heads_in(results(tmp_path))) == {entry.digest for entry in entries}


def test_every_window_of_a_walk_forward_is_told_with_its_picks_test(market, tmp_path):
    search = {
        "method": "walk_forward",
        "refine": {"trials": 6},
        "walk_forward": {"procedure": "monte_carlo", "windows": 3},
    }
    for phase in ("preflight", "refine"):
        run_phase(tmp_path, market, phase, search=search)
    assert counts(tmp_path) == {"refine": 3 * (6 + 1) + 6}


def test_rungs_tell_what_each_adds(market, tmp_path):
    run_phase(tmp_path, market, "preflight")
    for trials in (5, 10, None):
        order = an_order(tmp_path, market, "refine", run=f"cpu0-{trials}").model_copy(update={"trials": trials})
        refine(order, a_desk(tmp_path))
    assert [entry.batch.count for entry in of_symbol(Home(tmp_path), SYMBOL)] == [5, 5, 6]


def test_several_workers_are_told_by_the_one_that_started_them(market, tmp_path):
    run_phase(tmp_path, market, "preflight")
    run_phase(tmp_path, market, "refine", search={"refine": {"trials": 8, "workers": 2}})
    assert counts(tmp_path) == {"refine": 8}


def test_a_run_that_stops_and_goes_on_tells_nothing_twice_and_one_that_begins_anew_tells_all_again(market, tmp_path):
    run_phase(tmp_path, market, "preflight")
    heard = Told()
    with pytest.raises(Yielded):
        refine(
            an_order(tmp_path, market, "refine"),
            a_desk(tmp_path, heard, should_yield=lambda: len(heard.trials) >= 5),
        )
    assert counts(tmp_path) == {"refine": 16}
    run_phase(tmp_path, market, "refine", token=2)
    assert counts(tmp_path) == {"refine": 16}
    for journal in results(tmp_path).glob("study_*.journal"):
        journal.unlink()
    run_phase(tmp_path, market, "refine", token=3)
    assert counts(tmp_path) == {"refine": 32}


def test_killed_wherever_it_stands_a_refinement_has_told_what_it_made(market, tmp_path):
    home, environment = tmp_path / "home", {**os.environ, "SWARMD_HOME": str(tmp_path / "home")}
    command = [
        sys.executable, "-m", "swarmd", "refine", "--data", str(market / f"{SYMBOL}.parquet"), "--mode", MODE,
        "--trials", "90", "--campaign", "c", "--min-trades", "1", "--max-drawdown", "0.99",
    ]  # fmt: skip

    def made() -> int:
        return len(list((results(home) / "trials").glob("trial_*.json")))

    for n_made in (1, 30):
        run = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 120
            while made() < n_made:
                assert time.monotonic() < deadline
                assert run.poll() is None
                time.sleep(0.005)
        finally:
            run.send_signal(signal.SIGKILL)
            run.wait()
        assert n_made <= made() <= tried(read_ledger(Home(home), LedgerName(SYMBOL, "mtf_ema")))
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    assert made() == 90
    assert counts(home) == {"refine": 90}


# -- cheating is refused ----------------------------------------------------------------------------------------------


@pytest.fixture
def told_campaign(market, tmp_path):
    """A question whose campaign has told two batches and remembers them."""
    run_phase(tmp_path, market, "preflight")
    question = a_question(tmp_path, market)
    for count in (300, 16):
        note_tried(question, Home(tmp_path), phase="refine", count=count, run="r", at=NOW, folder=results(tmp_path))
    return question, Home(tmp_path), results(tmp_path)


def begun_anew(question, home, ledger, tmp_path):
    ledger.unlink()
    note_tried(question, home, phase="refine", count=1, run="r", at=NOW)


def replaced_by_another_homes(question, home, ledger, tmp_path):
    elsewhere = Home(tmp_path / "elsewhere")
    for count in (300, 16):
        note_tried(question, elsewhere, phase="refine", count=count, run="q", at=NOW)
    ledger.write_bytes(ledger_file(elsewhere).read_bytes())


LOSSES = {
    "deleted": lambda question, home, ledger, tmp_path: ledger.unlink(),
    "all ledgers deleted": lambda question, home, ledger, tmp_path: shutil.rmtree(home.state / "ledger"),
    "its last line cut off": lambda question, home, ledger, tmp_path: ledger.write_bytes(
        ledger.read_bytes().splitlines(keepends=True)[0]
    ),
    "begun anew": begun_anew,
    "replaced by another home's": replaced_by_another_homes,
}


@pytest.mark.parametrize("how", LOSSES)
def test_a_ledger_that_lost_what_any_campaign_told_is_missed_by_all(told_campaign, tmp_path, how, capsys, monkeypatch):
    question, home, _ = told_campaign
    days = days_of(question.bars)
    monkeypatch.setenv("SWARMD_HOME", str(home.root))
    require_told(home, SYMBOL, days)
    assert exit_code_of(["ledger", "verify"]) == 0
    LOSSES[how](question, home, ledger_file(home), tmp_path)
    with pytest.raises(
        OperatorError, match=r"mtf_ema\.jsonl: (1 of its lines is|[23] of its lines are) gone, .*put the ledger back"
    ) as refused:
        require_told(home, SYMBOL, days)
    assert str(results(home.root) / "ledger_told.json") in str(refused.value)
    capsys.readouterr()
    assert exit_code_of(["ledger", "verify"]) == 2
    assert re.search(r"\d of its lines (is|are) gone", capsys.readouterr().err)
    assert exit_code_of(["ledger", "verify", "--json"]) == 2
    lost = json.loads(capsys.readouterr().out)["lost"]
    assert [row["digest"] for row in lost] == [line.digest for line in lost_lines(home)] != []


def test_what_was_lost_of_other_days_or_another_asset_hinders_nobody(told_campaign):
    question, home, _ = told_campaign
    ledger_file(home).unlink()
    require_told(home, SYMBOL, Vintage("1999-01-01", "1999-12-31"))
    require_told(home, "OTHER", days_of(question.bars))


def test_a_line_that_was_remembered_before_its_days_were_is_of_any_day(told_campaign):
    _, home, folder = told_campaign
    path = folder / "ledger_told.json"
    document = json.loads(path.read_text())
    for told in document["told"]:
        del told["vintage"]
    path.write_text(json.dumps(document))
    require_told(home, SYMBOL, Vintage("1999-01-01", "1999-12-31"))
    ledger_file(home).unlink()
    with pytest.raises(OperatorError, match="2 of its lines are gone"):
        require_told(home, SYMBOL, Vintage("1999-01-01", "1999-12-31"))


def test_a_campaign_over_an_asset_whose_ledger_is_gone_ends_before_it_searches(told_campaign, market):
    _, home, _ = told_campaign
    ledger_file(home).unlink()
    with pytest.raises(OperatorError, match="2 of its lines are gone"):
        run_phase(home.root, market, "preflight", name="new", validation={"crown_on": "evidence"})
    # Who does not price the search relies on no count.
    run_phase(home.root, market, "preflight", name="new", validation={"crown_on": "screen"})


def test_what_a_folder_remembers_and_nobody_can_read_counts_as_told(told_campaign):
    _, _, folder = told_campaign
    for unreadable in ('{"told": [', '{"told": [{}]}', '{"told": [{"ledger": 3, "head": "", "run": "r"}]}'):
        (folder / "ledger_told.json").write_text(unreadable)
        with pytest.raises(OperatorError, match="nobody knows what was told"):
            heads_in(folder)


def test_known_prices_under_another_name_are_refused_by_the_phase_that_searches_them(market, tmp_path):
    other = a_market(tmp_path / "bars", symbol="FRESH")
    write_bars(tmp_path / "bars" / f"{SYMBOL}.parquet", replace(other, symbol=SYMBOL))
    for phase in ("preflight", "prescreen"):
        run_phase(tmp_path, market, phase)
    run_phase(tmp_path, tmp_path / "bars", "preflight", symbol="FRESH")
    with pytest.raises(Relabelled, match=rf"FRESH 2021-01-01_2021-03-21 15m: .* as {SYMBOL} .*cpu0-prescreen-1"):
        run_phase(tmp_path, tmp_path / "bars", "prescreen", symbol="FRESH")
    assert of_symbol(Home(tmp_path), "FRESH") == ()
    assert not (tmp_path / "results" / "c" / "FRESH" / MODE / "phase0_top500.json").exists()


def ledger_file(home: Home) -> Path:
    return ledger_path(home, SYMBOL, "mtf_ema")


def later(question: Any, days: int) -> Any:
    bars = question.bars
    return replace(question, bars=replace(bars, open_time=bars.open_time + days * 86_400_000))


def test_known_prices_of_other_days_are_refused_however_small_the_steps(told_campaign):
    question, home, _ = told_campaign
    with pytest.raises(Relabelled, match="as NOISE 2021-01-01_2021-03-21"):
        note_tried(later(question, 365), home, phase="refine", count=1, run="r", at=NOW)
    # Times that were put right by a day share days with the old ones, and so count as the same.
    note_tried(later(question, 50), home, phase="refine", count=1, run="r", at=NOW)
    with pytest.raises(Relabelled):
        note_tried(later(question, 100), home, phase="refine", count=1, run="r", at=NOW)
    note_tried(question, home, phase="refine", count=1, run="r", at=NOW)
    assert [entry.batch.count for entry in ledger_of(question, home)[1]] == [300, 16, 1, 1]


def test_lines_of_before_there_were_prices_are_read_and_refuse_nothing(told_campaign):
    question, home, _ = told_campaign
    entries, path = ledger_of(question, home)[1], ledger_file(home)
    old = replace(entries[0].batch, prices="")
    assert Batch(**{name: getattr(old, name) for name in old.__dataclass_fields__}).finalist == ""
    assert b'"finalist"' not in path.read_bytes()
    assert [json.loads(line)["prices"] for line in path.read_bytes().splitlines()] == [entries[0].batch.prices] * 2
