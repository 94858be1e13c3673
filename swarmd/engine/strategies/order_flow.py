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
from swarmd.engine.market.tick_stream import TickBatch
from swarmd.engine.market.ticks import TickSchema
from swarmd.engine.replay.contract import Lines
from swarmd.engine.replay.trailing import Trailing

_NS_PER_S = 1e9


class FlowLine:
    """The events of the batch: their rows, their times, and what each adds."""

    def __init__(self, data: TickSchema) -> None:
        self._on_quotes = data is TickSchema.L1_QUOTE
        self._before = np.full(4, np.nan)
        self.rows: IntArray = np.empty(0, np.int64)
        self.ts: IntArray = np.empty(0, np.int64)
        self.values: FloatArray = np.empty(0)

    def update(self, batch: TickBatch) -> None:
        if not self._on_quotes:
            rows = batch.trade_rows
            self.rows, self.ts = rows, batch.ts[rows]
            self.values = batch.qty[rows] * batch.side[rows]
            return
        rows = batch.quote_rows
        quote = [column[rows] for column in (batch.bid_px, batch.bid_sz, batch.ask_px, batch.ask_sz)]
        is_first = bool(rows.size) and np.isnan(self._before[0])
        values = np.empty(rows.size)
        quote_flow(quote[0], quote[1], quote[2], quote[3], self._before, values)
        start = 1 if is_first else 0
        self.rows, self.values = rows[start:], values[start:]
        self.ts = batch.ts[self.rows]


@dataclass(frozen=True, slots=True)
class Flow:
    """e_n of quotes, `qty * side` of trades."""

    def build(self, lines: Lines) -> FlowLine:
        return FlowLine(lines.data)


class DecayedLine:
    """`OFI_n = OFI_(n-1) * 2^-(seconds since event n-1 / half-life) + e_n`, at each event of the batch."""

    def __init__(self, flow: FlowLine, half_life_s: float) -> None:
        self._flow = flow
        self._rate = np.log(2.0) / (half_life_s * _NS_PER_S)
        self._sum, self._ts = np.zeros(1), np.zeros(1, np.int64)
        self.values: FloatArray = np.empty(0)

    def update(self, batch: TickBatch) -> None:
        self.values = np.empty(self._flow.values.size)
        decayed_sum(self._flow.ts, self._flow.values, self._rate, self._sum, self._ts, self.values)


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


class ScoreLine:
    """The decayed sum in units of the deviation; NaN, which no threshold is below, where that has no size yet."""

    def __init__(self, ofi: DecayedLine, deviation: DeviationLine) -> None:
        self._ofi, self._deviation = ofi, deviation
        self.values: FloatArray = np.empty(0)

    def update(self, batch: TickBatch) -> None:
        unit = self._deviation.values
        self.values = np.divide(self._ofi.values, unit, out=np.full(unit.size, np.nan), where=unit > 0.0)


@dataclass(frozen=True, slots=True)
class FlowScore:
    """OFI over the trailing deviation of e: the same at any lot size."""

    half_life_s: float
    window: int

    def build(self, lines: Lines) -> ScoreLine:
        return ScoreLine(lines.line(OrderFlow(self.half_life_s)), lines.line(FlowDeviation(self.window)))


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


@njit(cache=True, nogil=True)
def decayed_sum(
    ts: IntArray, values: FloatArray, rate: float, carried: FloatArray, carried_ts: IntArray, out: FloatArray
) -> None:
    """The sum of the values, each decayed by `exp(-rate * ns since it)`; sum and time carry over to the next batch."""
    total, before = carried[0], carried_ts[0]
    for n in range(ts.size):
        elapsed = ts[n] - before
        # Many events share an instant: nothing decays, and the costly function is not called for it.
        if elapsed > 0:
            total *= np.exp(-rate * elapsed)
        total += values[n]
        out[n] = total
        before = ts[n]
    carried[0], carried_ts[0] = total, before
