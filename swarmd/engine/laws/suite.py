"""The laws, in the order they are told, and how a strategy is put before them. A new law is one line here."""

from collections.abc import Sequence

from swarmd.engine.laws.agreement import every_engine_agrees, something_is_traded
from swarmd.engine.laws.finding import Broken, Exam, Finding, Law, drawn_vectors
from swarmd.engine.laws.invariance import (
    a_flat_market_gives_no_trades,
    nothing_is_decided_before_the_lookback,
    the_same_question_has_the_same_answer,
    the_unit_of_prices_changes_nothing,
)
from swarmd.engine.laws.look_ahead import the_future_changes_no_event
from swarmd.engine.laws.markets import random_walk
from swarmd.engine.laws.whole_card import the_card_is_whole
from swarmd.engine.market.bars import Bars
from swarmd.engine.strategies.contract import BarStrategy

LAWS: dict[str, Law] = {
    "the card is whole": the_card_is_whole,
    "something is traded": something_is_traded,
    "the same twice": the_same_question_has_the_same_answer,
    "no look ahead": the_future_changes_no_event,
    "nothing before the lookback": nothing_is_decided_before_the_lookback,
    "no unit of price": the_unit_of_prices_changes_nothing,
    "a flat market gives no trades": a_flat_market_gives_no_trades,
    "every engine agrees": every_engine_agrees,
}
N_BARS = 20_000
N_VECTORS = 8


def exam_of(
    strategy: BarStrategy,
    *,
    bars: Bars | None = None,
    modes: Sequence[str] | None = None,
    seed: int = 1,
    interval_minutes: int = 5,
) -> Exam:
    """The strategy before a random walk, or before bars of one's own, with vectors drawn from each mode's space.

    Raises
    ------
    ValueError
        For an unknown mode, a baseline that lacks a parameter, a space without an admissible vector, or whatever the
        strategy raises when asked.
    """
    lacking = [spec.name for spec in strategy.card.params if spec.name not in strategy.card.baseline]
    if lacking:
        raise ValueError(
            f"strategy {strategy.card.name}: the baseline lacks {', '.join(lacking)}; give it every parameter"
        )
    seen = bars if bars is not None else random_walk(N_BARS, interval_minutes=interval_minutes)
    asked = tuple(strategy.card.modes) if modes is None else tuple(modes)
    for mode in asked:
        strategy.card.mode(mode)
    return Exam(strategy, seen, {mode: drawn_vectors(strategy, mode, N_VECTORS, seed) for mode in asked})


def finding_of(law: str, exam: Exam) -> Finding:
    """One law held against one strategy; what the strategy raises breaks the law it is asked for."""
    try:
        return Finding(law, True, LAWS[law](exam))
    except Broken as found:
        return found.finding(law)
    except ValueError as refusal:
        return Finding(law, False, {}, str(refusal))


def findings_of(exam: Exam) -> tuple[Finding, ...]:
    """All laws, in their order."""
    return tuple(finding_of(law, exam) for law in LAWS)
