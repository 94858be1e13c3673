"""What must make no difference: asking twice, the unit of the prices; and what must come of nothing: nothing."""

from collections.abc import Mapping

import numpy as np

from swarmd.engine.backtest import evaluate_many
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.laws.agreement import columns_of
from swarmd.engine.laws.finding import Broken, Exam, rows_of
from swarmd.engine.laws.markets import flat_market, in_another_unit

_VECTORS = 6
_FLAT_BARS = 20_000
# A power of two: prices in the other unit have the same digits, so that nothing may differ by rounding.
_FACTOR = 4.0


def the_same_question_has_the_same_answer(exam: Exam) -> Mapping[str, int]:
    """Events twice asked for are the same; a strategy remembers nothing and draws no lots."""
    n_vectors = 0
    for mode, strategy, params in exam.cases(_VECTORS):
        first = rows_of(strategy.events(exam.bars, params))
        again = rows_of(strategy.events(exam.bars, params))
        if first != again:
            bar = min(bar for bar, *_ in {*first} ^ {*again})
            raise Broken("asked a second time it decides otherwise", mode, params, bar, exam.time_of(bar))
        n_vectors += 1
    return {"vectors": n_vectors}


def nothing_is_decided_before_the_lookback(exam: Exam) -> Mapping[str, int]:
    """On half as many bars as `lookback_bars` names there is no event."""
    n_vectors = 0
    for mode, strategy, params in exam.cases(_VECTORS):
        lookback = strategy.lookback_bars(params, exam.bars.interval_minutes)
        half = min(lookback // 2, exam.bars.n_bars)
        events = rows_of(strategy.events(exam.bars.between(0, half), params)) if half else []
        for bar, *_ in events:
            told = f"lookback_bars says {lookback}, and on {half} bars there is an event at bar {bar} already"
            raise Broken(told, mode, params, bar, exam.time_of(bar))
        n_vectors += 1
    return {"vectors": n_vectors}


def the_unit_of_prices_changes_nothing(exam: Exam) -> Mapping[str, int]:
    """At four times the price the same bars have the same events and the same metrics, to the last bit."""
    n_vectors, dear = 0, in_another_unit(exam.bars, _FACTOR)
    for mode, strategy, params in exam.cases(_VECTORS):
        # The unit of an event is a distance of prices, and grows with them.
        here, there = (
            [(bar, side, chance) for bar, side, _, chance in rows_of(strategy.events(bars, params))]
            for bars in (exam.bars, dear)
        )
        if here != there:
            bar = min(bar for bar, *_ in {*here} ^ {*there})
            told = f"at {_FACTOR:g} times the price it decides otherwise: a number in it has the unit of a price"
            raise Broken(told, mode, params, bar, exam.time_of(bar))
        n_vectors += 1
    for mode, vectors in exam.vectors.items():
        columns = columns_of(exam, vectors)
        cheap, other = (
            evaluate_many(bars, exam.strategy, columns, mode=mode, costs=Costs()) for bars in (exam.bars, dear)
        )
        for metric in SCREEN_METRICS:
            for row in np.flatnonzero(cheap[metric] != other[metric]).tolist():
                told = f"at {_FACTOR:g} times the price {metric} is {other[metric][row]} and not {cheap[metric][row]}"
                raise Broken(told, mode, vectors[row])
    return {"vectors": n_vectors}


def a_flat_market_gives_no_trades(exam: Exam) -> Mapping[str, int]:
    """Where the price never moves there is no event, no trade, no return."""
    bars, n_vectors = flat_market(_FLAT_BARS, interval_minutes=exam.bars.interval_minutes), 0
    for mode, strategy, params in exam.cases(_VECTORS):
        for bar, *_ in rows_of(strategy.events(bars, params)):
            raise Broken(f"there is an event at bar {bar} of a market that never moves", mode, params, bar)
        n_vectors += 1
    for mode, vectors in exam.vectors.items():
        found = evaluate_many(bars, exam.strategy, columns_of(exam, vectors), mode=mode, costs=Costs())
        for metric in ("total_trades", "total_return", "annual_sharpe"):
            for row in np.flatnonzero(found[metric] != 0).tolist():
                raise Broken(f"{metric} is {found[metric][row]} where the price never moves", mode, vectors[row])
    return {"vectors": n_vectors}
