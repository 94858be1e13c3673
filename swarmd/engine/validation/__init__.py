"""How data are split, and how a procedure is judged across the splits: windows, purging, combinations, rank stability.

Pure arithmetic on returns, scores and bar numbers. What is judged here is the *search* that chose, never one vector
(that is a guard's), and nothing here runs a backtest. Every public function can also be taken from here by its name;
its file is read on first use, so that asking for windows does not wait for the kernels of the others.
"""

from swarmd.engine.lazy_names import lazy_names

# A public name, and the file of this folder that is its home. No file bears the name of its function: on import Python
# would put the file under that name here, in front of the function.
_HOMES = {
    "block_sums": "returns_by_block",
    "cpcv_paths": "purging",
    "cscv_combinations": "half_splits",
    "joined_trials": "returns_by_block",
    "kendall_tau_b": "rank_stability",
    "probability_of_backtest_overfitting": "backtest_overfitting",
    "purged_train_indices": "purging",
    "shrunken_sharpe": "forecast",
    "spearman": "rank_stability",
    "top_k_overlap": "rank_stability",
    "walk_forward_efficiency": "walk_forward",
    "windows": "walk_windows",
}

__all__ = sorted(_HOMES)


__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
