"""Bars of an asset for the Champion page: the campaign's own, put together so that a few hundred fill the chart.

Reads the file that the campaign names (its ``data.root``, from the journal; never a path of a client's). pyarrow and
numpy are imported only when a chart is asked for; the last two files stay in memory for the next look at them.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError

Row = dict[str, Any]

BARS_MAX = 2_000
_SUFFIXES = (".parquet", ".feather", ".csv")
_COLUMNS = ("open", "high", "low", "close")
_TIMES = ("timestamp", "open_time", "time", "date")
_KEPT = 2
_FILE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Series:
    """Open times in ms UTC and prices, all of one length."""

    times: Any
    prices: dict[str, Any]


class BarFiles:
    """Opened bar files, by path and time of change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Series] = OrderedDict()

    def drawn(self, root: str, symbol: str, since: int | None, until: int | None, most: int) -> Row:
        """At most so many of [since, until] (ms UTC), and how many bars of the file each is made of."""
        path = bars_path(root, symbol)
        key = (str(path), path.stat().st_mtime_ns)
        series = self._kept.get(key)
        if series is None:
            series = self._kept[key] = _opened(path)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return together(series, since, until, max(1, min(most, BARS_MAX)))


def bars_path(root: str, symbol: str) -> Path:
    """The file of that asset directly below the campaign's folder of bars. Raises OperatorError where there is none."""
    folder = Path(root)
    if "/" in symbol or symbol.startswith("."):
        raise OperatorError(f"{symbol!r} is no name of an asset")
    for suffix in _SUFFIXES:
        path = folder / f"{symbol}{suffix}"
        if path.is_file():
            if path.stat().st_size > _FILE_BYTES:
                raise OperatorError(f"{path.name} has more than {_FILE_BYTES >> 30} GiB: too much to draw from here")
            return path
    raise OperatorError(f"no bars of {symbol} in {folder} any more, so that none can be drawn")


def _opened(path: Path) -> Series:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    try:
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
        elif path.suffix == ".feather":
            table = pyarrow.feather.read_table(path)
        else:
            table = pyarrow.csv.read_csv(path)
    except (pa.ArrowException, OSError) as flaw:
        raise OperatorError(f"{path.name} cannot be read: {str(flaw).splitlines()[0]}") from None
    columns = {name.lower(): name for name in table.column_names}
    stamp = next((columns[name] for name in _TIMES if name in columns), None)
    if stamp is None or any(name not in columns for name in _COLUMNS):
        raise OperatorError(f"{path.name} has no columns timestamp, open, high, low and close to draw from")
    return Series(_millis(table[stamp]), {name: table[columns[name]].to_numpy() for name in _COLUMNS})


def _millis(column: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("ms", tz=column.type.tz), safe=False).cast(pa.int64()).to_numpy()
    if pa.types.is_integer(column.type):
        stamps = column.to_numpy()
        return stamps * 1000 if len(stamps) and stamps[0] < 10**11 else stamps  # seconds, as some exchanges write them
    return np.array([str(stamp).rstrip("Z") for stamp in column.to_pylist()], dtype="datetime64[ms]").astype(np.int64)


def together(series: Series, since: int | None, until: int | None, most: int) -> Row:
    """Equal numbers of bars put together: first open, highest high, lowest low, last close."""
    import numpy as np

    n = len(series.times)
    first = 0 if since is None else int(np.searchsorted(series.times, since, side="left"))
    last = n if until is None else int(np.searchsorted(series.times, until, side="right"))
    if last <= first:
        return {"bars_each": 1, "first": None, "last": None, "bars": []}
    each = -(-(last - first) // most)
    starts = np.arange(first, last, each)
    ends = np.minimum(starts + each, last)
    cut = slice(first, last)
    opens, closes = series.prices["open"][starts], series.prices["close"][ends - 1]
    highs = np.maximum.reduceat(series.prices["high"][cut], starts - first)
    lows = np.minimum.reduceat(series.prices["low"][cut], starts - first)
    seconds = series.times[starts] // 1000
    rows = zip(*(column.tolist() for column in (seconds, opens, highs, lows, closes)), strict=True)
    return {
        "bars_each": each,
        "first": int(series.times[0]),
        "last": int(series.times[-1]),
        "bars": [list(row) for row in rows],
    }
