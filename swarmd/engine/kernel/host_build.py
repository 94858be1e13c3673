"""`backtest.cuh` compiled by g++: the GPU's source, run by the processor.

For the tests, which hold it against numba on machines without a GPU, and for whoever wants to step through a kernel
with a debugger. It runs one work item after the other on one thread; numba is faster and stays the CPU engine.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.kernel.layout import HOST_OPTIONS, KERNELS, SOURCE

COMPILER = "g++"


class HostMemory:
    """An array of this process, counted against what the device may hold."""

    def __init__(self, owner: "HostDevice", array: NDArray[Any]) -> None:
        self._owner, self.array = owner, array
        owner.used_bytes += array.nbytes
        owner.peak_bytes = max(owner.peak_bytes, owner.used_bytes)

    def __del__(self) -> None:
        self._owner.used_bytes -= self.array.nbytes

    @property
    def address(self) -> int:
        return self.array.ctypes.data


class HostDevice:
    """A device made of this processor; `memory_bytes` makes it as small as a test wants it."""

    name = f"this processor ({COMPILER})"

    def __init__(self, library: Path, *, memory_bytes: int | None = None) -> None:
        self._library = ctypes.CDLL(str(library))
        self._launch = self._library.launch
        self._launch.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_longlong, ctypes.c_longlong]
        self._launch.restype = None
        self._memory_bytes = memory_bytes
        self.used_bytes = self.peak_bytes = 0

    def upload(self, array: NDArray[Any]) -> HostMemory:
        return self._held(array.nbytes, array.copy)

    def reserve(self, size: int, dtype: type[np.generic]) -> HostMemory:
        return self._held(size * np.dtype(dtype).itemsize, lambda: np.empty(size, dtype))

    def download(self, held: HostMemory) -> NDArray[Any]:
        return held.array.copy()

    def launch(self, kernel: str, screen: NDArray[np.void], n_items: int) -> None:
        if kernel not in KERNELS:
            raise ValueError(f"no kernel {kernel!r} in {SOURCE.name}; there are {', '.join(KERNELS)}")
        function = ctypes.cast(getattr(self._library, kernel), ctypes.c_void_p)
        self._launch(function, screen.ctypes.data, 0, n_items)

    def release(self) -> None:
        """Nothing is kept in stock."""

    def _held(self, n_bytes: int, make: Any) -> HostMemory:
        if self._memory_bytes is not None and self.used_bytes + n_bytes > self._memory_bytes:
            raise MemoryError(f"{n_bytes:,} bytes asked, {self._memory_bytes - self.used_bytes:,} free")
        return HostMemory(self, make())


def build_for_host(folder: Path) -> Path:
    """Compiles the source into a library in this folder.

    Raises
    ------
    ValueError
        If there is no g++, or it refuses the source; with what it said.
    """
    if shutil.which(COMPILER) is None:
        raise ValueError(f"no {COMPILER} on this machine; install it to build {SOURCE.name} without a GPU")
    library = folder / "backtest.so"
    built = subprocess.run(
        [COMPILER, *HOST_OPTIONS, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-x", "c++", str(SOURCE), "-o",
         str(library)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        raise ValueError(f"{COMPILER} does not compile {SOURCE.name}:\n{built.stderr}")
    return library
