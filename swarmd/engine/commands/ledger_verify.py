"""`swarmd ledger verify`: does every chain hold, wherever it is kept, and what is its last digest?"""

import json
from typing import Any

import click

from swarmd.engine.phases.remembered import lost_lines, words_of_lost
from swarmd.state.errors import OperatorError
from swarmd.state.store.chain import Chain
from swarmd.state.store.discovery_ledger import DISCOVERIES, discovery_chain
from swarmd.state.store.files import home_from
from swarmd.state.store.ledger_place import opened
from swarmd.state.store.trial_ledger import LedgerName, trial_chain


@click.command(
    epilog="Example: swarmd ledger verify     swarmd ledger verify --json > heads.json     Exit codes: 0 every chain "
    "holds, 1 the server that keeps them does not answer, 2 a line was changed, dropped or moved (it is named), or is "
    "gone that results remember."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def verify(as_json: bool) -> None:
    """Check every line of every chain: trials, looks and discoveries.

    Lines cut off at the end leave no trace in a chain, but results in this home remember those that were told for
    them; of the others keep the heads somewhere else, and compare.
    """
    home = home_from()
    with opened(home, give_up_after_s=0.0) as kept:
        rows = [
            _checked(
                discovery_chain(kept) if name == DISCOVERIES else trial_chain(kept, LedgerName(*name.split("/", 1)))
            )
            for name in kept.names()
        ]
    broken = [row for row in rows if row["trouble"]]
    # Of a chain that is broken nobody can say what is missing.
    lost = () if broken else lost_lines(home)
    if as_json:
        missing = [{"chain": str(line.ledger), "digest": line.digest, "remembered": str(line.path)} for line in lost]
        document = {"schema": "swarmd.ledger_verify/1", "chains": rows, "lost": missing}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        for row in rows:
            click.echo(row["trouble"] or f"{row['chain']}: {row['lines']:,} lines hold, head {row['head'][:12]}")
        if not rows and not lost:
            click.echo("nothing was counted yet")
    if broken:
        raise OperatorError(f"{len(broken)} of {len(rows)} chains are broken; the first: {broken[0]['trouble']}")
    if lost:
        raise OperatorError(f"{words_of_lost(home, lost)}; put the ledger back from a copy")


def _checked(chain: Chain) -> dict[str, Any]:
    row: dict[str, Any] = {"chain": chain.name, "place": chain.place, "lines": None, "head": None, "trouble": ""}
    try:
        links = chain.read()
    except OperatorError as flaw:
        return row | {"trouble": str(flaw)}
    return row | {"lines": len(links), "head": chain.head(links)}
