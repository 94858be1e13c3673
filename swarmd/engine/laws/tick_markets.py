"""Made-up quotes and trades that a tick strategy is put before, and changes that must or must not matter to it.

Seeded, so that a finding repeats itself. Many rows share an instant, as in real data: what holds only where every row
has a time of its own is caught.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from swarmd.engine.arrays import IntArray
from swarmd.engine.market.tick_batch import TickColumns

_FIRST_NS = 1_672_756_200 * 10**9  # 2023-01-03 14:30 UTC
_TICK = 0.01
_PRICES = ("bid_px", "ask_px", "price")


@dataclass(frozen=True, slots=True)
class Tape:
    """Quotes and trades of one made-up instrument, as columns."""

    quotes: TickColumns
    trades: TickColumns

    def changed(self, change: Callable[[TickColumns], TickColumns]) -> "Tape":
        return replace(self, quotes=change(self.quotes), trades=change(self.trades))


def made_up_tape(n_rows: int, *, seed: int = 5) -> Tape:
    """As many quotes as trades: a walk in ticks, a spread of one to three, trades at bid, ask and midpoint."""
    rng = np.random.default_rng(seed)
    bid = 10_000 + np.cumsum(rng.integers(-1, 2, n_rows) * (rng.random(n_rows) < 0.4))
    ask = bid + rng.integers(1, 4, n_rows)
    quotes = {
        "ts": _instants(n_rows, rng),
        "bid_px": bid * _TICK,
        "ask_px": ask * _TICK,
        "bid_sz": 100.0 * rng.integers(1, 20, n_rows),
        "ask_sz": 100.0 * rng.integers(1, 20, n_rows),
    }
    at = np.sort(rng.integers(0, n_rows, n_rows))
    share = rng.choice([0.0, 0.5, 1.0], n_rows)
    price = quotes["bid_px"][at] + share * (quotes["ask_px"][at] - quotes["bid_px"][at])
    delay = rng.integers(0, 200, n_rows) * (rng.random(n_rows) < 0.7) * 10**6
    trades = {
        "ts": np.maximum.accumulate(quotes["ts"][at] + delay),
        "price": np.round(price, 3),
        "qty": 10.0 * rng.integers(1, 50, n_rows),
    }
    return Tape(quotes, trades)


def flat_tape(tape: Tape) -> Tape:
    """The same instants, and nothing moves nor leans to a side: a spread of one tick, equal sizes, trades between."""

    def still(columns: TickColumns) -> TickColumns:
        return {name: values if name == "ts" else np.ones(values.size) for name, values in columns.items()}

    flat = tape.changed(still)
    bid, ask = 100.0 * flat.quotes["bid_px"], (100.0 + _TICK) * flat.quotes["ask_px"]
    # At the midpoint of quotes that stand still no side can be told, and no volume is signed.
    middle = (bid[0] + ask[0]) / 2 * flat.trades["price"]
    return Tape({**flat.quotes, "bid_px": bid, "ask_px": ask}, {**flat.trades, "price": middle})


def in_another_unit(tape: Tape, factor: float) -> Tape:
    """The same market, its prices told in another unit; powers of two change no digit."""
    return tape.changed(
        lambda columns: {name: values * factor if name in _PRICES else values for name, values in columns.items()}
    )


def with_mirrored_future(tape: Tape, instant: int) -> Tape:
    """From that instant on every rise is a fall and every fall a rise, and the sizes stand the other way round."""
    level = float(tape.quotes["bid_px"][0]) ** 2

    def mirrored(columns: TickColumns) -> TickColumns:
        late = columns["ts"] >= instant
        found = {name: values.copy() for name, values in columns.items()}
        for name, source in {"bid_px": "ask_px", "ask_px": "bid_px", "price": "price"}.items():
            if name in found:
                found[name][late] = level / columns[source][late]
        for name, source in {"bid_sz": "ask_sz", "ask_sz": "bid_sz", "qty": "qty"}.items():
            if name in found:
                found[name][late] = columns[source][late][::-1]
        return found

    return tape.changed(mirrored)


def without_future(tape: Tape, instant: int) -> Tape:
    """The tape ends before that instant."""
    return tape.changed(lambda columns: {name: values[columns["ts"] < instant] for name, values in columns.items()})


def none_of(columns: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]) -> TickColumns:
    """The same columns without a row."""
    return {name: values[:0] for name, values in columns.items()}


def _instants(n_rows: int, rng: np.random.Generator) -> IntArray:
    """Rising, with many ties, in whole milliseconds."""
    steps = rng.exponential(400.0, n_rows) * (rng.random(n_rows) > 0.3)
    return np.asarray(_FIRST_NS + np.cumsum(np.rint(steps)).astype(np.int64) * 10**6, np.int64)
