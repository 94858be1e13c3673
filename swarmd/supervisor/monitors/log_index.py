"""The log index: which logs there are, how fresh and how large, what each said last, and where errors stand."""

import contextlib
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swarmd.state.store.files import Home
from swarmd.state.units import spoken
from swarmd.supervisor.monitors.listing import Column, Listing, Row, age
from swarmd.supervisor.standing import size

_TAIL_BYTES = 64 * 1024
_SHOWN = 20
_EVENTS = 8
_TROUBLE = re.compile(r"\b(error|critical|traceback|exception|fatal|killed)\b", re.IGNORECASE)
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Log:
    """``troubles`` counts lines that sound like an error in the last 64 KiB; ``path`` is relative to the logs."""

    path: str
    age_s: float
    n_bytes: int
    troubles: int
    last: str


@dataclass(frozen=True, slots=True)
class LogReading:
    directory: str
    logs: tuple[Log, ...]
    events: tuple[str, ...]


def read(home: Home) -> LogReading:
    """Newest first. Files that vanish while being looked at are left out."""
    found = []
    now = time.time()
    for path in (*home.logs.glob("*.log"), *home.lane_logs.glob("*.log")):
        try:
            status = path.stat()
            lines = _tail(path)
        except OSError:
            continue
        troubles = sum(1 for line in lines if _TROUBLE.search(line))
        last = next((line for line in reversed(lines) if line.strip()), "")
        name = str(path.relative_to(home.logs))
        found.append(Log(name, max(0.0, now - status.st_mtime), status.st_size, troubles, last))
    events: tuple[str, ...] = ()
    with contextlib.suppress(OSError):
        events = tuple(_tail(home.logs / "workflow_events.log")[-_EVENTS:])
    return LogReading(str(home.logs), tuple(sorted(found, key=lambda log: log.age_s)), events)


def _tail(path: Path) -> list[str]:
    """The last whole lines, without what would paint on a terminal."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    lines = text.split("\n")
    return [_CONTROL.sub("", line).rstrip() for line in (lines[1:] if length > _TAIL_BYTES else lines)]


def document(reading: LogReading) -> dict[str, Any]:
    return asdict(reading)


def drawn(reading: LogReading) -> RenderableType:
    if not reading.logs:
        return Text(f"no logs in {reading.directory} yet", style="dim")
    table = Table(title=reading.directory, title_justify="left", box=None, header_style="dim", expand=True)
    for name, justify in (("log", "left"), ("age", "right"), ("size", "right"), ("errors", "right")):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("last line", ratio=1, no_wrap=True)
    for log in reading.logs[:_SHOWN]:
        troubles = Text(str(log.troubles) if log.troubles else "", style="red")
        table.add_row(log.path, spoken(round(log.age_s * 1000)), size(log.n_bytes), troubles, Text(log.last))
    left_out = len(reading.logs) - _SHOWN
    more = [Text(f"and {left_out} older", style="dim")] if left_out > 0 else []
    return Group(table, *more, *(Text(line, style="dim") for line in reading.events if line))


_COLUMNS = (
    Column("log", 36, keeps_end=True),
    Column("age", 6, rank=1, is_right=True),
    Column("size", 10, rank=2, is_right=True),
    Column("errors", 6, is_right=True),
    Column("last line", 0, at_least=16),
)


def listing(reading: LogReading, _width: int) -> Listing:
    """Every log, newest first, and the last events below."""
    rows = tuple(
        Row(
            log.path,
            (
                log.path,
                age(round(log.age_s * 1000)),
                size(log.n_bytes),
                str(log.troubles) if log.troubles else "",
                log.last,
            ),
            (log.path, log.age_s, log.n_bytes, log.troubles or None, log.last),
            path=f"{reading.directory}/{log.path}",
            style="red" if log.troubles else "",
        )
        for log in reading.logs
    )
    foot = tuple(Text(line, style="dim") for line in reading.events if line)
    return Listing((Text(reading.directory),), _COLUMNS, rows, f"no logs in {reading.directory} yet", foot)


def end_of(path: Path) -> list[str]:
    """The last whole lines of a log. Raises OSError where it is gone."""
    return _tail(path)
