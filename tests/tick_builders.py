"""Small quotes and trades for the tests of ticks, files made of them, and runs over them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from market_builders import real_bars

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.tick_batch import TickBatch
from swarmd.engine.market.tick_stream import TickStream
from swarmd.engine.market.ticks import Crossed, open_ticks
from swarmd.engine.replay.wrapper import MultiStrategyWrapper, TickRun, replay
from swarmd.engine.strategies.tick_registry import tick_strategy_named

FIRST_NS = 1_381_152_600 * 10**9  # 2013-10-07 13:30 UTC
TICK = 0.01


def instants(n: int, rng: np.random.Generator, *, mean_ms: float = 400.0) -> Any:
    """Rising times with many ties, as real ones have; whole milliseconds."""
    steps = rng.exponential(mean_ms, n) * (rng.random(n) > 0.3)
    return FIRST_NS + np.cumsum(np.rint(steps)).astype(np.int64) * 10**6


def quotes(n: int = 500, *, seed: int = 1, mean_ms: float = 400.0) -> dict[str, Any]:
    """A walk in ticks around 100 with a spread of one to three ticks and sizes in lots."""
    rng = np.random.default_rng(seed)
    bid = 10_000 + np.cumsum(rng.integers(-1, 2, n) * (rng.random(n) < 0.4))
    ask = bid + rng.integers(1, 4, n)
    return {
        "ts": instants(n, rng, mean_ms=mean_ms),
        "bid_px": bid * TICK,
        "ask_px": ask * TICK,
        "bid_sz": 100.0 * rng.integers(1, 20, n),
        "ask_sz": 100.0 * rng.integers(1, 20, n),
    }


def trades(n: int = 300, *, seed: int = 2, sides: bool = False, mean_ms: float = 600.0) -> dict[str, Any]:
    """Trades near 100, without sides unless they are asked for."""
    rng = np.random.default_rng(seed)
    price = (20_000 + 2 * np.cumsum(rng.integers(-1, 2, n))) * TICK / 2
    made: dict[str, Any] = {
        "ts": instants(n, rng, mean_ms=mean_ms),
        "price": price,
        "qty": 10.0 * rng.integers(1, 50, n),
    }
    return made | ({"side": rng.choice(np.array([-1, 1], np.int8), n)} if sides else {})


def trades_within(quoted: dict[str, Any], n: int = 300, *, seed: int = 2) -> dict[str, Any]:
    """Trades at the bid, at the ask, and at the midpoint of the quotes, some of them at the instant of a quote."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(0, quoted["ts"].size, n))
    share = rng.choice([0.0, 0.5, 1.0], n)
    price = np.round(quoted["bid_px"][at] + share * (quoted["ask_px"][at] - quoted["bid_px"][at]), 3)
    later = np.maximum.accumulate(quoted["ts"][at] + rng.integers(0, 200, n) * (rng.random(n) < 0.7) * 10**6)
    return {"ts": later, "price": price, "qty": 10.0 * rng.integers(1, 50, n)}


def cut(columns: dict[str, Any], n: int) -> dict[str, Any]:
    """The first n rows."""
    return {name: values[:n] for name, values in columns.items()}


def changed(columns: dict[str, Any], name: str, row: int, value: Any) -> dict[str, Any]:
    """The columns with one value of one of them put in."""
    column = columns[name].copy()
    column[row] = value
    return columns | {name: column}


def saved(path: Path, columns: dict[str, Any], *, row_group: int | None = None) -> Path:
    """The columns as a Parquet file."""
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    pyarrow.parquet.write_table(table, path, row_group_size=row_group)
    return path


def stream_of(
    data: Path, beside: Path | None = None, *, batch_rows: int = 100_000, crossed: Crossed = Crossed.REFUSE
) -> TickStream:
    return TickStream(
        open_ticks(data, crossed=crossed), None if beside is None else open_ticks(beside, crossed=crossed), batch_rows
    )


def runs_of(
    stream: TickStream | Iterable[TickBatch],
    vectors: Sequence[dict[str, Any]],
    *,
    name: str = "ofi_momentum",
    mode: str = "long_short",
    costs: Costs | None = None,
    data: Any = None,
    keeps_equity: bool = False,
) -> tuple[TickRun, ...]:
    """One pass over the stream with an instance for every vector."""
    made = tick_strategy_named(name)
    instances = [made() for _ in vectors]
    for instance, params in zip(instances, vectors, strict=True):
        instance.set_params(params)
    wrapper = MultiStrategyWrapper(
        instances,
        data=data or stream.data.schema,  # type: ignore[union-attr]
        mode=mode,
        direction=made.card.mode(mode).direction,
        costs=costs or Costs(),
        keeps_equity=keeps_equity,
    )
    return replay(stream, wrapper)


def told(run: TickRun) -> dict[str, Any]:
    """Everything a run says, as values that compare bit for bit."""
    arrays = {name: getattr(run.trades, name).tolist() for name in run.trades.__slots__}
    return {"metrics": run.metrics, "stats": run.stats, "trades": arrays, "equity": run.equity.tolist()}


def real_ibm(*, batch_rows: int = 100_000) -> TickStream:
    """Three days of IBM's quotes, the crossed ones left out; skips where the real data are absent."""
    return stream_of(real_bars("quotes", "IBM.parquet"), batch_rows=batch_rows, crossed=Crossed.DROP)


def real_ibm_trades(*, batch_rows: int = 100_000) -> TickStream:
    """Three days of IBM's trades with its quotes beside them."""
    return stream_of(
        real_bars("trades", "IBM.parquet"),
        real_bars("quotes", "IBM.parquet"),
        batch_rows=batch_rows,
        crossed=Crossed.DROP,
    )
