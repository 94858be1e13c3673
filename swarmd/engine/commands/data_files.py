"""Files of bars as the `swarmd data` verbs meet them: what a path stands for, and how a file is put in place.

Shared by those verbs. A file that is there is never replaced by other bars unless that was asked for, and a reader
never sees half of one.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.state.errors import OperatorError

if TYPE_CHECKING:  # numpy and pyarrow come in only when a command runs
    from swarmd.engine.market.bars import Bars
    from swarmd.engine.market.formats import Source


def checked_symbol(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise OperatorError(f"symbol {name!r} cannot be a file's name; use letters, digits, dot, dash or underscore")
    return name


def series_at(path: Path) -> "list[Source]":
    """The file itself; or every bars file directly in the folder, and the zip dumps of each series as one."""
    from swarmd.engine.market.bars_file import SUFFIXES
    from swarmd.engine.market.dumps import series_in
    from swarmd.engine.market.formats import READABLE

    if path.is_dir():
        found: list[Source] = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        found += [tuple(files) if len(files) > 1 else files[0] for files in series_in(path).values()]
        if not found:
            raise OperatorError(
                f"{path}: no {', '.join(READABLE)} file in this folder; give the folder that holds bars"
            )
        return found
    if not path.exists():
        raise OperatorError(f"{path}: there is no such file or folder; check the path")
    return [path]


def keep_bars(bars: "Bars", target: Path, *, force: bool) -> bool:
    """Writes bars, unless the very same are there already; refuses to replace others. Returns whether it wrote."""
    from swarmd.engine.market.bars import load_bars
    from swarmd.engine.market.faults import DataError
    from swarmd.engine.market.formats import write_bars

    if target.exists():
        try:
            there = load_bars(target, interval=bars.interval_minutes, allow_gaps=bars.n_bars)
        except DataError:
            there = None
        if there is not None and there.sha256() == bars.sha256():
            return False
        if not force:
            raise OperatorError(f"{target}: other bars are there already; choose another --out or --symbol, or --force")
    replace_file(target, lambda path: write_bars(path, bars))
    return True


def replace_file(target: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the target and moves it into place, so that a reader never sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        write(beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def figures(bars: "Bars") -> dict[str, Any]:
    """What identifies bars, for a document."""
    from swarmd.engine.market.timeframes import interval_name, iso_instant

    return {
        "symbol": bars.symbol,
        "interval": interval_name(bars.interval_minutes),
        "bars": bars.n_bars,
        "missing_bars": int(bars.synthetic.sum()),
        "first": iso_instant(int(bars.open_time[0])),
        "last": iso_instant(int(bars.open_time[-1])),
        "snapshot_id": bars.snapshot_id(),
        "sha256": bars.sha256(),
    }


def print_document(name: str, body: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema": f"swarmd.{name}/1", **body}))
