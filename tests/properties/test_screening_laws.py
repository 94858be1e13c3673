"""Screening a vector gives the same bits alone and in company, in any order, any batch, on any number of threads."""

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.peer import screening_differences
from price_builders import KINDS, awkward_bars
from properties.short_vectors import MODES, short_columns

from swarmd.engine.backtest import evaluate_many, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars
from swarmd.engine.search.combos import row_params
from swarmd.engine.strategies.registry import strategy_named

quick = settings(max_examples=12, deadline=None, derandomize=True)
worlds = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "n_bars": st.sampled_from([1, 300, 3000]),
        "seed": st.integers(0, 1000),
        "lead": st.integers(0, 287),
        "missing": st.sampled_from([0.0, 0.05]),
    }
)


@pytest.fixture(autouse=True)
def _threads_as_they_were() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def with_a_repeat(name: str, n: int, seed: int) -> dict[str, np.ndarray]:
    """Vectors of which the last is the first once more."""
    columns = short_columns(name, n, seed)
    for column in columns.values():
        column[-1] = column[0]
    return columns


def screen(bars: Bars, name: str, mode: str, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return evaluate_many(bars, strategy_named(name), columns, mode=mode, costs=Costs())


def rows(columns: dict[str, np.ndarray], chosen: Any) -> dict[str, np.ndarray]:
    return {name: column[chosen] for name, column in columns.items()}


def assert_same_bits(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for name in expected:
        assert found[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize(("name", "mode"), MODES)
@quick
@given(made=worlds)
def test_company_order_batch_and_repeats_change_no_bit(name: str, mode: str, made: dict[str, Any]):
    bars, columns = awkward_bars(**made), with_a_repeat(name, 40, made["seed"])
    rng = np.random.default_rng(made["seed"])
    together = screen(bars, name, mode, columns)
    shuffled = rng.permutation(40)
    assert_same_bits(screen(bars, name, mode, rows(columns, shuffled)), rows(together, shuffled))
    cut = int(rng.integers(1, 40))
    parts = [screen(bars, name, mode, rows(columns, part)) for part in (slice(0, cut), slice(cut, None))]
    assert_same_bits({key: np.concatenate([part[key] for part in parts]) for key in together}, together)
    alone = int(rng.integers(0, 40))
    assert_same_bits(screen(bars, name, mode, rows(columns, [alone])), rows(together, [alone]))
    again = rng.integers(0, 40, 60)
    assert_same_bits(screen(bars, name, mode, rows(columns, again)), rows(together, again))
    assert_same_bits(rows(together, [39]), rows(together, [0]))


@pytest.mark.parametrize(("name", "mode"), MODES)
@quick
@given(made=worlds)
def test_it_is_what_single_runs_say(name: str, mode: str, made: dict[str, Any]):
    bars, columns = awkward_bars(**made), short_columns(name, 12, made["seed"])
    found = screen(bars, name, mode, columns)
    for row in range(12):
        ours = run_backtest(bars, strategy_named(name), row_params(columns, row), mode=mode, costs=Costs())
        assert screening_differences({metric: column[row].item() for metric, column in found.items()}, ours) == []


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="numba has one thread here")
@pytest.mark.parametrize(("name", "mode"), MODES)
def test_one_thread_and_two_give_the_same_bits(name: str, mode: str):
    bars, columns = awkward_bars("walk", 8000, 5, lead=30, missing=0.02), short_columns(name, 3000, 5)
    numba.set_num_threads(1)
    with_one = screen(bars, name, mode, columns)
    numba.set_num_threads(2)
    assert_same_bits(screen(bars, name, mode, columns), with_one)
    assert np.median(with_one["total_trades"]) > 10
