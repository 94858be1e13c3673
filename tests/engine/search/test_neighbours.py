"""Neighbours: one step in one parameter, never off the space, never what does not go together."""

from typing import Any

import pytest

from swarmd.engine.search.neighbours import neighbours
from swarmd.engine.search.space import in_space, is_admissible, search_space
from swarmd.engine.strategies.contract import ParamSpec
from swarmd.engine.strategies.registry import strategy_named, strategy_names


class Anything:
    """Takes every vector; only `admissible` is asked of it."""

    def admissible(self, columns: Any) -> Any:
        return next(iter(columns.values())) == next(iter(columns.values()))


def beside(spec: ParamSpec, value: float) -> list[float]:
    return [each.value for each in neighbours({"x": value}, (spec,), Anything())]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "value", "expected"),
    [
        (ParamSpec("x", "choice", choices=(26, 39, 52, 65, 78)), 52, [39, 65]),
        (ParamSpec("x", "choice", choices=(78, 26, 52)), 26, [52]),
        (ParamSpec("x", "choice", choices=(52,)), 52, []),
        (ParamSpec("x", "int", 5, 20), 9, [8, 10]),
        (ParamSpec("x", "int", 5, 200), 60, [54, 66]),
        (ParamSpec("x", "int", 5, 20), 5, [6]),
        (ParamSpec("x", "int", 7, 7), 7, []),
        (ParamSpec("x", "float", 1.0, 4.0), 2.0, [1.8, 2.2]),
        (ParamSpec("x", "float", 1.95, 2.1), 2.0, []),
        (ParamSpec("x", "float", -4.0, 4.0), -2.0, [-2.2, -1.8]),
        (ParamSpec("x", "float", -1.0, 1.0), 0.0, [-0.2, 0.2]),
        (ParamSpec("x", "float", 0.001, 1.0, log=True), 0.11, [0.11 / 1.1, 0.11 * 1.1]),
        (ParamSpec("x", "int", 1, 1000, log=True), 100, [91, 110]),
        (ParamSpec("x", "int", 1, 1000, log=True), 2, [1, 3]),
    ],
)
def test_a_step_is_the_next_value_or_ten_percent(spec: ParamSpec, value: float, expected: list[float]) -> None:
    assert beside(spec, value) == pytest.approx(sorted(expected))


@pytest.mark.parametrize("name", list(strategy_names()))
def test_every_neighbour_of_a_baseline_lies_in_the_space_and_goes_together(name: str) -> None:
    strategy = strategy_named(name)
    for mode in strategy.card.modes:
        space = search_space(strategy.card, mode, {})
        centre = {spec.name: (spec.choices[len(spec.choices) // 2] if spec.kind == "choice" else
                              _middle(spec)) for spec in space}  # fmt: skip
        found = neighbours(centre, space, strategy)
        assert found, f"{name} {mode} has no neighbour"
        for each in found:
            assert in_space(space, each.params)
            assert is_admissible(strategy, each.params)
            assert [key for key in centre if centre[key] != each.params[key]] == [each.parameter]


def _middle(spec: ParamSpec) -> float | int:
    middle = ((spec.low or 0) + (spec.high or 0)) / 2
    return int(middle) if spec.kind == "int" else middle


def test_what_does_not_go_together_is_no_neighbour() -> None:
    strategy = strategy_named("final_trigger")
    space = search_space(strategy.card, "baseline", {})
    centre = dict(strategy.card.baseline) | {"tp1": 4.5, "tp2": 5.0}  # half an average true range apart: just so
    moved = {(each.parameter, each.value > centre[each.parameter]) for each in neighbours(centre, space, strategy)}
    assert ("tp1", False) in moved
    assert ("tp1", True) not in moved
    assert ("tp2", False) not in moved
