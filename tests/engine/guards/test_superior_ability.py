"""Superior predictive ability: against a loop in plain Python, on searches of noise, and on an edge in the crowd.

Held against the package arch in `tests/oracles/test_guards_against_arch.py`.
"""

import math

import numpy as np
import pytest
import sharpebench
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.block_signs import flipped_signs
from swarmd.engine.guards.superior_ability import spa_p_values
from swarmd.engine.guards.trial_blocks import TrialBlocks, blocked_trials


def noise(n_obs: int, n_trials: int, seed: int) -> np.ndarray:
    """Worthless trials that share a market, flat on most days, with fat tails."""
    rng = np.random.default_rng(seed)
    market = rng.standard_t(5, (n_obs, 1))
    return 0.01 * (0.5 * market + rng.standard_t(5, (n_obs, n_trials))) * (rng.random((n_obs, n_trials)) < 0.3)


def twin(sums: np.ndarray, n_obs: int, n_resamples: int, seed: int) -> tuple[float, float, float, float]:
    """The definition, one resample and one trial at a time."""
    trials = [column.tolist() for column in sums.T]
    norms = [math.sqrt(math.fsum(s * s for s in trial)) or 1.0 for trial in trials]
    statistics = [math.fsum(trial) / norm for trial, norm in zip(trials, norms, strict=True)]
    bound = -math.sqrt(2 * math.log(math.log(n_obs)))
    centres = [[min(s, 0.0), s if s <= bound else 0.0, 0.0] for s in statistics]
    best, best_total = max(0.0, *statistics), max(math.fsum(trial) for trial in trials)
    as_good = [0, 0, 0, 0]
    for signs in flipped_signs(n_resamples, len(sums), seed).tolist():
        totals = [math.fsum(a * b for a, b in zip(signs, trial, strict=True)) for trial in trials]
        for which in range(3):
            drawn = max(
                total / norm + centre[which] for total, norm, centre in zip(totals, norms, centres, strict=True)
            )
            as_good[which] += max(0.0, drawn) >= best * (1 - 1e-9)
        as_good[3] += max(totals) >= best_total * (1 - 1e-9)
    lower, consistent, upper, check = ((1 + b) / (n_resamples + 1) for b in as_good)
    return (lower, consistent, upper, check) if best > 0 else (1.0, 1.0, 1.0, 1.0)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(8, 14), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_loop_in_plain_python_agrees(n_blocks, n_trials, seed):
    sums = np.random.default_rng(seed).integers(-3, 4, (n_blocks, n_trials)) / 7.0
    found = spa_p_values(TrialBlocks(sums, 10 * n_blocks), n_resamples=99, seed=seed)
    assert found == pytest.approx(twin(sums, 10 * n_blocks, 99, seed), rel=1e-12)
    assert found.lower <= found.consistent <= found.upper


def test_of_searches_that_found_nothing_few_are_called_superior():
    """One hundred searches of 300 trials each: at 5 %, Binomial(100, 0.05) with mean 5 and deviation 2.2."""
    found = [spa_p_values(noise(500, 300, seed), block_length=10, n_resamples=199, seed=seed) for seed in range(100)]
    for name in ("consistent", "upper", "reality_check"):
        assert sum(getattr(p, name) <= 0.05 for p in found) <= 12
    # And p-values of nothing are spread evenly, not only rarely small. Kolmogorov's 0.1 % bound is 0.195.
    p = np.sort([each.upper for each in found])
    assert np.max(np.abs(p - (np.arange(100) + 0.5) / 100)) < 0.195


def test_few_blocks_and_many_trials_do_not_make_noise_superior():
    """Sixteen blocks and a thousand independent trials: with the sample's deviation 73 of 100 would be rejected."""
    rng = np.random.default_rng(5)
    found = [
        spa_p_values(TrialBlocks(rng.standard_normal((16, 1000)), 480), n_resamples=199, seed=seed).consistent
        for seed in range(60)
    ]
    assert sum(p <= 0.05 for p in found) <= 9


def test_an_edge_in_a_crowd_of_noise_is_found():
    returns = noise(1000, 200, 1)
    returns[:, 77] += 0.0012
    found = spa_p_values(returns, block_length=10)
    assert found.consistent <= 0.01
    assert found.reality_check <= 0.05


