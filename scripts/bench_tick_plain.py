#!/usr/bin/env python3
"""What one would write without a tick engine: each instance decodes the file anew and walks its events in Python.

The peer of `bench_ticks`. Columns come as numpy arrays, what has no memory (e_n, the trailing deviation) is numpy over
the batch, the decayed sum and the position are a loop. The same strategy, costs and books, so trades can be compared.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

COLUMNS = ["ts", "bid_px", "ask_px", "bid_sz", "ask_sz"]


def decoded(path: Path, batch_rows: int) -> Any:
    """The uncrossed quotes of the file, batch by batch."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=batch_rows, columns=COLUMNS):
            columns = [np.from_dlpack(batch.column(name)) for name in COLUMNS]
            kept = columns[1] <= columns[2]
            yield [column[kept] for column in columns]


def plain_run(path: Path, params: dict[str, Any], *, batch_rows: int) -> dict[str, Any]:
    """Trades and final equity of one `ofi_momentum` instance, mode long_short, without costs."""
    half_life_ns, threshold, window = params["half_life_s"] * 1e9, params["threshold"], params["sigma_events"]
    last: list[Any] | None = None
    tail = np.empty(0)
    ofi, before = 0.0, 0
    position, entry, equity, n_trades = 0, 0.0, 1.0, 0
    bid = ask = 0.0
    for columns in decoded(path, batch_rows):
        joined = columns if last is None else [np.concatenate((a, b)) for a, b in zip(last, columns, strict=True)]
        last = [column[-1:] for column in columns]
        ts, bids, asks, bid_szs, ask_szs = joined
        b, b0, a, a0 = bids[1:], bids[:-1], asks[1:], asks[:-1]
        e = (b >= b0) * bid_szs[1:] - (b <= b0) * bid_szs[:-1] - (a <= a0) * ask_szs[1:] + (a >= a0) * ask_szs[:-1]
        units, tail = trailing_deviation(np.concatenate((tail, e)), e.size, window)
        rows = zip(ts[1:].tolist(), e.tolist(), units.tolist(), b.tolist(), a.tolist(), strict=True)
        for now, value, unit, bid, ask in rows:
            ofi = ofi * 2.0 ** (-(now - before) / half_life_ns) + value
            before = now
            if not unit > 0.0:
                continue
            score = ofi / unit
            wished = 1 if score > threshold else -1 if score < -threshold else position
            if wished != position:
                if position:
                    equity *= bid / entry if position > 0 else 2.0 - ask / entry
                    n_trades += 1
                position, entry = wished, ask if wished > 0 else bid
    if position:
        equity *= bid / entry if position > 0 else 2.0 - ask / entry
        n_trades += 1
    return {"trades": n_trades, "equity": equity}


def trailing_deviation(values: np.ndarray, n: int, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Population deviation of the window at each of the last n values, NaN before it is full; and the next tail."""
    sums, squares = (np.concatenate(([0.0], np.cumsum(part))) for part in (values, values * values))
    out = np.full(values.size, np.nan)
    if values.size >= window:
        mean = (sums[window:] - sums[:-window]) / window
        variance = (squares[window:] - squares[:-window]) / window - mean * mean
        out[window - 1 :] = np.sqrt(np.maximum(variance, 0.0))
    return out[-n:] if n else out[:0], values[-(window - 1) :] if window > 1 else values[:0]
