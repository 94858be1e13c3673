"""Trades from a CSV: read to the last digit, refused with row and column, and the account they make."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
from report_builders import FIRST_MS, Watched, browser

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.synth import noise_market
from swarmd.engine.phases.trade_table import COLUMNS, trades_csv
from swarmd.engine.reports.calendar import daily_returns
from swarmd.engine.reports.tearsheet import figures_of
from swarmd.engine.reports.trades_file import account_of, read_trades
from swarmd.engine.strategies.registry import strategy_named

HEAD = ",".join(COLUMNS)
LINE = "1,2024-01-01T00:00:00Z,2024-01-03T12:00:00Z,long,100.0,101.0,1.0,0.01,0.01,signal,60,0,60,0.001"


def a_file(*lines: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *lines, "")).encode()


def changed(name: str, value: str, line: str = LINE) -> str:
    cells = line.split(",")
    cells[HEAD.split(",").index(name)] = value
    return ",".join(cells)


def test_a_trade_is_read_as_it_stands():
    (trade,) = read_trades(a_file(LINE), "t.csv")
    assert (trade.entry_ms, trade.exit_ms) == (FIRST_MS, FIRST_MS + 60 * 3_600_000)
    assert (trade.is_long, trade.pnl, trade.reason, trade.bars_held) == (True, 0.01, "signal", 60)


def test_other_columns_order_a_mark_of_bytes_and_lines_of_windows_are_no_trouble():
    names = ["side", "note", "exit_reason", "return", "pnl", "exit_price", "entry_price", "exit_time", "entry_time"]
    line = 'short,"a, ""b""",stop,-0.02,-0.02,102,100,2024-01-02 00:00,2024-01-01T02:00:00+02:00'
    content = b"\xef\xbb\xbf" + a_file(line, head=",".join(names)).replace(b"\n", b"\r\n")
    (trade,) = read_trades(content, "t.csv")
    assert (trade.entry_ms, trade.is_long, trade.return_) == (FIRST_MS, False, -0.02)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"t.csv: row 1: no column entry_time, .* \(there are: nothing\)"),
        (b"date,price\n1,2\n", r"row 1: no column entry_time, exit_time.*there are: date, price.*backtest --trades"),
        (a_file(), "a head and no trade below it"),
        (a_file(LINE, "1,2"), r"row 3: 2 cells under 14 columns"),
        (a_file(changed("entry_time", "yesterday")), r"row 2, column entry_time: 'yesterday' is no instant; give 2024"),
        (a_file(changed("exit_time", "2023-12-31")), r"row 2, column exit_time: 2023-12-31 is before the entry"),
        (a_file(LINE, changed("side", "up")), r"row 3, column side: 'up'; give long or short"),
        (a_file(changed("pnl", "nan")), r"row 2, column pnl: 'nan' is no finite number"),
        (a_file(changed("return", "1e400")), r"row 2, column return: '1e400' is no finite number"),
        (a_file(changed("entry_price", "0")), r"row 2, column entry_price: 0; a price is above 0"),
        (a_file(changed("pnl", "100.0")), r"row 2, column pnl: 100 does not come of a return of 0.01 .* divide by the"),
        (b"\xff\xfe\x00", "byte 0 is no UTF-8"),
        (a_file('1,"2024'), r"row 2: .*; `swarmd backtest --trades FILE`"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_with_its_place(content: bytes, said: str):
    with pytest.raises(ValueError, match=said):
        read_trades(content, "t.csv")


def test_flat_days_count_and_profit_is_booked_at_the_exit():
    account = account_of(read_trades(a_file(LINE, changed("exit_time", "2024-01-05T00:00:00Z")), "t.csv"))
    assert account.days == ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05")
    assert account.equity == pytest.approx((1.0, 1.0, 1.01, 1.01, 1.02))


def test_an_account_that_is_ruined_stays_so():
    lost = changed("return", "-1.0", changed("pnl", "-1.0"))
    later = changed("entry_time", "2024-01-04", changed("exit_time", "2024-01-05"))
    account = account_of(read_trades(a_file(lost, later), "t.csv"))
    assert account.equity[2:] == (0.0, 0.0, 0.0)
    assert all(math.isfinite(value) for value in figures_of(account, 1.0).values() if value is not None)


def test_our_own_table_comes_back_to_the_last_digit_and_ends_where_the_backtest_does():
    bars, strategy = noise_market(days=60, interval_minutes=60, seed=4), strategy_named("ema_cross")
    params = {"L_fast": 5, "L_slow": 20, "sl": 0.03, "tp": 0.05}
    ran = run_backtest(bars, strategy, params, mode="long_short", costs=Costs(5.0, 2.0))
    trades = read_trades(trades_csv(ran.trades, bars), "t.csv")
    assert [each.return_ for each in trades] == ran.trades.return_.tolist()
    assert [each.entry_ms for each in trades] == bars.open_time[ran.trades.entry_bar].tolist()
    figures = figures_of(account_of(trades), 10_000.0)
    assert figures["total_return"] == pytest.approx(ran.metrics.total_return, rel=1e-9)
    for name in ("total_trades", "win_rate", "profit_factor", "avg_trade_return", "top10_share"):
        assert figures[name] == pytest.approx(getattr(ran.metrics, name), rel=1e-12)


def test_quantstats_comes_to_the_same_figures_and_its_page_fetches_nothing(tmp_path: Path):
    pytest.importorskip("quantstats", reason="quantstats is missing: pip install 'swarmd[tearsheet]'")
    from swarmd.engine.reports.quantstats_page import quantstats_page

    rng = np.random.default_rng(8)
    page = io.StringIO()
    page.write(HEAD + "\n")
    for at, change in enumerate(rng.normal(0.002, 0.02, 60)):
        begin, end = (np.datetime64("2023-01-01T00:00:00") + np.timedelta64(4 * at + days, "D") for days in (0, 2))
        line = changed("entry_time", f"{begin}Z", changed("exit_time", f"{end}Z"))
        page.write(changed("pnl", repr(float(change * 0.5)), changed("return", repr(float(change)), line)) + "\n")
    account = account_of(read_trades(page.getvalue().encode(), "t.csv"))
    told, theirs = quantstats_page("x<script>alert(1)</script>", account)
    ours = figures_of(account, 10_000.0)
    for name, value in theirs.items():
        assert math.isclose(value, ours[name] or 0.0, rel_tol=1e-9, abs_tol=1e-12), name
    assert len(account.days) == 4 * 59 + 3
    assert len(daily_returns(account.equity)) == len(account.days)
    assert "<script" not in told
    assert "default-src 'none'" in told
    (tmp_path / "qs.html").write_text(told)
    with browser() as opened:
        watched = Watched(opened, tmp_path / "qs.html")
        assert watched.asked == []
        assert watched.complaints == []
