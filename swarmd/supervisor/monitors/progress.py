"""The progress monitor: goal, lanes with rate and time left, the best so far of each asset, what went wrong."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from swarmd.state.records.result import Result
from swarmd.state.store.files import Home
from swarmd.state.view import View
from swarmd.supervisor.picture import Picture, standing_document
from swarmd.supervisor.screen import champions, goal, incidents, lanes
from swarmd.supervisor.standing import short_job
from swarmd.supervisor.watching import Watching

_RESULTS = 12
# A journal is read once and then followed: of a long one that is the difference between a millisecond and a core.
_watched: dict[Home, Watching] = {}


def read(home: Home) -> Picture:
    if home not in _watched:
        _watched[home] = Watching(home)
    return _watched[home].picture()


def document(reading: Picture) -> dict[str, Any]:
    return {**standing_document(reading), "results": [each.model_dump(mode="json") for each in latest(reading.view)]}


def drawn(reading: Picture) -> RenderableType:
    head = Text(f"swarmd {reading.told()}", style="dim" if reading.daemon else "yellow")
    view, now = reading.view, reading.now
    return Group(head, goal(view, now), lanes(view, now), *results(view), *champions(view), *incidents(view, now))


def results(view: View) -> list[RenderableType]:
    """What the last finished runs found, newest first."""
    newest = latest(view)
    if not newest:
        return []
    table = Table(title="results", title_justify="left", box=None, header_style="dim", expand=True)
    table.add_column("job", no_wrap=True)
    table.add_column("verdict")
    table.add_column("tried", justify="right")
    table.add_column("what", ratio=1)
    for each in newest:
        verdict = Text(each.summary.verdict, style="green" if each.summary.verdict == "pass" else "yellow")
        table.add_row(short_job(each.job), verdict, f"{each.summary.tried:,}", Text(each.summary.headline))
    return [table]


def latest(view: View) -> list[Result]:
    return sorted(view.results.values(), key=lambda each: each.at, reverse=True)[:_RESULTS]
