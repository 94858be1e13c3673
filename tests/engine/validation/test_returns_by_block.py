"""Block sums: plain sums of the newest rows, whole or portion by portion."""

import numpy as np
import pytest

from swarmd.engine.validation import block_sums, joined_trials

RETURNS = np.random.default_rng(1).normal(0, 0.01, (43, 7))


def test_they_are_plain_sums_and_the_oldest_rows_are_dropped():
    found = block_sums(RETURNS, 8)
    assert (found.n_blocks, found.n_trials, found.rows_per_block) == (8, 7, 5)
    blocks = RETURNS[3:].reshape(8, 5, 7)
    assert found.sums == pytest.approx(blocks.sum(axis=1))
    assert found.squares == pytest.approx((blocks**2).sum(axis=1))


def test_portions_of_trials_put_together_are_the_whole():
    whole, parts = (
        block_sums(RETURNS, 8),
        joined_trials(block_sums(RETURNS[:, part], 8) for part in ([0, 1], [2, 3, 4, 5, 6])),
    )
    assert parts.rows_per_block == whole.rows_per_block
    assert parts.sums == pytest.approx(whole.sums, rel=1e-14)
    with pytest.raises(ValueError, match=r"\[\(4, 10\), \(8, 5\)\]"):
        joined_trials([block_sums(RETURNS, 8), block_sums(RETURNS, 4)])
    with pytest.raises(ValueError, match=r"\(blocks, rows\) \[\]"):
        joined_trials([])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("n_trials", [3, 8, 1000])
def test_copies_have_the_same_sums_to_the_last_bit_wherever_they_stand(order, n_trials):
    column = np.random.default_rng(2).normal(0, 1, 77)
    copies = np.asarray(np.tile(column[:, None], n_trials), order=order)
    found = block_sums(copies, 4)
    assert (found.sums == found.sums[:, :1]).all()
    assert (found.squares == found.squares[:, :1]).all()


def test_single_precision_is_summed_in_double():
    single = RETURNS.astype(np.float32)
    assert (block_sums(single, 4).sums == block_sums(single.astype(np.float64), 4).sums).all()


@pytest.mark.parametrize("hole", [np.nan, np.inf, 1e200])
def test_a_hole_is_named_by_row_and_trial(hole):
    wrong = RETURNS.copy()
    wrong[30, 4] = hole
    with pytest.raises(ValueError, match="trial 4 in row 30"):
        block_sums(wrong, 8)


def test_too_few_rows_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match="43 rows do not fill 44 blocks"):
        block_sums(RETURNS, 44)
    with pytest.raises(ValueError, match=r"shape \(43,\)"):
        block_sums(RETURNS[:, 0], 4)
