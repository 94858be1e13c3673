"""Which file holds the bars of a symbol: found by its name alone, so that whoever only passes files on reads none."""

from pathlib import Path

from swarmd.engine.market.faults import DataAway, DataError

# What holds the bars of one symbol under its name.
SUFFIXES = (".parquet", ".csv", ".feather")


def find_bars_file(root: str | Path, symbol: str) -> Path:
    """The bars file of a symbol under `root`; when there is none the refusal lists the symbols that are there.

    Raises DataAway where there are no bars of any.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise DataAway(f"{folder}: there is no such folder of bars; check data.root, or import bars there first")
    found = [folder / f"{symbol}{suffix}" for suffix in SUFFIXES if (folder / f"{symbol}{suffix}").is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{folder}: {symbol} is there as {', '.join(p.name for p in found)}; keep one of them")
    there = ", ".join(sorted({p.stem for p in folder.iterdir() if p.suffix.lower() in SUFFIXES}))
    if not there:
        raise DataAway(f"{folder}: no bars of {symbol}; there are no bars at all; import {symbol}")
    raise DataError(f"{folder}: no bars of {symbol}; there is {there}; import {symbol}, or name one of these")
