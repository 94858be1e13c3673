"""Many parameter vectors of `mtf_ema` on one series through every path and both oracles, counted.

The sample of the test suite and the full volume of `scripts/check_oracles` are this one function.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np
from oracles.backtesting_peer import run_backtesting
from oracles.peer import (
    Orders,
    PeerRun,
    differences,
    ema_crossings,
    metric_differences,
    screening_differences,
    unequal_bits,
)
from oracles.vectorbt_peer import run_vectorbt

from swarmd.engine.backtest import Simulation, evaluate_many, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.market.bars import Bars, load_bars
from swarmd.engine.search.combos import draw_combinations, row_params
from swarmd.engine.strategies.registry import strategy_named

STRATEGY = strategy_named("mtf_ema")
COSTS = Costs()
# One oracle has slippage on entries only: against it both sides have none.
FEE_ONLY = Costs(COSTS.fee_bps, 0.0)
KNOWN_GAPS = ("2023-03-24", "2023-12-31")
AGAINST = ("reference", "screening", "signals", "vectorbt", "backtesting.py")
# Whole units of an account of 1e13 leave so much of the equity uninvested.
WHOLE_UNITS = 1e-8


@dataclasses.dataclass(slots=True)
class Tally:
    """One path against ours: vectors and trades compared, vectors that differ with the first words of why."""

    vectors: int = 0
    trades: int = 0
    vectors_apart: int = 0
    largest_return_gap: float = 0.0
    words: list[str] = dataclasses.field(default_factory=list)

    def count(self, n_trades: int, return_gap: float, found: list[str]) -> None:
        self.vectors += 1
        self.trades += n_trades
        self.vectors_apart += bool(found)
        self.largest_return_gap = max(self.largest_return_gap, return_gap)
        self.words = (self.words + found)[:3]

    def add(self, other: "Tally") -> None:
        self.vectors += other.vectors
        self.trades += other.trades
        self.vectors_apart += other.vectors_apart
        self.largest_return_gap = max(self.largest_return_gap, other.largest_return_gap)
        self.words = (self.words + other.words)[:3]


def real_file(symbol: str) -> Path:
    """The 5-minute bars of a symbol under SWARMD_TEST_DATA, or beside the project; it may not be there."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("SWARMD_TEST_DATA", beside)) / "bars_5m" / f"{symbol}.parquet"


def real_series(symbol: str) -> Bars:
    """All of a symbol's bars, its gaps accepted and on the full grid."""
    return load_bars(real_file(symbol), known_gaps=KNOWN_GAPS)


def drawn(mode: str, n: int, seed: int) -> dict[str, np.ndarray]:
    """Random vectors of the mode's whole search space."""
    return draw_combinations(STRATEGY.card.mode(mode).space, n, seed, STRATEGY.admissible)


def compare(
    bars: Bars, columns: dict[str, np.ndarray], mode: str, *, against: tuple[str, ...] = AGAINST
) -> dict[str, Tally]:
    """Every vector against these paths."""
    tallies = {name: Tally() for name in against}
    screened = evaluate_many(bars, STRATEGY, columns, mode=mode, costs=COSTS) if "screening" in against else {}
    for row in range(len(columns["sl"])):
        params = row_params(columns, row)
        crossings = ema_crossings(bars, *((int(params[f"tf_{n}"]), int(params[f"L_{n}"])) for n in ("fast", "slow")))
        ours = run_backtest(bars, STRATEGY, params, mode=mode, costs=COSTS)
        n_trades = len(ours.trades)
        where = f"{bars.symbol} {mode} {params}: "

        def count(name: str, return_gap: float, found: list[str], *, n: int = n_trades, where: str = where) -> None:
            tallies[name].count(n, return_gap, [where + words for words in found])

        if "signals" in against:
            events = STRATEGY.events(bars, params)
            same = np.array_equal(events.bar, crossings[0]) and np.array_equal(events.side, crossings[1])
            count("signals", 0.0, [] if same else ["crossings found bar by bar are others"], n=len(events))
        if "reference" in against:
            slow = run_backtest(bars, STRATEGY, params, mode=mode, costs=COSTS, engine="reference")
            count("reference", _gap(ours, slow), unequal_bits(ours, slow))
        if "screening" in against:
            found = {name: screened[name][row].item() for name in SCREEN_METRICS}
            gap = abs(found["total_return"] - ours.metrics.total_return)
            count("screening", gap, screening_differences(found, ours))
        orders, plan = Orders.waiting(*crossings, bars), STRATEGY.plan(params)
        direction = STRATEGY.card.mode(mode).direction
        if "vectorbt" in against:
            theirs = run_vectorbt(bars, orders, plan, direction=direction, costs=COSTS)
            found_apart = differences(ours, theirs) + _metrics(ours, theirs, bars, rel=1e-9, abs_=1e-10)
            count("vectorbt", _gap(ours, theirs), found_apart)
        if "backtesting.py" in against:
            ours = run_backtest(bars, STRATEGY, params, mode=mode, costs=FEE_ONLY)
            theirs = run_backtesting(bars, orders, plan, direction=direction, fee=FEE_ONLY.fee)
            found_apart = differences(ours, theirs, equity=WHOLE_UNITS)
            found_apart += _metrics(ours, theirs, bars, rel=1e-6, abs_=1e-7)
            count("backtesting.py", _gap(ours, theirs), found_apart, n=len(ours.trades))
    return tallies


def _metrics(ours: Simulation, theirs: PeerRun, bars: Bars, *, rel: float, abs_: float) -> list[str]:
    return metric_differences(dataclasses.asdict(ours.metrics), theirs.metrics(bars), rel=rel, abs_=abs_)


def _gap(ours: Simulation, other: Simulation | PeerRun) -> float:
    return float(abs(ours.equity[-1] - other.equity[-1]))
