"""Screening many parameter vectors of a crossing strategy: who shares what, in which order, on how many threads.

Vectors are sorted by their pair of lines. A group is one fast line against one slow timeframe: the extremes of the
fast line are found once per group, crossings once per pair, and vectors that differ only in stop and target share
them. Groups are independent, so threads change nothing; they run in chunks, between which Python can count and be
interrupted.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.crossing_screen import CrossingScreen, LineNumbers
from swarmd.engine.kernel.crossings import Ticks, interval_extremes, pair_crossings
from swarmd.engine.kernel.entries import Clock, Entries, entries_of, entry_list, settled_entries_of
from swarmd.engine.kernel.events import next_real_bar
from swarmd.engine.kernel.exits import Exits, exit_list
from swarmd.engine.kernel.fold import SCREEN_METRICS, Factors, screen_plain
from swarmd.engine.kernel.lines import Codes, EmaLines
from swarmd.engine.kernel.marks import TradeList, trade_list
from swarmd.engine.kernel.passage import passage_levels
from swarmd.engine.kernel.tape import Tape, tape_of
from swarmd.engine.kernel.unowned import unowned

# Few enough that progress moves and Ctrl-C is heard, enough that threads have parts of equal cost.
CHUNKS = 24
LEAST_CHUNK = 2048
# The first one: a lane that has just come back should have done something soon.
FIRST_CHUNK = 256


class Vectors(NamedTuple):
    """The parameter vectors, sorted: `order` by pair, `group_start` (n_groups + 1) into it, `group_order` to run
    them.
    """

    order: IntArray
    group_start: IntArray
    group_order: IntArray
    fast: LineNumbers
    slow: LineNumbers
    stop: FloatArray
    target: FloatArray


class Space(NamedTuple):
    """Working space of a group: extremes per slow interval, crossings, and what each of its vectors fills anew."""

    lowest: Codes
    highest: Codes
    ticks: Ticks
    sides: NDArray[np.int8]
    entries: Entries
    exits: Exits
    trades: TradeList


def screen_crossings(
    asked: CrossingScreen, *, progress: Callable[[int], None] | None = None
) -> dict[str, NDArray[Any]]:
    """The screening metrics, one value per vector asked for.

    `progress` hears 0 when all that the vectors share is prepared, and then the rows done since it last heard.
    """
    prices, lines = asked.prices, asked.lines
    out = np.empty((len(SCREEN_METRICS), asked.n_vectors))
    if asked.n_vectors:
        stride = math.gcd(*np.unique(lines.factor).tolist())
        clock = Clock(prices.n_bars, asked.lead, -(-asked.lead // stride), stride)
        levels = passage_levels(np.concatenate((asked.stop, asked.target)))
        tape = tape_of(prices, levels=levels, first_entry=clock.first_tick * stride - clock.lead, entry_stride=stride)
        real = next_real_bar(prices.synthetic) if prices.synthetic.any() else np.empty(0, np.int64)
        vectors = _sorted_vectors(asked)
        if progress is not None:
            progress(0)
        for group_from, group_to, n_vectors in _chunks(vectors):
            _screen_chunk(
                group_from, group_to, vectors, lines, tape, clock, real, asked.shorts, asked.costs.factors(), out
            )
            if progress is not None:
                progress(n_vectors)
    columns: dict[str, NDArray[Any]] = dict(zip(SCREEN_METRICS, out, strict=True))
    columns["total_trades"] = columns["total_trades"].astype(np.int64)
    return columns


def _sorted_vectors(asked: CrossingScreen) -> Vectors:
    factor, fast_of, slow_of = asked.lines.factor, asked.fast_of, asked.slow_of
    # By fast line, slow timeframe, slow line: one number each, for sorting by three keys takes three times as long.
    n_lines = factor.size
    order = np.argsort((fast_of * (factor.max(initial=0) + 1) + factor[slow_of]) * n_lines + slow_of, kind="stable")
    fast, slow_timeframe = fast_of[order], factor[slow_of[order]]
    is_first = np.append(True, (fast[1:] != fast[:-1]) | (slow_timeframe[1:] != slow_timeframe[:-1]))
    starts = np.append(np.flatnonzero(is_first), order.size)
    # Threads take contiguous equal parts of a chunk: in sorted order one would get all the dear timeframes.
    group_order = np.random.default_rng(0).permutation(starts.size - 1)
    return Vectors(order, starts, group_order, fast_of, slow_of, asked.stop, asked.target)


def _chunks(vectors: Vectors) -> Iterator[tuple[int, int, int]]:
    """Ranges of `group_order`, each with its number of vectors."""
    sizes = np.diff(vectors.group_start)[vectors.group_order]
    largest = max(LEAST_CHUNK, vectors.order.size // CHUNKS)
    # Small ones first, doubling: on a busy machine a large first one would be silent for so long that it looks stuck.
    wanted = FIRST_CHUNK
    start, n_vectors = 0, 0
    for at, size in enumerate(sizes.tolist()):
        n_vectors += size
        if n_vectors >= wanted or at == sizes.size - 1:
            yield start, at + 1, n_vectors
            start, n_vectors = at + 1, 0
            wanted = min(2 * wanted, largest)


@njit(cache=True, error_model="numpy")
def _screen_group(
    group: int,
    vectors: Vectors,
    lines: EmaLines,
    tape: Tape,
    clock: Clock,
    next_real: IntArray,
    shorts: bool,
    factors: Factors,
    out: FloatArray,
) -> None:
    """All vectors of one fast line and one slow timeframe."""
    first, end = vectors.group_start[group], vectors.group_start[group + 1]
    fast = vectors.fast[vectors.order[first]]
    n, m = lines.factor[fast], lines.factor[vectors.slow[vectors.order[first]]]
    stop_time = clock.n_bars + clock.lead
    fast_codes = lines.codes[lines.start[fast] :]
    # Read in words of 64.
    n_intervals = ((stop_time // m + 2) | 63) + 1
    n_most = stop_time // n + stop_time // m + 4
    space = Space(
        np.zeros(n_intervals, np.int16),
        np.zeros(n_intervals, np.int16),
        np.empty(n_most, np.int32),
        np.empty(n_most if next_real.size > 0 else 0, np.int8),
        entry_list(n_most),
        exit_list(n_most),
        trade_list(n_most),
    )
    interval_extremes(fast_codes, n, m, lines.valid_time[fast] // m + 1, stop_time, space.lowest, space.highest)
    _screen_vectors(first, end, fast, vectors, lines, tape, clock, next_real, shorts, factors, space, out)


@njit(cache=True, error_model="numpy")
def _screen_vectors(
    first: int,
    end: int,
    fast: int,
    held_vectors: Vectors,
    held_lines: EmaLines,
    held_tape: Tape,
    clock: Clock,
    held_next_real: IntArray,
    shorts: bool,
    factors: Factors,
    held_space: Space,
    held_out: FloatArray,
) -> None:
    """The group's vectors one after the other; a function apart, because only what a caller holds may be `unowned`."""
    vectors, lines, tape = unowned(held_vectors), unowned(held_lines), unowned(held_tape)
    next_real, space, out = unowned(held_next_real), unowned(held_space), unowned(held_out)
    entries = space.entries
    stop_time = clock.n_bars + clock.lead
    may_repeat = next_real.size > 0
    last = -1
    n_entries = 0
    for at in range(first, end):
        row = vectors.order[at]
        slow = vectors.slow[row]
        if slow != last:
            valid = max(lines.valid_time[fast], lines.valid_time[slow])
            n_ticks, first_side = pair_crossings(
                lines, fast, slow, space.lowest, space.highest, valid, stop_time, clock.tick_bars, space.ticks
            )
            if may_repeat:
                n_entries = settled_entries_of(
                    space.ticks, space.sides, n_ticks, first_side, tape, clock, next_real, shorts, entries
                )
            else:
                n_entries = entries_of(space.ticks, n_ticks, first_side, tape, clock, shorts, entries)
            last = slow
        screen_plain(
            tape, entries, n_entries, may_repeat, vectors.stop[row], vectors.target[row], shorts, factors,
            space.exits, space.trades, out, row,
        )  # fmt: skip


@njit(cache=True, parallel=True)
def _screen_chunk(
    group_from: int,
    group_to: int,
    vectors: Vectors,
    lines: EmaLines,
    tape: Tape,
    clock: Clock,
    next_real: IntArray,
    shorts: bool,
    factors: Factors,
    out: FloatArray,
) -> None:
    for at in prange(group_from, group_to):
        _screen_group(vectors.group_order[at], vectors, lines, tape, clock, next_real, shorts, factors, out)
