"""``swarmd mcp``: the swarm for agents, as an MCP server on stdin and stdout."""

from importlib.util import find_spec
from pathlib import Path

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option


@click.command(
    epilog="Example: swarmd mcp --allow-control     In a client: command swarmd, arguments mcp --home DIR. "
    "It speaks JSON-RPC on stdout and ends with its stdin. Exit codes: 0 done, 2 the extra is missing."
)
@click.option("--allow-control", is_flag=True, help="With the tools that draft, start, pause, stop, cancel and kill.")
@click.option(
    "--data",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder besides the home in which drafts may name bars.",
)
@home_option
def mcp(allow_control: bool, data: tuple[Path, ...], home: Home) -> None:
    """Serve state, reasons, champions and knowledge to agents; read-only unless control is allowed."""
    if find_spec("mcp") is None:
        raise OperatorError("the MCP server needs the extra: pip install 'swarmd[mcp]'")
    from swarmd.supervisor.mcp.server import make_server

    make_server(home, allows_control=allow_control, data=data).run("stdio")
