"""What came about, printed line by line where there is no terminal to draw on. Used by `swarmd start`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.changes import changes


@contextmanager
def printed_changes() -> Iterator[Callable[[View, Millis], None]]:
    """For the daemon to call after each cycle: it prints one line with its time for each change."""
    before: list[View] = []

    def on_cycle(view: View, now: Millis) -> None:
        for line in changes(before[-1] if before else None, view, now):
            click.echo(line)
        before[:] = [view]

    yield on_cycle
