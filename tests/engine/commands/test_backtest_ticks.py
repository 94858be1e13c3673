"""`swarmd backtest` on quotes and trades: the public document and columns, many instances, and what is refused."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from market_builders import real_bars
from price_builders import awkward_bars
from tick_builders import changed, quotes, saved, trades_within

from swarmd.engine.commands.backtest import backtest
from swarmd.engine.commands.backtest_ticks import TRADE_COLUMNS
from swarmd.engine.commands.prescreen import prescreen
from swarmd.engine.commands.strategies import strategies
from swarmd.engine.market.formats import write_bars
from swarmd.state.errors import OperatorError

PARAMS = '{"half_life_s": 2, "threshold": 1.4, "sigma_events": 20}'


@pytest.fixture
def q(tmp_path: Path) -> Path:
    return saved(tmp_path / "COIN.parquet", quotes(300))


@pytest.fixture
def t(tmp_path: Path) -> Path:
    return saved(tmp_path / "COIN-trades.parquet", trades_within(quotes(300)))


def run(data: Path, *words: str, strategy: str = "ofi_momentum") -> str:
    arguments = ["--data", str(data), "--strategy", strategy, *words]
    result = CliRunner().invoke(backtest, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(data: Path, *words: str, strategy: str = "ofi_momentum") -> str:
    with pytest.raises(OperatorError) as told:
        run(data, *words, strategy=strategy)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_the_document_has_the_promised_fields(q: Path, t: Path):
    document = json.loads(run(t, "--quotes", str(q), "--params", PARAMS, "--json"))
    assert list(document) == ["schema", "strategy", "mode", "data", "costs", "instances", "trades_path"]
    assert document["schema"] == "swarmd.backtest_ticks/1"
    assert (document["strategy"], document["mode"], document["data"]["symbol"]) == (
        "ofi_momentum", "long", "COIN-trades",
    )  # fmt: skip
    of_trades, of_quotes = document["data"]["files"]
    assert (of_trades["schema"], of_trades["rows"], of_trades["sides"]) == ("trades", 300, "lee_ready")
    assert (of_quotes["schema"], of_quotes["locked"], of_quotes["crossed_dropped"]) == ("l1_quote", 0, 0)
    assert len(of_quotes["sha256"]) == 64
    assert of_quotes["first"] < of_quotes["last"]
    (instance,) = document["instances"]
    assert instance["params"] == json.loads(PARAMS)
    assert instance["metrics"]["total_trades"] > 0
    assert instance["stats"]["events"] == 300


def test_many_instances_in_one_pass_are_those_run_alone_whatever_the_batches(q: Path, tmp_path: Path):
    vectors = [{"half_life_s": float(h), "threshold": 1.5, "sigma_events": w} for h in (1, 3, 9) for w in (20, 40)]
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps(vectors))
    words = ("--mode", "long_short", "--json")
    together = json.loads(run(q, "--params-file", str(file), "--batch-rows", "17", *words))["instances"]
    alone = [json.loads(run(q, "--params", json.dumps(vector), *words))["instances"][0] for vector in vectors]
    assert together == alone


def test_every_trade_and_the_equity_of_every_row_can_be_written(q: Path, tmp_path: Path):
    to = tmp_path / "trades.csv", tmp_path / "equity.parquet"
    document = json.loads(run(q, "--params", PARAMS, "--trades", str(to[0]), "--equity", str(to[1]), "--json"))
    table = list(csv.DictReader(to[0].open()))
    metrics = document["instances"][0]["metrics"]
    assert tuple(table[0]) == TRADE_COLUMNS
    assert len(table) == metrics["total_trades"]
    assert table[0]["entry_time"].startswith("2013-10-07T13:3")
    equity = pq.read_table(to[1])
    assert equity.num_rows == 300
    assert equity.column("equity")[-1].as_py() - 1.0 == metrics["total_return"]
    assert sum(float(row["pnl"]) for row in table) == pytest.approx(metrics["total_return"])


def test_the_longest_hole_of_a_file_is_told(tmp_path: Path):
    columns = quotes(100)
    columns["ts"] = columns["ts"] + (np.arange(100) >= 60) * 3600 * 10**9
    for batch_rows in ("7", "1000"):
        document = json.loads(run(saved(tmp_path / "q.parquet", columns), "--batch-rows", batch_rows, "--json"))
        (file,) = document["data"]["files"]
        assert file["longest_gap_s"] == (columns["ts"][60] - columns["ts"][59]) / 1e9
        assert file["first"] <= "2013-10-07T13:31" < "2013-10-07T14:30" < file["gap_end"] <= file["last"]


def test_a_stretch_of_a_file_is_run_by_itself(tmp_path: Path):
    columns = quotes(100)
    columns["ts"] = columns["ts"] + (np.arange(100) >= 60) * 3600 * 10**9
    whole = saved(tmp_path / "q.parquet", columns)
    late = saved(tmp_path / "late.parquet", {name: values[60:] for name, values in columns.items()})
    words = ("--params", '{"half_life_s": 2, "threshold": 1, "sigma_events": 5}', "--mode", "long_short", "--json")
    by_itself = json.loads(run(late, *words))["instances"]
    assert by_itself[0]["metrics"]["total_trades"] > 0
    for batch_rows in ("7", "1000"):
        cut = json.loads(run(whole, *words, "--start", "2013-10-07T14:00:00Z", "--batch-rows", batch_rows))
        assert (cut["instances"], cut["data"]["files"][0]["rows"]) == (by_itself, 40)
        head = json.loads(run(whole, *words, "--end", "2013-10-07T14:00:00Z", "--batch-rows", batch_rows))
        assert head["data"]["files"][0]["rows"] == 60
        assert head["data"]["files"][0]["longest_gap_s"] < 60
    assert "no row is left of the stream" in refused(whole, "--start", "2014-01-01")


def test_a_table_for_a_person_tells_one_or_many(q: Path, tmp_path: Path):
    assert "total_trades" in run(q, "--params", PARAMS)
    file = tmp_path / "vectors.json"
    file.write_text(f"[{PARAMS}, {PARAMS}]")
    assert len(run(q, "--params-file", str(file)).splitlines()) == 7


def test_bollinger_reversion_runs_on_trades_under_its_own_name(t: Path):
    (instance,) = json.loads(run(t, "--params", '{"window": 20, "k": 1}', "--json", strategy="bollinger_reversion"))[
        "instances"
    ]
    assert instance["stats"]["trades_seen"] == 300


def test_crossed_and_unordered_quotes_are_refused_with_row_and_remedy(tmp_path: Path):
    columns = quotes(300)
    crossed = saved(tmp_path / "c.parquet", changed(columns, "bid_px", 40, columns["ask_px"][40] + 0.01))
    assert "row 40, column bid_px: the quote is crossed" in refused(crossed)
    files = json.loads(run(crossed, "--crossed", "drop", "--json"))["data"]["files"]
    assert (files[0]["rows"], files[0]["crossed_dropped"]) == (300, 1)
    unordered = saved(tmp_path / "u.parquet", changed(columns, "ts", 70, columns["ts"][60] - 1))
    assert "row 70, column ts: time goes back" in refused(unordered)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--interval", "5m"), "--interval is for bars alone, and --data holds ticks; leave it out"),
        (("--known-gap", "2023-01-01"), "--known-gap is for bars alone"),
        (("--mode", "short"), "strategy ofi_momentum: no mode 'short'"),
        (("--params", "[1]"), "--params: give a JSON object"),
        (("--params", "{"), "--params: not JSON"),
        (("--params", '{"half_life": 1}'), "mode long has no parameter 'half_life'"),
        (("--batch-rows", "0"), "batches of 0 rows; give at least 1"),
        (("--mode", "legacy_batch_decay"), "give trades in place of quotes"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(q: Path, words: tuple[str, ...], said: str):
    assert said in refused(q, *words)


def test_a_wrong_vector_of_many_is_told_by_its_number(q: Path, tmp_path: Path):
    file = tmp_path / "vectors.json"
    file.write_text(f'[{PARAMS}, {{"half_life_s": 1, "threshold": -1, "sigma_events": 5}}]')
    assert "vectors.json: instance 2 of 2: strategy ofi_momentum: threshold is -1" in refused(
        q, "--params-file", str(file)
    )
    file.write_text("[]")
    assert "give a JSON array of objects" in refused(q, "--params-file", str(file))
    file.write_text(f"[{PARAMS}, {PARAMS}]")
    to = str(tmp_path / "e.parquet")
    assert "--equity is of one instance, and 2 are asked for" in refused(q, "--params-file", str(file), "--equity", to)


def test_strategies_and_data_of_the_other_kind_are_told_apart(q: Path, tmp_path: Path):
    bars = tmp_path / "BARS.parquet"
    write_bars(bars, awkward_bars("walk", 300, 1))
    assert "strategy 'mtf_ema' does not trade on ticks, and the data are quotes or trades" in refused(
        q, strategy="mtf_ema"
    )
    assert "these are bars, not ticks" in refused(bars)
    assert "--quotes is for ticks alone, and --data holds bars" in refused(
        bars, "--quotes", str(q), strategy="ema_cross"
    )


def test_the_phases_of_bars_say_that_the_strategy_trades_on_ticks(tmp_path: Path):
    bars = tmp_path / "BARS.parquet"
    write_bars(bars, awkward_bars("walk", 300, 1))
    arguments = ["--data", str(bars), "--strategy", "ofi_momentum", "--combos", "5"]
    with pytest.raises(OperatorError, match="trades on quotes or trades, and bars are asked for here; run it by"):
        CliRunner().invoke(prescreen, arguments, catch_exceptions=False)


def test_the_cards_of_tick_strategies_are_listed_and_shown():
    listed = json.loads(CliRunner().invoke(strategies, ["list", "--json"], catch_exceptions=False).stdout)
    data = [(card["name"], card["data"]) for card in listed["strategies"]]
    assert ("ofi_momentum", "L1 quotes or trades") in data
    assert [name for name, _ in data].count("bollinger_reversion") == 2
    shown = CliRunner().invoke(strategies, ["show", "ofi_momentum"], catch_exceptions=False).stdout
    assert "half_life_s" in shown
    assert "legacy_batch_decay" in shown


def test_three_real_days_of_ibm_run_by_the_command():
    data: Any = real_bars("quotes", "IBM.parquet")
    assert "row 177, column bid_px: the quote is crossed, bid 182.2 above ask 182.19" in refused(data)
    document = json.loads(run(data, "--crossed", "drop", "--json"))
    assert document["data"]["files"][0]["crossed_dropped"] == 131
    assert document["instances"][0]["stats"]["events"] == 153_222 - 131 - 1
