"""The card tells all that a search and a person need, and contradicts itself nowhere."""

from collections.abc import Callable, Mapping

from swarmd.engine.laws.finding import Broken, Exam
from swarmd.engine.strategies.contract import StrategyCard, checked_params


def the_card_is_whole(exam: Exam) -> Mapping[str, int]:
    """Words everywhere, a baseline that may be run, modes whose spaces lie within the limits of sense."""
    card = exam.strategy.card
    try:
        return whole_card(card, lambda: checked_params(exam.strategy, card.baseline))
    except ValueError as refusal:
        raise Broken(f"the baseline is refused: {refusal}") from refusal


def whole_card(card: StrategyCard, take_baseline: Callable[[], object]) -> Mapping[str, int]:
    """The same of any card; `take_baseline` raises ValueError where its baseline may not be run."""
    for what in ("name", "title", "data"):
        if not getattr(card, what):
            raise Broken(f"the card has no {what}")
    if not card.modes:
        raise Broken("the card has no mode; give it at least one")
    take_baseline()
    limits = {spec.name: spec for spec in card.params}
    n_ranges = 0
    for name, mode in card.modes.items():
        for spec in mode.space:
            limit = limits.get(spec.name)
            if limit is None:
                raise Broken(f"mode {name} searches {spec.name}, which is no parameter of the card", name)
            # A mode may list the values it looks at.
            if spec.kind not in (limit.kind, "choice"):
                raise Broken(f"{spec.name} is {spec.kind} in mode {name} and {limit.kind} on the card", name)
            for value in spec.choices or (spec.low, spec.high):
                if (refusal_of := limit.refusal(value)) is not None:
                    raise Broken(f"mode {name} searches beyond the card: {refusal_of}", name)
            n_ranges += 1
    for spec in (*card.params, *(spec for mode in card.modes.values() for spec in mode.space)):
        if not spec.unit or not spec.meaning:
            raise Broken(f"{spec.name} has no {'unit' if not spec.unit else 'meaning'}; say it for whoever reads it")
    return {"parameters": len(limits), "modes": len(card.modes), "ranges": n_ranges}
