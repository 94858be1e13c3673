"""Compiled before ready: a tiny market is traded once, so that no part of the real work waits for a compiler.

Compilation gives no sign of progress and takes from a moment (cached) to half a minute (first run on a machine); before
READY it is excused, afterwards it would look like a run that is stuck.
"""

import numpy as np

from swarmd.engine.backtest import evaluate_many, run_backtest, screen_engine
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.gpu import ScreenEngine
from swarmd.engine.market.bars import Bars, bars_from_arrays
from swarmd.engine.market.feature_cache import code_digest
from swarmd.engine.market.timeframes import parse_interval
from swarmd.engine.search.combos import draw_combinations
from swarmd.engine.search.provenance import code_version, git_sha
from swarmd.engine.search.space import Space, search_space
from swarmd.engine.search.tolerant import failing_alone
from swarmd.engine.strategies.contract import BarStrategy
from swarmd.engine.strategies.registry import strategy_file, strategy_named, strategy_names
from swarmd.state.records.job import Phase
from swarmd.state.work_order import WorkOrder

_BARS = 4000
_MISSING = 3
_VECTORS = 4


def warm_up(order: WorkOrder) -> None:
    """Run what the phase will run, on a market of a few thousand bars. ValueError where strategy or space are wrong."""
    settings = order.campaign
    strategy = strategy_named(settings.strategy.name)
    bars = tiny_market(parse_interval(settings.data.interval))
    for mode in (order.mode,) if order.mode else settings.strategy.modes:
        warm_single_runs(bars, strategy, mode)
        if order.phase is Phase.PRESCREEN:
            engine = screen_engine(strategy, order.engine, say=lambda _: None)
            warm_screening(bars, strategy, mode, search_space(strategy.card, mode, settings.space), engine)


def warm_up_for_any(like: WorkOrder) -> bool:
    """For every order of its campaign, as long before as one likes. Whether that was all there is to warm up.

    A strategy in a file of the user's own is loaded with the order and not before, for until then the file may change;
    what it shares with those of the package is warmed up with them.
    """
    settings = like.campaign
    # Read once in a process, and now: results must bear the digest of the code that was imported.
    code_version(), git_sha(), code_digest()
    if strategy_file(settings.strategy.name) is None:
        warm_up(like.model_copy(update={"phase": Phase.PRESCREEN, "mode": ""}))
        return True
    bars = tiny_market(parse_interval(settings.data.interval))
    for strategy in map(strategy_named, strategy_names()):
        for mode in strategy.card.modes:
            warm_single_runs(bars, strategy, mode)
            warm_screening(bars, strategy, mode, search_space(strategy.card, mode, {}))
    return False


def warm_single_runs(bars: Bars, strategy: BarStrategy, mode: str) -> None:
    """Compile what one run with its trades takes."""
    run_backtest(bars, strategy, strategy.card.baseline, mode=mode, costs=Costs())


def warm_screening(bars: Bars, strategy: BarStrategy, mode: str, space: Space, engine: ScreenEngine = "cpu") -> None:
    """Compile what a screen takes. What a strategy raises on one of these few vectors is told when it is screened."""
    columns = draw_combinations(space, _VECTORS, 0, strategy.admissible)
    evaluate_many(bars, failing_alone(strategy, mode), columns, mode=mode, costs=Costs(), engine=engine)


def tiny_market(interval_minutes: int) -> Bars:
    """Waves that make crossings, stops and targets, with some bars missing in the middle; no claim beyond that."""
    at = np.delete(np.arange(_BARS + _MISSING), slice(_BARS // 2, _BARS // 2 + _MISSING))
    close = 100.0 * np.exp(0.05 * np.sin(at / 97.0) + 0.02 * np.sin(at / 13.0))
    open_ = np.concatenate(([100.0], close[:-1]))
    return bars_from_arrays(
        "WARMUP",
        interval_minutes,
        at * interval_minutes * 60_000,
        open_,
        np.maximum(open_, close) * 1.001,
        np.minimum(open_, close) * 0.999,
        close,
        np.ones(_BARS),
        allow_gaps=_MISSING,
    )
