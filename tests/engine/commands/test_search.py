"""prescreen, refine, optimize, summarize, champion: what a person types, what comes back, with which exit code."""

import json
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from experiment_builders import a_strategy
from search_builders import a_market

from swarmd.cli import exit_code_of
from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import load_bars
from swarmd.engine.strategies.registry import strategy_named

MTF = strategy_named("mtf_ema")
VECTORS = [
    {"tf_fast": 15, "L_fast": 5, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.05},
    {"tf_fast": 30, "L_fast": 8, "tf_slow": 120, "L_slow": 10, "sl": 0.01, "tp": 0.03},
    {"tf_fast": 15, "L_fast": 3, "tf_slow": 60, "L_slow": 6, "sl": 0.03, "tp": 0.02},
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder / "NOISE.parquet"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys, *arguments, code=0):
    """What the command prints: stdout as JSON where it was asked for, else (stdout, stderr)."""
    assert exit_code_of([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    return json.loads(out) if "--json" in arguments else (out, err)


def test_prescreen_of_given_vectors_equals_single_runs_row_for_row(data, tmp_path, capsys):
    given, metrics = tmp_path / "vectors.parquet", tmp_path / "metrics.parquet"
    pq.write_table(pa.Table.from_pylist(VECTORS), given)
    document = told(
        capsys, "prescreen", "--data", data, "--mode", "aggressive", "--params-file", given, "--metrics-out", metrics,
        "--max-drawdown", 0.95, "--json",
    )  # fmt: skip
    rows = pq.read_table(metrics).to_pylist()
    bars = load_bars(data)
    for vector, row in zip(VECTORS, rows, strict=True):
        alone = run_backtest(bars, MTF, vector, mode="aggressive", costs=Costs()).metrics
        assert {name: row[name] for name in vector} == vector
        assert row["total_trades"] == alone.total_trades
        assert row["annual_sharpe"] == pytest.approx(alone.annual_sharpe, rel=1e-9)
        assert row["max_drawdown"] == pytest.approx(alone.max_drawdown, rel=1e-9)
    ranked = {row["rank"]: row["score"] for row in rows if row["rank"] is not None}
    assert [entry["score"] for entry in document["top"]] == [ranked[rank] for rank in sorted(ranked)]
    assert (document["tried"], document["seed"], document["evaluated_bars"]) == (3, None, bars.n_bars)


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_vectors_may_come_as_csv_or_json(data, tmp_path, capsys, suffix):
    path = tmp_path / f"vectors.{suffix}"
    text = json.dumps(VECTORS)
    if suffix == "csv":
        rows = [VECTORS[0], *(vector.values() for vector in VECTORS)]
        text = "\n".join(",".join(str(value) for value in row) for row in rows)
    path.write_text(text)
    document = told(capsys, "prescreen", "--data", data, "--mode", "aggressive", "--params-file", path, "--json")
    assert document["tried"] == 3


def test_prescreen_writes_the_same_file_every_time_and_seconds_beside_it(data, tmp_path, capsys):
    for name in ("a", "b"):
        document = told(
            capsys,
            "prescreen",
            "--data",
            data,
            "--mode",
            "aggressive",
            "--combos",
            200,
            "--out",
            tmp_path / name,
            "--json",
        )
    seconds = document["seconds"]
    assert list(seconds) == ["generate", "prepare", "evaluate", "rank", "serialize", "total"]
    assert all(took > 0 for took in seconds.values())
    assert sum(seconds.values()) - seconds["total"] == pytest.approx(seconds["total"])
    first, again = ((tmp_path / name / "phase0_top500.json").read_bytes() for name in ("a", "b"))
    assert first == again
    assert "seconds" not in json.loads(first)
    assert json.loads((tmp_path / "a" / "phase0_seconds.json").read_text())["seconds"]["total"] > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mode", "agressive"], "did you mean 'aggressive'"),
        (["--strategy", "mtf_emu"], "did you mean 'mtf_ema'"),
        (["--primary", "anual_sharpe"], "did you mean 'annual_sharpe'"),
        (["--engine", "gpu"], "no GPU: "),
        (["--combos", "5", "--params-file", "x.csv"], "exclude each other"),
        (["--params-file", "nowhere.csv"], "nowhere.csv"),
        (["--start", "yesterday"], "--start: 'yesterday'"),
        (["--max-drawdown", "nan"], "max_drawdown is nan"),
        (["--max-drawdown", "35"], "max_drawdown is 35.0; give a fraction"),
        (["--min-trades", "0"], "min_trades is 0"),
        (["--fee-bps", "nan"], "fee_bps is nan"),
        (["--allow-gaps", "-1"], "allow_gaps is -1"),
        (["--oos-share", "nan"], "out-of-sample share is nan"),
        (["--out", __file__], "is a file"),
        (["--metrics-out", "/"], "is a directory"),
        (["--interval", "7m"], "7m"),
    ],
)
def test_a_bad_flag_is_one_line_on_stderr_and_exit_code_2(data, capsys, arguments, said):
    out, err = told(capsys, "prescreen", "--data", data, *arguments, code=2)
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err


