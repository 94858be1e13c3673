"""Block lengths and bootstraps of the guards against the package arch. One file: its import takes seconds."""

import math

import numpy as np
import pytest
from arch.bootstrap import SPA, StationaryBootstrap, optimal_block_length

from swarmd.engine.guards.block_length import politis_white_block_length
from swarmd.engine.guards.bootstrap_sharpe import stationary_bootstrap_sharpe_ci
from swarmd.engine.guards.superior_ability import spa_p_values


@pytest.mark.parametrize("n", [12, 15, 40, 250, 1000, 3000])
@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.9, 1.0])
def test_block_lengths_agree_but_for_the_floor_and_the_rounding_of_the_cap(n, rho):
    for seed in range(5):
        x = np.random.default_rng([n, seed]).standard_t(5, n)
        for t in range(1, n):
            x[t] += rho * x[t - 1]
        theirs = optimal_block_length(x).to_numpy()[0]
        cap = min(3 * math.sqrt(n), n / 3)
        assert politis_white_block_length(x) == pytest.approx(np.clip(theirs, 1.0, cap), rel=1e-9)


def test_the_bootstrapped_interval_agrees_within_the_scatter_of_its_draws():
    x = np.random.default_rng(0).standard_t(5, 400) * 0.02 + 0.002
    for t in range(1, 400):
        x[t] += 0.2 * x[t - 1]
    ours = stationary_bootstrap_sharpe_ci(x, 0.90, block_length=8, n_resamples=4000)
    theirs = StationaryBootstrap(8, x, seed=1).conf_int(
        lambda sample: sample.mean() / sample.std(ddof=1), reps=4000, method="percentile", size=0.90
    )
    assert ours == pytest.approx(theirs.ravel(), abs=0.08 * np.ptp(theirs))


@pytest.mark.parametrize("lift", [0.0, 0.0006, 0.0015])
def test_superior_ability_agrees_within_what_drawing_blocks_and_flipping_them_differ_by(lift):
    returns = np.random.default_rng(8).standard_t(5, (1000, 40)) * 0.01
    returns[:, 3] += lift
    returns[:, 30:] -= 0.002
    spa = SPA(np.zeros(1000), -returns, block_size=10, reps=600, bootstrap="stationary", seed=1)
    spa.compute()
    ours = spa_p_values(returns, block_length=10)
    assert ours[:3] == pytest.approx(spa.pvalues.to_numpy(), abs=0.1)
