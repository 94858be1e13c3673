"""`swarmd ledger`: how much has ever been tried and tested, with the chain of every ledger checked."""

import json
from collections.abc import Iterable
from typing import Any

import click

from swarmd.engine.commands.ledger_move import move
from swarmd.engine.commands.ledger_verify import verify
from swarmd.state.store.discovery_ledger import FDR, FDR_METHOD, discoveries_in, discovery_chain
from swarmd.state.store.files import home_from
from swarmd.state.store.ledger_place import opened
from swarmd.state.store.trial_ledger import Entry, LedgerName, TrialLedgers, Vintage, head_of, tried


@click.group()
def ledger() -> None:
    """The trial ledger: every vector ever tried, every look at a vault, and every p-value that asked to be crowned.

    It lies in files of the home, or in a Postgres that several homes share."""


ledger.add_command(verify)
ledger.add_command(move)


@ledger.command(
    epilog="Example: swarmd ledger show --symbol BTCUSDT --vintage 2023-01-01_2024-05-31     Exit codes: 0 done, 1 the "
    "server that keeps it does not answer, 2 a ledger was changed (its line is named)."
)
@click.option("--symbol", help="Only this asset.")
@click.option("--family", help="Only this strategy.")
@click.option(
    "--vintage", metavar="FIRST_LAST", help="Only what was tried on any of these days, such as 2023-01-01_2024-05-31."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(symbol: str | None, family: str | None, vintage: str | None, as_json: bool) -> None:
    """How many vectors were tried, asset by asset, on which days, and which finalists looked at a vault."""
    asked = None if vintage is None else Vintage.of(vintage)
    with opened(home_from(), give_up_after_s=0.0) as kept:
        all_of_them = TrialLedgers(kept)
        told = [
            _told(all_of_them, name, asked)
            for name in all_of_them.names()
            if symbol in (None, name.symbol) and family in (None, name.family)
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


@ledger.command(
    epilog="Example: swarmd ledger discoveries --json     Exit codes: 0 done, 2 the ledger was changed (its line is "
    "named)."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def discoveries(as_json: bool) -> None:
    """Every p-value that asked to be crowned, in order, with the level it had to keep and what came of it.

    Levels follow from all p-values before (LORD++): at any moment a tenth of the discoveries, at most, is expected to
    be false.
    """
    from swarmd.engine.guards import online_fdr

    with opened(home_from(), give_up_after_s=0.0) as kept:
        tests, place = discoveries_in(kept), discovery_chain(kept).place
    stream = online_fdr([each.tested.p for each in tests], alpha=FDR, method=FDR_METHOD)
    rows = [
        {
            "number": each.number,
            "at": each.at,
            "symbol": each.tested.symbol,
            "family": each.tested.family,
            "mode": each.tested.mode,
            "p": each.tested.p,
            "level": level,
            "rejected": is_rejected,
            "run": each.tested.run,
            "finalist": each.tested.finalist,
            "data": each.tested.data,
        }
        for each, level, is_rejected in zip(tests, stream.levels.tolist(), stream.rejected.tolist(), strict=True)
    ]
    document = {
        "schema": "swarmd.discoveries/1",
        "path": place,
        "method": FDR_METHOD,
        "alpha": FDR,
        "tests": rows,
        "discoveries": sum(row["rejected"] for row in rows),
        "next_level": stream.next_level,
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        _print_discoveries(document)


# What may go on in the next line where a row is too long.
_LONG = ("Phases", "Run")


def _told(ledgers: TrialLedgers, name: LedgerName, asked: Vintage | None) -> dict[str, Any]:
    entries = ledgers.read(name)
    meant = [entry for entry in entries if asked is None or entry.batch.vintage.overlaps(asked)]
    searched = [entry for entry in meant if not entry.batch.is_look]
    days = sorted({str(entry.batch.vintage) for entry in searched})
    return {
        "symbol": name.symbol,
        "family": name.family,
        "path": ledgers.place(name),
        "lines": len(entries),
        "head": head_of(entries, name),
        "tried": tried(meant),
        "vintages": [
            _of_vintage(day, [entry for entry in searched if str(entry.batch.vintage) == day]) for day in days
        ],
        "looks": [_of_look(entry) for entry in meant if entry.batch.is_look],
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


def _of_look(entry: Entry) -> dict[str, Any]:
    batch = entry.batch
    return {
        "vintage": str(batch.vintage),
        "finalist": batch.finalist,
        "phase": batch.phase,
        "interval": batch.interval,
        "run": batch.run,
        "at": entry.at,
    }


def _print(document: dict[str, Any]) -> None:
    if not document["tried"]:
        click.echo("nothing was tried yet of what is asked for; every search writes into the ledger")
        return
    _print_table(
        ("Asset", "Family", "Days", "Tried", "Batches", "Phases", "Last"),
        [
            (
                each["symbol"], each["family"], row["vintage"], f"{row['tried']:,}", str(row["batches"]),
                ", ".join(f"{phase} {count:,}" for phase, count in row["phases"].items()), _minute(row["last"]),
            )
            for each in document["ledgers"]
            for row in each["vintages"]
        ],
        right=("Tried", "Batches"),
    )  # fmt: skip
    looks = [
        (
            each["symbol"],
            each["family"],
            look["vintage"],
            look["finalist"][:12],
            look["phase"],
            look["run"],
            _minute(look["at"]),
        )
        for each in document["ledgers"]
        for look in each["looks"]
    ]
    if looks:
        click.echo("\nLooks at data that no search had seen:")
        _print_table(("Asset", "Family", "Days", "Finalist", "Phase", "Run", "At"), looks)
    click.echo(f"\n{document['tried']:,} tried in all; every chain holds")


def _print_discoveries(document: dict[str, Any]) -> None:
    rows = document["tests"]
    if rows:
        _print_table(
            ("Test", "At", "Asset", "Family", "Mode", "p", "Level", "Discovery"),
            [
                (
                    str(row["number"]), _minute(row["at"]), row["symbol"], row["family"], row["mode"],
                    f"{row['p']:.3g}", f"{row['level']:.3g}", "yes" if row["rejected"] else "no",
                )
                for row in rows
            ],
            right=("Test", "p", "Level"),
        )  # fmt: skip
        click.echo()
    click.echo(
        f"{document['discoveries']} discoveries in {len(rows)} tests ({document['method']} at {document['alpha']:g}); "
        f"the next is tested at {document['next_level']:.3g}; the chain holds"
    )


def _minute(instant: str) -> str:
    """`2026-11-21T21:37Z`: the seconds stand in the JSON."""
    return f"{instant[:16]}Z"


def _print_table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]], right: tuple[str, ...] = ()) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", no_wrap=column not in _LONG, overflow="fold"
        )
    for row in rows:
        table.add_row(*row)
    Console(width=max(120, Console().width)).print(table)
