"""The efficiency of one split: what a steady edge keeps, and what says nothing."""

import numpy as np
import pytest

from swarmd.engine.guards.split_efficiency import split_efficiency


def test_a_steady_edge_is_fully_efficient_however_long_each_stretch_is():
    rng = np.random.default_rng(1)
    inside, outside = (rng.normal(0.002, 0.001, n) for n in (4000, 1000))
    # Compounded, the longer stretch earns 2,980 times its stake and the shorter 7: the ratio would be 0.01.
    assert split_efficiency(inside, outside) == pytest.approx(1.0, abs=0.05)


def test_efficiency_is_undefined_without_a_profit_in_sample():
    assert split_efficiency(np.array([-0.1, -0.1]), np.array([-0.2, -0.2])) is None
    assert split_efficiency(np.zeros(5), np.ones(5)) is None
    with pytest.raises(ValueError, match="give some of both"):
        split_efficiency(np.zeros(0), np.ones(5))
