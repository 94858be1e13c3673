"""`swarmd backtest`: the public columns, the document, and what is refused."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from price_builders import awkward_bars

from swarmd.engine.commands.backtest import backtest
from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.engine.market.formats import write_bars
from swarmd.state.errors import OperatorError

HEADER = (
    "trade,entry_time,exit_time,side,entry_price,exit_price,qty,pnl,return,exit_reason,"
    "bars_held,entry_bar,exit_bar,fees"
)
PARAMS = '{"tf_fast": 15, "L_fast": 5, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.05}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "AWKUSDT.parquet"
    write_bars(path, awkward_bars("walk", 3000, 1, lead=5))
    return path


def run(command: click.Command, *arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def run_json(file: Path, *arguments: str) -> dict[str, Any]:
    fixed = ("--data", str(file), "--strategy", "mtf_ema", "--mode", "aggressive", "--params", PARAMS, "--json")
    document = json.loads(run(backtest, *fixed, *arguments))
    assert isinstance(document, dict)
    return document


def test_the_document_has_the_promised_fields(file: Path):
    document = run_json(file)
    assert list(document) == [
        "schema", "strategy", "params", "mode", "engine", "semantics", "data", "costs", "metrics", "trades_path",
    ]  # fmt: skip
    assert document["schema"] == "swarmd.backtest/1"
    assert document["params"] == json.loads(PARAMS)
    assert list(document["data"]) == [
        "path", "symbol", "interval", "snapshot_id", "sha256", "bars", "first", "last", "gaps",
    ]  # fmt: skip
    assert document["data"]["bars"] == 3000
    assert document["data"]["first"] == "2023-01-03T00:25:00Z"
    assert document["costs"] == {"fee_bps": 5.0, "slippage_bps": 2.0}
    assert document["trades_path"] is None
    assert document["metrics"]["total_trades"] > 10


def test_the_trades_file_has_the_promised_columns_and_reconciles_with_the_metrics(file: Path, tmp_path: Path):
    out = tmp_path / "deep" / "trades.csv"
    document = run_json(file, "--trades", str(out))
    assert document["trades_path"] == str(out)
    text = out.read_text()
    assert text.splitlines()[0] == HEADER
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == document["metrics"]["total_trades"]
    assert sum(float(row["pnl"]) for row in rows) == pytest.approx(document["metrics"]["total_return"], rel=1e-12)
    assert rows[-1]["exit_reason"] == "end_of_data"
    bars = awkward_bars("walk", 3000, 1, lead=5)
    for number, row in enumerate(rows, start=1):
        sign = {"long": 1, "short": -1}[row["side"]]
        moved = sign * float(row["qty"]) * (float(row["exit_price"]) - float(row["entry_price"]))
        assert moved - float(row["fees"]) == pytest.approx(float(row["pnl"]), abs=1e-12)
        assert int(row["trade"]) == number
        assert int(row["bars_held"]) == int(row["exit_bar"]) - int(row["entry_bar"])
        assert float(row["entry_price"]) == bars.open[int(row["entry_bar"])]
        assert row["entry_time"].endswith("Z")


def test_both_engines_tell_the_same(file: Path, tmp_path: Path):
    documents, texts = [], []
    for engine in ("cpu", "reference"):
        out = tmp_path / f"{engine}.csv"
        documents.append(run_json(file, "--engine", engine, "--trades", str(out))["metrics"])
        texts.append(out.read_text())
    assert documents[0] == documents[1]
    assert texts[0] == texts[1]


def test_the_equity_file_has_one_mark_per_bar(file: Path, tmp_path: Path):
    out = tmp_path / "equity.parquet"
    document = run_json(file, "--equity", str(out))
    table = pq.read_table(out)
    assert table.column_names == ["open_time", "equity"]
    assert table.num_rows == 3000
    assert table["equity"][-1].as_py() - 1.0 == document["metrics"]["total_return"]


def test_start_is_included_and_end_is_not(file: Path):
    data = run_json(file, "--start", "2023-01-04", "--end", "2023-01-06T00:00Z")["data"]
    assert (data["first"], data["last"], data["bars"]) == ("2023-01-04T00:00:00Z", "2023-01-05T23:55:00Z", 576)


def test_parameters_come_from_a_file_and_are_the_baseline_when_absent(file: Path, tmp_path: Path):
    (tmp_path / "p.json").write_text(PARAMS)
    fixed = ("--data", str(file), "--strategy", "mtf_ema", "--json")
    assert json.loads(run(backtest, *fixed, "--params", f"@{tmp_path / 'p.json'}"))["params"] == json.loads(PARAMS)
    assert json.loads(run(backtest, *fixed))["params"]["tf_slow"] == 240


def test_a_person_reads_the_metrics_by_name(file: Path):
    shown = run(backtest, "--data", str(file), "--strategy", "ema_cross")
    assert "annual_sharpe" in shown
    assert "ema_cross long on AWKUSDT 5m" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--strategy", "mtf_emma"), "did you mean 'mtf_ema'"),
        (("--strategy", "mtf_ema", "--mode", "agressive"), "did you mean 'aggressive'"),
        (("--strategy", "mtf_ema", "--params", "{"), "--params: not JSON"),
        (("--strategy", "mtf_ema", "--params", "[1]"), "give a JSON object"),
        (("--strategy", "mtf_ema", "--params", '{"sl": 0.1}'), "parameters missing: tf_fast"),
        (("--strategy", "mtf_ema", "--params", "@nowhere.json"), "nowhere.json: No such file"),
        (("--strategy", "mtf_ema", "--fee-bps", "-1"), "fee_bps is -1"),
        (("--strategy", "mtf_ema", "--start", "yesterday"), "--start: 'yesterday'"),
        (("--strategy", "mtf_ema", "--params", '{"L_fast": 1%s}' % ("0" * 400)), "give a finite number|missing"),
        (("--strategy", "mtf_ema", "--params", PARAMS.replace("5,", "1" + 400 * "0" + ",", 1)), "give a"),
        (("--strategy", "mtf_ema", "--params", PARAMS.replace("0.02", "NaN")), "sl is nan"),
    ],
)
def test_what_the_operator_can_mend_is_told_in_one_line(file: Path, arguments: tuple[str, ...], told: str):
    with pytest.raises(OperatorError, match=told):
        CliRunner().invoke(backtest, ["--data", str(file), *arguments], catch_exceptions=False)


def test_help_needs_no_numba():
    code = (
        "import sys; import swarmd.engine.commands.backtest, swarmd.engine.commands.strategies;"
        "print({'numba', 'numpy', 'pyarrow'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_a_reader_who_has_left_is_no_fault_of_a_path():
    with pytest.raises(BrokenPipeError), told_to_the_operator():
        raise BrokenPipeError
