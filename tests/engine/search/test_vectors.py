"""Grids expand fully; draws are seeded, distinct, within their space, and begin alike whatever their number."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.experiments.space_tree import space_tree
from swarmd.engine.search.canonical import canonical_key
from swarmd.engine.search.vectors import drawn_vectors, grid_vectors, points_of
from swarmd.engine.strategies.registry import strategy_named

EMA = strategy_named("ema_cross")


def spaces_of(value, *, is_grid=True):
    tree = space_tree(value, EMA.card)
    assert tree.problems == []
    return tree.spaces(EMA.card, "long", {}, is_grid=is_grid)


WIDE = {
    "L_fast": {"low": 2, "high": 200, "log": True},
    "L_slow": {"low": 100, "high": 900},
    "sl": {"low": 0.005, "high": 0.05, "log": True},
    "tp": [0.05, 0.1],
}


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=6, unique=True),
    st.lists(st.integers(2, 60), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from([0.01, 0.02, 0.03]), min_size=1, max_size=3, unique=True),
)
def test_a_grid_is_every_point_that_goes_together_once_and_the_rest_is_counted(fast, slow, stops):
    points = [(f, s, x) for f, s, x in itertools.product(sorted(fast), sorted(slow), sorted(stops))]
    fit = [point for point in points if point[0] < point[1]]
    spaces = spaces_of({"L_fast": fast, "L_slow": slow, "sl": stops})
    if not fit:
        with pytest.raises(ValueError, match="no point of the grid is admissible: L_fast"):
            grid_vectors(spaces, EMA)
        return
    found = grid_vectors(spaces, EMA)
    assert [(v["L_fast"], v["L_slow"], v["sl"]) for v in found.vectors] == fit
    assert found.left_out == len(points) - len(fit)


def test_alternatives_that_overlap_are_tried_once():
    found = grid_vectors(spaces_of([{"L_fast": [5, 10]}, {"L_fast": [10, 20]}]), EMA)
    assert [vector["L_fast"] for vector in found.vectors] == [5, 10, 20]
    assert found.repeated == 1


def test_a_range_without_values_is_no_grid():
    with pytest.raises(ValueError, match="sl is continuous"):
        grid_vectors(spaces_of({"sl": {"low": 0.01, "high": 0.05}}), EMA)
    assert points_of(spaces_of({"sl": {"low": 0.01, "high": 0.05}})) is None


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_a_longer_draw_begins_as_a_shorter_one_of_the_same_seed(some, more, seed):
    spaces = spaces_of(WIDE, is_grid=False)
    short = drawn_vectors(spaces, EMA, some, seed).vectors
    long = drawn_vectors(spaces, EMA, some + more, seed).vectors
    assert long[:some] == short
    keys = [canonical_key(vector) for vector in long]
    assert len(keys) == len(set(keys)) == some + more
    for vector in long:
        assert vector["L_fast"] < vector["L_slow"]
        assert 2 <= vector["L_fast"] <= 200
        assert 0.005 <= vector["sl"] <= 0.05
        assert vector["tp"] in (0.05, 0.1)


def test_another_seed_draws_otherwise():
    spaces = spaces_of(WIDE, is_grid=False)
    assert drawn_vectors(spaces, EMA, 5, 1).vectors != drawn_vectors(spaces, EMA, 5, 2).vectors


def test_a_logarithmic_range_is_drawn_evenly_by_ratio():
    spaces = spaces_of(WIDE, is_grid=False)
    drawn = [vector["sl"] for vector in drawn_vectors(spaces, EMA, 600, 7).vectors]
    below = sum(value < (0.005 * 0.05) ** 0.5 for value in drawn)
    assert 240 < below < 360  # half of 600, five standard deviations either way


def test_a_small_space_is_drawn_whole_and_no_further():
    spaces = spaces_of({"L_fast": [5, 10, 90], "L_slow": [20, 100], "sl": 0.01, "tp": [0.1]}, is_grid=False)
    found = drawn_vectors(spaces, EMA, 100, 3)
    assert len(found.vectors) == 5  # 90 and 20 do not go together
    assert found.left_out == 1
    assert {canonical_key(v) for v in found.vectors} == {canonical_key(v) for v in grid_vectors(spaces, EMA).vectors}
    assert drawn_vectors(spaces, EMA, 2, 3).vectors == found.vectors[:2]


def test_each_alternative_is_drawn_from():
    space = [{**WIDE, "tp": [0.2]}, {**WIDE, "tp": [0.3]}]
    drawn = [vector["tp"] for vector in drawn_vectors(spaces_of(space, is_grid=False), EMA, 60, 5).vectors]
    assert 15 <= drawn.count(0.2) <= 45
    assert set(drawn) == {0.2, 0.3}
