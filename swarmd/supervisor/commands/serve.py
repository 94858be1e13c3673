"""``swarmd serve``: the dashboard of a home, with the daemon alive or dead. The daemon starts one by itself."""

import os
import subprocess
import sys

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, atomic_write
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import require_journal
from swarmd.supervisor.dashboard.address import LOOPBACK, Address, is_served, served_at, token_path

_LOOPBACK = frozenset({LOOPBACK, "localhost", "::1"})


@click.command(
    epilog="Example: swarmd serve --open     Exit codes: 0 it has left, or serves already; 2 an address that cannot be "
    "had, or nothing to show."
)
@click.option("--host", default=None, metavar="ADDRESS", help=f"Where to listen (default: {LOOPBACK}).")
@click.option("--port", type=click.IntRange(0, 65535), help="Which port; 0 for any. (default: the last one, else 8787)")
@click.option("--read-only", is_flag=True, help="Show, and take no action.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="A further name it may be called by.")
@click.option("--beyond-this-machine", is_flag=True, help="With a --host that others can reach: yes, I mean it.")
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@click.option("--kept", is_flag=True, hidden=True, help="Started by the daemon: leave when nobody needs it.")
@home_option
@json_option
def serve(
    host: str | None,
    port: int | None,
    read_only: bool,
    names: tuple[str, ...],
    beyond_this_machine: bool,
    opens: bool,
    kept: bool,
    home: Home,
    as_json: bool,
) -> None:
    """Serve the dashboard of this home: lanes, assets, champions, the search, incidents, the past.

    It reads what `swarmd query` reads, in a process of its own. Where one serves already its address is told; with
    --host, --port or --read-only a further one is started beside it.
    """
    if not kept:
        require_journal(home)
    if host is not None and host not in _LOOPBACK:
        _warn_of(host, is_meant=beyond_this_machine)
    is_plain = host is None and port is None and not read_only and not names
    if is_served(home) and (kept or is_plain):
        there = served_at(home)
        if there is not None:
            _tell(home, there, as_json=as_json, opens=opens, is_new=False)
        return

    from swarmd.supervisor.dashboard.server import run_server

    def ready(address: Address) -> None:
        if not kept:
            _tell(home, address, as_json=as_json, opens=opens, is_new=True)

    run_server(home, host=host or LOOPBACK, port=port, names=names, read_only=read_only, is_kept=kept, on_ready=ready)


def _warn_of(host: str, *, is_meant: bool) -> None:
    if not is_meant:
        raise OperatorError(
            f"--host {host} can be reached from other machines, over plain HTTP; better: leave it at {LOOPBACK} and "
            "`ssh -L 8787:localhost:8787`; if you mean it, add --beyond-this-machine"
        )
    click.echo(
        f"warning: {host} can be reached from other machines, and what it says is not encrypted: whoever reads the "
        "traffic has the token, and with it the swarm",
        err=True,
    )


def _tell(home: Home, address: Address, *, as_json: bool, opens: bool, is_new: bool) -> None:
    """On a terminal with the token; a file or a pipe may be a log, and gets to know where the token lies."""
    if as_json:
        told = {"url": address.url, "pid": address.pid, "read_only": address.read_only, "started": is_new}
        print_document("serve", told | {"token_file": str(token_path(home)), "home": str(home.root)})
    else:
        is_seen = sys.stdout.isatty()
        click.echo(f"dashboard: {address.with_token if is_seen else address.url}")
        if not is_seen:
            click.echo(f"its token lies in {token_path(home)}; `swarmd status` on a terminal tells the whole address")
        click.echo("Ctrl-C ends it" if is_new else f"it runs already: pid {address.pid}")
    sys.stdout.flush()
    if opens:
        _open(home, address)


def _open(home: Home, address: Address) -> None:
    """By a file of our own that leads there: what stands in a command line, every user of the machine can read."""
    door = home.run_dir / "dashboard.html"
    page = f'<!DOCTYPE html><meta http-equiv="refresh" content="0; url={address.with_token}"><title>swarmd</title>\n'
    atomic_write(door, page.encode())
    opener = os.environ.get("BROWSER") or "xdg-open"
    try:
        subprocess.Popen(
            [opener, str(door)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        click.echo(f"no browser could be opened ({opener}); open the address yourself", err=True)
