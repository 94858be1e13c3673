"""``swarmd log``: what the daemon wrote down, or what a lane's run printed; the end of it, or as it comes."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.raw import read_journal
from swarmd.supervisor.asking import known_name
from swarmd.supervisor.commands.options import home_option, json_option, print_document

LEVELS = ("info", "warning", "error")
_LOOK_EVERY_S = 0.25
_TAIL_MAX = 8 << 20


@click.command(
    epilog="Example: swarmd log -f --level warning     swarmd log --lane cpu0 -n 100     "
    "Exit codes: 0 done, 2 there is no such log or lane."
)
@click.option("-f", "--follow", is_flag=True, help="Print what comes, until Ctrl-C.")
@click.option("-n", "--lines", default=40, show_default=True, type=click.IntRange(0, 100_000), help="How many to show.")
@click.option("--lane", metavar="LANE", help="What the run in this lane prints, or the last that was in it.")
@click.option("--level", type=click.Choice(LEVELS), help="Of the daemon's log: this level and what is graver.")
@home_option
@json_option
def log(follow: bool, lines: int, lane: str | None, level: str | None, home: Home, as_json: bool) -> None:
    """Show the daemon's log, or a lane's."""
    if lane is not None and level is not None:
        raise OperatorError("--level is for the daemon's log: what a run prints has no levels")
    if follow and as_json:
        raise OperatorError("--json needs an end: leave --follow out")
    path_now = _of_lane(home, lane) if lane is not None else lambda: home.logs / "swarmd.log"
    path = path_now()
    if not path.is_file():
        raise OperatorError(f"{path} is not there: nothing was written down yet")
    wanted = Graver(level)
    text, at = tail(path)
    shown = [line for line in text.splitlines() if wanted.takes(line)]
    shown = shown[max(0, len(shown) - lines) :]
    if as_json:
        print_document("log", {"path": str(path), "lines": shown})
        return
    for line in shown:
        click.echo(line)
    if follow:
        for line in following(path_now, path, at):
            if wanted.takes(line):
                click.echo(line)


class Graver:
    """Whether a line is of the level or graver; one without a level (a trace-back) goes with the line before it."""

    def __init__(self, level: str | None) -> None:
        self._wanted = () if level is None else tuple(each.upper() for each in LEVELS[LEVELS.index(level) :])
        self._took = True

    def takes(self, line: str) -> bool:
        if not self._wanted:
            return True
        said = line.split(" ", 2)
        if len(said) > 1 and said[1] in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
            self._took = said[1] in self._wanted or said[1] == "CRITICAL"
        return self._took


def tail(path: Path) -> tuple[str, int]:
    """The whole lines at the end of a file, and where they end."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_MAX))
        data = file.read(size - file.tell())
    whole = data[: data.rfind(b"\n") + 1]
    return whole.decode(errors="replace"), size - (len(data) - len(whole))


def following(path_now: Callable[[], Path], path: Path, at: int) -> Iterator[str]:
    """Lines as they are written: over a rotation, and over to the next run of a lane.

    The file stays open until all of it was read: what is rotated away is read to its end.
    """
    file: BinaryIO = path.open("rb")
    try:
        file.seek(at)
        while True:
            lines = _new_lines(file)
            yield from lines
            if lines:
                continue
            if (later := _opened_anew(path_now(), file)) is None:
                time.sleep(_LOOK_EVERY_S)
                continue
            yield from _new_lines(file)
            file.close()
            file = later
    finally:
        file.close()


def _new_lines(file: BinaryIO) -> list[str]:
    """Whole ones; what is torn is left for the next look."""
    at = file.tell()
    data = file.read(_TAIL_MAX)
    whole = data[: data.rfind(b"\n") + 1]
    file.seek(at + len(whole))
    return whole.decode(errors="replace").splitlines()


def _opened_anew(path: Path, file: BinaryIO) -> BinaryIO | None:
    """The file that is at the path now, where it is another than the open one, or was cut."""
    known = os.fstat(file.fileno())
    try:
        seen = path.stat()
        is_same = (seen.st_dev, seen.st_ino) == (known.st_dev, known.st_ino)
        return None if is_same and seen.st_size >= file.tell() else path.open("rb")
    except OSError:
        return None


def _of_lane(home: Home, lane: str) -> Callable[[], Path]:
    """The log of the run that was ordered last in the lane. Raises OperatorError where there is no such lane."""

    def newest() -> Path:
        tables = read_journal(home.journal).folded()
        known_name(lane, tables.table("lane"), "lane", "swarmd query lanes")
        said = {id: line.said["data"] for id, line in tables.table("run").items()}
        runs = [(run["ordered_at"], id) for id, run in said.items() if run["lane"] == lane]
        if not runs:
            raise OperatorError(f"no run was ever in {lane}: there is nothing it could have printed")
        return home.log_path(max(runs)[1])

    return newest
