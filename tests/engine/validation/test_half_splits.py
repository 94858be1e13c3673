"""Half-splits: all of them in order; and the quick road to a choice is the slow one, to the last tie."""

import numpy as np
import pytest

from swarmd.engine.validation import block_sums, cscv_combinations
from swarmd.engine.validation.half_splits import choices_by_rows, choices_by_sums


def test_combinations_are_all_halves_in_order_and_mirror_images_are_complements():
    assert cscv_combinations(4) == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    halves = cscv_combinations(16)
    assert len(halves) == 12_870
    assert all(sorted(a + b) == list(range(16)) for a, b in zip(halves, reversed(halves), strict=True))


@pytest.mark.parametrize("S", [0, 1, 3, 15, -2])
def test_blocks_that_cannot_be_halved_are_refused(S):
    with pytest.raises(ValueError, match=f"{S} blocks cannot be halved"):
        cscv_combinations(S)


def test_both_roads_choose_and_rank_alike_where_most_trials_tie():
    # Eighths sum without rounding, so that the means of few rows tie exactly on both roads.
    returns = np.random.default_rng(4).integers(-1, 2, (24, 30)) / 8
    quick = choices_by_sums(block_sums(returns, 6), is_sharpe=False)
    slow = choices_by_rows(returns, 6, lambda rows: rows.mean(axis=0))
    assert quick.chosen.tolist() == slow.chosen.tolist()
    assert quick.ranks.tolist() == slow.ranks.tolist()
    assert any(rank % 1 == 0.5 for rank in quick.ranks)
    assert quick.is_metric == pytest.approx(slow.is_metric)
