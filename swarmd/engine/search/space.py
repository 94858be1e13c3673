"""The space of a search: the mode's ranges from the strategy card, narrowed or widened by a campaign.

Called by the phases and commands before anything is drawn, so that a wrong range costs a second, not a night.
The limits of sense on the card always hold.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np

from swarmd.engine.strategies.contract import BarStrategy, Params, ParamSpec, StrategyCard


class RangeLike(Protocol):
    """What a campaign says of a range; its file is read elsewhere."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def type(self) -> Literal["int", "float"]: ...
    @property
    def log(self) -> bool: ...


Space = tuple[ParamSpec, ...]


def search_space(
    card: StrategyCard, mode: str, overrides: Mapping[str, RangeLike | Sequence[float]], *, is_grid: bool = False
) -> Space:
    """The parameters to search, in the card's order; what the mode leaves out is fixed at the card's baseline.

    A grid takes nothing from the mode, whose ranges have no steps: what is not overridden stands at the baseline.

    Raises
    ------
    ValueError
        For an unknown mode or parameter (names the nearest), and for a range or value outside the card's limits.
    """
    limits = {spec.name: spec for spec in card.params}
    if not limits:
        raise ValueError(f"space: strategy {card.name} has no parameters, so there is nothing to search")
    for name in overrides:
        if name not in limits:
            raise ValueError(f"space: strategy {card.name} has no parameter {name!r}; {nearest(name, tuple(limits))}")
    of_mode = {spec.name: spec for spec in card.mode(mode).space if not is_grid}
    space = []
    for name, limit in limits.items():
        if name in overrides:
            space.append(_overridden(card.name, limit, overrides[name]))
        else:
            space.append(of_mode.get(name) or replace(limit, kind="choice", choices=(card.baseline[name],)))
    return tuple(space)


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint for a mistyped name: the nearest known one, and all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    listed = ", ".join(known)
    return f"did you mean {close[0]!r}? (known: {listed})" if close else f"known: {listed}"


def space_document(space: Space) -> dict[str, dict[str, object]]:
    """The space as plain values for JSON: what was searched belongs to every result."""
    document: dict[str, dict[str, object]] = {}
    for spec in space:
        if spec.kind == "choice":
            document[spec.name] = {"type": "choice", "choices": list(spec.choices)}
        else:
            document[spec.name] = {"type": spec.kind, "low": spec.low, "high": spec.high, "log": spec.log}
    return document


def in_space(space: Space, params: Params) -> bool:
    """Whether the vector names exactly the parameters of the space, each within its range."""
    return {spec.name for spec in space} == set(params) and all(
        spec.refusal(params[spec.name]) is None for spec in space
    )


def is_admissible(strategy: BarStrategy, params: Params) -> bool:
    """Whether the parameters go together, as the strategy sees it."""
    return bool(strategy.admissible({name: np.array([value]) for name, value in params.items()})[0])


def _overridden(strategy: str, limit: ParamSpec, given: RangeLike | Sequence[float]) -> ParamSpec:
    where = f"space: {limit.name} of {strategy}"
    if isinstance(given, Sequence):
        if not given:
            raise ValueError(f"{where}: the list is empty; give at least one value")
        # Sorted and without repeats, so that the order in which a person writes them changes no result.
        choices = tuple(_number(limit, value) for value in sorted(set(given)))
        _refuse_outside(where, limit, choices)
        return replace(limit, kind="choice", low=None, high=None, log=False, choices=choices)
    if limit.kind == "choice":
        within = tuple(choice for choice in limit.choices if given.low <= choice <= given.high)
        if not within:
            listed = ", ".join(str(choice) for choice in limit.choices)
            raise ValueError(f"{where}: none of {listed} lies in {given.low:g} to {given.high:g}; list some of them")
        return replace(limit, choices=within)
    kind: Literal["int", "float"] = "int" if limit.kind == "int" else given.type
    if kind == "int" and (given.low != int(given.low) or given.high != int(given.high)):
        raise ValueError(f"{where}: {given.low:g} to {given.high:g} must be whole numbers; round them")
    low, high = (int(given.low), int(given.high)) if kind == "int" else (float(given.low), float(given.high))
    if given.log and low <= 0:
        raise ValueError(f"{where}: a logarithmic range cannot start at {low:g}; start above 0, or leave out log")
    _refuse_outside(where, limit, (low, high))
    return replace(limit, kind=kind, low=low, high=high, log=given.log)


def _number(limit: ParamSpec, value: float) -> float | int:
    return int(value) if limit.kind != "float" and value == int(value) else float(value)


def _refuse_outside(where: str, limit: ParamSpec, values: Sequence[float | int]) -> None:
    for value in values:
        refusal = limit.refusal(value)
        if refusal:
            raise ValueError(f"{where}: {refusal}")