def test_vectors_outside_the_limits_or_of_another_strategy_are_refused(data, tmp_path, capsys):
    path = tmp_path / "v.json"
    for given, said in (
        ([{**VECTORS[0], "sl": 5.0}], "sl is 5"),
        ([{"L_fast": 1}], "wanted"),
        ([{"L_fast": "x"}], "numbers"),
        ([VECTORS[0], {**VECTORS[1], "extra": 1}], "row 1 has"),
        (VECTORS[0], "list of JSON objects"),
        ([1, 2], "list of JSON objects"),
        ([{**VECTORS[0], "L_fast": 10**30}], "not a table of parameters"),
        ([], "no rows"),
    ):
        path.write_text(json.dumps(given))
        _, err = told(capsys, "prescreen", "--data", data, "--mode", "aggressive", "--params-file", path, code=2)
        assert said in err


def test_prescreen_without_a_valid_combination_ends_with_1_and_says_why(data, capsys):
    out, _ = told(capsys, "prescreen", "--data", data, "--combos", 20, "--min-trades", 100000, code=1)
    assert "none of 20 combinations meets the constraints" in out


def test_optimize_refine_and_summarize_on_one_asset(data, home, capsys):
    flags = ("--data", data, "--mode", "aggressive")
    done = told(capsys, "optimize", *flags, "--prescreen", 200, "--trials", 24, "--crown-on", "screen", "--json")
    assert [entry["phase"] for entry in done["phases"]][:4] == ["preflight", "prescreen", "refine", "screen"]
    assert done["results"] == str(home / "results" / "optimize" / "NOISE" / "aggressive")
    more = told(capsys, "refine", *flags, "--trials", 30, "--json")
    assert (more["tried"], more["verdict"]) == (30, "pass")
    summary = told(capsys, "summarize", "optimize", "--top", 2, "--json")
    totals = summary["totals"]
    assert (totals["prescreened"], totals["trials"]) == (200, 30)
    assert totals["valid"] + totals["skipped"] + totals["failed"] == 30
    assert len(summary["top"]) == 2
    assert summary["best"] == summary["top"][0]
    assert summary["best"]["score"] == summary["assets"][0]["best_score"] == more["figures"]["score"]
    spread = summary["percentiles"]["score"]
    assert spread["p5"] <= spread["p50"] <= spread["p95"] <= summary["best"]["score"]
    out, _ = told(capsys, "summarize", done["results"])
    assert "200 prescreened; 30 trials" in out


