"""Compiles what runs on ticks, by running it: a few rows made up, written down and replayed.

Called by `warm`. Through a file, because that is how ticks come: arrays that came otherwise would be of other types to
the compiler, and it would compile for nobody.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmd.engine.market.tick_stream import TickStream


def warm_ticks() -> None:
    """Every tick strategy in every mode on trades with quotes beside them, and what goes by quotes on quotes alone."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from swarmd.engine.market.tick_stream import TickStream
    from swarmd.engine.market.ticks import open_ticks
    from swarmd.engine.strategies.tick_registry import tick_strategy_named, tick_strategy_names

    n = 40
    ts = 1_700_000_000 * 10**9 + np.arange(n) * 10**9
    up_and_down = 100.0 + np.arange(n) % 7
    size = 1.0 + np.arange(n) % 5
    with tempfile.TemporaryDirectory(prefix="swarmd-warm-") as folder:
        quotes, trades = Path(folder, "quotes.parquet"), Path(folder, "trades.parquet")
        sizes = {"bid_sz": size, "ask_sz": size[::-1]}
        pq.write_table(pa.table({"ts": ts, "bid_px": up_and_down, "ask_px": up_and_down + 1.0} | sizes), quotes)
        pq.write_table(pa.table({"ts": ts, "price": up_and_down, "qty": size}), trades)
        both = TickStream(open_ticks(trades), open_ticks(quotes))
        for name in tick_strategy_names():
            for mode in tick_strategy_named(name).card.modes:
                _replayed(both, name, mode)
        _replayed(TickStream(open_ticks(quotes)), "ofi_momentum", "long_short")


def _replayed(stream: "TickStream", name: str, mode: str) -> None:
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.replay.wrapper import MultiStrategyWrapper, replay
    from swarmd.engine.strategies.tick_registry import tick_baseline, tick_strategy_named

    made = tick_strategy_named(name)
    instance = made()
    # Windows short enough for a few rows, thresholds low enough for trades.
    few = {"window": 3, "sigma_events": 3, "threshold": 0.5, "k": 0.5}
    instance.set_params(tick_baseline(made.card, mode) | few)
    direction = made.card.mode(mode).direction
    replay(
        stream,
        MultiStrategyWrapper([instance], data=stream.data.schema, mode=mode, direction=direction, costs=Costs()),
    )
