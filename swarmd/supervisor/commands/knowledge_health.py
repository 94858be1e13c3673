"""``swarmd knowledge health``: what is ready, stale or out of reach, and what to do about each."""

from typing import Any

import click

from swarmd.state.knowledge.snippet import plain
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.knowledge_document import print_document
from swarmd.supervisor.commands.options import home_option, json_option


@click.command(
    epilog="Example: swarmd knowledge health     swarmd knowledge health --json | jq .findings     "
    "Exit codes: 0 it can be searched, stale documents included, 1 it cannot, 2 a wrong address."
)
@home_option
@json_option
def health(home: Home, as_json: bool) -> None:
    """How the knowledge base stands."""
    from swarmd.state.knowledge.health import health as look
    from swarmd.supervisor.standing import size

    found = look(home)
    if as_json:
        print_document("knowledge_health", found.document())
    else:
        store = found.store
        state = "ready" if found.is_ready else "not ready"
        click.echo(f"{state}: {store['backend']}, {plain(str(store['place']))}")
        if found.is_ready:
            counts = (f"{store[name]:,} {name}" for name in ("entries", "files", "links"))
            click.echo(f"{', '.join(counts)}, {size(store['bytes'])}")
            for domain, kinds in store["domains"].items():
                told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
                click.echo(f"  {plain(domain)}: {told}")
            click.echo(f"search by meaning: {_told(found.meaning)}")
        for one in found.findings:
            click.echo(f"{one.kind}: {plain(one.what)}; {plain(one.do)}")
    if not found.is_ready:
        raise click.exceptions.Exit(1)


def _told(meaning: dict[str, Any]) -> str:
    if "model" not in meaning:
        return f"{meaning['state']}; {plain(meaning['do'])}"
    counts = f"{meaning['vectors']:,} entries embedded, {meaning['missing']:,} not"
    return f"{meaning['state']}, {plain(meaning['model'])}, {counts}"
