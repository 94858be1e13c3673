"""``swarmd cluster``: the processes that make a Ray cluster of machines, started, joined, looked at and ended.

Small on purpose: who keeps a cluster already names its head in the campaign file and needs none of this.
"""

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swarmd.state.cluster import address_of, token_path
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, atomic_write
from swarmd.supervisor.commands.options import home_option, json_option, print_document

if TYPE_CHECKING:
    from swarmd.supervisor.backends.ray.node_processes import NodeOffer

_REST_S = (1.0, 30.0)


@click.group()
def cluster() -> None:
    """Nodes for lanes on more than one machine: up, join, status, down."""


def _offer_options(command: "click.Command") -> "click.Command":
    for option in (
        click.option("--name", metavar="NAME", help="The node's name on record. (default: the host's)"),
        click.option("--host", metavar="ADDRESS", help="Address under which the others reach this machine."),
        click.option("--cpus", type=click.IntRange(0, 1024), help="Processors lent to lanes. (default: all)"),
        click.option("--gpus", type=click.IntRange(0, 64), help="Graphics processors lent. (default: all found)"),
        click.option("--vram-gb", type=click.FloatRange(0), default=0.0, help="Their memory together, in gigabytes."),
        click.option("--price", type=click.FloatRange(0), help="What an hour of it costs, in the budget's currency."),
    ):
        option(command)
    return command


@cluster.command(
    epilog="Example: swarmd cluster up --host 10.0.0.2     Exit codes: 0 it answers, 1 it does not, 2 a wrong flag."
)
@click.option("--port", type=click.IntRange(0, 65535), default=6379, help="Port of the head; 0: any free one.")
@home_option
def up(port: int, home: Home, **offer: str | float | None) -> None:
    """Start the head on this machine, which lends its processors too (`--cpus 0`: it lends none)."""
    from swarmd.supervisor.backends.ray.backend import require_ray
    from swarmd.supervisor.backends.ray.node_processes import start_head

    require_ray()
    home.prepare()
    address = start_head(home, _offer(**offer), port=port)
    click.echo(f"the head answers at {address}; its secret: {token_path(home)}")
    click.echo(f"another machine, with a copy of that file: swarmd cluster join {address} --token-file FILE")
    click.echo("use it: swarmd start CAMPAIGN.yaml --backend ray     end it: swarmd cluster down")


_offer_options(up)


@cluster.command(
    epilog="Example: swarmd cluster join 10.0.0.2:6379 --token-file cluster.token     "
    "Exit codes: 0 joined, 1 the head did not answer, 2 a wrong flag or no secret."
)
@click.argument("address", metavar="HOST:PORT")
@click.option("--token-file", type=click.Path(path_type=Path), help="The cluster's secret, kept in this home from now.")
@click.option("--stay", is_flag=True, help="Stay in the foreground and join again whenever the node or the head ends.")
@home_option
def join(address: str, token_file: Path | None, stay: bool, home: Home, **offer: str | float | None) -> None:
    """Make this machine a node of the cluster whose head is at HOST:PORT."""
    from swarmd.supervisor.backends.ray.backend import require_ray, require_token
    from swarmd.supervisor.backends.ray.node_processes import living, start_node, stop

    require_ray()
    home.prepare()
    if token_file is not None:
        take_token(home, token_file)
    require_token(home)
    lent = _offer(**offer)
    if not stay:
        start_node(home, lent, address)
        click.echo(f"{lent.name} has joined {address} with {lent.cpus} processors; leave: swarmd cluster down")
        return
    rest_s = _REST_S[0]
    try:
        while True:
            try:
                start_node(home, lent, address)
                click.echo(f"{lent.name} has joined {address}")
                rest_s = _REST_S[0]
                while any(process.name == lent.name for process in living(home)):
                    time.sleep(1.0)
                click.echo(f"{lent.name} has left {address}; it joins again")
            except OutsideError as trouble:
                click.echo(f"{trouble}; tried again in {rest_s:g} s", err=True)
            stop(home, lent.name)
            time.sleep(rest_s)
            rest_s = min(2 * rest_s, _REST_S[1])
    finally:
        stop(home, lent.name)


_offer_options(join)


@cluster.command(epilog="Example: swarmd cluster status --json     Exit codes: 0 it answers, 1 not, 2 none known.")
@home_option
@json_option
def status(home: Home, as_json: bool) -> None:
    """The nodes as the head knows them, and what runs on this machine of them."""
    from swarmd.supervisor.backends.ray.backend import require_ray, require_token
    from swarmd.supervisor.backends.ray.node_processes import living
    from swarmd.supervisor.backends.ray.watch import look_once

    require_ray()
    address = address_of(home, "")
    require_token(home)
    look = look_once(home, address)
    here = living(home)
    if as_json:
        told = {"address": address, "nodes": [node.model_dump(mode="json") for node in look.nodes]}
        print_document("cluster", told | {"here": [process.model_dump(mode="json") for process in here]})
        return
    click.echo(f"head at {address}")
    for node in look.nodes:
        state = "there" if node.is_alive else f"gone: {node.trouble}"
        load = "" if node.cpu_util is None else f", load {node.cpu_util:.2f}"
        gpus = f", {node.gpus:g} GPUs" if node.gpus else ""
        click.echo(f"  {node.name}  {node.address}  {node.cpus:g} processors{gpus}{load}  {state}")
    for process in here:
        click.echo(f"started here: {process.role} {process.name}, pid {process.pid}")


@cluster.command(epilog="Example: swarmd cluster down     Exit codes: 0 nothing of ours is left, 2 a wrong flag.")
@click.option("--name", metavar="NAME", help="That node alone. (default: all that was started from this home)")
@home_option
def down(name: str | None, home: Home) -> None:
    """End what was started from this home, and nothing else of Ray on this machine."""
    from swarmd.supervisor.backends.ray.node_processes import stop

    ended = stop(home, name)
    for process in ended:
        click.echo(f"ended: {process.role} {process.name}, pid {process.pid}")
    if not ended:
        click.echo("nothing of a cluster was started from this home")


def _offer(**given: str | float | None) -> "NodeOffer":
    from swarmd.supervisor.backends.ray.node_processes import NodeOffer

    cpus, gpus, price = given["cpus"], given["gpus"], given["price"]
    return NodeOffer(
        name=str(given["name"] or socket.gethostname()),
        host=str(given["host"] or "127.0.0.1"),
        cpus=len(os.sched_getaffinity(0)) if cpus is None else int(cpus),
        gpus=None if gpus is None else int(gpus),
        vram_gb=float(given["vram_gb"] or 0.0),
        price_per_hour=None if price is None else float(price),
    )


def take_token(home: Home, file: Path) -> None:
    """Keep the secret of another machine's cluster in this home. OperatorError where the file holds none."""
    try:
        secret = file.read_bytes().strip()
    except OSError as cause:
        raise OperatorError(f"{file} cannot be read ({cause.strerror}); copy the head's cluster.token here") from cause
    if not secret:
        raise OperatorError(f"{file} is empty; copy the head's cluster.token here")
    atomic_write(token_path(home), secret, sync=True)
