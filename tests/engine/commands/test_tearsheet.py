"""`swarmd tearsheet` and its script: a page and figures from a table of trades, and mistakes told in one line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from repository import ROOT

from swarmd.cli import exit_code_of
from swarmd.engine.commands.tearsheet import tearsheet

TRADES = """\
trade,entry_time,exit_time,side,entry_price,exit_price,qty,pnl,return,exit_reason,bars_held,entry_bar,exit_bar,fees
1,2024-01-01T00:00:00Z,2024-01-03T12:00:00Z,long,100.0,110.0,1.0,0.1,0.1,target,60,0,60,0.001
2,2024-01-05T00:00:00Z,2024-01-09T12:00:00Z,short,100.0,120.0,1.0,-0.22,-0.2,stop,60,0,60,0.001
"""


@pytest.fixture
def trades(tmp_path: Path) -> Path:
    path = tmp_path / "trades.csv"
    path.write_text(TRADES)
    return path


def run(*words: str) -> Any:
    return CliRunner().invoke(tearsheet, words, standalone_mode=False)


def test_the_page_and_the_figures_are_written_and_told(trades: Path, tmp_path: Path):
    answer = run("btc", "--trades", str(trades), "--capital", "5000", "--output", str(tmp_path / "out"), "--json")
    told = json.loads(answer.stdout)
    assert told["schema"] == "swarmd.tearsheet/1"
    assert told == json.loads((tmp_path / "out" / "btc.metrics.json").read_text())
    assert told["metrics"]["total_return"] == pytest.approx(-0.12)
    assert told["metrics"]["end_capital"] == pytest.approx(4400.0)
    assert told["metrics"]["max_drawdown"] == pytest.approx(0.2)
    assert told["metrics"]["days"] == 9
    page = (tmp_path / "out" / "btc.html").read_text()
    assert "5,000 became 4,400" in page
    assert Path(told["page"]) == tmp_path / "out" / "btc.html"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("../up", "--output", "{out}"), "'../up' cannot name a file"),
        (("<b>", "--output", "{out}"), "cannot name a file"),
        (("x", "--capital", "0", "--output", "{out}"), "0.0 is not in the range"),
        (("x", "--trades", "{out}/none.csv", "--output", "{out}"), "none.csv: No such file"),
        (("x", "--trades", "{out}", "--output", "{out}"), "Is a directory"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    words: tuple[str, ...], said: str, trades: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = [word.format(out=tmp_path) for word in words]
    given += [] if "--trades" in given else ["--trades", str(trades)]
    assert exit_code_of(["tearsheet", *given]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


def test_a_table_that_is_none_of_ours_is_told_by_row_and_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "t.csv").write_text(TRADES.replace("stop,60", "stop,sixty"))
    assert exit_code_of(["tearsheet", "x", "--trades", str(tmp_path / "t.csv"), "--output", str(tmp_path)]) == 2
    assert "t.csv: row 3, column bars_held: 'sixty' is no finite number" in capsys.readouterr().err


def test_the_script_does_the_same(trades: Path, tmp_path: Path):
    words = ["btc", "--trades", str(trades), "--capital", "10000", "--output", str(tmp_path / "out")]
    answer = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate-tearsheet"), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "out" / "btc.html").read_text().startswith("<!DOCTYPE html>")
    assert "annual_sharpe" in answer.stdout


def test_without_the_extra_one_is_told_how_to_get_it(
    trades: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ["x", "--trades", str(trades), "--output", str(tmp_path), "--engine", "quantstats"]
    assert exit_code_of(["tearsheet", *words]) == 2
    assert "pip install 'swarmd[tearsheet]'" in capsys.readouterr().err
