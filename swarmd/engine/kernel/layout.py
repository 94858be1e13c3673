"""What `backtest.cuh` is given, laid out here and nowhere else: the struct, its arrays, and the vectors' order.

A launch reads one struct of pointers and numbers. `SCREEN` is that struct field by field; the compilers check its size
and a test its names. Shapes and types are checked on this side, so that the C source need not. `devices` calls this.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.crossing_screen import CrossingScreen
from swarmd.engine.kernel.events import next_real_bar
from swarmd.engine.kernel.lines import CHECKPOINT_EVERY
from swarmd.engine.kernel.passage import N_LEVELS, passage_levels
from swarmd.engine.kernel.tape import tape_of

_FOLDER = Path(__file__).parent
SOURCE = _FOLDER / "backtest.cuh"
_HEADER = _FOLDER / "portable.h"

# Threads per work item of each kernel: pairs are compared by whole warps.
KERNELS = {"find_crossings": 32, "settle_events": 1, "screen_vectors": 1}

# Per field of the struct: the type of the elements its pointer leads to.
POINTERS: dict[str, type[np.generic]] = {
    "bars": np.float64, "close": np.float64, "block_low": np.float64, "block_high": np.float64,
    "block_close_low": np.float64, "block_close_high": np.float64, "day_of_bar": np.int32, "day_close": np.float64,
    "day_sums": np.float64, "levels": np.float64, "passages": np.uint16, "next_real": np.int32,
    "codes": np.int16, "line_start": np.int64, "line_factor": np.int64, "line_first": np.int64, "valid_time": np.int64,
    "alpha": np.float64, "checkpoints": np.float64, "checkpoint_start": np.int64, "closes": np.float64,
    "close_start": np.int64,
    "fast_line": np.int32, "slow_line": np.int32, "events": np.uint64, "room": np.int32, "n_events": np.int32,
    "due": np.int32,
    "pair_of": np.int32, "stop": np.float64, "target": np.float64, "metrics": np.float64,
}  # fmt: skip
_ADDRESS = np.uint64
# Kept in the order of the struct; every field takes 8 bytes, so nothing is padded.
SCREEN = np.dtype(
    [
        *((name, _ADDRESS) for name in tuple(POINTERS)[:12]),
        *((name, np.int64) for name in ("n_bars", "n_days", "first_entry", "stride", "n_entries", "lead")),
        *((name, _ADDRESS) for name in tuple(POINTERS)[12:22]),
        ("checkpoint_every", np.int64),
        *((name, _ADDRESS) for name in tuple(POINTERS)[22:28]),
        ("n_due", np.int64),
        ("n_pairs", np.int64),
        *((name, _ADDRESS) for name in tuple(POINTERS)[28:]),
        ("n_vectors", np.int64),
        ("shorts", np.int64),
        *((name, np.float64) for name in ("long_in", "long_out", "short_quantity", "short_out", "short_base")),
    ]
)

_DEFINES = (f"-DSCREEN_BYTES={SCREEN.itemsize}",)
# Without fused products, or results would differ in the last bit from those of numba.
DEVICE_OPTIONS = ("--std=c++17", "--fmad=false", *_DEFINES)
HOST_OPTIONS = ("-std=c++17", "-O2", "-ffp-contract=off", *_DEFINES)

Arrays = dict[str, NDArray[Any]]
Numbers = dict[str, int | float]


class Work(NamedTuple):
    """The parameter vectors sorted by their pair of lines: row `order[i]` has pair `pair_of[i]`, and so on."""

    order: IntArray
    pair_of: NDArray[np.int32]
    stop: FloatArray
    target: FloatArray
    fast_line: NDArray[np.int32]  # per pair
    slow_line: NDArray[np.int32]


def device_source() -> str:
    """`backtest.cuh` with its header inside: a compiler without a file system wants one text, and so does CuPy's cache,
    which would not notice a changed header.
    """
    include = f'#include "{_HEADER.name}"\n'
    before, after = SOURCE.read_text().split(include)
    rest = before.count("\n") + 2
    return f'{before}#line 1 "{_HEADER.name}"\n{_HEADER.read_text()}#line {rest} "{SOURCE.name}"\n{after}'


def shared_by_all(asked: CrossingScreen) -> tuple[Arrays, Numbers]:
    """The fields of the struct that all vectors share. `next_real` is absent where every bar is real."""
    prices, lines, lead = asked.prices, asked.lines, asked.lead
    is_used = np.zeros(lines.factor.size, np.bool_)
    is_used[asked.fast_of] = is_used[asked.slow_of] = True
    stride = math.gcd(*lines.factor[is_used].tolist())
    first_entry = -lead % stride
    n_entries = max(0, -(-(prices.n_bars - first_entry) // stride))
    levels = passage_levels(np.concatenate((asked.stop, asked.target)))
    tape = tape_of(prices, levels=levels, first_entry=first_entry, entry_stride=stride)
    arrays: Arrays = {
        "bars": tape.bars, "close": tape.close, "block_low": tape.block_low, "block_high": tape.block_high,
        "block_close_low": tape.block_close_low, "block_close_high": tape.block_close_high,
        "day_of_bar": tape.day_of_bar, "day_close": tape.day_close, "day_sums": tape.day_sums,
        "levels": tape.levels, "passages": tape.passages,
        "codes": lines.codes, "line_start": lines.start, "line_factor": lines.factor, "line_first": lines.first,
        "valid_time": lines.valid_time, "alpha": lines.alpha, "checkpoints": lines.checkpoints,
        "checkpoint_start": lines.checkpoint_start, "closes": lines.closes, "close_start": lines.close_start,
    }  # fmt: skip
    if prices.synthetic.any():
        arrays["next_real"] = next_real_bar(prices.synthetic).astype(np.int32)
    long_in, long_out, short_quantity, short_out, short_base = asked.costs.factors()
    numbers: Numbers = {
        "n_bars": prices.n_bars, "n_days": prices.day_ends.size, "first_entry": first_entry, "stride": stride,
        "n_entries": n_entries, "lead": lead, "checkpoint_every": CHECKPOINT_EVERY,
        "shorts": int(asked.shorts), "long_in": long_in, "long_out": long_out,
        "short_quantity": short_quantity, "short_out": short_out, "short_base": short_base,
    }  # fmt: skip
    return {name: checked(name, array) for name, array in arrays.items()}, numbers


def sorted_work(asked: CrossingScreen, *, levels: FloatArray) -> Work:
    """By pair, and within a pair by stop and target, so that threads side by side do nearly the same."""
    fast_of, slow_of, stop, target = asked.fast_of, asked.slow_of, asked.stop, asked.target
    n_lines = asked.lines.factor.size
    order = np.arange(fast_of.size, dtype=np.int64)
    for keys, n_keys in (
        (_nearness(levels, stop, target), (N_LEVELS + 1) ** 2),
        (slow_of, n_lines),
        (fast_of, n_lines),
    ):
        order = _stable_order(keys, order, n_keys)
    fast, slow = fast_of[order], slow_of[order]
    is_first = np.append(True, (fast[1:] != fast[:-1]) | (slow[1:] != slow[:-1]))
    return Work(
        order=order,
        pair_of=(np.cumsum(is_first) - 1).astype(np.int32),
        stop=stop[order],
        target=target[order],
        fast_line=fast[is_first].astype(np.int32),
        slow_line=slow[is_first].astype(np.int32),
    )


@njit(cache=True)
def _nearness(levels: FloatArray, stop: FloatArray, target: FloatArray) -> IntArray:
    keys = np.empty(stop.size, np.int64)
    for i in range(stop.size):
        near_stop = near_target = 0
        for level in levels:
            near_stop += int(level <= stop[i])
            near_target += int(level <= target[i])
        keys[i] = near_stop * (levels.size + 1) + near_target
    return keys


@njit(cache=True)
def _stable_order(keys: NDArray[Any], order: IntArray, n_keys: int) -> IntArray:
    """`order` sorted by `keys[order]`; rows of equal keys stay as they were. Counting, for it is linear."""
    place = np.zeros(n_keys + 1, np.int64)
    for key in keys:
        place[key + 1] += 1
    place = np.cumsum(place)
    out = np.empty_like(order)
    for row in order:
        out[place[keys[row]]] = row
        place[keys[row]] += 1
    return out


def checked(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The array, or a ValueError where its memory is not what the struct's field says."""
    if array.dtype != POINTERS[name] or not array.flags.c_contiguous:
        raise ValueError(
            f"screen: {name} is {array.dtype}, contiguous {array.flags.c_contiguous}; "
            f"give contiguous {np.dtype(POINTERS[name])}"
        )
    return array


def filled_screen(values: Mapping[str, int | float]) -> NDArray[np.void]:
    """One struct, ready to be passed by value. Pointers that are not given are null, numbers that are not given 0."""
    screen = np.zeros(1, SCREEN)
    for name, value in values.items():
        screen[name] = value
    return screen