def test_optimize_prices_the_search_until_the_answer_is_settled_and_writes_a_certificate(data, home, capsys):
    asked = ("--data", data, "--mode", "aggressive", "--prescreen", 100, "--trials", 6, "--surrogates", 19)
    done = told(capsys, "optimize", *asked, "--paths", 3000, "--by-regime", "--json")
    phases = [entry["phase"] for entry in done["phases"]]
    n_shares = phases.count("surrogates")
    assert phases[: 3 + n_shares + 1] == ["preflight", "prescreen", "refine", *["surrogates"] * n_shares, "validate"]
    certificate = json.loads((home / "results" / "optimize" / "NOISE" / "aggressive" / "certificate.json").read_text())
    searched = [entry["figures"] for entry in done["phases"] if entry["phase"] == "surrogates"]
    assert certificate["surrogates"]["searched"] <= sum(each["searched"] for each in searched)
    assert certificate["surrogates"]["as_good"] == min(5, sum(each["as_good"] for each in searched))
    assert certificate["bootstrap"]["resamples"] == 3000
    assert [row["regime"] for row in done["regimes"]] == [row["regime"] for row in certificate["regimes"]["table"]]
    out, _ = told(capsys, "optimize", *asked, "--paths", 3000, "--by-regime")
    assert "rising, wild" in out


def test_the_command_on_a_certificate_makes_it_again(data, home, capsys, tmp_path, monkeypatch):
    told(
        capsys, "optimize", "--data", data, "--mode", "aggressive", "--prescreen", 80, "--trials", 6, "--surrogates", 19
    )
    path = Path("results") / "optimize" / "NOISE" / "aggressive" / "certificate.json"
    first = json.loads((home / path).read_text())
    verify, again = first["reproduce"]
    assert verify == "swarmd champion verify NOISE 15m"
    place, program, *words = shlex.split(again)
    assert (place, program) == ("SWARMD_HOME=$(mktemp", "-d)")
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "elsewhere"))
    assert words[0] == "swarmd"
    told(capsys, *words[1:], "--json")
    second = json.loads((tmp_path / "elsewhere" / path).read_text())
    for certificate in (first, second):
        certificate.pop("ledger")
    assert second == first


def test_optimize_refuses_workers_whose_trials_nobody_can_repeat(data, home, capsys):
    _, err = told(capsys, "optimize", "--data", data, "--workers", 2, code=2)
    assert "give --workers 1, or --crown-on screen" in err


