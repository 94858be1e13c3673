#!/usr/bin/env python3
"""What all measurements of `bench_engine` share: the same bars, the same vectors, and what a piece of work took.

A measurement is a process of its own that does nothing else; who starts it has chosen its processors. Run by itself
this file says how busy the machine is now: the thing to know before measuring.
"""

import argparse
import ctypes
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars, load_bars
from swarmd.engine.market.synth import noise_market
from swarmd.engine.phases.conditions import conditions_between, read_counters
from swarmd.engine.search.combos import draw_combinations
from swarmd.engine.search.provenance import code_version
from swarmd.engine.search.space import Space, search_space
from swarmd.engine.strategies.registry import strategy_named

STRATEGY = strategy_named("mtf_ema")
RANGES = "aggressive"
# Both directions search the same ranges: only the rule differs.
MODES = {"long": "balanced", "long_short": "aggressive"}
COSTS = Costs()
_PROC, _SYS = Path("/proc"), Path("/sys")
_PACKAGES = ("numba", "numpy", "vectorbt", "backtesting", "raptorbt")

Columns = dict[str, np.ndarray]


def task_options(what: tuple[str, ...], about: str) -> argparse.ArgumentParser:
    """What every measuring process can be asked."""
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("what", choices=what)
    parser.add_argument("--direction", choices=tuple(MODES), default="long")
    parser.add_argument("--combos", type=int, default=250_000, help="how many are drawn (default: %(default)s)")
    parser.add_argument("--sample", type=int, help="of these, how many are run, evenly spread (default: all)")
    parser.add_argument("--days", type=int, default=730, help="length of the made-up market (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="bars to use instead of the made-up market")
    parser.add_argument("--known-gap", action="append", default=[], metavar="DAY")
    parser.add_argument("--seed", type=int, default=42, help="of the market and of the draw (default: %(default)s)")
    parser.add_argument("--check", type=int, default=0, metavar="N", help="vectors to hold against another path")
    return parser


def bars_of(options: argparse.Namespace) -> Bars:
    if options.data is None:
        return noise_market(options.days, options.seed)
    return load_bars(options.data, known_gaps=options.known_gap)


def space() -> Space:
    return search_space(STRATEGY.card, RANGES, {})


def drawn(options: argparse.Namespace) -> Columns:
    """The sample of the vectors that the screen draws."""
    columns = draw_combinations(space(), options.combos, options.seed, STRATEGY.admissible)
    return spread(columns, options.sample) if options.sample else columns


def sharing_as(of: int, options: argparse.Namespace) -> Columns:
    """`combos` vectors out of a draw of so many, all that share a pair of averages together: as many share one as do in
    the whole draw, however few are taken.
    """
    columns = draw_combinations(space(), of, options.seed, STRATEGY.admissible)
    _, pair, share = np.unique(pairs_of(columns), axis=0, return_inverse=True, return_counts=True)
    order = np.random.default_rng(options.seed).permutation(share.size)
    wanted = np.zeros(share.size, dtype=bool)
    wanted[order[: int(np.searchsorted(np.cumsum(share[order]), options.combos)) + 1]] = True
    rows = np.flatnonzero(wanted[pair.ravel()])[: options.combos]
    return {name: column[rows] for name, column in columns.items()}


def pairs_of(columns: Columns) -> np.ndarray:
    """The two averages of each vector, shape (n, 4)."""
    return np.stack([columns[name] for name in ("tf_fast", "L_fast", "tf_slow", "L_slow")], axis=1)


def spread(columns: Columns, n: int) -> Columns:
    """So many rows, evenly spread over all."""
    there = len(columns["sl"])
    rows = np.linspace(0, there - 1, min(n, there)).astype(np.int64)
    return {name: column[rows] for name, column in columns.items()}


@dataclass
class Took:
    """What a piece of work took, and what the machine did meanwhile; CPU is of all threads of this process."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    before_mb: float = 0.0
    peak_mb: float = 0.0
    meanwhile: dict[str, Any] = field(default_factory=dict)


@contextmanager
def timed() -> Iterator[Took]:
    """Fills in what its block took. The peak of memory holds libraries and bars too, but not what making bars took."""
    forget_peak()
    took = Took(before_mb=peak_mb())
    counters = read_counters(_PROC, _SYS)
    cpu, wall = time.process_time(), time.perf_counter()
    yield took
    took.wall_s, took.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    took.peak_mb = peak_mb()
    took.meanwhile = _conditions(counters, took.wall_s)


def _conditions(since: Any, elapsed: float) -> dict[str, Any]:
    """Shares are of all processors together: `others` of what other processes used, `steal` of the hypervisor."""
    found = conditions_between(
        since, read_counters(_PROC, _SYS), elapsed=elapsed, proc=_PROC, sys=_SYS, compiled=0, compiled_meanwhile=0
    )
    return {"others": found.others, "steal": found.steal, "load": found.load, "major_faults": found.major_faults}


def forget_peak() -> None:
    """From here on the peak counts anew, from what is in use now; a system that cannot do that leaves it as it was.

    Making up a market leaves 30 MB of free heap behind, which no run on a file of bars would have.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        (_PROC / "self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Most memory this process held. Not `getrusage`: that one inherits the peak of who started the process."""
    lines = (_PROC / "self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def tell(took: Took, bars: Bars, *, combos: int, **more: Any) -> None:
    """One measurement as one line of JSON."""
    print(
        json.dumps(
            {
                "combos": combos, "bars": bars.n_bars, "threads": len(os.sched_getaffinity(0)),
                **vars(took), **more,
                "about": {"data": bars.snapshot_id(), "code_version": code_version(), "versions": versions()},
            }
        )
    )  # fmt: skip


def tell_missing(name: str) -> None:
    print(json.dumps({"missing": f"{name} is not installed"}))


def versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    before = read_counters(_PROC, _SYS)
    time.sleep(2.0)
    found = _conditions(before, 2.0)
    print(
        f"{os.cpu_count()} processors, load {found['load']}; of their time other processes use {found['others']:.1%}, "
        f"the hypervisor keeps {found['steal']:.1%}"
    )


if __name__ == "__main__":
    main()
