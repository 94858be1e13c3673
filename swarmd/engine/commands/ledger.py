"""`swarmd ledger`: how much has ever been tried, asset by asset, with the chain of every ledger checked."""

import json
from pathlib import Path
from typing import Any

import click

from swarmd.state.store.files import home_from
from swarmd.state.store.trial_ledger import Entry, Vintage, head_of, ledgers, read_ledger, tried


@click.group()
def ledger() -> None:
    """The trial ledger: every parameter vector ever tried, by asset, strategy family and data vintage."""


@ledger.command(
    epilog="Example: swarmd ledger show --symbol BTCUSDT --vintage 2023-01-01_2024-05-31     Exit codes: 0 done, 2 a "
    "ledger was changed (its line is named)."
)
@click.option("--symbol", help="Only this asset.")
@click.option("--family", help="Only this strategy.")
@click.option(
    "--vintage", metavar="FIRST_LAST", help="Only what was tried on any of these days, such as 2023-01-01_2024-05-31."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(symbol: str | None, family: str | None, vintage: str | None, as_json: bool) -> None:
    """How many vectors were tried, asset by asset, and on which days."""
    asked = None if vintage is None else Vintage.of(vintage)
    told = [
        _told(path, asked)
        for path in ledgers(home_from())
        if symbol in (None, path.parent.name) and family in (None, path.stem)
    ]
    document = {
        "schema": "swarmd.ledger/1",
        "vintage": vintage,
        "ledgers": told,
        "tried": sum(each["tried"] for each in told),
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        _print(document)


def _told(path: Path, asked: Vintage | None) -> dict[str, Any]:
    entries = read_ledger(path)
    meant = [entry for entry in entries if asked is None or entry.batch.vintage.overlaps(asked)]
    days = sorted({str(entry.batch.vintage) for entry in meant})
    return {
        "symbol": path.parent.name,
        "family": path.stem,
        "path": str(path),
        "lines": len(entries),
        "head": head_of(entries, path),
        "tried": tried(meant),
        "vintages": [_of_vintage(day, [entry for entry in meant if str(entry.batch.vintage) == day]) for day in days],
    }


def _of_vintage(vintage: str, entries: list[Entry]) -> dict[str, Any]:
    phases: dict[str, int] = {}
    for entry in entries:
        phases[entry.batch.phase] = phases.get(entry.batch.phase, 0) + entry.batch.count
    return {
        "vintage": vintage,
        "tried": tried(entries),
        "batches": len(entries),
        "phases": phases,
        "intervals": sorted({entry.batch.interval for entry in entries}),
        "last": max(entry.at for entry in entries),
    }


def _print(document: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not document["tried"]:
        click.echo("nothing was tried yet of what is asked for; `swarmd validate` writes into the ledger")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("Asset", "Family", "Days", "Tried", "Batches", "Phases", "Last"):
        table.add_column(column, justify="right" if column in ("Tried", "Batches") else "left", no_wrap=True)
    for each in document["ledgers"]:
        for row in each["vintages"]:
            phases = ", ".join(f"{phase} {count:,}" for phase, count in row["phases"].items())
            table.add_row(
                each["symbol"], each["family"], row["vintage"], f"{row['tried']:,}", str(row["batches"]), phases,
                row["last"],
            )  # fmt: skip
    Console(width=max(120, Console().width)).print(table)
    click.echo(f"\n{document['tried']:,} tried in all; every chain holds")
