"""What a person on a terminal sees of a daemon that runs in this very process.

A context manager that gives the function the daemon calls after each cycle. Drawing happens in rich's own thread from
the last picture, so that a slow terminal never holds up a cycle.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from swarmd.state.store.files import Home
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.dashboard.address import served_at
from swarmd.supervisor.screen import screen

OnCycle = Callable[[View, Millis], None]
_DRAWN_PER_SECOND = 4


@contextmanager
def live_view(home: Home) -> Iterator[OnCycle]:
    """The screen on the alternate buffer while it runs; the last picture stays behind on the ordinary one."""
    console = Console()
    latest: list[tuple[View, Millis]] = []

    def drawn() -> RenderableType:
        if not latest:
            return Text("opening the journal…")
        view, now = latest[-1]
        there = served_at(home)
        pages = "" if there is None else f"  {there.with_token}"
        return screen(view, now, daemon=f"pid {os.getpid()} (Ctrl-C drains and leaves)", home=f"{home.root}{pages}")

    def on_cycle(view: View, now: Millis) -> None:
        latest[:] = [(view, now)]

    try:
        # The terminal may be gone by the time the picture is put away; the swarm has left in good order all the same.
        with (
            contextlib.suppress(OSError),
            Live(
                get_renderable=drawn,
                console=console,
                screen=True,
                refresh_per_second=_DRAWN_PER_SECOND,
                redirect_stderr=False,
            ),
        ):
            yield on_cycle
    finally:
        if latest:
            view, now = latest[-1]
            with contextlib.suppress(OSError):
                console.print(screen(view, now, daemon="left", home=str(home.root)))
