"""The vectors one step beside another: what the sensitivity guard asks how much of the score is left there.

One step is the next value of a list, and ten percent of the value elsewhere (at least 1 of a whole number; as a factor
where the range is logarithmic), to either side in one parameter at a time. Pure; the guards phase evaluates them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swarmd.engine.search.space import Space, is_admissible
from swarmd.engine.strategies.contract import BarStrategy, Params, ParamSpec

STEP = 0.1


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A vector that differs in one parameter, by one step."""

    parameter: str
    value: float | int
    params: Mapping[str, float | int]


def neighbours(params: Params, space: Space, strategy: BarStrategy) -> tuple[Neighbour, ...]:
    """Those of a vector that lie in the space and whose parameters go together, in the order of the space, the lower
    side first. A parameter that is fixed has none, and at the end of a range there is one side only.
    """
    found = []
    for spec in space:
        for value in _beside(spec, params[spec.name]):
            vector = {**params, spec.name: value}
            if is_admissible(strategy, vector):
                found.append(Neighbour(spec.name, value, vector))
    return tuple(found)


def _beside(spec: ParamSpec, value: float | int) -> list[float | int]:
    if spec.kind == "choice":
        listed = sorted(spec.choices)
        at = listed.index(value)
        return [listed[place] for place in (at - 1, at + 1) if 0 <= place < len(listed)]
    low, high = _stepped(spec, value)
    sides = [round(side) for side in (low, high)] if spec.kind == "int" else [low, high]
    return [side for side in sides if side != value and spec.refusal(side) is None]


def _stepped(spec: ParamSpec, value: float | int) -> tuple[float, float]:
    if spec.log:
        low, high = value / (1.0 + STEP), value * (1.0 + STEP)
    else:
        # Ten percent of nothing is no step: a tenth of the range then.
        step = abs(value) * STEP or ((spec.high or 0.0) - (spec.low or 0.0)) * STEP
        low, high = value - step, value + step
    if spec.kind == "int":
        return min(low, value - 1), max(high, value + 1)
    return low, high
