"""``swarmd monitor NAME``: one monitor, renewed each second, with or without tmux and with or without a daemon."""

import importlib
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


@click.command(epilog="Example: swarmd monitor progress     Without a terminal it prints once.")
@click.argument("name", type=click.Choice(_NAMES))
@click.option("--once", is_flag=True, help="Print it once and leave.")
@home_option
@json_option
def monitor(name: str, once: bool, home: Home, as_json: bool) -> None:
    """One monitor: gpu, cpu, progress or log-index."""
    chosen = cast(Monitor, importlib.import_module(f"swarmd.supervisor.monitors.{name.replace('-', '_')}"))
    if as_json:
        print_document(f"monitor_{name.replace('-', '_')}", chosen.document(chosen.read(home)))
        return
    console = Console()
    if once or not sys.stdout.isatty():
        console.print(chosen.drawn(chosen.read(home)))
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
