"""Screening on a device: what goes over, in how many batches, what comes back. What a device is, its class says.

`gpu` has the CUDA one and `host_build` one made by g++, which runs the same source for the tests. Everything that can
be decided without hardware is decided here: the order of the vectors, the room for events, what happens when memory
runs out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.kernel.crossing_screen import CrossingScreen
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.kernel.layout import Numbers, Work, checked, filled_screen, shared_by_all, sorted_work

# About as many vectors as a large GPU has threads at a time: more at once would only take more memory.
BATCH = 250_000
# With so few a batch, what is short of memory is not the batch.
LEAST_BATCH = 256
# One pair in so many is counted first, and these counts say how much room a pair's events are given.
SAMPLE_EVERY = 64
ROOM_QUANTILE = 0.9


class DeviceFull(ValueError):  # noqa: N818
    """A device has not even room for a small batch; the message says what to do."""


class Held(Protocol):
    """Memory of a device; given back when nothing refers to this object any more."""

    @property
    def address(self) -> int: ...


class Device(Protocol):
    """What runs the kernels of `backtest.cuh`. Where its memory is short it raises MemoryError."""

    @property
    def name(self) -> str: ...

    def upload(self, array: NDArray[Any]) -> Held:
        """A copy in the device's memory."""
        ...

    def reserve(self, size: int, dtype: type[np.generic]) -> Held:
        """Room for `size` numbers, of any content."""
        ...

    def download(self, held: Any) -> NDArray[Any]:
        """Waits until the launched kernels are done, then a copy of their result."""
        ...

    def launch(self, kernel: str, screen: NDArray[np.void], n_items: int) -> None:
        """Starts a kernel of `layout.KERNELS` for so many work items; need not wait for it."""
        ...

    def release(self) -> None:
        """Memory that is kept in stock goes back to the machine."""
        ...


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears what: rows done, lines for a person, and the name of each part when it is over."""

    progress: Callable[[int], None] = lambda _: None
    log: Callable[[str], None] = lambda _: None
    lap: Callable[[str], None] = lambda _: None


def screen_on(
    device: Device,
    asked: CrossingScreen,
    *,
    listeners: Listeners,
    batch: int = BATCH,
) -> dict[str, NDArray[Any]]:
    """Metrics of one vector per row, as `batch.screen_crossings` gives them, to the last bit.

    Raises
    ------
    ValueError
        If a row needs the bar scan (`needs_bar_scan`).
    DeviceFull
        If the device has not even room for a small batch.
    """
    out = np.empty((len(SCREEN_METRICS), asked.n_vectors))
    if asked.n_vectors:
        arrays, numbers = shared_by_all(asked)
        listeners.lap("tape")
        work = sorted_work(asked, levels=arrays["levels"])
        listeners.lap("sort")
        try:
            held = {name: device.upload(array) for name, array in arrays.items()}
        except MemoryError as lack:
            device.release()
            n_bytes = sum(array.nbytes for array in arrays.values())
            raise DeviceFull(
                f"{device.name}: no room for the {n_bytes / 2**20:,.0f} MiB of prices and lines ({lack}); free its "
                "memory, or use --engine cpu"
            ) from lack
        listeners.lap("upload")
        listeners.progress(0)
        run = _Run(device, work, held, numbers, has_synthetic="next_real" in arrays, out=out, listeners=listeners)
        try:
            in_batches(work.order.size, batch, run.batch, free=device.release, log=listeners.log)
        finally:
            del run, held
            device.release()
    columns: dict[str, NDArray[Any]] = {name: out[at] for at, name in enumerate(SCREEN_METRICS)}
    columns["total_trades"] = columns["total_trades"].astype(np.int64)
    return columns


def in_batches(
    n: int,
    size: int,
    work: Callable[[int, int, str], None],
    *,
    free: Callable[[], None],
    log: Callable[[str], None],
    least: int = LEAST_BATCH,
) -> None:
    """Calls `work(start, stop, "2/5")` until 0..n is done, with batches half as large whenever memory runs out.

    Raises
    ------
    DeviceFull
        If memory runs out at `least` rows or fewer.
    """
    start = done = 0
    while start < n:
        stop = min(n, start + size)
        try:
            work(start, stop, f"{done + 1}/{done + -(-(n - start) // size)}")
        except MemoryError as lack:
            # Nothing may hold what the batch held: the exception does, through its traceback, until this clause ends.
            short = str(lack)
        else:
            start, done = stop, done + 1
            continue
        free()
        tried = stop - start
        if tried <= least:
            raise DeviceFull(
                f"out of memory with only {tried:,} combinations a batch ({short}); free the device's memory, or use "
                "--engine cpu"
            )
        size = max(least, tried // 2)
        log(f"out of memory at {tried:,} combinations a batch; going on with {size:,}")


@dataclass(frozen=True, slots=True)
class _Run:
    """Vectors, tape and lines of one screen, the latter two on the device."""

    device: Device
    work: Work
    held: dict[str, Held]
    numbers: Numbers
    has_synthetic: bool
    out: FloatArray
    listeners: Listeners

    def batch(self, start: int, stop: int, which: str) -> None:
        """Runs the rows [start, stop) of the sorted vectors and puts their metrics where they belong."""
        device, work = self.device, self.work
        first_pair = int(work.pair_of[start])
        pairs = slice(first_pair, int(work.pair_of[stop - 1]) + 1)
        rows = slice(start, stop)
        n_pairs, n_vectors = pairs.stop - pairs.start, stop - start
        held = self.held | {
            name: device.upload(checked(name, np.ascontiguousarray(array)))
            for name, array in {
                "fast_line": work.fast_line[pairs],
                "slow_line": work.slow_line[pairs],
                "pair_of": work.pair_of[rows] - np.int32(first_pair),
                "stop": work.stop[rows],
                "target": work.target[rows],
            }.items()
        }
        held["n_events"] = device.upload(np.zeros(n_pairs, np.int32))
        held["metrics"] = device.reserve(self.out.shape[0] * n_vectors, np.float64)
        numbers = self.numbers | {"n_pairs": n_pairs, "n_vectors": n_vectors}
        # Said before anything is waited for: a run without this line has not got as far as its first kernel.
        self.listeners.log(f"Batch {which}: {n_vectors:,} combinations on {device.name}")
        events = _EventRooms(device, n_pairs)
        events.find(held, numbers)
        if self.has_synthetic:
            device.launch("settle_events", _screen(held, numbers), n_pairs)
        self.listeners.lap("crossings")
        device.launch("screen_vectors", _screen(held, numbers), n_vectors)
        metrics = device.download(held["metrics"]).reshape(self.out.shape[0], n_vectors)
        self.listeners.lap("vectors")
        self.out[:, work.order[rows]] = metrics
        self.listeners.lap("gather")
        self.listeners.progress(n_vectors)


class _EventRooms:
    """Memory for the events of each pair of a batch.

    How many a pair has is known only once its lines are compared, and differs by a factor of a hundred between pairs.
    Counting all first would double the work, and room for the worst case would be gigabytes. So a few pairs are
    counted, all are given room for what nine in ten of them need, and the pairs that overflow are done once more.
    """

    def __init__(self, device: Device, n_pairs: int) -> None:
        self._device = device
        self._rows = np.zeros(n_pairs, np.uint64)
        self._room = np.zeros(n_pairs, np.int32)
        self._memory: list[Held] = []

    def find(self, held: dict[str, Held], numbers: Numbers) -> None:
        """Launches `find_crossings` until every event of every pair has its place; adds the places to `held`."""
        everyone = np.arange(self._rows.size, dtype=np.int32)
        sample = everyone[::SAMPLE_EVERY]
        counts = self._launch(held, numbers, sample)[sample]
        self._give(everyone, np.full(everyone.size, np.ceil(np.quantile(counts, ROOM_QUANTILE)) + 1, np.int64))
        counts = self._launch(held, numbers, everyone)
        over = everyone[counts > self._room]
        if over.size:
            self._give(over, counts[over].astype(np.int64))
            self._launch(held, numbers, over)

    def _give(self, pairs: NDArray[np.int32], room: IntArray) -> None:
        ends = np.cumsum(room)
        memory = self._device.reserve(int(ends[-1]), np.int32)
        self._rows[pairs] = memory.address + 4 * (ends - room)
        self._room[pairs] = room
        self._memory.append(memory)

    def _launch(self, held: dict[str, Held], numbers: Numbers, pairs: NDArray[np.int32]) -> NDArray[Any]:
        held["events"] = self._device.upload(self._rows)
        held["room"] = self._device.upload(self._room)
        held["due"] = self._device.upload(np.ascontiguousarray(pairs))
        self._device.launch("find_crossings", _screen(held, numbers | {"n_due": pairs.size}), pairs.size)
        return self._device.download(held["n_events"])


def _screen(held: dict[str, Held], numbers: Numbers) -> NDArray[np.void]:
    return filled_screen(numbers | {name: memory.address for name, memory in held.items()})
