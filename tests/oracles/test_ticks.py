"""The tick engine against a plain-Python twin: the same trades, the same money."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.tick_oracle import Books, Row, booked, booked_at, legacy_wishes, ofi_wishes
from tick_builders import cut, quotes, real_ibm, real_ibm_trades, runs_of, saved, stream_of, trades, trades_within

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.tick_stream import TickStream
from swarmd.engine.replay.wrapper import TickRun

COSTS = Costs(fee_bps=1.0, slippage_bps=0.5)


def rows_of(stream: TickStream, n: int | None = None) -> list[Row]:
    """The stream as plain rows, the first n of them."""
    rows: list[Row] = []
    for batch in stream:
        for at in range(len(batch)):
            none = bool(np.isnan(batch.bid_px[at]))
            quote = [None if none else float(getattr(batch, c)[at]) for c in ("bid_px", "bid_sz", "ask_px", "ask_sz")]
            is_trade = bool(batch.is_trade[at])
            price = float(batch.price[at]) if is_trade else None
            rows.append(Row(int(batch.ts[at]), is_trade, *quote, price, float(batch.qty[at] * batch.side[at])))
            if len(rows) == n:
                return rows
    return rows


def hold_against(run: TickRun, books: Books, rows: list[Row]) -> None:
    """Same rows, sides and prices exactly; money to what adding in another order leaves."""
    found = run.trades
    assert list(zip(found.entry_row.tolist(), found.exit_row.tolist(), found.side.tolist(), strict=True)) == [
        trade[:3] for trade in books.trades
    ]
    assert found.entry_price.tolist() == [trade[3] for trade in books.trades]
    assert found.exit_price.tolist() == [trade[4] for trade in books.trades]
    np.testing.assert_allclose(found.pnl, [trade[5] for trade in books.trades], rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.equity, books.marks, rtol=1e-12)
    assert run.metrics.total_return == pytest.approx(books.cash - 1.0, abs=1e-12)
    assert run.metrics.max_drawdown == pytest.approx(books.max_drawdown(), abs=1e-12)
    held = sum(rows[leave].ts - rows[entry].ts for entry, leave, *_ in books.trades)
    assert run.metrics.exposure == pytest.approx(held / (rows[-1].ts - rows[0].ts))


def files(tmp_path: Path, seed: int) -> tuple[Path, Path]:
    quoted = quotes(400, seed=seed)
    q = saved(tmp_path / "q.parquet", quoted)
    return q, saved(tmp_path / "t.parquet", trades_within(quoted, seed=seed + 50))


@pytest.mark.parametrize("mode", ["long", "long_short"])
@pytest.mark.parametrize("sigma_events", [0, 40])
@pytest.mark.parametrize("kind", ["quotes", "trades", "trades beside quotes"])
@pytest.mark.parametrize("seed", [1, 2])
def test_ofi_momentum_is_the_obvious_one(tmp_path: Path, mode: str, sigma_events: int, kind: str, seed: int):
    q, t = files(tmp_path, seed)
    beside = q if kind == "trades beside quotes" else None
    stream = stream_of(q if kind == "quotes" else t, beside, batch_rows=64)
    rows = rows_of(stream)
    absolute = 1000.0 if kind == "quotes" else 250.0
    params = {"half_life_s": 2.0, "threshold": 1.4 if sigma_events else absolute, "sigma_events": sigma_events}
    (run,) = runs_of(stream, [params], mode=mode, costs=COSTS, keeps_equity=True)
    lowest = -1 if mode == "long_short" else 0
    books = booked(rows, ofi_wishes(rows, on_quotes=kind == "quotes", lowest=lowest, **params), costs=COSTS)
    assert len(books.trades) >= 3
    hold_against(run, books, rows)


@pytest.mark.parametrize("on_quotes", [True, False])
def test_ofi_momentum_is_the_obvious_one_on_real_ticks(tmp_path: Path, on_quotes: bool):
    source = real_ibm() if on_quotes else real_ibm_trades()
    n = 2500
    rows = rows_of(source, n)
    params: dict[str, Any] = {"half_life_s": 20.0, "threshold": 4.0, "sigma_events": 300}
    batches = [next(iter(real_ibm(batch_rows=n) if on_quotes else real_ibm_trades(batch_rows=n)))]
    kept = len(batches[0])
    (run,) = runs_of(batches, [params], costs=COSTS, data=source.data.schema, keeps_equity=True)
    books = booked(rows[:kept], ofi_wishes(rows[:kept], on_quotes=on_quotes, lowest=-1, **params), costs=COSTS)
    assert len(books.trades) >= 3
    hold_against(run, books, rows[:kept])


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_legacy_mode_is_the_rule_of_the_older_platform(tmp_path: Path, seed: int):
    stream = stream_of(saved(tmp_path / "t.parquet", trades(400, seed=seed, sides=True)), batch_rows=37)
    rows = rows_of(stream)
    (run,) = runs_of(
        stream, [{"window": 10, "threshold": 300.0}], mode="legacy_batch_decay", costs=COSTS, keeps_equity=True
    )
    # One unit out of a cash of 100,000, told in units of that cash.
    books = booked_at(rows, legacy_wishes(rows, window=10, threshold=300.0), Books(COSTS, units=1.0 / 100_000.0))
    assert len(books.trades) >= 3
    assert set(run.trades.side.tolist()) == {1}
    hold_against(run, books, rows)


def test_the_twin_and_the_engine_agree_on_a_stream_too_short_to_decide_on(tmp_path: Path):
    stream = stream_of(saved(tmp_path / "q.parquet", cut(quotes(), 1)))
    (run,) = runs_of(stream, [{"half_life_s": 5.0, "threshold": 0.0, "sigma_events": 0}], keeps_equity=True)
    assert (len(run.trades), run.equity.tolist(), run.metrics.exposure) == (0, [1.0], 0.0)
