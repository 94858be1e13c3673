"""The stream: quotes and trades of one instrument in one pass, in batches that every strategy instance shares.

`replay` reads it. Rows of both files come in the order of time, trades before quotes of the same instant (`tick_weave`
says why); the order of a file is kept within an instant. What a row says never depends on where a batch ends: whatever
a later row needs from an earlier one is carried over here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.tick_batch import DAY_NS, REQUIRED, SIDE, TABLE, TickBatch, TickColumns, TickSchema, read_only
from swarmd.engine.market.tick_weave import nothing_seen, weave
from swarmd.engine.market.ticks import DEFAULT_BATCH_ROWS, Tally, TickFile

_NEVER = np.iinfo(np.int64).max


@dataclass(slots=True)
class TickStream:
    """One file, or trades and the quotes beside them; iterating reads everything once, and may be done again.

    `data` is what a strategy works on; `quotes` are there to be traded against, and to tell who was the aggressor.
    """

    data: TickFile
    quotes: TickFile | None = None
    batch_rows: int = DEFAULT_BATCH_ROWS
    tallies: dict[TickSchema, Tally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.quotes is None:
            return
        if self.data.schema is not TickSchema.TRADES:
            raise DataError(
                f"{self.data.path}: these are {self.data.schema.value} already; quotes stand beside trades alone"
            )
        if self.quotes.schema is not TickSchema.L1_QUOTE:
            raise DataError(
                f"{self.quotes.path}: these are {self.quotes.schema.value}; beside trades give the quotes"
                " of the same instrument"
            )

    @property
    def files(self) -> tuple[TickFile, ...]:
        return (self.data,) if self.quotes is None else (self.data, self.quotes)

    @property
    def sides(self) -> str | None:
        """How the aggressor of a trade is known: "given", "lee_ready" or "tick_test"; None where there are no trades.

        Single trades of a file with sides may still say 0, and are then inferred.
        """
        if self.data.schema is not TickSchema.TRADES:
            return None
        if self.data.has_side:
            return "given"
        return "tick_test" if self.quotes is None else "lee_ready"

    def __iter__(self) -> Iterator[TickBatch]:
        self.tallies = {file.schema: Tally() for file in self.files}
        feeds = {schema: _Feed(iter(()), schema) for schema in (TickSchema.L1_QUOTE, TickSchema.TRADES)}
        for file in self.files:
            feeds[file.schema] = _Feed(file.batches(self.batch_rows, self.tallies[file.schema]), file.schema)
        carried, first_row = nothing_seen(), 0
        for quotes, trades in _stretches(feeds[TickSchema.L1_QUOTE], feeds[TickSchema.TRADES]):
            for part in _woven(quotes, trades, carried, first_row=first_row, batch_rows=self.batch_rows):
                yield part
                first_row += len(part)
        self._refuse_strangers()

    def _refuse_strangers(self) -> None:
        """Two files that lie more than a day apart are not of one market, whatever was made of them."""
        if self.quotes is None:
            return
        trades, quotes = self.tallies[TickSchema.TRADES], self.tallies[TickSchema.L1_QUOTE]
        if trades.rows and not quotes.rows:
            raise DataError(f"{self.quotes.path}: it has no quote in the time asked for; give quotes of the same time")
        if trades.rows and max(trades.first_ts - quotes.last_ts, quotes.first_ts - trades.last_ts) > DAY_NS:
            raise DataError(
                f"{self.quotes.path}: its quotes reach from {quotes.first_ts} to {quotes.last_ts} ns, the trades of"
                f" {self.data.path} from {trades.first_ts} to {trades.last_ts}; give quotes of the same time"
            )


class _Feed:
    """Rows of one file that are read and not yet placed."""

    def __init__(self, batches: Iterator[TickColumns], schema: TickSchema) -> None:
        self._batches = batches
        names = (*REQUIRED[schema], *((SIDE,) if schema is TickSchema.TRADES else ()))
        self.rows: TickColumns = {name: np.empty(0, np.int64 if name == "ts" else np.float64) for name in names}
        self.is_done = False
        self.last_ts = -1

    def refill(self) -> None:
        """Adds the next batch behind the rows that are waiting."""
        more = next(self._batches, None)
        if more is None:
            self.is_done = True
            return
        if SIDE in self.rows and SIDE not in more:
            more = more | {SIDE: np.zeros(more["ts"].size)}
        self.last_ts = int(more["ts"][-1])
        if self.rows["ts"].size:
            more = {name: np.concatenate((waiting, more[name])) for name, waiting in self.rows.items()}
        self.rows = more

    @property
    def horizon(self) -> int:
        """Up to here, and not including it, all rows of the file are known."""
        return _NEVER if self.is_done else self.last_ts

    def taken(self, n: int) -> TickColumns:
        """The first n of the waiting rows; they wait no longer."""
        head = {name: values[:n] for name, values in self.rows.items()}
        self.rows = {name: values[n:] for name, values in self.rows.items()}
        return head


def _stretches(quotes: _Feed, trades: _Feed) -> Iterator[tuple[TickColumns, TickColumns]]:
    """Rows of both files as far as no row that is read later belongs before them."""
    for feed in (quotes, trades):
        feed.refill()
    while True:
        # Trades of an instant come before its quotes: a quote waits for all of them, a trade for none of those.
        n_quotes = int(np.searchsorted(quotes.rows["ts"], trades.horizon, side="left"))
        n_trades = int(np.searchsorted(trades.rows["ts"], quotes.horizon, side="right"))
        earliest = min(quotes.horizon, trades.horizon)
        if n_quotes or n_trades:
            yield quotes.taken(n_quotes), trades.taken(n_trades)
        if earliest == _NEVER:
            return
        for feed in (quotes, trades):
            if feed.horizon == earliest:
                feed.refill()


def batches_of(quotes: TickColumns, trades: TickColumns, *, batch_rows: int) -> tuple[TickBatch, ...]:
    """The stream of columns that are in memory already, as `TickStream` makes it of files; either may be empty."""
    whole = {}
    for schema, columns in ((TickSchema.L1_QUOTE, quotes), (TickSchema.TRADES, trades)):
        feed = _Feed(iter((columns,) if columns["ts"].size else ()), schema)
        feed.refill()
        whole[schema] = feed.rows
    rows = whole[TickSchema.L1_QUOTE], whole[TickSchema.TRADES]
    return tuple(_woven(*rows, nothing_seen(), first_row=0, batch_rows=batch_rows))


def _woven(
    quotes: TickColumns, trades: TickColumns, carried: FloatArray, *, first_row: int, batch_rows: int
) -> Iterator[TickBatch]:
    n = quotes["ts"].size + trades["ts"].size
    ts, is_trade, table = np.empty(n, np.int64), np.empty(n, np.bool_), np.empty((len(TABLE), n))
    # Arrow's memory may not be written to and ours may; every mixture would be compiled for itself.
    q, t = ({name: read_only(column) for name, column in columns.items()} for columns in (quotes, trades))
    weave(
        (q["ts"], q["bid_px"], q["ask_px"], q["bid_sz"], q["ask_sz"]), (t["ts"], t["price"], t["qty"], t[SIDE]),
        carried, ts, is_trade, table,
    )  # fmt: skip
    for start in range(0, n, batch_rows):
        stop = min(start + batch_rows, n)
        yield TickBatch(first_row + start, ts[start:stop], is_trade[start:stop], *(row[start:stop] for row in table))
