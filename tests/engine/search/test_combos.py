"""Draws: as many as asked, each once, each admissible, the same for the same seed, and all of a small space."""

import numpy as np
import pytest
from search_builders import plain

from swarmd.engine.search.combos import draw_combinations, grid_size
from swarmd.engine.search.space import search_space
from swarmd.engine.strategies.contract import ParamSpec
from swarmd.engine.strategies.registry import strategy_named

MTF = strategy_named("mtf_ema")
AGGRESSIVE = search_space(MTF.card, "aggressive", {})


def anything(columns):
    return np.ones(len(next(iter(columns.values()))), dtype=bool)


def test_every_row_is_distinct_admissible_and_within_its_range():
    columns = draw_combinations(AGGRESSIVE, 20_000, 42, MTF.admissible)
    rows = plain(columns)
    assert len(rows) == len(set(rows)) == 20_000
    assert MTF.admissible(columns).all()
    for spec in AGGRESSIVE:
        values = np.unique(columns[spec.name])
        assert all(spec.refusal(value.item()) is None for value in values)
    assert set(columns["tf_fast"].tolist()) == {15, 30, 45, 60}
    assert (columns["L_fast"].min(), columns["L_fast"].max()) == (5, 50)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    first, again, other = (plain(draw_combinations(AGGRESSIVE, 500, seed, MTF.admissible)) for seed in (7, 7, 8))
    assert first == again
    assert not set(first) & set(other)


def test_a_seed_may_be_a_seed_and_a_trial_number():
    first, other = (plain(draw_combinations(AGGRESSIVE, 1, (7, n), MTF.admissible)) for n in (0, 1))
    assert first != other


def test_a_space_smaller_than_the_count_is_given_whole_and_once():
    space = (ParamSpec("a", "int", 1, 4), ParamSpec("b", "choice", choices=(10, 20)))
    columns = draw_combinations(space, 1000, 1, anything)
    assert grid_size(space) == 8
    assert sorted(plain(columns)) == [(a, b) for a in range(1, 5) for b in (10, 20)]
    assert columns["a"].dtype == columns["b"].dtype == np.int64


def test_of_a_small_space_only_the_admissible_part_is_given():
    space = (ParamSpec("a", "int", 1, 4), ParamSpec("b", "int", 1, 4))
    rows = plain(draw_combinations(space, 100, 1, lambda c: c["a"] < c["b"]))
    assert sorted(rows) == [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]


def test_a_grid_much_larger_than_the_count_is_drawn_without_repeats():
    space = (ParamSpec("a", "int", 1, 100), ParamSpec("b", "int", 1, 100))
    rows = plain(draw_combinations(space, 2000, 3, anything))
    assert len(set(rows)) == 2000


def test_a_logarithmic_range_has_as_many_values_in_each_decade():
    space = (ParamSpec("x", "float", 0.001, 1.0, log=True),)
    x = draw_combinations(space, 30_000, 5, anything)["x"]
    shares = np.histogram(np.log10(x), bins=[-3, -2, -1, 0])[0] / x.size
    assert np.allclose(shares, 1 / 3, atol=0.01)
    assert x.min() >= 0.001
    assert x.max() <= 1.0


def test_a_logarithmic_whole_range_reaches_both_ends_and_stays_whole():
    space = (ParamSpec("n", "int", 1, 200, log=True), ParamSpec("x", "float", 0.0, 1.0))
    n = draw_combinations(space, 20_000, 5, anything)["n"]
    assert n.dtype == np.int64
    assert (n.min(), n.max()) == (1, 200)
    assert np.median(n) < 30


def test_a_range_of_one_value_is_that_value():
    space = (ParamSpec("x", "float", 0.5, 0.5), ParamSpec("n", "int", 3, 3))
    assert plain(draw_combinations(space, 10, 1, anything)) == [(0.5, 3)]


@pytest.mark.parametrize("space", [(ParamSpec("n", "int", 1, 9),), (ParamSpec("x", "float", 0.0, 1.0),)])
def test_a_space_without_an_admissible_vector_is_refused_by_name(space):
    with pytest.raises(ValueError, match="no admissible combination of"):
        draw_combinations(space, 5, 1, lambda c: np.zeros(len(next(iter(c.values()))), dtype=bool))


def test_a_scarce_admissible_part_is_found_even_where_it_is_less_than_asked():
    space = (ParamSpec("a", "int", 1, 3000), ParamSpec("b", "int", 1, 3000))
    rows = plain(draw_combinations(space, 50, 1, lambda c: (c["a"] == c["b"]) & (c["a"] <= 1000)))
    assert 0 < len(rows) == len(set(rows)) <= 50
