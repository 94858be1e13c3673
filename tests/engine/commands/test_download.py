"""`swarmd data download` against a server that speaks Binance's klines and misbehaves as exchanges do."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from binance_server import FAULTS, FIRST_MS, STEP_MS, BinanceServer, Row, market_rows
from faulty_disk import WRITE, FaultyDisk

from swarmd.cli import exit_code_of
from swarmd.engine.commands.data import data
from swarmd.engine.commands.download import download

# The same command line as a person's, in a process of its own.
COMMAND = (
    "from swarmd.engine.commands.data import data\n"
    "from swarmd.engine.commands.download import download\n"
    "data.add_command(download)\n"
    "from swarmd.cli import main\n"
    "main()\n"
)
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(data.commands, "download", download)


def words(server: BinanceServer | str, out: Path, symbols: str = "BTC/USDT", **flags: Any) -> list[str]:
    """The command line: eight days from the first bar on, unless `flags` say otherwise."""
    url = server if isinstance(server, str) else server.url
    asked = {"since": "2023-01-01", "until": "2023-01-09", "retry_wait": 0, "api_url": url} | flags
    told = [f"--{name.replace('_', '-')}={value}" for name, value in asked.items() if value is not None]
    return ["data", "download", f"--symbols={symbols}", f"--out={out}", *told]


def run(capsys: pytest.CaptureFixture[str], *line: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = exit_code_of(list(line))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def rows_of(path: Path) -> list[Row]:
    table = pyarrow.parquet.read_table(path)
    times = table.column("timestamp").cast("int64").to_pylist()
    names = ("open", "high", "low", "close", "volume")
    return list(zip(times, *(table.column(name).to_pylist() for name in names), strict=True))


def until(rows: list[Row], day: int) -> list[Row]:
    return [row for row in rows if row[0] < FIRST_MS + (day - 1) * DAY_MS]


def test_the_help_has_an_example_and_costs_nothing_that_computes() -> None:
    code = (
        "import sys\nfrom swarmd.engine.commands.download import download\n"
        "assert not {'ccxt', 'numpy', 'pyarrow', 'rich', 'requests'} & set(sys.modules)\n"
        "download(['--help'])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "Example: swarmd data download --exchange binance" in shown


# -- what an exchange does --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_server_neither_loses_nor_doubles_a_bar(
    fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = market_rows(2400, missing=[30, 31, 1500])
    with BinanceServer({"BTCUSDT": rows}, page_rows=700) as server:
        server.faults.extend(["", fault, "", fault])
        code, out, _ = run(capsys, *words(server, tmp_path), "--json")
    document = json.loads(out)
    (symbol,) = document["symbols"]
    assert (code, document["schema"], document["passed"]) == (0, "swarmd.data_download/1", True)
    assert rows_of(tmp_path / "BTCUSDT.parquet") == until(rows, 9)
    assert symbol["gaps"] == [
        {"first_missing": "2023-01-01T02:30:00Z", "bars": 2},
        {"first_missing": "2023-01-06T05:00:00Z", "bars": 1},
    ]
    is_refusal = fault in ("429", "418", "500", "503", "cut", "reset", "truncated", "html")
    assert (symbol["rows"], symbol["retries"]) == (2301, 2 if is_refusal else 0)
    assert [path.name for path in tmp_path.iterdir()] == ["BTCUSDT.parquet"]


def test_many_symbols_at_a_time_through_every_fault_end_as_the_exchange_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    markets = {f"C{n}USDT": market_rows(2400 - 300 * n, seed=n, missing=[5 * n]) for n in range(1, 6)}
    with BinanceServer(markets, page_rows=300) as server:
        server.faults.extend(sound for fault in FAULTS for sound in (fault, "", "", "", "", "", ""))
        symbols = ",".join(f"C{n}/USDT" for n in range(1, 6))
        code, out, _ = run(capsys, *words(server, tmp_path, symbols, parallel=3, since="2022-12-30"))
        keys = {name.lower() for headers in server.headers for name in headers}
    assert code == 0
    for name, rows in markets.items():
        assert rows_of(tmp_path / f"{name}.parquet") == until(rows, 9)
    assert out.count("the exchange has none before 2023-01-01 00:00 UTC") == 5
    assert [line.split(":")[0] for line in out.splitlines()] == [str(tmp_path / f"{name}.parquet") for name in markets]
    assert not {name for name in keys if "key" in name or name in ("authorization", "cookie")}


def test_the_bar_in_progress_is_never_written_and_comes_when_it_is_complete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = market_rows(600)
    with BinanceServer({"BTCUSDT": rows}, now_ms=FIRST_MS + 300 * STEP_MS + 17_000) as server:
        assert run(capsys, *words(server, tmp_path, until=None))[0] == 0
        assert rows_of(tmp_path / "BTCUSDT.parquet") == rows[:300]
        server.now_ms = FIRST_MS + 500 * STEP_MS
        server.asked.clear()
        code, out, _ = run(capsys, *words(server, tmp_path, until=None), "--json")
    assert (code, json.loads(out)["symbols"][0]["outcome"], json.loads(out)["symbols"][0]["new_rows"]) == (
        0, "extended", 200,
    )  # fmt: skip
    assert rows_of(tmp_path / "BTCUSDT.parquet") == rows[:500]
    assert server.asked == [("BTCUSDT", FIRST_MS + 200 * STEP_MS)]


def test_a_wait_that_the_exchange_asks_for_is_kept_and_a_long_ban_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with BinanceServer({"BTCUSDT": market_rows(2400)}) as server:
        server.faults.append("429")
        server.retry_after = "1"
        code, _, err = run(capsys, *words(server, tmp_path))
        assert (code, "answered 429" in err, "again in 1.0 s" in err) == (0, True, True)
        server.faults.extend(["", "418"])
        server.retry_after = "7200"
        code, _, err = run(capsys, *words(server, tmp_path / "b"))
    assert code == 1
    assert "it asks us to wait 7200 s; 1000 bars of BTCUSDT are kept in" in err


def test_a_server_that_stays_ill_costs_its_symbol_only_and_the_same_command_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = market_rows(2400)
    with BinanceServer({"BTCUSDT": rows, "ETHUSDT": rows}) as server:
        server.faults.extend(["", "", "", *["500"] * 4])
        line = words(server, tmp_path, "BTC/USDT,ETH/USDT", parallel=1, attempts=4)
        code, out, err = run(capsys, *line, "--json")
        first, second = json.loads(out)["symbols"]
        assert (code, first["outcome"], second["outcome"]) == (1, "written", "failed")
        assert err.splitlines()[-1].startswith("error: binance answered 500")
        assert "(after 4 attempts); 0 bars of ETHUSDT are kept in" in second["error"]
        server.faults.extend(["", *["cut"] * 4])
        assert "1000 bars of ETHUSDT are kept" in run(capsys, *line)[2]
        code, out, _ = run(capsys, *line)
    assert (code, "BTCUSDT.parquet: 2304 bars, nothing new" in out, "from 1000 bars kept" in out) == (0, True, True)
    assert (tmp_path / "ETHUSDT.parquet").read_bytes() == (tmp_path / "BTCUSDT.parquet").read_bytes()


def test_nobody_there_is_told_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        code, _, err = run(capsys, *words(url, tmp_path, attempts=3))
    assert code == 1
    assert "binance could not be reached" in err.splitlines()[-1]
    assert "(after 3 attempts); nothing was fetched yet, the same command tries again" in err.splitlines()[-1]
    assert err.count("again in") == 2


# -- a process that ends in the middle --------------------------------------------------------------------------------


def test_a_killed_download_continues_where_it_was_and_ends_with_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = market_rows(2400, missing=[700, 701])
    with BinanceServer({"BTCUSDT": rows}, page_rows=100) as server:
        assert run(capsys, *words(server, tmp_path / "whole"))[0] == 0
        n_whole = len(server.asked)
        server.asked.clear()
        child: list[subprocess.Popen[bytes]] = []

        def kill(n_asked: int) -> None:
            if n_asked == 12:
                child[0].send_signal(signal.SIGKILL)

        server.before_answer = kill
        child.append(subprocess.Popen([sys.executable, "-c", COMMAND, *words(server, tmp_path / "cut")]))
        assert child[0].wait(120) == -signal.SIGKILL
        assert not (tmp_path / "cut" / "BTCUSDT.parquet").exists()
        server.before_answer = lambda n_asked: None
        code, out, _ = run(capsys, *words(server, tmp_path / "cut"))
    # Eleven answers, of which one only cast a doubt on a hole.
    assert (code, "continued from 1000 bars kept" in out) == (0, True), out
    assert (tmp_path / "cut/BTCUSDT.parquet").read_bytes() == (tmp_path / "whole/BTCUSDT.parquet").read_bytes()
    # Only what was under way at the kill was asked for twice.
    assert len(server.asked) <= n_whole + 2
    assert os.listdir(tmp_path / "cut") == ["BTCUSDT.parquet"]  # noqa: PTH208


def test_a_person_who_leaves_is_told_what_is_kept(tmp_path: Path) -> None:
    with BinanceServer({"BTCUSDT": market_rows(2400)}) as server:
        server.faults.extend(["", "429"])
        server.retry_after = "500"
        line = [sys.executable, "-c", COMMAND, *words(server, tmp_path)]
        child = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
        assert child.stderr is not None
        assert "again in 500.0 s" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        assert "stopped; what came is kept in" in child.communicate(timeout=60)[1]
        assert child.returncode == 130
    assert (tmp_path / ".BTCUSDT.5m.part" / "pages.jsonl").stat().st_size > 1000


# -- what a person gets wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"exchange": "binanse"}, "exchange 'binanse' is not known; did you mean binance"),
        ({"interval": "7m"}, "interval '7m' is not one of 1m, 3m, 5m"),
        ({"interval": "45m"}, "binance has no 45m bars; it offers 1m, 3m, 5m"),
        ({"since": "2023-02-01"}, "--until 2023-01-09 is not after --since 2023-02-01"),
        ({"since": "soon"}, "--since: 'soon' is no day or ISO instant"),
        ({"since": "1960-01-01"}, "is before 1970"),
        ({"since": "2098-01-01", "until": None}, "no 5m bar is complete from 2098-01-01"),
        ({"parallel": 0}, "0 is not in the range"),
        ({"attempts": 0}, "0 is not in the range"),
        ({"symbols": "BTC/USTD"}, "binance does not trade BTC/USTD; did you mean BTC/USDT"),
        ({"symbols": ","}, "--symbols names none"),
        ({"symbols": "../../BTC"}, "cannot be a file's name"),
        ({"api_url": "localhost"}, "--api-url: 'localhost' is no address"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_nothing_is_written(
    flags: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with BinanceServer({"BTCUSDT": market_rows(50)}) as server:
        code, out, err = run(capsys, *words(server, tmp_path / "new", **flags))
        assert server.asked == []
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("error: ")
    assert told in err
    assert not (tmp_path / "new").exists()


def test_without_ccxt_the_line_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    code, _, err = run(capsys, *words("http://127.0.0.1:9", tmp_path))
    assert (code, err) == (
        2, "error: downloading needs ccxt, which is not installed; run: pip install 'swarmd[data]'\n",
    )  # fmt: skip


def test_a_file_that_differs_is_a_person_s_to_settle_and_the_others_are_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = market_rows(2400)
    with BinanceServer({"BTCUSDT": rows, "ETHUSDT": rows}) as server:
        assert run(capsys, *words(server, tmp_path, until="2023-01-03"))[0] == 0
        before = (tmp_path / "BTCUSDT.parquet").read_bytes()
        server.markets["BTCUSDT"] = market_rows(2400, seed=9)
        line = words(server, tmp_path, "BTC/USDT,ETH/USDT")
        code, out, err = run(capsys, *line)
        assert (code, "ETHUSDT.parquet: 2304 bars, written" in out) == (2, True)
        assert "the bar of 2023-01-02 15:40 UTC is there with open" in err
        assert (tmp_path / "BTCUSDT.parquet").read_bytes() == before
        assert run(capsys, *line, "--force")[0] == 0
    assert rows_of(tmp_path / "BTCUSDT.parquet") == until(market_rows(2400, seed=9), 9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["BTCUSDT.parquet", "ETHUSDT.parquet"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with BinanceServer({"BTCUSDT": market_rows(50)}) as server:
        code, _, err = run(capsys, *words(server, tmp_path / "file" / "bars"))
    assert (code, "check the path and its permissions" in err) == (2, True)


def test_a_full_disk_is_told_with_its_folder_and_the_same_command_goes_on_when_there_is_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bars"
    out.mkdir()
    disk = FaultyDisk(tmp_path / "page", out)
    with BinanceServer({"BTCUSDT": market_rows(2400)}, page_rows=300) as server:

        def fill(n_asked: int) -> None:
            if n_asked == 4:
                disk.refuse(errno.ENOSPC, WRITE)

        server.before_answer = fill
        environment = {**os.environ, **disk.environment}
        told = subprocess.run(
            [sys.executable, "-c", COMMAND, *words(server, out)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.returncode == 2, told.stderr
        assert f"{out}/.BTCUSDT.5m.part: No space left on device; make room there" in told.stderr
        assert not (out / "BTCUSDT.parquet").exists()
        code, said, _ = run(capsys, *words(server, out))
    assert (code, "continued from 900 bars kept" in said) == (0, True)
    assert rows_of(out / "BTCUSDT.parquet") == until(market_rows(2400), 9)
