"""The accumulation/distribution line: a worked table, and what adds nothing."""

import numpy as np

from swarmd.engine.indicators.volume import accumulation_distribution


def test_a_close_at_the_high_adds_all_of_its_volume_one_at_the_low_takes_it_and_one_halfway_neither():
    high, low = np.array([2.0, 2.0, 2.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    close = np.array([2.0, 1.0, 1.5, 1.75, 2.0])
    volume = np.array([10.0, 4.0, 99.0, 8.0, 50.0])
    # The fourth closes three quarters up: (0.75 - 0.25) of 8. The last bar has no range.
    assert accumulation_distribution(high, low, close, volume).tolist() == [10.0, 6.0, 6.0, 10.0, 10.0]
