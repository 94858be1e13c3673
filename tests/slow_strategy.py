"""A strategy that lets a test keep a search at work: slow while `slow` lies in the folder of orders.

Each backtest of a refinement then takes three seconds: the run makes progress, so that nobody takes it for hung, costs
no processor and comes to its safe points. A file `RUN.crash` ends the run whose id ends so, with exit code 7. While
`hold` lies there no preflight comes to its end, and so no search begins.
"""

import os
import time
from dataclasses import replace
from pathlib import Path

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import Columns, Params
from swarmd.engine.strategies.mtf_ema import MtfEma

FOLDER = "SWARMD_TEST_ORDERS"


class Slow:
    """By composition, and one vector at a time."""

    card = replace(MtfEma.card, name="slow")

    def __init__(self) -> None:
        self._inner = MtfEma()

    def events(self, bars: Bars, params: Params) -> Events:
        run, orders = os.environ.get("SWARMD_RUN", "").partition("@")[0], Path(os.environ[FOLDER])
        while ".preflight-a" in run and bars.symbol != "WARMUP" and (orders / "hold").exists():
            time.sleep(0.05)
        if ".refine-a" in run and bars.symbol != "WARMUP":
            if any(run.endswith(order.stem) for order in orders.glob("*.crash")):
                os._exit(7)
            if (orders / "slow").exists():
                time.sleep(3.0)
        return self._inner.events(bars, params)

    def plan(self, params: Params) -> ExitPlan:
        return self._inner.plan(params)

    def admissible(self, columns: Columns) -> BoolArray:
        return self._inner.admissible(columns)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return self._inner.lookback_bars(params, interval_minutes)
