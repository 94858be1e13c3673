"""Momentum of order flow: buy when buyers have pressed for a while, sell when sellers have.

On quotes, `OFI` is the decayed sum of Cont, Kukanov and Stoikov's e_n; on trades, of signed volume (`order_flow` has
both). `OFI > threshold` while flat or short buys, `OFI < -threshold` while flat or long sells: in mode `long` to flat,
in `long_short` to short. The threshold counts trailing standard deviations of e, so that it means the same for any lot
size; with `sigma_events` 0 it is absolute. No decision is made before so many events have come, nor while they are all
alike.

Mode `legacy_batch_decay` is the rule of an older platform, kept for comparison: see `_LegacyRule`.
"""

from typing import Protocol

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.market.tick_batch import TickBatch, TickSchema
from swarmd.engine.replay.contract import Params, TickContext
from swarmd.engine.strategies.contract import ModeSpec, ParamSpec, StrategyCard
from swarmd.engine.strategies.order_flow import Flow, FlowScore, OrderFlow
from swarmd.engine.strategies.tick_registry import register_tick_strategy

LEGACY = "legacy_batch_decay"
# What the older platform fixed: batches of a second, one unit a trade, out of this much cash.
LEGACY_BATCH_NS = 10**9
LEGACY_UNITS, LEGACY_CASH = 1.0, 100_000.0


def _half_life(low: float, high: float) -> ParamSpec:
    return ParamSpec(
        "half_life_s", "float", low, high, log=True, unit="seconds", meaning="time in which the flow decays to half"
    )


def _threshold(low: float, high: float) -> ParamSpec:
    return ParamSpec(
        "threshold", "float", low, high, log=True, unit="deviations of e",
        meaning="OFI that is traded; in units of size where absolute",
    )  # fmt: skip


def _sigma_events(low: int, high: int) -> ParamSpec:
    return ParamSpec(
        "sigma_events", "int", low, high, unit="events", meaning="window of the deviation; 0: absolute threshold"
    )


def _window(low: int, high: int) -> ParamSpec:
    return ParamSpec(
        "window", "int", low, high, unit="batches", meaning="legacy_batch_decay alone: a batch keeps 1-1/w"
    )


_SEARCHED = (_half_life(0.1, 600.0), _threshold(1.0, 100.0), _sigma_events(200, 10_000))


class _Rule(Protocol):
    """A way to turn a batch into wishes."""

    n_events: int

    def wishes(self, batch: TickBatch, ctx: TickContext) -> tuple[IntArray, IntArray, FloatArray | None]:
        """Rows, positions and, where not the market's, prices."""
        ...


@register_tick_strategy("ofi_momentum")
class OfiMomentum:
    """One parameter vector on one stream."""

    card = StrategyCard(
        name="ofi_momentum",
        title="Order-flow-imbalance momentum",
        data="L1 quotes or trades",
        params=(_half_life(1e-3, 86_400.0), _threshold(0.0, 1e12), _sigma_events(0, 1_000_000), _window(1, 1_000_000)),
        modes={
            "long": ModeSpec(Direction.LONG, _SEARCHED),
            "long_short": ModeSpec(Direction.LONG_SHORT, _SEARCHED),
            LEGACY: ModeSpec(Direction.LONG, (_threshold(1.0, 1000.0), _window(2, 1000))),
        },
        baseline={"half_life_s": 10.0, "threshold": 5.0, "sigma_events": 1000, "window": 100},
    )

    def __init__(self) -> None:
        self._params: Params = {}
        self._rule: _Rule | None = None
        self._counts = {1: 0, 0: 0, -1: 0}

    def set_params(self, params: Params) -> None:
        self._params = dict(params)

    def on_start(self, ctx: TickContext) -> None:
        if ctx.mode == LEGACY:
            if ctx.data is not TickSchema.TRADES:
                raise ValueError(f"ofi_momentum {LEGACY}: it sums signed volume; give trades in place of quotes")
            ctx.trade_units(LEGACY_UNITS, cash=LEGACY_CASH)
            self._rule = _LegacyRule(self._params)
        else:
            self._rule = _ThresholdRule(self._params, ctx)

    def on_tick(self, batch: TickBatch, ctx: TickContext) -> None:
        assert self._rule is not None, "on_start comes first"
        rows, positions, prices = self._rule.wishes(batch, ctx)
        for position in positions.tolist():
            self._counts[position] += 1
        ctx.wish(rows, positions, prices)

    def on_finish(self, ctx: TickContext) -> None:
        """Nothing is left to do: the last row was decided on as every other."""

    def get_stats(self) -> dict[str, float | int]:
        """Events seen and wishes made, by the position wished for."""
        return {
            "events": self._rule.n_events if self._rule else 0,
            "to_long": self._counts[1],
            "to_flat": self._counts[0],
            "to_short": self._counts[-1],
        }


