"""Pure statistical tests of a candidate: returns in, figures and a verdict out.

One statistic a file, its formula and source in its docstring. No bars, no files, no opinion on what follows from a
verdict. Every public statistic can also be taken from here by its name (`guards.sharpe_ratio`); its file is read on
first use, so that a command which tests nothing does not wait for scipy.
"""

from swarmd.engine.lazy_names import lazy_names

# A statistic's public name, and the file of this folder that is its home. No file bears the name of its function: on
# import Python would put the file under that name here, in front of the function.
_HOMES = {
    "adjusted_p_values": "adjusted_p",
    "blocked_trials": "trial_blocks",
    "break_even_cost": "stress",
    "circular_shift_p_value": "timing",
    "combined_p_value": "combined_p",
    "deflated_sharpe_ratio": "deflated_sharpe",
    "effective_number_of_trials": "effective_trials",
    "effective_rank_of_returns": "effective_trials",
    "expected_maximum_sharpe": "expected_maximum",
    "minimum_backtest_length": "backtest_length",
    "minimum_track_record_length": "track_record_length",
    "online_fdr": "online_discoveries",
    "order_shuffle_p_value": "timing",
    "parameter_sensitivity": "sensitivity",
    "politis_white_block_length": "block_length",
    "position_permutation_p_value": "timing",
    "probabilistic_sharpe_ratio": "probabilistic_sharpe",
    "regime_mismatch": "regimes",
    "returns_block_length": "block_length",
    "romano_wolf_stepwise": "stepwise",
    "sharpe_evidence": "probabilistic_sharpe",
    "sharpe_ratio": "sharpe",
    "sign_flip_p_value": "sign_flip",
    "spa_p_values": "superior_ability",
    "stable_cluster": "clusters",
    "stationary_bootstrap_sharpe_ci": "bootstrap_sharpe",
    "stress1_sharpe": "stress",
    "stress2_sharpe": "stress",
    "stress3_dropped_trades": "stress",
    "strict_gates": "strict_table",
    "top10_excess": "top10",
    "top10_share": "top10",
}

__all__ = sorted(_HOMES)


__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
