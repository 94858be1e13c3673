"""The process that evaluates: one order at a time, until the pipe closes. `python -m swarmd.engine.experiments.worker`.

Whatever a strategy does (raise, print, leave, hang, crash) stays in here. It runs in a session of its own, so that a
Ctrl-C reaches the runner alone, and dies with the runner.
"""

import math
import os
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from swarmd.engine.backtest import run_backtest
from swarmd.engine.experiments.order import HELLO, READY, Order, Reply, Setting
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars
from swarmd.engine.metrics.growth import bar_returns
from swarmd.engine.phases.child import die_with
from swarmd.engine.strategies.contract import BarStrategy
from swarmd.engine.strategies.ema_cross import EmaCross
from swarmd.engine.strategies.registry import strategy_named


def main(descriptor: int, parent: int) -> None:
    """Serve the pipe in this descriptor; `parent` is the runner's pid."""
    die_with(parent)
    # What a strategy prints must not come between the lines of the runner's answer.
    os.dup2(2, 1)
    with Connection(descriptor) as pipe:
        try:
            pipe.send(HELLO)
            setting: Setting = pipe.recv()
            strategy = strategy_named(setting.strategy)
            bars = {symbol: Bars(**arrays) for symbol, arrays in setting.bars.items()}
            _load_kernels(next(iter(bars.values())))
            pipe.send(READY)
            while True:
                pipe.send(_reply(pipe.recv(), strategy, bars, setting))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _reply(order: Order, strategy: BarStrategy, bars: dict[str, Bars], setting: Setting) -> Reply:
    began = time.perf_counter()
    costs = Costs(setting.fee_bps, setting.slippage_bps)
    whole = bars[order.symbol]
    equity = earned_inside = None
    try:
        asked: BarStrategy = strategy
        if order.fit is not None:
            from swarmd.engine.phases.vault import WarmedUp  # brings in the phases, which few orders need

            inside = run_backtest(whole.between(*order.fit), strategy, order.params, mode=setting.mode, costs=costs)
            earned_inside = math.fsum(bar_returns(inside.equity).tolist())
            asked = WarmedUp(strategy, whole.between(0, order.stop), order.start)
        run = run_backtest(whole.between(order.start, order.stop), asked, order.params, mode=setting.mode, costs=costs)
    except (MemoryError, OSError) as cause:
        return Reply(None, time.perf_counter() - began, "lost", _told(cause))
    except (Exception, SystemExit) as cause:
        return Reply(None, time.perf_counter() - began, "strategy", _told(cause))
    if order.fit is not None:
        equity = run.equity
    return Reply(run.metrics.as_json(), time.perf_counter() - began, equity=equity, earned_inside=earned_inside)


def _load_kernels(bars: Bars) -> None:
    """Before the first trial's time runs: the simulator is compiled or loaded. By a strategy of ours, which ends."""
    few = bars.between(0, min(bars.n_bars, 200))
    run_backtest(few, EmaCross(), EmaCross.card.baseline, mode="long_short", costs=Costs())


def _told(cause: BaseException) -> str:
    """The fault in one line; a refusal of ours says where it is, anything else is told its place."""
    text = " ".join(f"{type(cause).__name__}: {cause}".split())
    frames = traceback.extract_tb(cause.__traceback__)
    if isinstance(cause, ValueError) or not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
