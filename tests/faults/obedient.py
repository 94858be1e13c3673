"""A strategy that misbehaves when told to: `mtf_ema` with a folder of orders that it looks into at every backtest.

A file `refine-a1@5.wait` holds the run whose id ends so at its 5th backtest until the file is gone; `.spin` does so
with a busy processor; `.spawn` first starts children, in the group of the run and in sessions of their own. `.burn`
holds nobody: from that backtest on each costs 50 ms of processor time more. What was reached is told by `….reached`
beside it, with the pids. Without orders it is `mtf_ema`, one vector at a time.
"""

import os
import subprocess
import sys
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
_BURNT_SECONDS = 0.05
_CHILD = [sys.executable, "-S", "-c", "import time; time.sleep(120)"]
_GRANDCHILD = [sys.executable, "-S", "-c", "import os, time; os.fork(); os.setsid(); time.sleep(120)"]


class Obedient:
    """By composition and without a batch, so that the prescreen comes by as well."""

    card = replace(MtfEma.card, name="obedient")

    def __init__(self) -> None:
        self._inner = MtfEma()
        self._calls = 0

    def events(self, bars: Bars, params: Params) -> Events:
        if bars.symbol != "WARMUP":
            self._calls += 1
            _obey(self._calls)
            _burn(self._calls)
        return self._inner.events(bars, params)

    def plan(self, params: Params) -> ExitPlan:
        return self._inner.plan(params)

    def admissible(self, columns: Columns) -> BoolArray:
        return self._inner.admissible(columns)

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return self._inner.lookback_bars(params, interval_minutes)


def _burn(call: int) -> None:
    run = os.environ.get("SWARMD_RUN", "").partition("@")[0]
    orders = (order.stem.partition("@") for order in Path(os.environ[FOLDER]).glob("*@*.burn"))
    if any(run.endswith(who) and call >= int(at) for who, _, at in orders):
        until = time.thread_time() + _BURNT_SECONDS
        while time.thread_time() < until:
            pass


def _obey(call: int) -> None:
    run = os.environ.get("SWARMD_RUN", "").partition("@")[0]
    for order in Path(os.environ[FOLDER]).glob("*@*"):
        who, _, at = order.stem.partition("@")
        if order.suffix in (".reached", ".burn") or not run.endswith(who) or int(at) != call:
            continue
        children = [os.getpid()]
        if order.suffix == ".spawn":
            children.append(subprocess.Popen(_CHILD).pid)
            children.append(subprocess.Popen(_CHILD, start_new_session=True).pid)
            children.append(subprocess.Popen(_GRANDCHILD).pid)
        reached = order.with_suffix(".reached")
        reached.with_suffix(".told").write_text(" ".join(map(str, children)))
        reached.with_suffix(".told").replace(reached)
        while order.exists():
            if order.suffix != ".spin":
                time.sleep(0.02)
