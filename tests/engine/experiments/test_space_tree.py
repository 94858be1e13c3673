"""The space of an experiment file: what each form means, and what is said of each mistake, at its path."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.experiments.space_tree import space_tree
from swarmd.engine.search.vectors import grid_vectors
from swarmd.engine.strategies.registry import strategy_named

EMA = strategy_named("ema_cross")
CARD = EMA.card
MTF = strategy_named("mtf_ema")


def values_of(name, value, card=CARD):
    tree = space_tree({name: value}, card)
    assert tree.problems == []
    return tree.ways[0][name].spec


def problems_of(value, card=CARD):
    return [(".".join(map(str, path)), text) for path, text in space_tree(value, card).problems]


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("L_fast", 5, (5,)),
        ("L_fast", [20, 5, 10.0, 5], (5, 10, 20)),
        ("L_fast", {"low": 5, "high": 20, "step": 5}, (5, 10, 15, 20)),
        ("L_fast", {"low": 5, "high": 19, "step": 5}, (5, 10, 15)),
        ("L_fast", {"low": 5, "high": 80, "step": 2, "log": True}, (5, 10, 20, 40, 80)),
        ("L_fast", {"low": 5, "high": 80, "points": 5, "log": True}, (5, 10, 20, 40, 80)),
        ("sl", {"low": 0.1, "high": 0.3, "step": 0.1}, (0.1, 0.2, 0.3)),
        ("sl", {"low": 0.01, "high": 0.05, "points": 5}, (0.01, 0.02, 0.03, 0.04, 0.05)),
        ("sl", {"low": 0.01, "high": 0.04, "points": 3, "log": "true"}, (0.01, 0.02, 0.04)),
        ("sl", {"low": 0.02, "high": 0.02, "points": 3}, (0.02,)),
        ("sl", ["1e-3", "2E-2"], (0.001, 0.02)),  # as YAML 1.1 hands them over
        ("sl", {"low": "1e-2", "high": 0.02, "points": 2}, (0.01, 0.02)),
    ],
)
def test_lists_steps_and_points_become_values_in_order_each_once(name, value, choices):
    spec = values_of(name, value)
    assert (spec.kind, spec.choices) == ("choice", choices)
    kinds = {"L_fast": int, "sl": float}
    assert all(type(choice) is kinds[name] for choice in spec.choices)


def test_a_range_without_steps_stays_a_range():
    whole = values_of("L_fast", {"low": 5, "high": 50, "log": True})
    assert (whole.kind, whole.low, whole.high, whole.log) == ("int", 5, 50, True)
    part = values_of("sl", {"low": 0.01, "high": 0.05})
    assert (part.kind, part.low, part.high, part.log) == ("float", 0.01, 0.05, False)


def test_a_range_over_a_parameter_of_choices_takes_those_within_it():
    assert values_of("tf_fast", {"low": 20, "high": 50}, MTF.card).choices == (30, 45)


def test_groups_are_for_the_reader_and_alternatives_are_taken_one_at_a_time():
    tree = space_tree(
        {
            "lines": {"L_fast": [5, 10], "slow": {"L_slow": [50, 100]}},
            "exits": [{"sl": 0.01, "tp": [0.05, 0.1]}, {"sl": [0.02, 0.03], "tp": 0.2}],
        },
        CARD,
    )
    assert tree.problems == []
    assert len(tree.ways) == 2
    spaces = tree.spaces(CARD, "long", {}, is_grid=True)
    found = [tuple(vector.values()) for vector in grid_vectors(spaces, EMA).vectors]
    first = itertools.product([5, 10], [50, 100], [0.01], [0.05, 0.1])
    second = itertools.product([5, 10], [50, 100], [0.02, 0.03], [0.2])
    assert found == [*first, *second]


def test_a_list_of_tables_may_be_the_whole_space():
    assert len(space_tree([{"L_fast": [5]}, {"L_fast": [7], "L_slow": [70]}], CARD).ways) == 2


FLAT = st.fixed_dictionaries(
    {},
    optional={
        "L_fast": st.lists(st.integers(1, 40), min_size=1, max_size=4),
        "L_slow": st.lists(st.integers(41, 90), min_size=1, max_size=4),
        "sl": st.lists(st.sampled_from([0.01, 0.02, 0.03]), min_size=1, max_size=3),
        "tp": st.lists(st.sampled_from([0.05, 0.1, 0.2]), min_size=1, max_size=3),
    },
)


@st.composite
def nestings(draw, flat=FLAT):
    """A flat space, and the same one with its parameters put into groups within groups."""
    space = draw(flat)
    nested = dict(space)
    for depth in range(draw(st.integers(0, 3))):
        inner = draw(st.lists(st.sampled_from(sorted(nested)), unique=True)) if nested else []
        nested = {key: part for key, part in nested.items() if key not in inner} | {
            f"group {depth}": {key: nested[key] for key in inner}
        }
    return space, nested


@given(nestings())
def test_a_nested_space_expands_to_what_the_flat_one_does_and_to_all_of_it(spaces):
    flat, nested = spaces

    def expanded(value):
        tree = space_tree(value, CARD)
        assert tree.problems == []
        return grid_vectors(tree.spaces(CARD, "long", {}, is_grid=True), EMA).vectors

    found = expanded(nested)
    assert found == expanded(flat)
    assert len(found) == math.prod(len(set(values)) for values in flat.values())
    for name, values in flat.items():
        assert {vector[name] for vector in found} == set(values)


def test_what_is_not_named_is_at_the_baseline_in_a_grid_and_in_the_modes_range_for_a_draw():
    tree = space_tree({"L_fast": [5, 10]}, CARD)
    (grid,) = tree.spaces(CARD, "long", {"tp": 0.2}, is_grid=True)
    assert [spec.choices for spec in grid] == [(5, 10), (100,), (0.02,), (0.2,)]
    (drawn,) = tree.spaces(CARD, "long", {"tp": 0.2}, is_grid=False)
    assert [(spec.kind, spec.low, spec.high) for spec in drawn[1:3]] == [("int", 20, 400), ("float", 0.005, 0.05)]
    assert drawn[3].choices == (0.2,)


@pytest.mark.parametrize(
    ("space", "place", "said"),
    [
        ({"L_fats": [5]}, "space.L_fats", "is not a parameter of ema_cross; did you mean 'L_fast'"),
        ({"L_fats": {"low": 5, "high": 9}}, "space.L_fats", "did you mean 'L_fast'"),
        ({"lines": {"L_fats": [5]}}, "space.lines.L_fats", "did you mean 'L_fast'"),
        ({"L_fast": []}, "space.L_fast", "has no values"),
        ({"L_fast": [5, "x"]}, "space.L_fast.1", "got 'x'"),
        ({"L_fast": [5, 2000]}, "space.L_fast.1", "L_fast is 2000; give 1 to 1000 bars"),
        ({"L_fast": 5.5}, "space.L_fast", "give a whole number"),
        ({"L_fast": 10**400}, "space.L_fast", "must be a number"),
        ({"L_fast": None}, "space.L_fast", "must be a number, a list"),
        ({"L_fast": {"low": 5}}, "space.L_fast", "high is missing"),
        ({"L_fast": {"low": 5, "high": 9, "hgih": 9}}, "space.L_fast.hgih", "did you mean 'high'"),
        ({"L_fast": {"low": 50, "high": 5}}, "space.L_fast.low", "50 is above high 5"),
        ({"L_fast": {"low": 0, "high": 5}}, "space.L_fast.low", "give 1 to 1000"),
        ({"L_fast": {"low": 5, "high": 9, "step": 0.5}}, "space.L_fast.step", "whole number"),
        ({"sl": {"low": 0.01, "high": 0.05, "step": 0}}, "space.sl.step", "a number above 0"),
        ({"sl": {"low": 0.01, "high": 0.05, "step": 1, "log": True}}, "space.sl.step", "a factor above 1"),
        ({"sl": {"low": 0.01, "high": 0.05, "step": 1e-9}}, "space.sl.step", "more than 1,000,000 values"),
        ({"sl": {"low": 0.01, "high": 0.05, "points": 0}}, "space.sl.points", "a whole number of values"),
        ({"sl": {"low": 0.01, "high": 0.05, "points": 2, "step": 0.01}}, "space.sl.points", "exclude each other"),
        ({"sl": {"low": 0.01, "high": 0.05, "log": "maybe"}}, "space.sl.log", "must be true or false"),
        ({"sl": {"low": 0.01, "high": "wide"}}, "space.sl.high", "must be a number"),
        ({"sl": ["nan"]}, "space.sl.0", "got 'nan'"),
        ({"sl": {"low": 0.01, "high": 0.05, "type": "log"}}, "space.sl.type", "must be int or float"),
        ({"sl": [0.01], "exits": {"sl": [0.02]}}, "space.exits.sl", "sl is given twice (first as space.sl)"),
        ("L_fast", "space", "must be a table of parameters"),
        ([{"L_fast": [5]}, "x"], "space", "must be a table"),
    ],
)
def test_a_mistake_is_told_at_its_place(space, place, said):
    found = problems_of(space)
    assert [where for where, _ in found] == [place]
    assert said in found[0][1]


def test_all_mistakes_are_told_at_once():
    assert len(problems_of({"L_fats": [5], "sl": [9.0, "x"], "tp": {"low": 1}})) == 4


def test_a_logarithmic_range_begins_above_zero():
    limits = strategy_named("ema_cross").card
    found = problems_of({"tp": {"low": 0, "high": 1, "log": True}}, limits)
    assert any("start above 0" in text for _, text in found)
