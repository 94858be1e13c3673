"""`swarmd data` as a person and a script meet it: files, tables, documents, exit codes."""

import json
import re
import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner
from market_builders import columns, real_bars, save, without

from swarmd.engine.commands.data import data
from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.engine.market.bars import load_bars
from swarmd.state.errors import OperatorError

N_90_DAYS = 90 * 288


def run(*arguments):
    return CliRunner().invoke(data, [str(argument) for argument in arguments])


def refusal_of(*arguments):
    """The one line an operator is told; whoever runs the command line prints it and exits with 2."""
    fault = run(*arguments).exception
    assert isinstance(fault, OperatorError)
    assert "\n" not in str(fault)
    return str(fault)


@pytest.mark.parametrize("name", ["download", "import", "validate", "synth", "list"])
def test_every_command_has_help_with_an_example(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Example: swarmd data {name}" in result.output


def test_the_commands_load_nothing_that_computes_until_one_runs():
    heavy = ("numpy", "numba", "pyarrow", "rich", "ccxt")
    code = f"import sys, swarmd.engine.commands.data; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_validate_passes_good_bars_and_shows_only_the_summary(tmp_path):
    result = run("validate", save(tmp_path / "GOOD.parquet", columns(N_90_DAYS)))
    assert result.exit_code == 0
    assert "GOOD" in result.output
    assert "1 of 1 file is fit to use" in result.output
    assert "duplicates" not in result.output


def test_validate_shows_every_check_when_asked(tmp_path):
    result = run("validate", save(tmp_path / "GOOD.parquet", columns(N_90_DAYS)), "--check-all")
    for shown in ("duplicates", "ohlc", "90.0 days (at least 90)", "complete bars: 8640 of 15m"):
        assert shown in result.output


def shown_at(monkeypatch, width, *arguments):
    """What a terminal of so many columns shows, colours left out."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    return run("validate", *arguments, "--check-all").output.splitlines()


@pytest.fixture
def faulty(tmp_path):
    """Two files in a folder: one that cannot be read, one with a range that cannot be, and a hole."""
    (tmp_path / "A.csv").write_text("a,b\n1,2\n")
    cols = without(columns(300), 50)
    cols["high"][3] = 1.0
    return save(tmp_path / "B.parquet", cols).parent


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_fits_the_terminal_and_loses_no_word(monkeypatch, faulty, width):
    lines = shown_at(monkeypatch, width, faulty)
    # A path stays in one piece, for copying.
    assert all(len(line) <= width or str(faulty) in line for line in lines), lines
    text = " ".join(" ".join(lines).split())
    for word in ("columns", "interval", "duplicates", "verdict", "skipped", "known_gaps", "refetch", "2023-01-01"):
        assert word in text
    assert "0 of 2 files are fit to use" in text
    assert "Rows are counted from 0" in text


def test_in_a_narrow_terminal_what_where_value_and_what_to_do_stand_under_each_other(monkeypatch, faulty):
    lines = [line.strip() for line in shown_at(monkeypatch, 80, faulty / "B.parquet")]
    at = next(row for row, line in enumerate(lines) if line.startswith("ohlc"))
    assert lines[at].split(maxsplit=2) == ["ohlc", "fail", "high < max(open, close)"]
    assert lines[at + 1] == "row 3 (2023-01-01 00:15 UTC)"
    assert lines[at + 2].startswith("1.0 < 100.")
    assert lines[at + 3] == "→ refetch the bar, or drop the row and accept the gap"


def test_a_wide_table_has_what_where_value_and_what_to_do_in_columns(monkeypatch, faulty):
    lines = shown_at(monkeypatch, 200, faulty / "B.parquet")
    assert any(line.split() == ["check", "verdict", "what", "where", "value", "what", "to", "do"] for line in lines)
    (ohlc,) = [line for line in lines if "ohlc" in line]
    assert re.match(
        r" ?ohlc +fail +high < max\(open, close\) +row 3 \(2023-01-01 00:15 UTC\) +1\.0 < \S+ +refetch the bar", ohlc
    )


def test_piped_a_row_is_a_line_without_escapes(monkeypatch, faulty):
    monkeypatch.setenv("COLUMNS", "40")
    output = run("validate", faulty, "--check-all").output
    assert "\x1b" not in output
    (gap,) = [line for line in output.splitlines() if line.split()[:2] == ["gaps", "fail"]]
    assert "or allow 1 missing bar in all" in gap


def test_colours_are_left_out_when_that_is_asked(monkeypatch, faulty):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[31mfail" in run("validate", faulty, "--check-all").output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("validate", faulty, "--check-all").output


def test_of_a_thousand_gaps_twenty_are_shown_and_the_rest_counted(tmp_path):
    path = save(tmp_path / "A.parquet", without(columns(400), *range(1, 200, 4)))
    for flags in ((), ("--check-all",)):
        output = run("validate", path, *flags).output
        assert output.count("refetch the bars") == 20
        assert "… and 30 more like these; --json lists all" in output
    (file,) = json.loads(run("validate", path, "--json").stdout)["files"]
    assert sum(finding["check"] == "gaps" for finding in file["findings"]) == 50


def test_validate_says_wrong_interval_on_every_real_hourly_file_asked_as_five_minutes():
    result = run("validate", real_bars("bars_1h"), "--interval", "5m", "--json")
    files = json.loads(result.stdout)["files"]
    assert len(files) > 20
    for file in files:
        (finding,) = (f for f in file["findings"] if f["level"] == "error")
        assert (finding["check"], finding["what"]) == ("interval", "wrong interval: these are 1h bars")


def dumped(folder, days):
    """Daily dumps of one symbol, as the exchange packs them."""
    folder.mkdir()
    whole = columns(days * 288)
    for day in range(days):
        cols = {name: values[day * 288 : (day + 1) * 288].tolist() for name, values in whole.items()}
        rows = [
            f"{opened},{','.join(map(repr, prices))},{opened + 299_999},0,0,0,0,0"
            for opened, *prices in zip(*cols.values(), strict=True)
        ]
        stem = f"BTCUSDT-5m-2023-01-{day + 1:02d}"
        with zipfile.ZipFile(folder / f"{stem}.zip", "w", zipfile.ZIP_DEFLATED) as dump:
            dump.writestr(f"{stem}.csv", "\n".join(rows) + "\n")
    return whole


def test_import_makes_one_file_of_a_folder_of_dumps(tmp_path):
    whole = dumped(tmp_path / "dumps", 3)
    document = json.loads(run("import", tmp_path / "dumps", "--out", tmp_path / "bars", "--json").stdout)
    kept = tmp_path / "bars" / "BTCUSDT.parquet"
    assert (document["path"], document["symbol"], document["bars"]) == (str(kept), "BTCUSDT", 864)
    assert load_bars(kept).sha256() == load_bars(save(tmp_path / "A.parquet", whole)).sha256()
    files = sorted((tmp_path / "dumps").iterdir())
    again = run("import", *reversed(files), "--out", tmp_path / "bars")
    assert "864 bars already there, the same" in again.output
    files[1].unlink()
    assert "288 bars missing from 2023-01-02 00:00 UTC" in refusal_of("import", tmp_path / "dumps", "--out", tmp_path)


def test_validate_and_list_tell_the_dumps_of_a_folder_as_one_series_beside_its_files(tmp_path):
    dumped(tmp_path / "dumps", 2)
    save(tmp_path / "dumps" / "ETH.parquet", columns(300))
    document = json.loads(run("validate", tmp_path / "dumps", "--min-days", 1, "--json").stdout)
    assert document["passed"]
    assert [(file["symbol"], file["bars"]) for file in document["files"]] == [("ETH", 300), ("BTCUSDT", 576)]
    assert "BTCUSDT-5m-2023-01-01.zip … BTCUSDT-5m-2023-01-02.zip (2 files)" in document["files"][1]["path"]
    listed = json.loads(run("list", tmp_path / "dumps", "--json").stdout)
    assert [row["symbol"] for row in listed["series"]] == ["ETH", "BTCUSDT"]


def test_validate_fails_with_one_when_any_file_fails_and_tells_each_problem_on_a_line_of_its_own(tmp_path):
    save(tmp_path / "A.parquet", columns(N_90_DAYS))
    short = save(tmp_path / "B.csv", without(columns(300), 8))
    (tmp_path / "notes.txt").write_text("not bars")
    result = run("validate", tmp_path)
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert (
        f"error B gaps: {short}: 1 bar missing from 2023-01-01 00:40 UTC (before row 8); refetch the bars, or"
        in "\n".join(lines)
    )
    assert f"error B history: {short}: 1.0 days of history, fewer than 90; import more, or leave the asset out" in lines
    assert lines[-1] == "1 of 2 files are fit to use"
    assert run("validate", short, "--known-gap", "2023-01-01", "--min-days", 1).exit_code == 0


def test_validate_gives_one_document_on_stdout_and_the_same_exit_code(tmp_path):
    path = save(tmp_path / "B.csv", without(columns(300), 8))
    result = run("validate", path, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (document["schema"], document["passed"]) == ("swarmd.data_validate/1", False)
    (file,) = document["files"]
    assert (file["path"], file["symbol"], file["interval"], file["bars"]) == (str(path), "B", "5m", 299)
    assert file["gaps"] == [{"first_missing": "2023-01-01T00:40:00Z", "bars": 1}]
    assert [finding["check"] for finding in file["findings"]] == ["gaps", "history"]


def test_validate_tells_a_wrong_path_or_option_to_the_operator(tmp_path):
    assert "there is no such file or folder; check the path" in refusal_of("validate", tmp_path / "none.parquet")
    assert "no .parquet, .csv, .feather, .zip file in this folder" in refusal_of("validate", tmp_path)
    path = save(tmp_path / "A.parquet", columns())
    assert "interval '7m' is not one of" in refusal_of("validate", path, "--interval", "7m")
    assert "known gap 'soon' is not a UTC day" in refusal_of("validate", path, "--known-gap", "soon")


def test_validate_on_the_real_five_minute_bars_fails_the_young_and_the_holed():
    document = json.loads(run("validate", real_bars("bars_5m"), "--json").stdout)
    failing = {
        file["symbol"]: [f["check"] for f in file["findings"]] for file in document["files"] if not file["passed"]
    }
    assert failing == {
        "BTCUSDT": ["gaps", "gaps"], "ETHUSDT": ["gaps", "gaps"], "IOUSDT": ["history"], "ZROUSDT": ["history"],
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".feather", ".parquet"])
def test_import_keeps_the_very_bars_of_the_source_with_their_accepted_gap(tmp_path, suffix):
    source = save(tmp_path / f"raw{suffix}", without(columns(), 8))
    result = run(
        "import",
        source,
        "--out",
        tmp_path / "bars",
        "--symbol",
        "BTCUSDT",
        "--interval",
        "5m",
        "--known-gap",
        "2023-01-01",
    )
    assert result.exit_code == 0
    kept = tmp_path / "bars" / "BTCUSDT.parquet"
    assert result.output.startswith(f"{kept}: 19 bars written (BTCUSDT_5m_2023-01-01_2023-01-01_")
    assert load_bars(kept, allow_gaps=1).sha256() == load_bars(source, allow_gaps=1).sha256()
    assert [path.name for path in kept.parent.iterdir()] == ["BTCUSDT.parquet"]


def test_import_refuses_bad_bars_and_writes_nothing(tmp_path):
    cols = columns()
    cols["high"][3] = 1.0
    source = save(tmp_path / "raw.csv", cols)
    assert "high 1.0 is below max(open, close)" in refusal_of("import", source, "--out", tmp_path / "bars")
    assert not (tmp_path / "bars").exists()


def test_import_twice_is_harmless_and_other_bars_are_never_overwritten_unless_forced(tmp_path):
    source, other = save(tmp_path / "A.csv", columns()), save(tmp_path / "B.csv", columns(seed=2))
    into = ("--out", tmp_path / "bars", "--symbol", "A", "--json")
    first, second = (json.loads(run("import", source, *into).stdout) for _ in range(2))
    assert (first["schema"], first["written"], second["written"]) == ("swarmd.data_import/1", True, False)
    kept = (tmp_path / "bars" / "A.parquet").read_bytes()
    assert "other bars are there already; choose another --out or --symbol, or --force" in refusal_of(
        "import", other, *into
    )
    assert (tmp_path / "bars" / "A.parquet").read_bytes() == kept
    forced = json.loads(run("import", other, *into, "--force").stdout)
    assert forced["sha256"] == load_bars(other).sha256() == load_bars(tmp_path / "bars" / "A.parquet").sha256()


def test_a_symbol_may_not_lead_out_of_the_folder(tmp_path):
    source = save(tmp_path / "A.csv", columns())
    assert "cannot be a file's name" in refusal_of("import", source, "--out", tmp_path / "bars", "--symbol", "../A")


def test_synth_writes_bars_and_a_truth_that_says_it_is_synthetic(tmp_path):
    asked = (
        "synth",
        "--kind",
        "planted",
        "--days",
        20,
        "--seed",
        7,
        "--sharpe",
        3,
        "--out",
        tmp_path,
        "--symbol",
        "SYN7",
    )
    result = run(*asked)
    assert result.exit_code == 0
    assert "5760 synthetic bars written" in result.output
    truth = json.loads((tmp_path / "SYN7.truth.json").read_text())
    assert (truth["schema"], truth["synthetic"], truth["kind"], truth["seed"]) == ("swarmd.truth/1", True, "planted", 7)
    assert "synthetic" in truth["note"]
    assert truth["truth"]["true_net_annual_sharpe"] == pytest.approx(3.0, abs=0.08)
    assert truth["sha256"] == load_bars(tmp_path / "SYN7.parquet").sha256()
    assert "already there, the same" in run(*asked).output
    assert "other bars are there already" in refusal_of(*asked[:6], 8, *asked[7:])


@pytest.mark.parametrize(("kind", "told"), [("noise", "there is no edge"), ("drift", "holding has a Sharpe of 1")])
def test_synth_without_an_edge_says_so(tmp_path, kind, told):
    result = run("synth", "--kind", kind, "--days", 5, "--out", tmp_path)
    assert result.exit_code == 0
    assert told in result.output
    assert json.loads((tmp_path / f"{kind.upper()}.truth.json").read_text())["truth"]["timing_edge"] is False


def test_synth_refuses_what_makes_no_sense(tmp_path):
    assert "noise has none" in refusal_of("synth", "--kind", "noise", "--sharpe", 1, "--out", tmp_path)
    assert "0 days is not possible" in refusal_of("synth", "--kind", "noise", "--days", 0, "--out", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_list_shows_what_is_there_and_why_a_file_cannot_be_read(tmp_path):
    save(tmp_path / "A.parquet", without(columns(300), 8, 9))
    (tmp_path / "B.csv").write_text("a,b\n1,2\n")
    result = run("list", tmp_path)
    assert result.exit_code == 0
    assert "2023-01-01 00:00" in result.output
    assert f"{tmp_path / 'B.csv'}: no column timestamp" in result.output
    document = json.loads(run("list", tmp_path, "--json").stdout)
    assert document["schema"] == "swarmd.data_list/1"
    assert [(row["symbol"], row["bars"], len(row["gaps"])) for row in document["series"]] == [
        ("A", 298, 1),
        ("B", 0, 0),
    ]
    assert document["series"][0]["problem"] is None
    assert "there is no such folder" in refusal_of("list", tmp_path / "nowhere")


def test_a_fault_of_the_operating_system_is_told_with_its_path(tmp_path):
    told = r"none.txt: No such file or directory; check the path and its permissions"
    with pytest.raises(OperatorError, match=told), told_to_the_operator():
        (tmp_path / "none.txt").read_text()


def test_a_fault_of_our_own_is_not_blamed_on_the_operator():
    with pytest.raises(KeyError), told_to_the_operator():
        raise KeyError("ours")
