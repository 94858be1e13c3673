"""The exponential average against its definition in plain Python."""

import numpy as np
import pytest

from swarmd.engine.indicators.moving import ema, ema_rows


def slow_ema(x: list[float], length: int) -> list[float]:
    alpha, out = 2.0 / (length + 1.0), x[:1]
    for value in x[1:]:
        out.append(out[-1] + alpha * (value - out[-1]))
    return out


@pytest.mark.parametrize("length", [1, 2, 7, 50])
def test_ema_is_seeded_with_the_first_value_and_follows_its_definition_to_the_bit(length: int):
    x = 100.0 + np.cumsum(np.random.default_rng(1).standard_normal(300))
    assert ema(x, length).tolist() == slow_ema(x.tolist(), length)


def test_a_constant_is_an_exact_fixed_point():
    assert set(ema(np.full(500, 0.1 + 0.2), 13).tolist()) == {0.1 + 0.2}


def test_the_past_does_not_change_when_values_are_added():
    x = np.random.default_rng(2).random(100)
    assert ema(x[:40].copy(), 9).tolist() == ema(x, 9)[:40].tolist()


@pytest.mark.parametrize("n_lengths", [1, 2, 3, 4, 5, 9])
def test_many_lengths_at_once_are_the_same_bits(n_lengths: int):
    x = np.random.default_rng(3).random(200)
    lengths = np.arange(3, 3 + n_lengths)
    rows = ema_rows(x, lengths)
    for at, length in enumerate(lengths.tolist()):
        assert rows[at].tolist() == ema(x, length).tolist()


def test_nothing_in_gives_nothing_out():
    assert ema(np.empty(0), 3).size == 0
    assert ema_rows(np.empty(0), np.array([3, 4])).shape == (2, 0)


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match="length is below 1"):
        ema(np.ones(3), 0)
