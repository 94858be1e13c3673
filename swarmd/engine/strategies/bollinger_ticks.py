"""Mean reversion at k standard deviations, on trades: the tick form of `bollinger_reversion`.

Mean and population deviation are those of the last `window` trade prices, the newest one included, whichever batches
they came in. A trade below the lower band is a wish to be long, one above the upper band a wish to be flat or, in mode
`long_short`, short; between the bands nothing changes. Fills are those of the stream: at ask and bid where quotes stand
beside the trades, else at the price of the trade itself.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.market.tick_batch import TickBatch, TickSchema
from swarmd.engine.replay.contract import Lines, Params, TickContext
from swarmd.engine.replay.trailing import Trailing
from swarmd.engine.strategies.contract import ModeSpec, ParamSpec, StrategyCard
from swarmd.engine.strategies.tick_registry import register_tick_strategy


def _space(*, window: tuple[int, int], k: tuple[float, float]) -> tuple[ParamSpec, ...]:
    return (
        ParamSpec("window", "int", *window, unit="trades", meaning="prices that the mean and the deviation are of"),
        ParamSpec("k", "float", *k, unit="standard deviations", meaning="distance of the bands from the mean"),
    )


_SEARCHED = _space(window=(50, 5000), k=(1.0, 4.0))


class BandLine:
    """Mean and deviation of the trailing trade prices, at each trade of the batch."""

    def __init__(self, window: int) -> None:
        self._trailing = Trailing(window)
        self.price: FloatArray = np.empty(0)
        self.mean: FloatArray = np.empty(0)
        self.deviation: FloatArray = np.empty(0)

    def update(self, batch: TickBatch) -> None:
        self.price = batch.price[batch.trade_rows]
        self.mean, self.deviation = self._trailing.moments(self.price)


@dataclass(frozen=True, slots=True)
class TradeBands:
    """Shared by all instances of one window, whatever their k."""

    window: int

    def build(self, lines: Lines) -> BandLine:
        return BandLine(self.window)


@register_tick_strategy("bollinger_reversion")
class BollingerTicks:
    """One parameter vector on one stream of trades."""

    card = StrategyCard(
        name="bollinger_reversion",
        title="mean reversion at k standard deviations of the trade price",
        data="trades",
        params=_space(window=(2, 1_000_000), k=(0.01, 20.0)),
        modes={
            "long": ModeSpec(Direction.LONG, _SEARCHED),
            "long_short": ModeSpec(Direction.LONG_SHORT, _SEARCHED),
        },
        baseline={"window": 200, "k": 2.0},
    )

    def __init__(self) -> None:
        self._params: Params = {}
        self._bands = BandLine(1)
        self._lowest = 0
        self._n_trades = 0
        self._counts = {1: 0, 0: 0, -1: 0}

    def set_params(self, params: Params) -> None:
        self._params = dict(params)

    def on_start(self, ctx: TickContext) -> None:
        if ctx.data is not TickSchema.TRADES:
            raise ValueError("bollinger_reversion: on ticks it works on trade prices; give trades in place of quotes")
        self._bands = ctx.line(TradeBands(int(self._params["window"])))
        self._lowest = -1 if ctx.direction is Direction.LONG_SHORT else 0

    def on_tick(self, batch: TickBatch, ctx: TickContext) -> None:
        bands, k, n = self._bands, float(self._params["k"]), self._bands.price.size
        self._n_trades += n
        at, positions = np.empty(n, np.int64), np.empty(n, np.int64)
        n_wishes = outside_bands(bands.price, bands.mean, bands.deviation, k, self._lowest, ctx.position, at, positions)
        for position in positions[:n_wishes].tolist():
            self._counts[position] += 1
        ctx.wish(batch.trade_rows[at[:n_wishes]], positions[:n_wishes].copy())

    def on_finish(self, ctx: TickContext) -> None:
        """Nothing is left to do: the last trade was decided on as every other."""

    def get_stats(self) -> dict[str, float | int]:
        """Trades seen and wishes made, by the position wished for."""
        return {
            "trades_seen": self._n_trades,
            "to_long": self._counts[1],
            "to_flat": self._counts[0],
            "to_short": self._counts[-1],
        }


@njit(cache=True, nogil=True)
def outside_bands(
    price: FloatArray,
    mean: FloatArray,
    deviation: FloatArray,
    k: float,
    lowest: int,
    position: int,
    at: IntArray,
    positions: IntArray,
) -> int:
    """Where the wished position changes: long below the lower band, `lowest` above the upper; how many changes.

    Nothing changes where the deviation is 0 or not known yet. `at` and `positions` are filled as far as needed.
    """
    n = 0
    for row in range(price.size):
        if not deviation[row] > 0.0:
            continue
        reach = k * deviation[row]
        if price[row] < mean[row] - reach:
            wished = 1
        elif price[row] > mean[row] + reach:
            wished = lowest
        else:
            continue
        if wished != position:
            position = wished
            at[n], positions[n] = row, position
            n += 1
    return n
