"""How `swarmd backtest --semantics source_final_trigger` tells its three parts: a table, JSON, a CSV of legs.

Words only; the books are kept by `engine.source_final_trigger`.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any

import click

from swarmd.engine.market.timeframes import iso_instant
from swarmd.engine.phases.trade_table import COLUMNS
from swarmd.engine.source_final_trigger import PARTS, Part
from swarmd.state.store.files import atomic_write
from swarmd.state.units import iso


def tell_parts(parts: dict[str, Part], head: dict[str, Any], *, trades_path: Path | None, as_json: bool) -> None:
    """The document has the metrics of every part; under `metrics` those of the last, which nobody searched on."""
    if trades_path is not None:
        atomic_write(trades_path.absolute(), _legs_csv(parts))
    metrics = {name: part.metrics() for name, part in parts.items()}
    told = {
        name: {
            "rows": part.rows.n_bars,
            "first": iso_instant(int(part.rows.open_time[0])),
            "last": iso_instant(int(part.rows.open_time[-1])),
            "metrics": metrics[name],
        }
        for name, part in parts.items()
    }
    document = head | {
        "metrics": metrics["oos"],
        "parts": told,
        "trades_path": None if trades_path is None else str(trades_path),
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    from swarmd.engine.commands.backtest import print_head

    print_head(document)
    click.echo(f"  {'':<16}" + "".join(f"{name:>14}" for name in PARTS))
    for metric in metrics["oos"]:
        values = (metrics[name][metric] for name in PARTS)
        click.echo(f"  {metric:<16}" + "".join(f"{'none lost' if v is None else f'{v:.6g}':>14}" for v in values))
    if trades_path is not None:
        click.echo(f"written  {trades_path}")


def _legs_csv(parts: dict[str, Part]) -> bytes:
    """One closed leg a line; rows and times are those of its part."""
    page = io.StringIO(newline="")
    table = csv.writer(page, lineterminator="\n")
    table.writerow((*COLUMNS, "part", "leg"))
    number = 0
    for name, part in parts.items():
        legs = part.legs
        for at in range(legs.pnl.size):
            number += 1
            entered, left, side = int(legs.entry_row[at]), int(legs.exit_row[at]), int(legs.side[at])
            entry, price, notional = float(legs.entry_price[at]), float(legs.exit_price[at]), float(legs.notional[at])
            pnl, fees = float(legs.pnl[at]), float(legs.cost[at])
            table.writerow((
                number, _time(part, entered), _time(part, left), "long" if side > 0 else "short", repr(entry),
                repr(price), repr(notional / entry), repr(pnl), repr(pnl / notional),
                "stop" if legs.by_stop[at] else "target", left - entered, entered, left, repr(fees), name,
                int(legs.leg[at]) + 1,
            ))  # fmt: skip
    return page.getvalue().encode()


def _time(part: Part, row: int) -> str:
    return iso(int(part.rows.open_time[row])).replace(".000Z", "Z")