class _ThresholdRule:
    """Two thresholds with the position between them as it was."""

    def __init__(self, params: Params, ctx: TickContext) -> None:
        half_life, window = float(params["half_life_s"]), int(params["sigma_events"])
        self._flow = ctx.line(Flow())
        self._score = ctx.line(FlowScore(half_life, window)) if window else ctx.line(OrderFlow(half_life))
        self._threshold = float(params["threshold"])
        self._lowest = -1 if ctx.direction is Direction.LONG_SHORT else 0
        self.n_events = 0

    def wishes(self, batch: TickBatch, ctx: TickContext) -> tuple[IntArray, IntArray, None]:
        score = self._score.values
        self.n_events += score.size
        at, positions = self._flow.wished_at, self._flow.wished
        n = crossed_thresholds(score, self._threshold, self._lowest, ctx.position, at, positions)
        return self._flow.rows[at[:n]], positions[:n].copy(), None


class _LegacyRule:
    """Per batch of one second `OFI <- OFI * (1 - 1/window) + sum of qty * side`, judged when the batch is over.

    A batch is the trades whose times share a whole second; a second without a trade is no batch and decays nothing. It
    is over when a trade of a later second comes: the wish stands on that row and fills at the last price of the batch,
    which is the older platform's convention and better than anybody would have got. The threshold is absolute. The
    batch that the stream ends in is not judged.
    """

    def __init__(self, params: Params) -> None:
        # second of the open batch (-1: none yet), OFI, sum and last price of the batch
        self._state = np.array([-1.0, 0.0, 0.0, np.nan])
        self._keep = 1.0 - 1.0 / int(params["window"])
        self._threshold = float(params["threshold"])
        self.n_events = 0

    def wishes(self, batch: TickBatch, ctx: TickContext) -> tuple[IntArray, IntArray, FloatArray]:
        rows = batch.trade_rows
        self.n_events += rows.size
        at, positions, prices = np.empty(rows.size, np.int64), np.empty(rows.size, np.int64), np.empty(rows.size)
        n = judged_seconds(
            batch.ts[rows] // LEGACY_BATCH_NS, batch.price[rows], batch.qty[rows] * batch.side[rows],
            self._keep, self._threshold, ctx.position, self._state, at, positions, prices,
        )  # fmt: skip
        return rows[at[:n]], positions[:n].copy(), prices[:n].copy()


@njit(cache=True, nogil=True)
def crossed_thresholds(
    score: FloatArray, threshold: float, lowest: int, position: int, at: IntArray, positions: IntArray
) -> int:
    """Where the wished position changes: long above the threshold, `lowest` below its negative; how many changes.

    Between the two, and where the score is NaN, nothing changes. `at` and `positions` are filled as far as needed.
    """
    n = 0
    for row in range(score.size):
        value = score[row]
        if value > threshold:
            if position < 1:
                position = 1
                at[n], positions[n] = row, position
                n += 1
        elif value < -threshold and position > lowest:
            position = lowest
            at[n], positions[n] = row, position
            n += 1
    return n


@njit(cache=True, nogil=True)
def judged_seconds(
    seconds: IntArray,
    price: FloatArray,
    flow: FloatArray,
    keep: float,
    threshold: float,
    position: int,
    state: FloatArray,
    at: IntArray,
    positions: IntArray,
    prices: FloatArray,
) -> int:
    """The wishes of `_LegacyRule`, each at the first trade after its batch; `state` carries the open batch over."""
    open_second, ofi, total, last_price = state
    n = 0
    for row in range(seconds.size):
        if seconds[row] != open_second:
            if open_second >= 0.0:
                ofi = ofi * keep + total
                wished = 1 if ofi > threshold else 0 if ofi < -threshold else position
                if wished != position:
                    position = wished
                    at[n], positions[n], prices[n] = row, position, last_price
                    n += 1
            open_second, total = float(seconds[row]), 0.0
        total += flow[row]
        last_price = price[row]
    state[0], state[1], state[2], state[3] = open_second, ofi, total, last_price
    return n
