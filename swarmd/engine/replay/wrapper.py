"""Many instances, one pass: each batch is decoded once, its shared lines computed once, and then handed to all.

An instance meets its own context and its own books and no other instance, so N of them in one pass give the bits that N
passes give. `replay` is the pass itself; whoever has batches of their own may feed a `MultiStrategyWrapper` with them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.market.tick_batch import TickBatch, TickSchema
from swarmd.engine.replay.books import Account, TickTrades
from swarmd.engine.replay.contract import Lines, TickContext, TickStrategy
from swarmd.engine.replay.summary import TickMetrics, summarize_ticks


@dataclass(frozen=True, slots=True)
class TickRun:
    """What one instance made of the stream; `equity` is empty where it was not asked for."""

    metrics: TickMetrics
    trades: TickTrades
    stats: dict[str, float | int]
    equity: FloatArray


class MultiStrategyWrapper:
    """N instances that are told of the stream together. Their parameters are set already."""

    def __init__(
        self,
        instances: Sequence[TickStrategy],
        *,
        data: TickSchema,
        mode: str,
        direction: Direction,
        costs: Costs,
        keeps_equity: bool = False,
    ) -> None:
        self._lines = Lines(data)
        self._instances = tuple(instances)
        self._contexts = [TickContext(self._lines, mode=mode, direction=direction) for _ in self._instances]
        self._costs = costs
        self._keeps_equity = keeps_equity
        self._accounts: list[Account] = []
        self._first_ts = self._last_ts = self._n_rows = 0

    def on_start(self) -> None:
        """Every instance asks for its lines; books are opened."""
        for instance, ctx in zip(self._instances, self._contexts, strict=True):
            instance.on_start(ctx)
            self._accounts.append(Account(self._costs, units=ctx.units, keeps_equity=self._keeps_equity))

    def on_tick(self, batch: TickBatch) -> None:
        """The next batch of the stream, which must not be empty."""
        if not self._n_rows:
            self._first_ts = int(batch.ts[0])
        self._last_ts = int(batch.ts[-1])
        self._n_rows += len(batch)
        self._lines.update(batch)
        for instance, ctx, account in zip(self._instances, self._contexts, self._accounts, strict=True):
            instance.on_tick(batch, ctx)
            account.advance(batch, *ctx.taken(batch))

    def on_finish(self) -> tuple[TickRun, ...]:
        """Every instance hears of the end, open positions are closed; one run per instance, in their order."""
        if not self._n_rows:
            raise ValueError("ticks: no row is left of the stream; a run needs at least one")
        runs = []
        for instance, ctx, account in zip(self._instances, self._contexts, self._accounts, strict=True):
            instance.on_finish(ctx)
            account.close()
            trades = account.trades()
            metrics = summarize_ticks(
                trades,
                equity=account.equity,
                max_drawdown=account.max_drawdown,
                day_marks=account.day_marks,
                elapsed_ns=self._last_ts - self._first_ts,
            )
            runs.append(TickRun(metrics, trades, instance.get_stats(), account.equity_by_row()))
        return tuple(runs)


def replay(stream: Iterable[TickBatch], wrapper: MultiStrategyWrapper) -> tuple[TickRun, ...]:
    """One pass over the stream for all instances of the wrapper."""
    wrapper.on_start()
    for batch in stream:
        wrapper.on_tick(batch)
    return wrapper.on_finish()
