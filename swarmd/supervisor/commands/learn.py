"""``swarmd learn``: put what the journal has taught into the knowledge base now. The daemon runs it on its errands."""

import click
import orjson

from swarmd.agents.rules.words import several
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import require_journal
from swarmd.supervisor.picture import picture


@click.command(
    epilog="Example: swarmd learn     swarmd learn --print     swarmd knowledge search --domain ops 'out of memory'   "
    "Exit codes: 0 done, 1 the knowledge base cannot be reached, 2 a mistake you can mend."
)
@click.option("--print", "prints", is_flag=True, help="Show the entries, one JSON object a line; put nothing.")
@home_option
@json_option
def learn(prints: bool, home: Home, as_json: bool) -> None:
    """Put failures with what helped, lessons, claims and champions into the knowledge base, each with its evidence.

    The journal is only read; what stands in the base already is left alone. A daemon does this by itself.
    """
    require_journal(home)
    view = picture(home).view
    if prints:
        from swarmd.agents.pages.entries import entries
        from swarmd.state.knowledge.entry import as_fields

        for entry in entries(view):
            click.echo(orjson.dumps(as_fields(entry)).decode())
        return
    from swarmd.supervisor.effects.knowledge import keep_knowledge

    changed = keep_knowledge(view, home)
    total = changed.added + changed.changed + changed.same
    outcome = (
        f"{several(total, 'entry', 'entries')}: {changed.added} new, {changed.changed} changed, "
        f"{changed.same} as before"
    )
    if as_json:
        fields = {"added": changed.added, "changed": changed.changed, "same": changed.same}
        print_document("learn", {"home": str(home.root), "path": "", "outcome": outcome, **fields})
    else:
        click.echo(outcome)
