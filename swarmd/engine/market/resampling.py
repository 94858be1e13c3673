"""The resampling law, checked on real bars: slow bars are what the slow clock says, and none is seen too early.

The preflight calls it. It rebuilds slow bars the obvious way, by the bucket of each open time, and holds the alignment
every strategy uses (`timeframes.py`) against that; it may not share code with what it checks.
"""

import numpy as np

from swarmd.engine.arrays import FloatArray, IntArray
from swarmd.engine.market.timeframes import DAY_MINUTES, INTERVALS, MINUTE_MS, htf_close, interval_name

# Where the series is cut to see whether its past stays the same: shares of its length that fall on no special bar.
_CUTS = (0.313, 0.577, 0.881)


def told_resampling(open_time: IntArray, close: FloatArray, base_minutes: int) -> tuple[tuple[str, ...], str]:
    """Faults of resampling a gapless series to every slower timeframe that holds a whole bar, and the figures."""
    slower = [m for m in INTERVALS.values() if m > base_minutes and m % base_minutes == 0 and DAY_MINUTES % m == 0]
    faults: list[str] = []
    counts: list[str] = []
    for minutes in slower:
        found, n_htf = _resampling_faults(open_time, close, base_minutes, minutes)
        faults += found
        if n_htf:
            counts.append(f"{n_htf} of {interval_name(minutes)}")
    if slower and not counts:
        faults.append(f"no whole {interval_name(slower[0])} bar in {close.shape[0]} bars; import a longer stretch")
    return tuple(faults), ("complete bars: " + ", ".join(counts)) if counts else "no slower timeframe"


def _resampling_faults(
    open_time: IntArray, close: FloatArray, base_minutes: int, htf_minutes: int
) -> tuple[list[str], int]:
    name = interval_name(htf_minutes)
    closes, completed_at = htf_close(close, int(open_time[0]), base_minutes, htf_minutes)
    wanted_closes, wanted_at = _by_bucket(open_time, close, base_minutes, htf_minutes)
    faults: list[str] = []
    if not (np.array_equal(closes, wanted_closes) and np.array_equal(completed_at, wanted_at)):
        faults.append(f"{name} bars are not those of their buckets; this is a bug in swarmd, please report it")
    for cut in (int(share * close.shape[0]) for share in _CUTS):
        seen = int(np.searchsorted(completed_at, cut))
        prefix = htf_close(close[:cut], int(open_time[0]), base_minutes, htf_minutes)[0]
        if not np.array_equal(prefix, closes[:seen]):
            faults.append(f"{name} bars before bar {cut} change with later bars; this is a bug in swarmd, report it")
    return faults, closes.shape[0]


def _by_bucket(
    open_time: IntArray, close: FloatArray, base_minutes: int, htf_minutes: int
) -> tuple[FloatArray, IntArray]:
    """Close and last base bar of every bucket that has all its base bars, by plain counting."""
    bucket = open_time // (htf_minutes * MINUTE_MS)
    _, first, n_members = np.unique(bucket, return_index=True, return_counts=True)
    last = (first + n_members - 1)[n_members == htf_minutes // base_minutes].astype(np.int64)
    return close[last], last