@pytest.mark.parametrize("command", ["refine", "optimize"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "yesterday"], "--start: 'yesterday'"),
        (["--max-drawdown", "nan"], "max_drawdown"),
        (["--mode", "agressive"], "did you mean 'aggressive'"),
        (["--symbol", "../x"], "'../x' cannot name an asset's results; give --symbol"),
        (["--known-gap", "zz"], "known gap 'zz' is not a UTC day"),
        (["--oos-share", "nan"], "oos_share is nan"),
        (["--campaign", "../x"], "'../x'"),
        (["--primary", "anual_sharpe"], "did you mean 'annual_sharpe'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(data, home, capsys, command, arguments, said):
    out, err = told(capsys, command, "--data", data, "--trials", 1, *arguments, code=2)
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
    assert not list((home / "results").rglob("*.json"))


def test_optimize_stops_at_data_that_is_not_fit(tmp_path, home, capsys):
    a_market(tmp_path / "short", days=30)
    _, err = told(
        capsys, "optimize", "--data", tmp_path / "short" / "NOISE.parquet", "--prescreen", 10, "--trials", 2, code=2
    )
    assert "30.0 days of history, fewer than 90; import more" in err
    refused = told(capsys, "summarize", "optimize", "--json")["refused"]
    assert refused[0]["symbol"] == "NOISE"


def test_refine_with_pruning_tells_what_it_gave_up_and_summarize_counts_it(data, home, capsys):
    flags = ("refine", "--data", data, "--mode", "aggressive", "--trials", 40, "--max-drawdown", 0.9, "--campaign", "p")
    document = told(capsys, *flags, "--prune", "median", "--json")
    assert 0 < document["figures"]["pruned"] < 30
    totals = told(capsys, "summarize", "p", "--json")["totals"]
    assert totals["pruned"] == document["figures"]["pruned"]
    assert sum(totals[name] for name in ("valid", "skipped", "pruned", "failed")) == totals["trials"] == 40
    out, _ = told(capsys, "summarize", "p")
    assert f"{totals['pruned']} given up early, 0 failed" in out


def test_an_interrupted_refinement_says_that_it_is_kept_and_the_same_command_goes_on(data, home, tmp_path, capsys):
    body = "if params != self.card.baseline and Path(__file__ + '.calls').read_text():\n    raise KeyboardInterrupt"
    a_strategy(tmp_path, body)  # the preflight runs the baseline, and is not meant
    calls = tmp_path / "own.py.calls"
    calls.write_text("")
    flags = ("--data", data, "--strategy", f"{tmp_path}/own.py:Own", "--mode", "long_short", "--max-drawdown", 0.95)
    told(capsys, "refine", *flags, "--trials", 3)
    calls.write_text("now")
    _, err = told(capsys, "refine", *flags, "--trials", 5, code=130)
    assert "the trials that are finished are kept, and the same command goes on" in err
    calls.write_text("")
    document = told(capsys, "refine", *flags, "--trials", 5, "--json")
    assert document["headline"].startswith("NOISE long_short: ")
    assert " of 5 trials valid" in document["headline"]


def test_summarize_of_nothing_says_what_there_is(home, capsys):
    (home / "results" / "majors").mkdir(parents=True)
    _, err = told(capsys, "summarize", "major", code=2)
    assert "campaigns there: majors" in err
    _, err = told(capsys, "summarize", "majors", code=2)
    assert "no results in it" in err
    (home / "results" / "majors" / "all_trials.json").write_text('{"trials": [{}]}')
    _, err = told(capsys, "summarize", "majors", code=2)
    assert "its schema is not swarmd.trials/1" in err


def test_a_bare_name_is_the_campaigns_and_not_that_of_a_folder_that_lies_here(home, tmp_path, monkeypatch, capsys):
    for folder in (home / "results" / "mine", tmp_path / "mine"):
        folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    _, err = told(capsys, "summarize", "mine", code=2)
    assert f"{home / 'results' / 'mine'}: no results in it" in err
    for named in ("./mine/", tmp_path / "mine"):
        _, err = told(capsys, "summarize", named, code=2)
        assert str(home) not in err


def test_champions_are_listed_and_shown_and_a_damaged_one_is_told(home, capsys):
    from swarmd.engine.champions.champion import ChampionFile, write_champion

    assert "no champions yet" in told(capsys, "champion", "list")[0]
    figures = {"annual_sharpe": 1.0}
    path = home / "champions" / "BTCUSDT_5m.json"
    write_champion(
        path,
        ChampionFile(
            symbol="BTCUSDT", timeframe="5m", strategy="mtf_ema", mode="aggressive", parameters={"L_fast": 5},
            metrics={"development": figures, "vault": figures, "gates": {}}, score=1.5, created_at="t", run_id="r",
            campaign="c", trial_id=1, snapshot_id="s", data_sha256="d", git_commit=None, code_version="v", tried=9,
            certificate=None,
        ),
    )  # fmt: skip
    assert told(capsys, "champion", "list", "--json")["champions"][0]["tried"] == 9
    for named in (["BTCUSDT"], ["BTCUSDT_5m"], ["BTCUSDT", "5m"]):
        assert told(capsys, "champion", "show", *named, "--json") == json.loads(path.read_text())
    assert "cannot be part of a file's name" in told(capsys, "champion", "show", "../x", "5m", code=2)[1]
    _, err = told(capsys, "champion", "show", "ETHUSDT", code=2)
    assert "there is: BTCUSDT_5m" in err
    path.write_text(path.read_text().replace('"tried": 9', '"tried": 8'))
    assert "DAMAGED" in told(capsys, "champion", "list")[0]
    assert "changed by hand" in told(capsys, "champion", "show", "BTCUSDT", code=2)[1]


@pytest.mark.parametrize("command", ["prescreen", "refine", "optimize", "summarize", "champion"])
def test_help_has_an_example(command, capsys):
    out, _ = told(capsys, command, "--help")
    assert f"Example: swarmd {command}" in " ".join(out.split())
