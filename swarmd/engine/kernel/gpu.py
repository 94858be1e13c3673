"""Screening on an NVIDIA GPU: `backtest.cuh` through CuPy, with the same bits as the CPU.

CuPy is imported when a GPU is asked for and never before: a lane that computes on the CPU holds no CUDA context, and
`import swarmd` works where there is no CUDA at all. Everything is float64. A float32 pass could only preselect, its
survivors would be computed again in float64, and the whole screen in float64 takes a GPU less time than it takes to
start a process.

Called by the strategies' batches and by `scripts/check_gpu`; what runs where, and in which batches, is `devices`.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.kernel.crossing_screen import CrossingScreen
from swarmd.engine.kernel.devices import BATCH, Listeners, screen_on
from swarmd.engine.kernel.layout import DEVICE_OPTIONS, KERNELS, device_source

VISIBLE = "CUDA_VISIBLE_DEVICES"
# As `__launch_bounds__` in portable.h says.
BLOCK_THREADS = 128
# cudaErrorMemoryAllocation and CUDA_ERROR_OUT_OF_MEMORY have the same number.
_OUT_OF_MEMORY = 2

AskedEngine = Literal["auto", "cpu", "gpu"]
ScreenEngine = Literal["cpu", "gpu"]


class GpuUnavailable(ValueError):  # noqa: N818
    """There is no GPU to compute on; the message says why and what to do."""


def screen_crossings_gpu(
    asked: CrossingScreen,
    *,
    progress: Callable[[int], None] | None = None,
    log: Callable[[str], None] | None = None,
    lap: Callable[[str], None] | None = None,
    batch: int = BATCH,
) -> dict[str, NDArray[Any]]:
    """`batch.screen_crossings` on the GPU: the same arguments, the same result to the last bit.

    Parameters
    ----------
    progress : hears 0 when prices and lines are on the device, and then the rows done since it last heard
    log : hears `Batch 1/12: ...` as each batch starts, and of every halving; stderr when absent
    lap : hears the name of each part when it is over: tape, sort, upload, and per batch crossings, vectors, gather
    batch : vectors at a time; halved, and said, when the device runs out of memory

    Raises
    ------
    GpuUnavailable
        If there is no GPU, no driver, or no CuPy.
    DeviceFull
        If the device has not even room for a small batch.
    ValueError
        If a row needs the bar scan.
    """
    return screen_on(
        open_gpu(), asked, batch=batch,
        listeners=Listeners(progress or _unheard, log or _to_stderr, lap or _unheard),
    )  # fmt: skip


def engine_for(asked: AskedEngine, *, say: Callable[[str], None]) -> ScreenEngine:
    """What will compute. `auto` takes the GPU where one can be used, and says which it took and why.

    Raises
    ------
    GpuUnavailable
        If a GPU was asked for by name and there is none.
    """
    if asked == "cpu":
        return "cpu"
    try:
        device = open_gpu()
    except GpuUnavailable as lack:
        if asked == "gpu":
            raise
        say(f"engine: cpu ({lack})")
        return "cpu"
    say(f"engine: gpu ({device.name})")
    return "gpu"


class CupyDevice:
    """The first visible GPU, its kernels compiled."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self.name: str = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        self.peak_bytes = 0
        # Compiled by NVRTC at the first kernel asked for, and kept on disk by CuPy under the digest of the text.
        module = cupy.RawModule(code=device_source(), options=DEVICE_OPTIONS)
        self._kernels = {name: module.get_function(name) for name in KERNELS}

    def upload(self, array: NDArray[Any]) -> "CupyMemory":
        with _memory_error():
            return self._held(self._cupy.asarray(array))

    def reserve(self, size: int, dtype: type[np.generic]) -> "CupyMemory":
        with _memory_error():
            return self._held(self._cupy.empty(size, dtype))

    def download(self, held: "CupyMemory") -> NDArray[Any]:
        with _memory_error():
            return np.asarray(held.array.get())

    def launch(self, kernel: str, screen: NDArray[np.void], n_items: int) -> None:
        blocks = -(-n_items * KERNELS[kernel] // BLOCK_THREADS)
        # An array of one struct goes over by value. Launching can run out of memory too: of the threads' own.
        with _memory_error():
            self._kernels[kernel]((blocks,), (BLOCK_THREADS,), (screen,))

    def release(self) -> None:
        self._cupy.get_default_memory_pool().free_all_blocks()
        self._cupy.get_default_pinned_memory_pool().free_all_blocks()

    def _held(self, array: Any) -> "CupyMemory":
        self.peak_bytes = max(self.peak_bytes, int(self._cupy.get_default_memory_pool().total_bytes()))
        return CupyMemory(array)


class CupyMemory:
    """An array on the GPU."""

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def address(self) -> int:
        return int(self.array.data.ptr)


@functools.cache
def open_gpu() -> CupyDevice:
    """The GPU of this process: its context is made and its kernels are compiled at the first call, in a second or two.

    Raises
    ------
    GpuUnavailable
        If there is none; the next call looks again.
    """
    visible = os.environ.get(VISIBLE)
    if visible is not None and visible.strip() in ("", "-1"):
        raise GpuUnavailable(f"no GPU: {VISIBLE} is {visible!r}, which hides every device; unset it, or use the CPU")
    try:
        import cupy
    except ImportError as fault:
        raise GpuUnavailable(
            f"no GPU: CuPy cannot be imported ({_first_line(fault)}); install the extra `gpu` (CUDA 12 drivers) or "
            "`gpu13` (CUDA 13), or use the CPU"
        ) from fault
    runtime_error = cupy.cuda.runtime.CUDARuntimeError
    try:
        n_devices = cupy.cuda.runtime.getDeviceCount()
    except runtime_error as fault:
        raise GpuUnavailable(
            f"no GPU: {_first_line(fault)}; look at `nvidia-smi`, install a driver as new as CuPy's CUDA, or use "
            "the CPU"
        ) from fault
    if n_devices == 0:
        raise GpuUnavailable("no GPU: the driver finds no device; look at `nvidia-smi`, or use the CPU")
    try:
        return CupyDevice(cupy)
    except (ImportError, OSError, RuntimeError, MemoryError) as fault:
        # Not a compiler's complaint about the source: that has a class of its own, and would be our fault.
        raise GpuUnavailable(
            f"no GPU: the kernels cannot be compiled or loaded ({_first_line(fault)}); the compiler, NVRTC, comes with "
            "the extras `gpu` and `gpu13`; or use the CPU"
        ) from fault


@contextmanager
def _memory_error() -> Iterator[None]:
    """Out of memory comes as MemoryError from CuPy's pool, and as an error with a number from the driver itself."""
    try:
        yield
    except RuntimeError as fault:
        if getattr(fault, "status", None) != _OUT_OF_MEMORY:
            raise
        raise MemoryError(_first_line(fault)) from fault


def _first_line(fault: BaseException) -> str:
    """CuPy's import errors are pages of advice; the first line that says something is the cause."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip(" =")]
    return lines[0] if lines else type(fault).__name__


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _unheard(_: object) -> None:
    pass
