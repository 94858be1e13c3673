"""A strategy whose events and exit plan are written by a test, so that the front door can be taken with both."""

from dataclasses import dataclass

import numpy as np

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import Columns, ModeSpec, Params, ParamSpec, StrategyCard


@dataclass(frozen=True)
class Scripted:
    """Its only parameter, `row`, stands for nothing."""

    script: Events
    exit_plan: ExitPlan
    card = StrategyCard(
        name="scripted",
        title="Events and plan of a test",
        data="any bars",
        params=(ParamSpec("row", "int", 0, 0, unit="none", meaning="nothing"),),
        modes={direction.value: ModeSpec(direction, ()) for direction in Direction},
        baseline={"row": 0},
    )

    def events(self, bars: Bars, params: Params) -> Events:
        return self.script

    def plan(self, params: Params) -> ExitPlan:
        return self.exit_plan

    def admissible(self, columns: Columns) -> BoolArray:
        return np.ones(len(columns["row"]), np.bool_)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return 0