def test_many_losers_weaken_the_upper_and_the_reality_check_but_not_the_consistent_p_value():
    rng = np.random.default_rng(2)
    returns = rng.standard_normal((600, 40)) * 0.01
    returns[:, 0] += 0.0011
    losers = rng.standard_normal((600, 2000)) * 0.01 - 0.003
    alone = spa_p_values(returns, block_length=10)
    crowded = spa_p_values(np.hstack([returns, losers]), block_length=10)
    assert crowded.upper > 4 * alone.upper
    assert crowded.consistent < 1.5 * alone.consistent


def test_a_loser_counts_for_nothing_below_minus_the_root_of_two_log_log_and_for_as_good_above():
    """500 periods: the bound is -1.911. Losers at -1.85 weigh as much as unbiased trials, at -1.95 hardly anything."""
    rng = np.random.default_rng(12)
    winner = rng.standard_normal((30, 1)) + 0.4
    found = {}
    for statistic in (-1.85, -1.95):
        losers = rng.standard_normal((30, 50))
        deviations = losers - losers.mean(axis=0)
        # Blocks of deviation 1 and mean m have the statistic m sqrt(30) / sqrt(1 + m^2).
        mean = statistic / np.sqrt(30 - statistic**2)
        losers = deviations / deviations.std(axis=0) + mean
        found[statistic] = spa_p_values(TrialBlocks(np.hstack([winner, losers]), 500))
    assert found[-1.85].consistent == found[-1.85].upper
    assert found[-1.95].consistent < 0.2 * found[-1.95].upper
    assert found[-1.95].lower == pytest.approx(found[-1.95].consistent)


def test_survivors_alone_look_superior_where_the_whole_search_does_not():
    """The classic mistake: what the screen dropped is part of what the winner was chosen from."""
    returns = noise(500, 2000, 3)
    survivors = returns[:, np.argsort(returns.mean(axis=0))[-20:]]
    assert spa_p_values(returns, block_length=10).consistent > 0.2
    assert spa_p_values(survivors, block_length=10).consistent < 0.05


def test_trials_whose_losses_are_rare_are_told_by_the_reality_check():
    """A hundred trials that gain 0.1 % a day and lose 9.9 % one day in a hundred: worth nothing; some met no loss."""
    rng = np.random.default_rng(7)
    found = [
        spa_p_values(np.where(rng.random((730, 100)) < 0.01, -0.099, 0.001), block_length=10, n_resamples=199)
        for _ in range(10)
    ]
    assert all(p.reality_check > 0.05 for p in found)
    assert sum(p.consistent <= 0.05 for p in found) >= 5


def test_an_independent_package_agrees_on_what_is_clear_and_on_what_is_not():
    for lift, bound in ((0.0015, 0.02), (0.0008, 0.15), (0.0, 0.1)):
        returns = np.random.default_rng(8).standard_t(5, (1000, 30)) * 0.01
        returns[:, 3] += lift
        field = returns.T.tolist()
        ours = spa_p_values(returns, block_length=10)
        assert ours.consistent == pytest.approx(sharpebench.spa_consistent_pvalue(field), abs=bound)
        assert ours.reality_check == pytest.approx(sharpebench.reality_check_pvalue(field), abs=bound)


def test_returns_and_their_blocks_give_the_same_and_the_seed_repeats():
    returns = noise(400, 30, 4)
    whole = spa_p_values(returns, block_length=8, seed=1)
    assert spa_p_values(blocked_trials(returns, 8), seed=1) == whole
    parts = [blocked_trials(returns[:, :11], 8), blocked_trials(returns[:, 11:], 8)]
    joined = TrialBlocks(np.hstack([part.sums for part in parts]), parts[0].n_obs)
    assert spa_p_values(joined, seed=1) == whole
    assert spa_p_values(returns, block_length=8, seed=2) != whole


@pytest.mark.parametrize("returns", [np.zeros((100, 3)), -np.abs(noise(100, 3, 0)), np.zeros(100)])
def test_where_no_trial_gained_there_is_no_evidence(returns):
    assert spa_p_values(returns, block_length=5) == (1.0, 1.0, 1.0, 1.0)


def test_it_is_never_zero():
    certain = np.full((200, 2), 0.01)
    assert spa_p_values(certain, block_length=1, n_resamples=99) == (0.01, 0.01, 0.01, 0.01)


def test_too_few_resamples_are_refused():
    with pytest.raises(ValueError, match="10 resamples; give at least 99"):
        spa_p_values(noise(100, 3, 0), n_resamples=10)
