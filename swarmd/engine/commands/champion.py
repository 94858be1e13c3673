"""`swarmd champion`: the strategies in force, listed and shown, each verified on the way.

The other verbs have files of their own beside this one; what they compute with is imported when they run, so that
looking stays instant.
"""

import json
from pathlib import Path
from typing import Any

import click

from swarmd.engine.champions.champion import read_champion
from swarmd.engine.champions.changes import Change, readable_changes
from swarmd.engine.champions.succession import backups_of
from swarmd.engine.commands.champion_certificate import certificate, certificate_of, summary_of
from swarmd.engine.commands.champion_monitor import monitor
from swarmd.engine.commands.champion_named import champion_named
from swarmd.engine.commands.champion_rollback import history, rollback
from swarmd.engine.commands.champion_set import set_champion
from swarmd.engine.commands.champion_verify import verify
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import home_from


@click.group(epilog="Example: swarmd champion show BTCUSDT 5m")
def champion() -> None:
    """The strategies in force, one per asset and timeframe."""


for _verb in (set_champion, rollback, history, verify, certificate, monitor):
    champion.add_command(_verb)


@champion.command("list", epilog="Example: swarmd champion list --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_champions(as_json: bool) -> None:
    """Every champion with its figures; a damaged one is told as such."""
    champions = home_from().champions
    changes = readable_changes(champions)
    entries = [_entry(path, changes) for path in sorted(champions.glob("*.json"))]
    if as_json:
        click.echo(json.dumps({"schema": "swarmd.champions/1", "champions": entries}, indent=2, allow_nan=False))
        return
    if not entries:
        click.echo("no champions yet")
        return
    click.echo(
        f"{'niche':<18} {'strategy':<12} {'mode':<14} {'score':>8} {'sharpe':>8} {'oos':>8} {'tried':>9}  "
        f"{'origin':<8} {'backups':>7}  created"
    )
    for entry in entries:
        if entry["damaged"]:
            click.echo(f"{entry['niche']:<18} DAMAGED  {entry['damaged']} ({entry['backups']} backups)")
            continue
        click.echo(
            f"{entry['niche']:<18} {entry['strategy']:<12} {entry['mode']:<14} {entry['score']:>8.3f} "
            f"{_short(entry['annual_sharpe']):>8} {_short(entry['oos_annual_sharpe']):>8} {entry['tried']:>9}  "
            f"{entry['origin']:<8} {entry['backups']:>7}  {entry['created_at']}"
        )


@champion.command("show", epilog="Example: swarmd champion show BTCUSDT 5m --json")
@click.argument("symbol", metavar="SYMBOL|NICHE")
@click.argument("timeframe", required=False)
@click.option("--json", "as_json", is_flag=True, help="The champion's own document on stdout.")
def show_champion(symbol: str, timeframe: str | None, as_json: bool) -> None:
    """One champion, its checksum verified.

    Named by symbol and timeframe, by the niche as `list` prints it (BTCUSDT_5m), or by the symbol alone where the asset
    has one champion only.
    """
    path = champion_named(home_from().champions, symbol, timeframe)
    crowned = read_champion(path)
    if crowned is None:
        raise OperatorError(f"{path}: gone just now; `swarmd champion list` shows what is there")
    # As it lies there, so that what is shown bears the checksum that is shown.
    document = crowned.document()
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    for name, value in document.items():
        if not isinstance(value, dict):
            click.echo(f"{name:<14} {value}")
    click.echo("\nparameters")
    for name, value in document["parameters"].items():
        click.echo(f"  {name:<22} {value}")
    for part, figures in document["metrics"].items():
        click.echo(f"\n{part}")
        for name, value in figures.items():
            click.echo(f"  {name:<22} {'undefined' if value is None else f'{value:.6g}'}")
    click.echo("\ncertificate")
    try:
        click.echo(summary_of(certificate_of(crowned, home_from())), nl=False)
    except OperatorError as absent:
        click.echo(f"  {absent}")


def _entry(path: Path, changes: tuple[Change, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {"niche": path.stem, "path": str(path), "backups": len(backups_of(path, changes))}
    try:
        crowned = read_champion(path)
    except OperatorError as refusal:
        return told | {"damaged": str(refusal)}
    if crowned is None:
        return told | {"damaged": "gone just now"}
    return told | {
        "damaged": None,
        "origin": crowned.origin,
        "note": crowned.note,
        "symbol": crowned.symbol,
        "timeframe": crowned.timeframe,
        "strategy": crowned.strategy,
        "mode": crowned.mode,
        "score": crowned.score,
        "annual_sharpe": crowned.metrics.get("development", {}).get("annual_sharpe"),
        "oos_annual_sharpe": crowned.metrics.get("vault", {}).get("annual_sharpe"),
        "tried": crowned.tried,
        "campaign": crowned.campaign,
        "created_at": crowned.created_at,
        "checksum": crowned.checksum,
    }


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
