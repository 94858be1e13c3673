"""The prices a simulation runs on, as the kernels want them: plain contiguous arrays and the ends of the days.

Made by the front door from checked bars; tests make them by hand. No dates and no symbols come in.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class PriceArrays:
    """Four prices per bar, which bars are synthetic, and the last bar of every UTC day.

    `day_ends` rises strictly and ends with the last bar: a partial last day counts as a day.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    synthetic: BoolArray
    day_ends: IntArray

    def __post_init__(self) -> None:
        n_bars = self.close.size
        if n_bars == 0:
            raise ValueError("prices: no bars; a simulation needs at least one")
        for name in ("open", "high", "low", "close"):
            column: FloatArray = getattr(self, name)
            if column.dtype != np.float64 or column.shape != (n_bars,) or not column.flags.c_contiguous:
                raise ValueError(f"prices: {name} is {column.dtype}{column.shape}; give contiguous float64 ({n_bars},)")
            object.__setattr__(self, name, _read_only(column))
        if self.synthetic.dtype != np.bool_ or self.synthetic.shape != (n_bars,):
            raise ValueError(
                f"prices: synthetic is {self.synthetic.dtype}{self.synthetic.shape}; give bool ({n_bars},)"
            )
        object.__setattr__(self, "synthetic", _read_only(self.synthetic))
        ends = self.day_ends
        if (
            ends.dtype != np.int64
            or ends.size == 0
            or ends[-1] != n_bars - 1
            or ends[0] < 0
            or (np.diff(ends) <= 0).any()
        ):
            raise ValueError(f"prices: day_ends must be int64, rise strictly and end with bar {n_bars - 1}")

    @property
    def n_bars(self) -> int:
        return int(self.close.size)


def _read_only(column: NDArray[Any]) -> NDArray[Any]:
    """A read-only view, always: numba compiles a kernel anew for each kind of array, and some callers' are."""
    view = column.view()
    view.flags.writeable = False
    return view


def day_end_bars(open_time_ms: IntArray) -> IntArray:
    """Index of the last bar of each UTC day that has a bar; the first and the last day may be partial."""
    day = open_time_ms // 86_400_000
    return np.append(np.flatnonzero(day[1:] != day[:-1]), day.size - 1).astype(np.int64)
