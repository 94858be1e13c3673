"""`swarmd report` and the phases that write the same pages: at the end of each asset, and again from files."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from search_builders import MODE, a_market, run_phase

from swarmd.cli import exit_code_of
from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import planted_market
from swarmd.engine.phases.folder import alone_in

QUICK: dict[str, Any] = {"search": {"prescreen": {"combos": 200, "top": 50}, "refine": {"trials": 24, "warm_start": 6}}}
PAGES = ("report.html", "report.md", "equity.csv", "equity.png", "development_trades.csv")
ONLY = {"constraints": {"min_trades": 30, "max_drawdown": 0.0}}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of three: one is crowned, of one no vector is valid, one has too few days."""
    root = tmp_path_factory.mktemp("searched")
    (root / "bars").mkdir()
    write_bars(root / "bars" / "EDGE.parquet", planted_market(400, 4, 5.0, 15, symbol="EDGE")[0])
    a_market(root / "bars", symbol="NOISE")
    a_market(root / "bars", symbol="SHORT", days=20)
    for phase in ("preflight", "prescreen", "refine", "screen", "crown"):
        run_phase(root / "home", root / "bars", phase, symbol="EDGE", **QUICK)
    for phase in ("preflight", "prescreen"):
        run_phase(root / "home", root / "bars", phase, symbol="NOISE", **QUICK, **ONLY)
    run_phase(root / "home", root / "bars", "preflight", symbol="SHORT", **QUICK)
    return root


def results(root: Path) -> Path:
    return root / "home" / "results" / "c"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in PAGES}


def test_who_slept_finds_the_pages_of_all_that_was_searched(searched: Path):
    text = (results(searched) / "report.md").read_text()
    assert "3 assets and modes, 1 judged, 1 passed: EDGE aggressive." in text
    assert "SHORT: The preflight refused the data:" in text
    assert "NOISE aggressive: None of 200 screened vectors meets the constraints." in text
    page = (results(searched) / "report.html").read_text()
    for symbol in ("EDGE", "NOISE"):
        assert f'href="{symbol}/{MODE}/report.html"' in page
        assert (results(searched) / symbol / MODE / "report.html").is_file()
    assert "It is in force." in (results(searched) / "EDGE" / MODE / "report.md").read_text()


