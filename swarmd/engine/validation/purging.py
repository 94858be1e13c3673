"""Combinatorial splits and what must leave their training: bars whose outcome a test bar shares, and those behind it.

A split fits on all bars outside a few test groups, before and behind them. Bars beside a test know its outcome unless
they are purged; serial correlation carries more of it forward, and the embargo drops that too.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from swarmd.engine.arrays import BoolArray, IntArray


class CombinatorialPaths(NamedTuple):
    """`splits[s]` names the k test groups of split s; `paths[p][g]` the split from which path p takes group g."""

    splits: tuple[tuple[int, ...], ...]
    paths: tuple[tuple[int, ...], ...]


def cpcv_paths(n: int, k: int) -> CombinatorialPaths:
    """All splits of n groups with k of them held out, and the backtest paths that they make together.

    Parameters
    ----------
    n : groups of time, at least 2
    k : groups held out at once, 1 <= k < n

    Returns
    -------
    CombinatorialPaths
        C(n, k) splits in lexicographic order; k/n * C(n, k) = C(n-1, k-1) paths. Every group is tested in that many
        splits, and the p-th path takes each group from the p-th of them: each (split, test group) is used once, so
        every path is a whole history out of sample.

    Raises
    ------
    ValueError
        If k is not within 1 and n - 1.

    Source: López de Prado (2018), Advances in Financial Machine Learning, section 12.4; n = 6, k = 2 gives its figure
    of 15 splits and 5 paths.
    """
    if not 1 <= k < n:
        raise ValueError(f"cpcv_paths: {k} of {n} groups cannot be held out; give 1 <= k < n")
    splits = tuple(itertools.combinations(range(n), k))
    of_group = [[number for number, split in enumerate(splits) if group in split] for group in range(n)]
    paths = tuple(tuple(of_group[group][path] for group in range(n)) for path in range(math.comb(n - 1, k - 1)))
    return CombinatorialPaths(splits, paths)


def purged_train_indices(
    T: int,
    test: Sequence[int] | IntArray | BoolArray | slice | range,
    label_horizon: int,
    embargo: int = 0,
) -> IntArray:
    """Bars to train on when `test` is held out: no outcome of theirs meets one of the test.

    Parameters
    ----------
    T : number of bars
    test : the test bars: indices in any order, a range, a slice, or a mask of T booleans; several stretches may be
        held out at once
    label_horizon : how many bars ahead an outcome is known: that of bar i takes the bars i to i + label_horizon, both
        ends included, as the source counts
    embargo : bars dropped from training behind each test stretch, counted from its last outcome

    Returns
    -------
    int64, ascending
        Bar i stays where `i + label_horizon < j` or `i > j + label_horizon + embargo` for every test bar j. So
        `label_horizon` bars go before a stretch, and `label_horizon + embargo` behind it; without horizon and embargo
        the complement of the test. All T bars where there is no test.

    Raises
    ------
    ValueError
        If a length is negative, or a test bar lies outside [0, T).

    Source: López de Prado (2018), Advances in Financial Machine Learning, sections 7.4.1 (purging) and 7.4.2 (embargo).
    """
    for name, bars in (("T", T), ("label_horizon", label_horizon), ("embargo", embargo)):
        if bars < 0:
            raise ValueError(f"purged_train_indices: {name} is {bars} bars; give 0 or more")
    held = _test_bars(T, test)
    # A bar is dropped where some test bar opens a span over it: +1 where the span begins, -1 behind its end.
    edges = np.zeros(T + 1, np.int64)
    np.add.at(edges, np.maximum(held - label_horizon, 0), 1)
    np.add.at(edges, np.minimum(held + label_horizon + embargo + 1, T), -1)
    return np.flatnonzero(np.cumsum(edges[:T]) == 0).astype(np.int64)


def _test_bars(T: int, test: Sequence[int] | IntArray | BoolArray | slice | range) -> IntArray:
    if isinstance(test, slice):
        return np.arange(T, dtype=np.int64)[test]
    given = np.asarray(test)
    if given.dtype == np.bool_:
        if given.shape != (T,):
            raise ValueError(f"purged_train_indices: the test mask has shape {given.shape}; give {T} booleans")
        return np.flatnonzero(given).astype(np.int64)
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"purged_train_indices: test bars are {given.dtype}; give whole bar numbers")
    held = given.astype(np.int64).ravel()
    if held.size and (held.min() < 0 or held.max() >= T):
        raise ValueError(
            f"purged_train_indices: test bars reach from {held.min()} to {held.max()}; give bars within [0, {T})"
        )
    return held
