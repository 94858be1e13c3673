"""Trials summed by blocks: every period in one block, blocks as equal as may be, and long enough for the memory."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.trial_blocks import TrialBlocks, as_trial_blocks, blocked_trials


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(8, 200), st.integers(1, 5), st.floats(1.0, 20.0))
def test_every_period_is_in_one_block_and_blocks_differ_by_one_at_most(n_obs, n_trials, block_length):
    if round(n_obs / block_length) < 8:
        block_length = n_obs / 8
    blocks = blocked_trials(np.ones((n_obs, n_trials)), block_length)
    assert blocks.n_obs == n_obs
    assert np.all(blocks.sums.sum(axis=0) == n_obs)
    assert np.ptp(blocks.sums) <= 1
    assert len(blocks.sums) == round(n_obs / block_length)


def test_by_hand():
    blocks = blocked_trials(np.arange(16.0), 2)
    assert blocks.sums[:, 0].tolist() == [1.0, 5.0, 9.0, 13.0, 17.0, 21.0, 25.0, 29.0]


def test_without_a_length_blocks_are_as_long_as_the_memory_and_twenty_at_least():
    rng = np.random.default_rng(0)
    white = rng.standard_normal((400, 50))
    assert len(blocked_trials(white).sums) > 100
    remembering = white.copy()
    for t in range(1, 400):
        remembering[t] += 0.7 * remembering[t - 1]
    assert 20 <= len(blocked_trials(remembering).sums) < 60
    assert len(blocked_trials(np.cumsum(white, axis=0)).sums) == 20


@pytest.mark.parametrize(
    ("returns", "block_length", "said"),
    [
        (np.zeros((5, 5, 5)), None, r"shape \(5, 5, 5\)"),
        (np.zeros((50, 0)), None, r"shape \(50, 0\)"),
        (np.zeros((50, 2)), 10, "make 5 blocks"),
        (np.zeros((6, 2)), None, "make 6 blocks"),
        (np.zeros((50, 2)), 0.5, "block length 0.5"),
    ],
)
def test_what_makes_no_blocks_is_refused(returns, block_length, said):
    with pytest.raises(ValueError, match=said):
        blocked_trials(returns, block_length)


def test_a_hole_is_refused_by_its_place():
    returns = np.zeros((50, 3))
    returns[17, 2] = np.nan
    with pytest.raises(ValueError, match="return 17 of trial 2 is nan"):
        blocked_trials(returns, 2)


def test_blocks_that_are_made_are_checked_and_not_cut_again():
    with pytest.raises(ValueError, match="the blocks are made"):
        as_trial_blocks(TrialBlocks(np.zeros((10, 2)), 100), 5)
    with pytest.raises(ValueError, match=r"shape \(7, 2\)"):
        as_trial_blocks(TrialBlocks(np.zeros((7, 2)), 100), None)