def test_the_command_comes_to_the_same_bytes(searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shutil.copytree(searched, tmp_path / "copy")
    folder = results(tmp_path / "copy") / "EDGE" / MODE
    before = contents(folder)
    for name in PAGES:
        (folder / name).unlink()
    assert exit_code_of(["--home", str(tmp_path / "copy" / "home"), "report", "c", "--symbol", "EDGE", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "swarmd.report/1"
    assert [entry["page"] for entry in told["assets"]] == [str(folder / "report.html")]
    assert contents(folder) == before


@pytest.mark.parametrize("named", ["campaign", "asset", "mode"])
def test_a_folder_names_what_is_made_and_out_leaves_the_results_alone(searched: Path, tmp_path: Path, named: str):
    folder = {
        "campaign": results(searched),
        "asset": results(searched) / "EDGE",
        "mode": results(searched) / "EDGE" / MODE,
    }
    before = {path: path.stat().st_mtime_ns for path in results(searched).rglob("*") if path.is_file()}
    words = ["--home", str(searched / "home"), "report", str(folder[named]), "--out", str(tmp_path / "out")]
    assert exit_code_of(words) == 0
    assert contents(tmp_path / "out" / "EDGE" / MODE) == contents(results(searched) / "EDGE" / MODE)
    assert (tmp_path / "out" / "NOISE").exists() is (named == "campaign")
    assert 'href="EDGE/' in (tmp_path / "out" / "report.html").read_text()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_branch_has_a_page_and_a_row_of_its_own(searched: Path, tmp_path: Path):
    """What the guards have judged in a branch, as they leave it: its document, and the second search it came from."""
    shutil.copytree(searched, tmp_path / "copy")
    mode = results(tmp_path / "copy") / "EDGE" / MODE
    for name in ("guards-conservative", "reoptimize-conservative"):
        (mode / name).mkdir()
    judged = json.loads((mode / "screen.json").read_text()) | {"schema": "swarmd.guards/1", "found_by": "conservative"}
    (mode / "guards-conservative" / "guards.json").write_text(json.dumps(judged))
    shutil.copy(mode / "all_trials.json", mode / "reoptimize-conservative" / "all_trials.json")
    assert exit_code_of(["--home", str(tmp_path / "copy" / "home"), "report", "c", "--mode", MODE]) == 0
    page = (mode / "guards-conservative" / "report.html").read_text()
    assert 'href="../../../report.html"' in page
    assert "EDGE 15m, mtf_ema aggressive conservative" in page
    assert "The search, trial by trial" in page
    campaign = results(tmp_path / "copy")
    assert f'href="EDGE/{MODE}/guards-conservative/report.html"' in (campaign / "report.html").read_text()
    assert "| EDGE aggressive conservative" in (campaign / "report.md").read_text()


def test_the_equity_ends_where_the_documents_say(searched: Path):
    folder = results(searched) / "EDGE" / MODE
    document = json.loads((folder / "screen.json").read_text())
    last = {row["stretch"]: float(row["equity"]) for row in csv.DictReader((folder / "equity.csv").open())}
    for stretch, level in last.items():
        assert level - 1.0 == pytest.approx(document[stretch]["metrics"]["total_return"], rel=1e-12)
    trades = list(csv.DictReader((folder / "development_trades.csv").open()))
    assert len(trades) == document["development"]["metrics"]["total_trades"]


def test_bars_that_are_gone_or_others_leave_a_page_that_says_so(searched: Path, tmp_path: Path):
    shutil.copytree(searched, tmp_path / "copy")
    path = results(tmp_path / "copy") / "EDGE" / "preflight.json"
    seen = json.loads(path.read_text())
    for other, said in (("GONE", "could not be run again"), ("NOISE", "could not be run again")):
        seen["report"]["path"] = str(searched / "bars" / f"{other}.parquet")
        path.write_text(json.dumps(seen))
        assert exit_code_of(["--home", str(tmp_path / "copy" / "home"), "report", "c", "--symbol", "EDGE"]) == 0
        text = (path.parent / MODE / "report.md").read_text()
        assert said in text or "its digest is another" in text
        assert "## Screen: 4 of 4 gates pass" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "neither a folder nor a campaign with results; campaigns there: c"),
        (("c", "--symbol", "ETH"), "no such asset and mode; there are: EDGE aggressive, NOISE aggressive, SHORT"),
        (("{root}/bars",), "no asset with results in it"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    searched: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
):
    given = [word.format(root=searched) for word in words]
    assert exit_code_of(["--home", str(searched / "home"), "report", *given]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


def test_a_damaged_document_is_named(searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shutil.copytree(searched, tmp_path / "copy")
    path = results(tmp_path / "copy") / "EDGE" / MODE / "all_trials.json"
    path.write_text("{")
    assert exit_code_of(["--home", str(tmp_path / "copy" / "home"), "report", "c"]) == 2
    assert f"{path} cannot be read" in capsys.readouterr().err


def test_one_that_cannot_be_read_hides_no_other(searched: Path, tmp_path: Path):
    shutil.copytree(searched, tmp_path / "copy")
    (results(tmp_path / "copy") / "EDGE" / MODE / "screen.json").write_text("{")
    assert exit_code_of(["--home", str(tmp_path / "copy" / "home"), "report", "c", "--symbol", "NOISE"]) == 0
    text = (results(tmp_path / "copy") / "report.md").read_text()
    assert "EDGE aggressive: " in text
    assert "screen.json cannot be read" in text
    assert "NOISE aggressive: None of 200 screened vectors" in text


def test_a_folder_that_a_run_works_in_is_left_to_it(searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shutil.copytree(searched, tmp_path / "copy")
    folder = results(tmp_path / "copy") / "EDGE" / MODE
    (folder / "report.html").unlink()
    with alone_in(folder, {"run": "r1", "pid": 1}, should_yield=lambda: False):
        assert exit_code_of(["--home", str(tmp_path / "copy" / "home"), "report", "c", "--symbol", "EDGE"]) == 0
    assert "is held by r1" in capsys.readouterr().err
    assert not (folder / "report.html").exists()


def test_a_report_that_cannot_be_made_costs_nobody_a_result(searched: Path, tmp_path: Path):
    shutil.copytree(searched, tmp_path / "copy")
    (results(tmp_path / "copy") / "EDGE" / MODE / "report.html").unlink()
    (results(tmp_path / "copy") / "EDGE" / MODE / "report.html").mkdir()
    said = run_phase(tmp_path / "copy" / "home", searched / "bars", "screen", symbol="EDGE", **QUICK)
    assert said.verdict == "pass"
