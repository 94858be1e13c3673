"""Formats: Parquet, CSV, Feather and the exchanges' zip dumps in, klines out; bars out again as files.

The loader, the preflight and the commands call it. Columns are `timestamp`, `open_time` or `date` (the open time of the
bar) and open, high, low, close, volume; what is in them is not judged here beyond being numbers and instants. What
reads a table is imported when a table is read: bars out of the cache need none of it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from swarmd.engine.market.bars_file import SUFFIXES
from swarmd.engine.market.dumps import csv_of_dump, dump_name, dumps_in
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.klines import Klines, joined

if TYPE_CHECKING:  # only the name of the type: bars.py reads files through this module
    from swarmd.engine.market.bars import Bars

# A zip dump holds a month or a day, and is read but never written.
DUMP_SUFFIX = ".zip"
READABLE = (*SUFFIXES, DUMP_SUFFIX)

# One file, a folder of dumps, or several files that follow one another in time.
Source = Path | tuple[Path, ...]


def read_klines(source: Path | Sequence[Path], *, symbol: str | None = None, interval: str | None = None) -> Klines:
    """The klines of a file by its suffix, or of several files of one symbol as one series.

    Parameters
    ----------
    source : one file; a folder with the zip dumps of one series; or the files of one series, in any order.
    symbol : the name the klines get. It also chooses, as `interval` does, among the series in a folder.

    Raises
    ------
    DataError
        If a file cannot be read or lacks a column, or the files are of several series. Values, order, overlaps and
        holes are for the checks to judge.
    """
    if isinstance(source, Path) and not source.is_dir():
        return _read_file(source, symbol=symbol)
    if isinstance(source, Path) and source.suffix.lower() in READABLE:
        raise DataError(f"{source}: this is not a file; give the path of one bars file")
    files = files_of(source, symbol=symbol, interval=interval)
    if len(files) == 1:
        return _read_file(files[0], symbol=symbol)
    named = {dump_name(file).symbol for file in files}
    if len(named) > 1:
        raise DataError(
            f"{told_source(files)}: files of {', '.join(sorted(named))}; one series is of one symbol: give the files"
            " of one, named as the exchange names them (BTCUSDT-5m-2024-01.zip)"
        )
    name = symbol if symbol is not None else named.pop()
    return joined([_read_file(file, symbol=name) for file in files], source=told_source(files), symbol=name)


def files_of(source: Path | Sequence[Path], *, symbol: str | None = None, interval: str | None = None) -> list[Path]:
    """The files a source stands for: itself, those it lists, or the dumps of the one series in a folder."""
    if isinstance(source, Path):
        return dumps_in(source, symbol=symbol, interval=interval) if source.is_dir() else [source]
    files = sorted(set(source))
    if not files:
        raise DataError("no file of bars was given; give one at least")
    folder = next((file for file in files if file.is_dir()), None)
    if folder is not None:
        raise DataError(f"{folder}: this is a folder among files; give one folder, or files only")
    return files


def told_source(source: Path | Sequence[Path]) -> str:
    """A source in a word or two: the path, or the first and last of several."""
    if isinstance(source, Path):
        return str(source)
    files = list(source)
    return str(files[0]) if len(files) == 1 else f"{files[0]} … {files[-1].name} ({len(files)} files)"


def write_bars(path: Path, bars: "Bars") -> None:
    """Writes the real bars of a series (synthetic ones are left out: they are not data) by the suffix of `path`."""
    from swarmd.engine.market.tables import write_table

    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: the suffix {path.suffix!r} is not one of {', '.join(SUFFIXES)}; write one of these")
    write_table(path, bars)


def _read_file(path: Path, *, symbol: str | None) -> Klines:
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise DataError(f"{path}: the suffix {path.suffix!r} is not one of {', '.join(READABLE)}; convert the file")
    if not path.exists():
        raise DataError(f"{path}: there is no such file; check the path, or import the bars there first")
    if not path.is_file():
        raise DataError(f"{path}: this is not a file; give the path of one bars file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; download or import the bars again")
    from swarmd.engine.market.columns import klines_of
    from swarmd.engine.market.tables import read_table, release_unused

    text = csv_of_dump(path) if suffix == DUMP_SUFFIX else None
    klines = klines_of(path, read_table(path, text), symbol=symbol if symbol is not None else dump_name(path).symbol)
    release_unused()
    return klines
