"""``swarmd knowledge move``: from SQLite to Postgres or back, checked entry by entry before the home is switched."""

import sys
from pathlib import Path

import click

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge.opening import (
    SCHEMES,
    VARIABLE,
    address,
    checked_url,
    database_path,
    open_at,
    place_of,
    remember,
    url_path,
)  # fmt: skip
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.knowledge_document import print_document
from swarmd.supervisor.commands.options import home_option, json_option


@click.command(
    epilog="Example: swarmd knowledge move --to @address.txt     swarmd knowledge move --to sqlite     "
    "Asked again after a break it goes on. Exit codes: 0 done, 1 the other side does not answer, 2 a wrong address."
)
@click.option(
    "--to", "where", required=True, metavar="postgresql://…|@FILE|sqlite",
    help="@FILE holds the address, so that no password stands in the list of processes.",
)  # fmt: skip
@home_option
@json_option
def move(where: str, home: Home, as_json: bool) -> None:
    """Move everything that is known; the old store is left as it was, and no longer used."""
    from swarmd.state.knowledge.move import move as move_all

    url = _target(where)
    current = address(home)
    if url == current:
        raise OperatorError(f"the knowledge of this home is in {place_of(url, home)} already")
    if current is None and not database_path(home).exists():
        raise OperatorError(f"nothing is known yet: there is no {database_path(home)} to move")
    with open_at(home, current) as source, open_at(home, url) as target:
        moved = move_all(source, target, _told)
    remember(home, url)
    _end_line()
    if as_json:
        fields = {"entries": moved.entries, "files": moved.files, "links": moved.links, "added": moved.changed.added}
        print_document(
            "knowledge_move",
            {"from": place_of(current, home), "to": place_of(url, home), **fields, "changed": moved.changed.changed},
        )
    else:
        click.echo(
            f"moved to {place_of(url, home)}: {moved.entries:,} entries, {moved.files:,} files and {moved.links:,} "
            f"links are there and equal, {moved.changed.added:,} of the entries new; {place_of(current, home)} is left "
            "as it was"
        )
        if url is not None:
            click.echo(f"the address stands in {url_path(home)}, readable by you alone")
    _tell_variable(url)


def _target(where: str) -> str | None:
    if where == "sqlite":
        return None
    if where.startswith("@"):
        try:
            return checked_url(Path(where[1:]).read_text().strip(), where)
        except (OSError, UnicodeDecodeError) as cause:
            raise OperatorError(f"--to {where}: {cause}; name a file that holds the address") from None
    if not where.startswith(SCHEMES):
        raise OperatorError(
            "--to takes postgresql://USER:PASSWORD@HOST/DATABASE, @FILE that holds such an address, or sqlite"
        )
    return checked_url(where, "--to")


def _tell_variable(url: str | None) -> None:
    """What stands in the environment goes before what we wrote; a person should know."""
    import os

    if os.environ.get(VARIABLE, "").strip() not in ("", url or ""):
        click.echo(f"${VARIABLE} still names the old place and goes before the home's own; unset it", err=True)


def _told(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} entries", nl=False, err=True)


def _end_line() -> None:
    if sys.stderr.isatty():
        click.echo("", err=True)
