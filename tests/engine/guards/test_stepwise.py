"""The step-down set: against the procedure step by step, its error rate, and its power over Holm's method."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.adjusted_p import adjusted_p_values
from swarmd.engine.guards.block_signs import flipped_signs, self_normalised
from swarmd.engine.guards.sign_flip import sign_flip_p_value
from swarmd.engine.guards.stepwise import romano_wolf_stepwise
from swarmd.engine.guards.trial_blocks import TrialBlocks, blocked_trials


def rejected_step_by_step(sums: np.ndarray, alpha: float, n_resamples: int, seed: int) -> set[int]:
    """The procedure as published: reject what beats the maximum over all that are left, begin again without it."""
    statistics = self_normalised(sums)
    norms = np.where(np.any(sums != 0, axis=0), np.sqrt((sums**2).sum(axis=0)), 1.0)
    drawn = flipped_signs(n_resamples, len(sums), seed) @ (sums / norms)
    left = set(range(sums.shape[1]))
    while left:
        best = drawn[:, sorted(left)].max(axis=1)
        rejected = {
            k
            for k in left
            if statistics[k] > 0
            and (1 + np.sum(best >= statistics[k] - 1e-9 * abs(statistics[k]))) / (n_resamples + 1) <= alpha
        }
        if not rejected:
            break
        left -= rejected
    return set(range(sums.shape[1])) - left


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(8, 20), st.integers(1, 8), st.integers(0, 2**32 - 1), st.sampled_from([0.05, 0.2, 0.5]))
def test_the_set_is_that_of_the_procedure_step_by_step(n_blocks, n_trials, seed, alpha):
    rng = np.random.default_rng(seed)
    sums = rng.standard_normal((n_blocks, n_trials)) + rng.uniform(-0.5, 1.5, n_trials)
    found = romano_wolf_stepwise(TrialBlocks(sums, 5 * n_blocks), alpha, n_resamples=199, seed=seed)
    assert set(np.flatnonzero(found.rejected)) == rejected_step_by_step(sums, alpha, 199, seed)
    assert np.array_equal(found.rejected, found.p_values <= alpha)


def test_of_one_trial_it_is_the_sign_flip_test_of_its_blocks():
    returns = np.random.default_rng(0).normal(0.001, 0.01, 400)
    blocks = blocked_trials(returns, 10)
    alone = romano_wolf_stepwise(blocks, n_resamples=9999).p_values[0]
    assert alone == pytest.approx(sign_flip_p_value(blocks.sums[:, 0]), abs=0.015)


def test_a_better_trial_never_has_the_larger_p_value_and_the_order_given_does_not_matter():
    rng = np.random.default_rng(1)
    sums = rng.standard_normal((30, 50)) + rng.uniform(-0.3, 0.8, 50)
    found = romano_wolf_stepwise(TrialBlocks(sums, 300), n_resamples=499)
    order = np.argsort(-self_normalised(sums))
    assert np.all(np.diff(found.p_values[order]) >= 0)
    mixed = rng.permutation(50)
    assert np.array_equal(
        romano_wolf_stepwise(TrialBlocks(sums[:, mixed], 300), n_resamples=499).p_values, found.p_values[mixed]
    )


def test_searches_of_noise_name_nobody_and_near_copies_of_an_edge_are_all_named():
    rng = np.random.default_rng(2)
    named = sum(
        romano_wolf_stepwise(TrialBlocks(rng.standard_normal((40, 100)), 400), n_resamples=199).rejected.any()
        for _ in range(100)
    )
    # Binomial(100, 0.05): mean 5, deviation 2.2.
    assert named <= 12
    edge = rng.standard_normal((40, 1)) + 0.75 + 0.1 * rng.standard_normal((40, 60))
    sums = np.hstack([edge, rng.standard_normal((40, 60))])
    found = romano_wolf_stepwise(TrialBlocks(sums, 400))
    assert found.rejected[:60].all()
    assert not found.rejected[60:].any()
    # Holm must take the sixty copies for sixty tests.
    each = [sign_flip_p_value(column, n_resamples=1999) for column in sums.T]
    assert adjusted_p_values(each).min() > found.p_values[:60].max()


def test_trials_in_several_groups_of_memory_give_what_one_group_gives(monkeypatch):
    rng = np.random.default_rng(3)
    blocks = TrialBlocks(rng.standard_normal((20, 300)) + rng.uniform(-0.3, 0.8, 300), 200)
    whole = romano_wolf_stepwise(blocks, n_resamples=199)
    monkeypatch.setattr("swarmd.engine.guards.block_signs._GROUP_NUMBERS", 199 * 7)
    assert np.array_equal(romano_wolf_stepwise(blocks, n_resamples=199).p_values, whole.p_values)


def test_trials_that_never_traded_or_lost_are_never_named():
    sums = np.stack([np.zeros(20), -np.ones(20), np.ones(20)], axis=1)
    found = romano_wolf_stepwise(TrialBlocks(sums, 200))
    assert found.p_values[:2].tolist() == [1.0, 1.0]
    assert found.rejected.tolist() == [False, False, True]
    slight_loser = np.random.default_rng(4).standard_normal((20, 1))
    slight_loser -= slight_loser.mean() + 0.01
    assert romano_wolf_stepwise(TrialBlocks(slight_loser, 200)).p_values.tolist() == [1.0]


def test_what_cannot_reach_alpha_is_refused():
    blocks = TrialBlocks(np.zeros((20, 2)), 200)
    with pytest.raises(ValueError, match="500 resamples; give at least 999"):
        romano_wolf_stepwise(blocks, 0.001, n_resamples=500)
    with pytest.raises(ValueError, match=r"alpha 1\.0"):
        romano_wolf_stepwise(blocks, 1.0)
