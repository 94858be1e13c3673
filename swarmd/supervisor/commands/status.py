"""``swarmd status``: one screen of how it stands, from the journal, so that it works with the daemon dead."""

import time

import click
from rich.console import Console, RenderableType
from rich.live import Live

from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.dashboard.address import served_at, token_path, told_on_terminal

_WATCH_EVERY_S = 1.0


@click.command(epilog="Example: swarmd status --watch     For scripts: swarmd status --json, or swarmd query --json.")
@click.option("--watch", is_flag=True, help="Renew it each second until Ctrl-C.")
@home_option
@json_option
def status(watch: bool, home: Home, as_json: bool) -> None:
    """One screen: goal, lanes, devices, incidents, champions."""
    from swarmd.supervisor.picture import picture, standing_document
    from swarmd.supervisor.watching import Watching

    if as_json:
        there = served_at(home)
        dashboard = None if there is None else {"url": there.url, "token_file": str(token_path(home))}
        print_document("status", standing_document(picture(home)) | {"dashboard": dashboard})
        return
    console = Console()
    if not watch:
        console.print(picture(home).drawn())
        if (there := served_at(home)) is not None:
            click.echo(told_on_terminal(there, console.is_terminal))
        return

    watching = Watching(home)

    def drawn() -> RenderableType:
        return watching.picture().drawn()

    with Live(get_renderable=drawn, console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            live.refresh()
            time.sleep(_WATCH_EVERY_S)
