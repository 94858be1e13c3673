"""The pick is the middle of the best neighbourhood: a lone peak loses to a plateau, and scaling changes nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.search.pick import LEAST_NEIGHBOURS, RADIUS, peak_pick, stable_pick
from swarmd.engine.search.trial import Trial
from swarmd.engine.strategies.contract import ParamSpec

SPACE = (ParamSpec("x", "float", 0.0, 10.0), ParamSpec("n", "int", 1, 21))


def a_trial(number: int, x: float, n: int, score: float | None, violations: dict[str, float] | None = None) -> Trial:
    return Trial(number, "tpe", {"x": x, "n": n}, score, {}, violations or {}, None)


def cluster(first: int, x: float, n: int, score: float, count: int = 6) -> list[Trial]:
    return [a_trial(first + i, x + 0.1 * i, n, score) for i in range(count)]


def test_a_plateau_beats_a_lone_peak_and_a_peak_with_poor_neighbours() -> None:
    lone = a_trial(0, 9.9, 21, 5.0)
    needle = [a_trial(1, 5.0, 10, 4.0), *cluster(2, 4.9, 10, 0.2)]
    plateau = cluster(20, 1.0, 3, 1.5)
    pick = stable_pick([lone, *needle, *plateau], SPACE)
    assert pick is not None
    assert pick.trial in plateau
    assert (pick.mean, pick.n_neighbours, pick.peak) == (1.5, 5, lone)
    assert pick.told == "trial 20, mean 1.500 with 5 neighbours; the peak is trial 0 with 5.000"


def test_without_a_neighbourhood_the_best_alone_is_picked_and_it_is_said() -> None:
    scattered = [a_trial(i, float(i), 1 + 2 * i, 1.0 + i) for i in range(10)]
    pick = stable_pick(scattered, SPACE)
    assert pick is not None
    assert (pick.trial, pick.n_neighbours) == (scattered[-1], 0)
    assert "the best alone" in pick.told


def test_where_nobody_asks_for_neighbours_the_peak_is_picked() -> None:
    lone = a_trial(0, 9.9, 21, 5.0)
    pick = peak_pick([*cluster(20, 1.0, 3, 1.5), lone])
    assert pick is not None
    assert (pick.trial, pick.n_neighbours, pick.told) == (lone, None, "trial 0, the best")
    assert peak_pick([]) is None


def test_trials_that_break_a_constraint_or_failed_count_for_nothing() -> None:
    broken = [a_trial(i, 5.0, 10, 9.0, {"min_trades": 3.0}) for i in range(8)]
    failed = [a_trial(10 + i, 5.0, 10, None) for i in range(8)]
    assert stable_pick([*broken, *failed], SPACE) is None
    pick = stable_pick([*broken, *failed, *cluster(30, 1.0, 3, 0.5)], SPACE)
    assert pick is not None
    assert pick.trial.number >= 30


def test_a_logarithmic_parameter_counts_by_its_logarithm_and_a_choice_by_its_place() -> None:
    space = (ParamSpec("x", "float", 0.001, 1.0, log=True), ParamSpec("n", "choice", choices=(15, 30, 45, 60)))
    step = math.exp(math.log(1000.0) * RADIUS)
    chain = [a_trial(i, 0.01 * step ** (i / 4), 30, 1.0) for i in range(5)]
    other = [a_trial(10, 0.01, 45, 50.0)]
    pick = stable_pick([*chain, *other], space)
    assert pick is not None
    assert (pick.n_neighbours, pick.mean) == (4, 1.0), "another choice is no neighbour, a tenth of the decades is"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), factor=st.sampled_from([1e-3, 7.0, 4096.0]))
def test_it_is_the_argmax_of_plain_means_and_another_unit_changes_nothing(seed: int, n: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    trials = [a_trial(i, float(rng.uniform(0, 10)), int(rng.integers(1, 22)), float(rng.normal())) for i in range(n)]

    def mean_of(one: Trial) -> tuple[float, int]:
        near = [t.score for t in trials if abs(t.params["x"] - one.params["x"]) <= 1.0 + 1e-9
                and abs(t.params["n"] - one.params["n"]) <= 2]  # fmt: skip
        return sum(s for s in near if s is not None) / len(near), len(near) - 1

    pick = stable_pick(trials, SPACE)
    assert pick is not None
    fit = [t for t in trials if mean_of(t)[1] >= LEAST_NEIGHBOURS]
    if fit:
        assert pick.mean == pytest.approx(max(mean_of(t)[0] for t in fit), rel=1e-9)
        assert mean_of(pick.trial)[1] == pick.n_neighbours
    else:
        assert pick.trial == max(trials, key=lambda t: t.score or 0.0)
    scaled = tuple(ParamSpec(s.name, "float", (s.low or 0) * factor, (s.high or 0) * factor) for s in SPACE)
    moved = [
        Trial(t.number, t.origin, {k: v * factor for k, v in t.params.items()}, t.score, {}, {}, None) for t in trials
    ]
    again = stable_pick(moved, scaled)
    assert again is not None
    assert again.trial.number == pick.trial.number


def test_on_a_grid_the_neighbours_are_one_step_away_however_far_that_is() -> None:
    values = {(x, n): 2.0 if x == 10.0 else 1.0 for x in (0.0, 1.0, 5.0, 10.0) for n in (1, 5, 21)}
    values[0.0, 21] = 2.5
    trials = [a_trial(at, x, n, score) for at, ((x, n), score) in enumerate(values.items())]
    alone = stable_pick(trials, SPACE)
    assert alone is not None
    assert (alone.trial.score, alone.n_neighbours) == (2.5, 0)
    pick = stable_pick(trials, SPACE, is_grid=True)
    assert pick is not None
    # Ten and its neighbours: six vectors, three of them of score 2; nobody else's mean is as high.
    assert (pick.trial.params, pick.n_neighbours, pick.mean) == ({"x": 10.0, "n": 5}, 5, 1.5)
    assert pick.document()["radius"] == "one step of the grid"
    # A point that breaks a constraint is no neighbour, but it keeps its place between the others.
    trials[7] = a_trial(7, 5.0, 5, 1.0, {"min_trades": 3.0})
    fewer = stable_pick(trials, SPACE, is_grid=True)
    assert fewer is not None
    assert (fewer.trial.params["x"], fewer.n_neighbours) == (10.0, 4)
