"""``swarmd explain``: why something is as it is, from the record back to the observations behind it."""

import click

from swarmd.state.store.files import Home
from swarmd.state.store.raw import history
from swarmd.state.story import explain_chain
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import event_line, require_journal, tell_damages


@click.command(
    epilog="Example: swarmd explain majors.BTCUSDT.balanced.refine-a1/crash     "
    "Exit codes: 0 done, 2 nothing is called that (the nearest names are told)."
)
@click.argument("id", metavar="ID")
@home_option
@json_option
def explain(id: str, home: Home, as_json: bool) -> None:
    """Tell why: the chain of records from an action, incident, champion, refusal, job, run or request, newest first."""
    require_journal(home)
    lines, damages = history(home.journal)
    chain = explain_chain(lines, id)
    tell_damages(damages)
    if as_json:
        print_document("explain", {"id": id, "chain": chain})
        return
    for told in chain:
        click.echo(event_line(told))
