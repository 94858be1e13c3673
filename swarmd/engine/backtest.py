"""The front door of the engine: bars, a strategy and its parameters in; trades, equity and metrics out.

Called by the commands, the phases and the search. It joins what must not know each other (market, kernel, metrics,
strategies); it decides nothing about trades and computes no statistic of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.cpu import simulate
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.kernel.gpu import AskedEngine, ScreenEngine, engine_for
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.kernel.prices import PriceArrays, day_end_bars
from swarmd.engine.kernel.reference import simulate_reference
from swarmd.engine.kernel.sparse import sparse_metrics
from swarmd.engine.kernel.sparse_tables import SparseTables, sparse_tables
from swarmd.engine.kernel.trades import Outcome, Trades
from swarmd.engine.market.bars import Bars
from swarmd.engine.metrics.summary import Metrics, summarize
from swarmd.engine.strategies.contract import BarStrategy, BatchStrategy, Params, checked_params, in_mode

HostEngine = Literal["cpu", "reference"]
Engine = Literal["cpu", "reference", "gpu"]


@dataclass(frozen=True, slots=True)
class Simulation:
    """One finished run: its trades, its equity at every bar close (initial 1.0) and what it was worth."""

    trades: Trades
    equity: FloatArray
    metrics: Metrics


def run_backtest(
    bars: Bars,
    strategy: BarStrategy,
    params: Mapping[str, Any],
    *,
    mode: str,
    costs: Costs,
    engine: Engine = "cpu",
) -> Simulation:
    """One parameter vector on one series, with every trade.

    A GPU tells metrics and no trades: with the engine "gpu" the CPU's run is what comes back, after the GPU has
    confirmed its metrics bit for bit.

    Raises
    ------
    ValueError
        For an unknown mode or parameter (names the nearest), a value outside the card's limits, no GPU to ask, or one
        that says otherwise.
    """
    direction, strategy = strategy.card.mode(mode).direction, in_mode(strategy, mode)
    given = checked_params(strategy, params)
    if engine == "gpu":
        engine_for("gpu", say=lambda _: None)
        simulation = _simulation(bars, strategy, given, direction=direction, costs=costs, engine="cpu")
        _confirm(bars, strategy, given, simulation.metrics, mode=mode, costs=costs)
        return simulation
    return _simulation(bars, strategy, given, direction=direction, costs=costs, engine=engine)


def screen_engine(strategy: BarStrategy, asked: AskedEngine, *, say: Callable[[str], None]) -> ScreenEngine:
    """What will screen a strategy's vectors; said, where it was left open.

    Raises
    ------
    GpuUnavailable
        If a GPU was asked for by name and there is none.
    """
    if asked == "auto" and not isinstance(strategy, BatchStrategy):
        say(f"engine: cpu (the vectors of {strategy.card.name} share nothing a GPU could screen)")
        return "cpu"
    return engine_for(asked, say=say)


def evaluate_many(
    bars: Bars,
    strategy: BarStrategy,
    columns: Mapping[str, NDArray[Any]],
    *,
    mode: str,
    costs: Costs,
    engine: ScreenEngine = "cpu",
    progress: Callable[[int], None] | None = None,
) -> dict[str, NDArray[Any]]:
    """Screening metrics of many parameter vectors, equal to those of one `run_backtest` each.

    Parameters
    ----------
    columns : one array of shape (n_combos,) per parameter of the card; each number must be within its limits, but rows
        need not be `admissible`: what goes together is the search's rule, and a row that breaks it still has metrics
    engine : what screens, with the same result; rows that only a scan of the bars can evaluate run on the CPU anyway
    progress : called with the number of combos done since its last call, from this thread; 0 says that what they share
        is prepared

    Returns
    -------
    dict of arrays, shape (n_combos,)
        The columns of `SCREEN_METRICS`, in the order of the rows given. `profit_factor` is inf without a loss.

    Raises
    ------
    ValueError
        For a missing or unknown column, columns of different lengths, or a value outside the card's limits.
    """
    direction, strategy = strategy.card.mode(mode).direction, in_mode(strategy, mode)
    given = _checked_columns(strategy, columns)
    n_combos = len(next(iter(given.values())))
    covered = np.zeros(n_combos, np.bool_)
    if engine == "gpu" and not isinstance(strategy, BatchStrategy):
        raise ValueError(
            f"strategy {strategy.card.name}: its vectors share nothing a GPU could screen; use --engine cpu"
        )
    table: dict[str, NDArray[Any]] = {name: np.empty(n_combos) for name in SCREEN_METRICS}
    table["total_trades"] = np.empty(n_combos, np.int64)
    if isinstance(strategy, BatchStrategy) and n_combos:
        batch = strategy.batch(bars)
        covered = batch.covers(given, direction=direction, costs=costs)
        if covered.all():
            return batch.evaluate(given, direction=direction, costs=costs, progress=progress, engine=engine)
        if covered.any():
            shared = {name: column[covered] for name, column in given.items()}
            found = batch.evaluate(shared, direction=direction, costs=costs, progress=progress, engine=engine)
            for name in SCREEN_METRICS:
                table[name][covered] = found[name]
    if not covered.all():
        tables = sparse_tables(price_arrays(bars))
        for row in np.flatnonzero(~covered).tolist():
            params = {name: column[row].item() for name, column in given.items()}
            events, plan = strategy.events(bars, params), strategy.plan(params)
            metrics = _screened(bars, tables, events, plan, direction=direction, costs=costs)
            for name in SCREEN_METRICS:
                table[name][row] = metrics[name]
            if progress is not None:
                progress(1)
    return table


def _screened(
    bars: Bars, tables: SparseTables, events: Events, plan: ExitPlan, *, direction: Direction, costs: Costs
) -> Mapping[str, float | int]:
    """By skipping bars where the plan allows it, else by a scan of them."""
    if events.is_plain and plan.is_plain:
        return sparse_metrics(tables, events, plan=plan, direction=direction, costs=costs)
    outcome = simulate(price_arrays(bars), events, plan=plan, direction=direction, costs=costs)
    metrics = _summary(bars, outcome)
    return {name: getattr(metrics, name) for name in SCREEN_METRICS}


def price_arrays(bars: Bars) -> PriceArrays:
    """The prices of checked bars in the form the kernels take."""
    return PriceArrays(bars.open, bars.high, bars.low, bars.close, bars.synthetic, day_end_bars(bars.open_time))


def _simulation(
    bars: Bars, strategy: BarStrategy, params: Params, *, direction: Direction, costs: Costs, engine: HostEngine
) -> Simulation:
    events = strategy.events(bars, params)
    plan = strategy.plan(params)
    prices = price_arrays(bars)
    match engine:
        case "cpu":
            outcome = simulate(prices, events, plan=plan, direction=direction, costs=costs)
        case "reference":
            outcome = simulate_reference(prices, events, plan=plan, direction=direction, costs=costs)
        case _:
            assert_never(engine)
    return Simulation(outcome.trades, outcome.equity, _summary(bars, outcome))


def _summary(bars: Bars, outcome: Outcome) -> Metrics:
    trades = outcome.trades
    return summarize(
        outcome.equity,
        day_ends=day_end_bars(bars.open_time),
        interval_minutes=bars.interval_minutes,
        trade_pnl=trades.pnl,
        trade_return=trades.return_,
        entry_bar=trades.entry_bar,
        exit_bar=trades.exit_bar,
        left_at_open=trades.left_at_open,
    )


def _confirm(bars: Bars, strategy: BarStrategy, params: Params, metrics: Metrics, *, mode: str, costs: Costs) -> None:
    columns = {name: np.array([value]) for name, value in params.items()}
    told = evaluate_many(bars, strategy, columns, mode=mode, costs=costs, engine="gpu")
    for name in SCREEN_METRICS:
        here, there = float(getattr(metrics, name)), float(told[name][0])
        # Daily marks are summed in another order by the screen: where good and bad days cancel, only the absolute error
        # is small.
        slack = 1e-11 if name == "annual_sharpe" else 0.0
        if not np.isclose(here, there, rtol=slack, atol=slack):
            raise ValueError(
                f"the GPU says {name} = {there!r} and the CPU {here!r}; run scripts/check_gpu on this machine"
            )


def _checked_columns(strategy: BarStrategy, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The columns of the card, each within its limits; the first row that is not names itself."""
    card = strategy.card
    n_combos = {np.shape(column) for column in columns.values()}
    if len(n_combos) != 1 or len(next(iter(n_combos))) != 1:
        raise ValueError(f"strategy {card.name}: columns have shapes {sorted(n_combos)}; give arrays of one length")
    wanted = {spec.name for spec in card.params}
    if wanted != set(columns):
        raise ValueError(f"strategy {card.name}: columns {sorted(columns)} given, {sorted(wanted)} wanted")
    given = {spec.name: np.ascontiguousarray(columns[spec.name]) for spec in card.params}
    for spec in card.params:
        # A range holds when it holds for the ends; only choices and whole numbers must be looked at one by one.
        column = given[spec.name]
        is_range = spec.kind == "float" and column.size > 0
        looked_at = np.array([column.min(), column.max()]) if is_range else np.unique(column)
        for value in looked_at:
            refusal = spec.refusal(value.item())
            if refusal:
                same = np.isnan(given[spec.name]) if np.isnan(value) else given[spec.name] == value
                row = int(np.argmax(same))
                raise ValueError(f"strategy {card.name}: combination {row}: {refusal}")
    return given
