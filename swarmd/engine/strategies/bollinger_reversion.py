"""Mean reversion at k standard deviations: what has fallen far below its own average is bought, and the mirror of it.

A close below the lower band is a wish to be long, one above the upper band a wish to be out of it (where the mode
allows, to be short). There is such a wish at every close outside the bands, not only at the first: the simulator makes
no order of one for the side already held, and whoever adds a stop is bought in again while the price is still low.
Between the bands nothing is wished. The bands are `indicators.bands`' business, resolving trades the kernel's.
"""

import numpy as np

from swarmd.engine.arrays import BoolArray
from swarmd.engine.indicators.bands import rolling_moments
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import Columns, ModeSpec, Params, ParamSpec, StrategyCard
from swarmd.engine.strategies.registry import register_strategy


def _space(*, window: tuple[int, int], k: tuple[float, float]) -> tuple[ParamSpec, ...]:
    return (
        ParamSpec("window", "int", *window, unit="bars", meaning="closes that the mean and the deviation are of"),
        ParamSpec("k", "float", *k, unit="standard deviations", meaning="distance of the bands from the mean"),
    )


_SEARCHED = _space(window=(20, 500), k=(1.0, 3.5))


@register_strategy("bollinger_reversion")
class BollingerReversion:
    """Buys below the lower Bollinger band, sells above the upper one."""

    card = StrategyCard(
        name="bollinger_reversion",
        title="mean reversion at k standard deviations of the close",
        data="bars of any interval",
        params=_space(window=(2, 20_000), k=(0.01, 20.0)),
        modes={
            "long": ModeSpec(Direction.LONG, _SEARCHED),
            "long_short": ModeSpec(Direction.LONG_SHORT, _SEARCHED),
        },
        baseline={"window": 200, "k": 2.0},
    )

    def events(self, bars: Bars, params: Params) -> Events:
        # The newest close is one of the window's values: it is known when the wish is made.
        mean, deviation = rolling_moments(bars.close, int(params["window"]))
        reach = float(params["k"]) * deviation
        below, above = bars.close < mean - reach, bars.close > mean + reach
        # A wish at the last close fills nowhere.
        wished = np.flatnonzero((below | above)[:-1])
        return Events(wished + 1, np.where(below[wished], 1, -1).astype(np.int64))

    def plan(self, params: Params) -> ExitPlan:
        return ExitPlan(stop=None, target=None)

    def admissible(self, columns: Columns) -> BoolArray:
        """k * k is below window - 1."""
        # No value of a window lies further from its mean than sqrt(window - 1) deviations: beyond, nothing ever trades.
        return np.asarray(columns["k"] ** 2 < columns["window"] - 1)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return int(params["window"])
