"""`swarmd ledger move`: from the home's files into a Postgres that several homes share, checked line by line."""

import json

import click

from swarmd.state.storage_address import shown
from swarmd.state.store.files import home_from
from swarmd.state.store.ledger_place import checked, moved_folder, url_path


@click.command(
    epilog="Example: swarmd ledger move --to 'postgresql://swarm:${LEDGER_PASSWORD}@db/swarmd'     Asked again after a "
    "break it goes on. Exit codes: 0 done, 1 the server does not answer, 2 a wrong address, or other lines are there."
)
@click.option(
    "--to", "url", required=True, metavar="postgresql://…",
    help="Its password is a ${NAME} of the environment, or in ~/.pgpass.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def move(url: str, as_json: bool) -> None:
    """Move all that was counted in this home into a Postgres; the files are put aside and asked no more.

    Every line goes over as it is, so that certificates still find theirs. Campaigns of this home, and of every home
    that names the same address, count there from then on.
    """
    checked(url, "--to")
    from swarmd.state.store.ledger_move import move as move_all

    home = home_from()
    moved = move_all(home, url)
    if as_json:
        document = {
            "schema": "swarmd.ledger_move/1", "to": shown(url), "chains": moved.chains, "lines": moved.lines,
            "added": moved.added,
        }  # fmt: skip
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(
        f"moved to {shown(url)}: {moved.lines:,} lines of {moved.chains:,} chains are there and equal, "
        f"{moved.added:,} of them new"
    )
    click.echo(f"the address stands in {url_path(home)}; the files lie in {moved_folder(home)} and are asked no more")
