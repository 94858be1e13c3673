"""Bollinger reversion on trades, against the plain-Python twin and across batches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles.test_ticks import hold_against, rows_of
from oracles.tick_oracle import bollinger_wishes, booked
from tick_builders import quotes, real_ibm, real_ibm_trades, runs_of, saved, stream_of, told, trades, trades_within

from swarmd.engine.kernel.costs import Costs

COSTS = Costs(fee_bps=1.0, slippage_bps=0.0)


def run_of(stream: Any, *, mode: str = "long_short", **params: Any) -> Any:
    return runs_of(stream, [params], name="bollinger_reversion", mode=mode, costs=COSTS, keeps_equity=True)[0]


@pytest.mark.parametrize("mode", ["long", "long_short"])
@pytest.mark.parametrize("beside_quotes", [True, False])
def test_it_is_the_obvious_one(tmp_path: Path, mode: str, beside_quotes: bool):
    quoted = quotes(400)
    t = saved(tmp_path / "t.parquet", trades_within(quoted))
    q = saved(tmp_path / "q.parquet", quoted) if beside_quotes else None
    stream = stream_of(t, q, batch_rows=41)
    rows = rows_of(stream)
    lowest = -1 if mode == "long_short" else 0
    books = booked(rows, bollinger_wishes(rows, window=20, k=1.5, lowest=lowest), costs=COSTS)
    assert len(books.trades) >= 3
    hold_against(run_of(stream, mode=mode, window=20, k=1.5), books, rows)


def test_its_state_carries_across_batches_of_real_trades():
    params = {"window": 200, "k": 2.0}
    whole, parts = run_of(real_ibm_trades(), **params), run_of(real_ibm_trades(batch_rows=1_000), **params)
    assert told(whole) == told(parts)
    assert whole.metrics.total_trades > 100
    assert whole.stats["trades_seen"] == 84_344


def test_a_price_that_stands_still_is_not_traded_whatever_came_before_it(tmp_path: Path):
    columns = trades(400)
    columns["price"] = np.where(np.arange(400) < 100, columns["price"], 100.01)
    stream = stream_of(saved(tmp_path / "t.parquet", columns))
    assert run_of(stream, window=20, k=1.0).trades.entry_row.max() < 120


def test_it_refuses_quotes():
    with pytest.raises(ValueError, match="works on trade prices; give trades in place of quotes"):
        run_of(real_ibm(), window=20, k=1.0)
