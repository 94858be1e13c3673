"""``swarmd prioritise``: which asset comes next. Running work goes on; the order of what waits changes."""

import click

from swarmd.state.store.files import Home
from swarmd.supervisor.asking import answered, known_name, require_daemon
from swarmd.supervisor.commands.options import home_option, json_option, names_of, told_answer
from swarmd.supervisor.glance import glance


@click.command(
    epilog="Example: swarmd prioritise SOLUSDT     swarmd prioritise BTCUSDT --last     "
    "Exit codes: 0 moved, 1 refused (nothing of it is left to do), 2 no such asset, or no daemon."
)
@click.argument("symbol", metavar="SYMBOL", shell_complete=names_of("symbols"))
@click.option("--first/--last", "is_first", default=True, help="Before all other assets (default), or behind them.")
@home_option
@json_option
def prioritise(symbol: str, is_first: bool, home: Home, as_json: bool) -> None:
    """Move an asset to the front of the queue, or to its end."""
    require_daemon(home, "prioritise")
    known_name(symbol, glance(home).symbols, "asset", "swarmd query tracker")
    place = "first" if is_first else "last"
    told_answer("prioritise", answered(home, "prioritise", subject=symbol, place=place), as_json=as_json)
