"""Every way to one answer gives that answer: the slow reference, the fast engine, and many vectors at once."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.backtest import Simulation, evaluate_many, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.laws.finding import Broken, Exam
from swarmd.engine.strategies.contract import Params

# The reference walks bar by bar in plain Python.
_BY_REFERENCE = 3
# Screens add up days in another order.
_SHARPE_SLACK = 1e-9


def columns_of(exam: Exam, vectors: Sequence[Params]) -> dict[str, NDArray[Any]]:
    """The vectors as the screen takes them."""
    return {spec.name: np.array([params[spec.name] for params in vectors]) for spec in exam.strategy.card.params}


def every_engine_agrees(exam: Exam) -> Mapping[str, int]:
    """Fast engine and reference: trades and equity to the last bit; screen and single runs: every metric."""
    n_vectors = n_reference = n_trades = 0
    for mode, vectors in exam.vectors.items():
        found = evaluate_many(exam.bars, exam.strategy, columns_of(exam, vectors), mode=mode, costs=Costs())
        for row, params in enumerate(vectors):
            single = run_backtest(exam.bars, exam.strategy, params, mode=mode, costs=Costs())
            if row < _BY_REFERENCE:
                slow = run_backtest(exam.bars, exam.strategy, params, mode=mode, costs=Costs(), engine="reference")
                if (differs := _differs(single, slow)) is not None:
                    raise Broken(f"the fast engine and the reference differ in {differs}", mode, params)
                n_reference += 1
            for metric in SCREEN_METRICS:
                alone, among = getattr(single.metrics, metric), found[metric][row].item()
                slack = _SHARPE_SLACK if metric == "annual_sharpe" else 0.0
                if not math.isclose(alone, among, rel_tol=slack, abs_tol=slack):
                    raise Broken(f"{metric} is {alone} alone and {among} among {len(vectors)}", mode, params)
            n_vectors, n_trades = n_vectors + 1, n_trades + len(single.trades)
    return {"vectors": n_vectors, "by reference": n_reference, "trades": n_trades}


def something_is_traded(exam: Exam) -> Mapping[str, int]:
    """In every mode at least one drawn vector trades; the figures say how many do."""
    n_vectors = n_trading = n_trades = 0
    for mode, vectors in exam.vectors.items():
        found = evaluate_many(exam.bars, exam.strategy, columns_of(exam, vectors), mode=mode, costs=Costs())
        trades = found["total_trades"]
        if not trades.any():
            raise Broken(
                f"none of {len(vectors)} vectors trades on {exam.bars.n_bars} bars; the space may ask for more bars "
                "(see lookback_bars), or the rule is never met",
                mode,
            )
        n_vectors, n_trading = n_vectors + len(vectors), n_trading + int(np.count_nonzero(trades))
        n_trades += int(trades.sum())
    return {"vectors": n_vectors, "trading": n_trading, "trades": n_trades}


def _differs(fast: Simulation, slow: Simulation) -> str | None:
    if fast.trades.exit_reason != slow.trades.exit_reason:
        return "their trades"
    if not np.array_equal(fast.equity, slow.equity):
        return "their equity"
    return None if fast.metrics == slow.metrics else "their metrics"
