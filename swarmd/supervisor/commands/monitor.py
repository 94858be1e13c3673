"""``swarmd monitor NAME``: one monitor, renewed each second, with or without tmux and with or without a daemon.

With the extra ``tui`` it has keys; without it, or with ``--plain``, it is the same figures as a picture.
"""

import importlib
import importlib.util
import os
import sys
import time
from typing import Any, Protocol, cast

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home
from swarmd.state.units import iso
from swarmd.supervisor.commands.options import home_option, json_option, print_document

_EVERY_S = 1.0
_NAMES = ("gpu", "cpu", "progress", "log-index")


class Monitor(Protocol):
    """Met by each module of ``monitors``: look, then draw or tell what was seen."""

    def read(self, home: Home) -> Any: ...
    def drawn(self, reading: Any) -> RenderableType: ...
    def document(self, reading: Any) -> dict[str, Any]: ...


@click.command(
    epilog="Example: swarmd monitor progress     In it: ? tells the keys, q leaves. Without a terminal it prints once."
)
@click.argument("name", type=click.Choice(_NAMES))
@click.option("--once", is_flag=True, help="Print it once and leave.")
@click.option("--plain", is_flag=True, help="Without keys, as where the extra `tui` is not installed.")
@home_option
@json_option
def monitor(name: str, once: bool, plain: bool, home: Home, as_json: bool) -> None:
    """One monitor: gpu, cpu, progress or log-index."""
    chosen = cast(Monitor, importlib.import_module(f"swarmd.supervisor.monitors.{name.replace('-', '_')}"))
    if as_json:
        print_document(f"monitor_{name.replace('-', '_')}", chosen.document(chosen.read(home)))
        return
    console = Console()
    if once or not sys.stdout.isatty():
        console.print(chosen.drawn(chosen.read(home)))
        return

    if not plain and has_keys():
        from swarmd.supervisor.monitors.app import Monitors

        Monitors(home, name).run()
        return

    def drawn() -> RenderableType:
        head = Text(f"{name}  {iso(time.time_ns() // 1_000_000)[:19]}Z  {home.root}", style="bold")
        try:
            return Group(head, chosen.drawn(chosen.read(home)))
        except (OSError, OutsideError) as trouble:
            # A file in the middle of being replaced, or a home not there yet: the next look may fare better.
            return Group(head, Text(f"cannot be read just now: {trouble}", style="yellow"))

    with Live(get_renderable=drawn, console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.refresh()
            time.sleep(_EVERY_S)


def has_keys() -> bool:
    """Whether the monitors with keys can be shown here: they are installed, and all three streams are a terminal
    (textual reads from the first and draws on the last)."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    is_terminal = all(each.isatty() for each in streams) and os.environ.get("TERM", "dumb") != "dumb"
    return is_terminal and importlib.util.find_spec("textual") is not None
