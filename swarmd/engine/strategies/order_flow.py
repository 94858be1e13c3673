"""Order flow: what each event adds to the imbalance of buyers and sellers, and its decayed sum.

The lines of `ofi_momentum`, shared by all instances with the same half-life or window. An event is a quote (from the
second on) or a trade, by what the strategy works on; rows of the other kind are no events. Decisions are not made here.

Source of the quote form: Cont, Kukanov and Stoikov (2014), The price impact of order book events, Journal of Financial
Econometrics 12(1), equation for e_n.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.market.tick_batch import TickBatch, TickSchema
from swarmd.engine.replay.contract import Lines
from swarmd.engine.replay.decay import decayed_sum
from swarmd.engine.replay.trailing import Trailing

_NS_PER_S = 1e9
_NO_UNIT: FloatArray = np.empty(0)


class FlowLine:
    """The events of the batch: their rows, the ns since the event before each, and what each adds.

    `wished_at` and `wished` are room for as many wishes as there are events, lent to one instance after the other.
    """

    def __init__(self, data: TickSchema) -> None:
        self._on_quotes = data is TickSchema.L1_QUOTE
        self._quote = np.full(4, np.nan)
        self._ts: int | None = None
        self.rows: IntArray = np.empty(0, np.int64)
        self.elapsed: FloatArray = np.empty(0)
        self.values: FloatArray = np.empty(0)
        self.wished_at: IntArray = np.empty(0, np.int64)
        self.wished: IntArray = np.empty(0, np.int64)

    def update(self, batch: TickBatch) -> None:
        self.rows = batch.quote_rows if self._on_quotes else batch.trade_rows
        self.values = self._quote_flow(batch) if self._on_quotes else batch.qty[self.rows] * batch.side[self.rows]
        ts = batch.ts[self.rows]
        if not ts.size:
            self.elapsed = np.empty(0)
            return
        self.elapsed = np.diff(ts, prepend=ts[0] if self._ts is None else self._ts).astype(np.float64)
        self._ts = int(ts[-1])
        if self.wished.size < ts.size:
            self.wished_at, self.wished = np.empty(ts.size, np.int64), np.empty(ts.size, np.int64)

    def _quote_flow(self, batch: TickBatch) -> FloatArray:
        bid_px, bid_sz, ask_px, ask_sz = (
            column[self.rows] for column in (batch.bid_px, batch.bid_sz, batch.ask_px, batch.ask_sz)
        )
        is_first = bool(self.rows.size) and np.isnan(self._quote[0])
        values = np.empty(self.rows.size)
        quote_flow(bid_px, bid_sz, ask_px, ask_sz, self._quote, values)
        # The first quote of all has none before it, and so is no event.
        start = 1 if is_first else 0
        self.rows = self.rows[start:]
        return values[start:]


@dataclass(frozen=True, slots=True)
class Flow:
    """e_n of quotes, `qty * side` of trades."""

    def build(self, lines: Lines) -> FlowLine:
        return FlowLine(lines.data)


class DecayedLine:
    """`OFI_n = OFI_(n-1) * 2^-(seconds since event n-1 / half-life) + e_n`, at each event of the batch.

    Told in units of the trailing deviation where there is one: NaN, which no threshold is below, where that has no size
    yet. The values are overwritten by those of the next batch.
    """

    def __init__(self, flow: FlowLine, half_life_s: float, deviation: "DeviationLine | None" = None) -> None:
        self._flow, self._deviation = flow, deviation
        self._half_life_ns = half_life_s * _NS_PER_S
        self._sum = np.zeros(1)
        self._room: FloatArray = np.empty(0)
        self.values: FloatArray = self._room

    def update(self, batch: TickBatch) -> None:
        flow = self._flow
        if self._room.size < flow.values.size:
            # Kept from batch to batch: fresh memory costs more than what is put into it.
            self._room = np.empty(flow.values.size)
        self.values = self._room[: flow.values.size]
        unit = _NO_UNIT if self._deviation is None else self._deviation.values
        decayed_sum(flow.elapsed, flow.values, unit, self._half_life_ns, self._sum, self.values)


@dataclass(frozen=True, slots=True)
class OrderFlow:
    """The decayed sum of the flow; time is that of the events, so no batch and no clock has a say in it."""

    half_life_s: float

    def build(self, lines: Lines) -> DecayedLine:
        return DecayedLine(lines.line(Flow()), self.half_life_s)


class DeviationLine:
    """Population standard deviation of the last `window` values of the flow; NaN before there are so many."""

    def __init__(self, flow: FlowLine, window: int) -> None:
        self._flow, self._trailing = flow, Trailing(window)
        self.values: FloatArray = np.empty(0)

    def update(self, batch: TickBatch) -> None:
        _, self.values = self._trailing.moments(self._flow.values)


@dataclass(frozen=True, slots=True)
class FlowDeviation:
    """The unit in which a threshold is told where it is not absolute."""

    window: int

    def build(self, lines: Lines) -> DeviationLine:
        return DeviationLine(lines.line(Flow()), self.window)


@dataclass(frozen=True, slots=True)
class FlowScore:
    """OFI over the trailing deviation of e: the same at any lot size."""

    half_life_s: float
    window: int

    def build(self, lines: Lines) -> DecayedLine:
        return DecayedLine(lines.line(Flow()), self.half_life_s, lines.line(FlowDeviation(self.window)))


@njit(cache=True, nogil=True)
def quote_flow(
    bid_px: FloatArray,
    bid_sz: FloatArray,
    ask_px: FloatArray,
    ask_sz: FloatArray,
    before: FloatArray,
    out: FloatArray,
) -> None:
    """e_n of each quote against the one before it; `before` holds that of the last batch and is brought up to date.

    The first quote of all has none before it: its value is NaN and to be left out.
    """
    b0, q0, a0, r0 = before
    for n in range(bid_px.size):
        b, q, a, r = bid_px[n], bid_sz[n], ask_px[n], ask_sz[n]
        e = 0.0
        if b >= b0:
            e += q
        if b <= b0:
            e -= q0
        if a <= a0:
            e -= r
        if a >= a0:
            e += r0
        out[n] = np.nan if np.isnan(b0) else e
        b0, q0, a0, r0 = b, q, a, r
    before[0], before[1], before[2], before[3] = b0, q0, a0, r0
