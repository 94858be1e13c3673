"""Crossings by the rule, worked out by hand and bar by bar."""

import numpy as np
import pytest

from swarmd.engine.kernel.crossings import SampledLine, crossing_events


def line(values: list[float], known_at: list[int], lookback: int = 1) -> SampledLine:
    return SampledLine(np.array(values, np.float64), np.array(known_at, np.int64), lookback)


def crossings(fast: SampledLine, slow: SampledLine, n_bars: int) -> list[tuple[int, int]]:
    events = crossing_events(fast, slow, n_bars)
    return list(zip(events.bar.tolist(), events.side.tolist(), strict=True))


def test_a_crossing_fills_at_the_bar_after_the_close_that_shows_it():
    fast = line([1, 3, 1], [0, 1, 2])
    assert crossings(fast, line([2], [0]), 10) == [(2, 1), (3, -1)]


def test_equality_is_below():
    assert crossings(line([1, 2, 3, 2], [0, 1, 2, 3]), line([2], [0]), 10) == [(3, 1), (4, -1)]


def test_the_first_moment_at_which_both_are_valid_is_no_crossing():
    fast = line([1, 3, 3, 1], [0, 1, 2, 3])
    assert crossings(fast, line([2, 2], [0, 1], lookback=2), 10) == [(4, -1)]


def test_the_slow_line_may_cross_by_its_own_change():
    assert crossings(line([2], [0]), line([1, 3], [0, 5]), 10) == [(6, -1)]


def test_a_crossing_at_the_last_close_fills_nowhere():
    assert crossings(line([1, 3], [0, 4]), line([2], [0]), 5) == []


def test_lines_shorter_than_their_lookback_never_cross():
    assert crossings(line([1, 3], [0, 1], lookback=3), line([2], [0]), 5) == []


@pytest.mark.parametrize("seed", range(20))
def test_random_lines_agree_with_a_walk_over_every_bar(seed: int):
    rng = np.random.default_rng(seed)
    n_bars, values = 400, [1.0, 2.0, 3.0]
    step_f, step_s = (int(x) for x in rng.integers(1, 9, 2))
    known_f, known_s = np.arange(rng.integers(0, 5), n_bars, step_f), np.arange(rng.integers(0, 9), n_bars, step_s)
    fast = line(rng.choice(values, known_f.size).tolist(), known_f.tolist(), int(rng.integers(1, 5)))
    slow = line(rng.choice(values, known_s.size).tolist(), known_s.tolist(), int(rng.integers(1, 5)))
    found = []
    before = None
    for bar in range(n_bars):
        seen_f, seen_s = (int(np.searchsorted(known, bar, side="right")) for known in (known_f, known_s))
        if seen_f < fast.lookback or seen_s < slow.lookback:
            continue
        above = bool(fast.values[seen_f - 1] > slow.values[seen_s - 1])
        if before is not None and above != before and bar + 1 < n_bars:
            found.append((bar + 1, 1 if above else -1))
        before = above
    assert crossings(fast, slow, n_bars) == found
