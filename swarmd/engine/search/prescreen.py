"""The wide phase: very many vectors, a few metrics each, the best few hundred kept as seeds.

Called by the prescreen phase and its command with development bars. The document it gives back is deterministic to the
last byte: how long things took is told beside it, never inside.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray
from swarmd.engine.backtest import evaluate_many
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.kernel.gpu import ScreenEngine
from swarmd.engine.market.bars import Bars
from swarmd.engine.search.combos import row_params
from swarmd.engine.search.provenance import Provenance
from swarmd.engine.search.score import Constraints, ScoreRule, meets, ranking, score_columns
from swarmd.engine.search.space import Space, space_document
from swarmd.engine.search.tolerant import Tolerant, failing_alone
from swarmd.engine.strategies.contract import BarStrategy

SCHEMA = "swarmd.prescreen/1"
TOP_FILE = "phase0_top500.json"
SECONDS_FILE = "phase0_seconds.json"
PARTS = ("generate", "prepare", "evaluate", "rank", "serialize", "total")

# Vectors handed over at a time. The evaluator reports a few dozen times per call: with more, it would be silent for
# so long that it looks stuck. Rows do not know of each other, so the cut changes no number.
SLICE = 500_000


@dataclass(frozen=True, slots=True)
class Screening:
    """Every vector with its metrics, score and rank; `ranked` are the rows kept, the best first."""

    columns: dict[str, NDArray[Any]]
    metrics: dict[str, NDArray[Any]]
    score: FloatArray
    is_valid: BoolArray
    ranked: IntArray
    engine: ScreenEngine
    # Rows whose strategy raised, with what it said; their metrics are NaN.
    failures: Mapping[int, str] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        return int(self.score.size)

    @property
    def n_valid(self) -> int:
        return int(np.count_nonzero(self.is_valid & np.isfinite(self.score)))


class Stopwatch:
    """Seconds per part. A measure for people: it decides nothing and enters no result."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._began = self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """The time since the last lap belonged to `part`."""
        now = time.perf_counter()
        self.seconds[part] += now - self._last
        self.seconds["total"] = now - self._began
        self._last = now


def screen_combinations(
    bars: Bars,
    strategy: BarStrategy,
    columns: Mapping[str, NDArray[Any]],
    *,
    mode: str,
    costs: Costs,
    rule: ScoreRule,
    constraints: Constraints,
    top: int,
    watch: Stopwatch,
    engine: ScreenEngine = "cpu",
    progress: Callable[[int], None] | None = None,
    at_a_time: int = SLICE,
) -> Screening:
    """Evaluate and rank the given vectors.

    Parameters
    ----------
    bars : development bars; nothing later may be in them
    columns : one array of shape (n_combos,) per parameter
    engine : what evaluates; the metrics are the same bits
    progress : called with the number of vectors done since its last call (0: nothing yet); may raise to stop
    at_a_time : how many vectors are evaluated in one go; fewer take less memory, and the metrics are the same bits

    Raises
    ------
    ValueError
        For a vector outside the card's limits, a metric the screen does not compute, or where every vector fails.
    """
    rule.check(SCREEN_METRICS)

    def heard(done: int) -> None:
        if done == 0:
            watch.lap("prepare")
        if progress is not None:
            progress(done)

    # A vector that its strategy cannot answer fails alone; those of a batch are answered together.
    asked = failing_alone(strategy, mode)
    slices = []
    for start in range(0, len(next(iter(columns.values()))), at_a_time):
        part = {name: column[start : start + at_a_time] for name, column in columns.items()}
        slices.append(evaluate_many(bars, asked, part, mode=mode, costs=costs, engine=engine, progress=heard))
        watch.lap("evaluate")
    metrics = slices[0]
    if len(slices) > 1:
        metrics = {name: np.concatenate([part[name] for part in slices]) for name in metrics}
    failures: dict[int, str] = {}
    if isinstance(asked, Tolerant):
        asked.refuse_if_all_failed()
        failures = asked.failures
        for name, column in metrics.items():
            column[[*failures]] = 0 if name == "total_trades" else np.nan
    score = score_columns(metrics, rule)
    is_valid = meets(metrics, constraints)
    ranked = ranking(score, is_valid, top)
    watch.lap("rank")
    return Screening(dict(columns), metrics, score, is_valid, ranked, engine, failures)


def screening_document(
    screening: Screening,
    *,
    strategy: str,
    mode: str,
    symbol: str,
    interval: str,
    space: Space,
    costs: Costs,
    rule: ScoreRule,
    constraints: Constraints,
    origin: Provenance,
    seed: int | None,
    requested: int,
    evaluated_bars: int,
) -> dict[str, Any]:
    """The kept vectors with all it takes to make them again; `None` where JSON has no number."""
    seeds = [
        {
            "rank": rank,
            "row": row,
            "params": row_params(screening.columns, row),
            "score": float(screening.score[row]),
            "metrics": plain_metrics({name: column[row].item() for name, column in screening.metrics.items()}),
        }
        for rank, row in enumerate(screening.ranked.tolist(), start=1)
    ]
    return {
        "schema": SCHEMA,
        "strategy": strategy,
        "mode": mode,
        "symbol": symbol,
        "interval": interval,
        **origin.document(seed=seed, tried=screening.tried),
        "engine": screening.engine,
        "requested": requested,
        "evaluated_bars": evaluated_bars,
        "valid": screening.n_valid,
        **_told_failures(screening),
        "space": space_document(space),
        "costs": {"fee_bps": costs.fee_bps, "slippage_bps": costs.slippage_bps},
        "score": {"primary": rule.primary, "weights": dict(rule.weights)},
        "constraints": {"min_trades": constraints.min_trades, "max_drawdown": constraints.max_drawdown},
        "top": seeds,
    }


def nothing_valid(screening: Screening, constraints: Constraints) -> str:
    """Why no vector was kept, in numbers."""
    most_trades = int(screening.metrics["total_trades"].max(initial=0))
    least_drawdown = float(np.nanmin(screening.metrics["max_drawdown"], initial=np.inf))
    return (
        f"none of {screening.tried} combinations meets the constraints: the most trades were "
        f"{most_trades} (at least {constraints.min_trades}), the least drawdown {least_drawdown:.3f} (at most "
        f"{constraints.max_drawdown:g}); use more bars, wider ranges or milder constraints"
    )


def failures_in_words(screening: Screening) -> str | None:
    """How many vectors failed and what the first one said, for a person; None where none did."""
    if not screening.failures:
        return None
    row = min(screening.failures)
    return (
        f"{len(screening.failures)} of {screening.tried} combinations failed, row {row} with: {screening.failures[row]}"
    )


def _told_failures(screening: Screening) -> dict[str, Any]:
    """Nothing where there is nothing to tell."""
    if not screening.failures:
        return {}
    row = min(screening.failures)
    first = {"row": row, "params": row_params(screening.columns, row), "error": screening.failures[row]}
    return {"failed": len(screening.failures), "first_failure": first}


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Metrics for JSON: counts as whole numbers, and null for what is not finite (a profit factor without a loss)."""
    plain: dict[str, float | int | None] = {}
    for name, value in metrics.items():
        if name == "total_trades":
            plain[name] = int(value)
        else:
            plain[name] = float(value) if np.isfinite(value) else None
    return plain
