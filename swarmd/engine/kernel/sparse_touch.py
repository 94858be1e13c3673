"""The first bar that touches a stop or a target, fixed or trailing, found by skipping those that cannot.

Pages and blocks of bars are skipped whose extremes touch neither the stop in force nor the next target; under a
trailing stop those where even the stretch's own best price could not lift the trail into the stretch's worst. The
tests are careful, never wrong: a stretch that is not skipped is looked at bar by bar.

Shorts are longs with all prices negated, which is exact: levels are held times the side, `adverse` is the extreme that
a stop sees (low of a long, high of a short), `favour` the one that a target sees. Called by `sparse_run`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from swarmd.engine.kernel.fold import Factors
from swarmd.engine.kernel.passage import BLOCK_BARS, BLOCK_SHIFT
from swarmd.engine.kernel.sparse_tables import HIGH, LOW, PAGE_BARS, PAGE_SHIFT, SparseTables


class Side(NamedTuple):
    """The columns and constants of one side."""

    sign: float
    adverse: int
    favour: int
    entry_factor: float
    exit_factor: float
    base: float


@njit(cache=True, inline="always")
def side_of(side: int, factors: Factors) -> Side:
    long_in, long_out, short_quantity, short_out, short_base = factors
    if side > 0:
        return Side(1.0, LOW, HIGH, long_in, long_out, 0.0)
    return Side(-1.0, HIGH, LOW, short_quantity, short_out, short_base)


@njit(cache=True, inline="always")
def first_touch(tables: SparseTables, side: Side, start: int, stop: int, level: float, target: float) -> int:
    """First bar in [start, stop) whose adverse extreme is at the level or whose favour reaches the target; or `stop`.

    Level and target are times the side. A page or block that is only partly in the range is skipped as a whole or
    not: its other bars make the test no less careful.
    """
    bars, blocks, pages = tables.bars, tables.blocks, tables.pages
    s, adverse, favour = side.sign, side.adverse, side.favour
    if level == -np.inf and target == np.inf:
        return stop
    u = start
    while u < stop:
        page = u >> PAGE_SHIFT
        if s * pages[page, adverse] > level and s * pages[page, favour] < target:
            u = (page + 1) << PAGE_SHIFT
            continue
        page_end = min(stop, (page + 1) << PAGE_SHIFT)
        while u < page_end:
            block = u >> BLOCK_SHIFT
            if s * blocks[block, adverse] > level and s * blocks[block, favour] < target:
                u = (block + 1) << BLOCK_SHIFT
                continue
            block_end = min(page_end, (block + 1) << BLOCK_SHIFT)
            while u < block_end:
                if (s * bars[u, adverse] <= level) | (s * bars[u, favour] >= target):
                    return u
                u += 1
    return stop


@njit(cache=True, inline="always")
def first_trailing_touch(
    tables: SparseTables, side: Side, start: int, stop: int, level: float, target: float, best: float, keeps: float
) -> tuple[int, float]:
    """As `first_touch` with a stop that trails at `best * keeps`; and the best price before the bar found."""
    bars, blocks, pages = tables.bars, tables.blocks, tables.pages
    s, adverse, favour = side.sign, side.adverse, side.favour
    u = start
    while u < stop:
        page = u >> PAGE_SHIFT
        if u & (PAGE_BARS - 1) == 0:
            reach = max(best, s * pages[page, favour])
            if s * pages[page, adverse] > max(level, reach * keeps) and s * pages[page, favour] < target:
                best = reach
                u += PAGE_BARS
                continue
        page_end = min(stop, (page + 1) << PAGE_SHIFT)
        while u < page_end:
            block = u >> BLOCK_SHIFT
            reach = max(best, s * blocks[block, favour])
            block_end = min(page_end, (block + 1) << BLOCK_SHIFT)
            if s * blocks[block, adverse] > max(level, reach * keeps) and s * blocks[block, favour] < target:
                if u & (BLOCK_BARS - 1) == 0:
                    best = reach
                    u = block_end
                # Entered in the middle: the block's best price may be older than the position.
                while u < block_end:
                    best = max(best, s * bars[u, favour])
                    u += 1
                continue
            while u < block_end:
                if (s * bars[u, adverse] <= max(level, best * keeps)) | (s * bars[u, favour] >= target):
                    return u, best
                best = max(best, s * bars[u, favour])
                u += 1
    return stop, best
