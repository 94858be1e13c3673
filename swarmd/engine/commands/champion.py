"""`swarmd champion`: the strategies in force, listed and shown, each verified on the way."""

import json
from pathlib import Path
from typing import Any

import click

from swarmd.engine.champions.champion import champion_path, read_champion
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import home_from


@click.group(epilog="Example: swarmd champion show BTCUSDT 5m")
def champion() -> None:
    """The strategies in force, one per asset and timeframe."""


@champion.command("list", epilog="Example: swarmd champion list --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_champions(as_json: bool) -> None:
    """Every champion with its figures; a damaged one is told as such."""
    entries = [_entry(path) for path in sorted(home_from().champions.glob("*.json"))]
    if as_json:
        click.echo(json.dumps({"schema": "swarmd.champions/1", "champions": entries}, indent=2, allow_nan=False))
        return
    if not entries:
        click.echo("no champions yet")
        return
    click.echo(
        f"{'niche':<18} {'strategy':<12} {'mode':<14} {'score':>8} {'sharpe':>8} {'oos':>8} {'tried':>9}  created"
    )
    for entry in entries:
        if entry["damaged"]:
            click.echo(f"{entry['niche']:<18} DAMAGED  {entry['damaged']}")
            continue
        click.echo(
            f"{entry['niche']:<18} {entry['strategy']:<12} {entry['mode']:<14} {entry['score']:>8.3f} "
            f"{_short(entry['annual_sharpe']):>8} {_short(entry['oos_annual_sharpe']):>8} {entry['tried']:>9}  "
            f"{entry['created_at']}"
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
    path = _path_of(symbol, timeframe)
    crowned = read_champion(path)
    if crowned is None:
        raise OperatorError(f"{path}: gone just now; `swarmd champion list` shows what is there")
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


def _entry(path: Path) -> dict[str, Any]:
    try:
        crowned = read_champion(path)
    except OperatorError as refusal:
        return {"niche": path.stem, "path": str(path), "damaged": str(refusal)}
    if crowned is None:
        return {"niche": path.stem, "path": str(path), "damaged": "gone just now"}
    return {
        "niche": path.stem,
        "path": str(path),
        "damaged": None,
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


def _path_of(symbol: str, timeframe: str | None) -> Path:
    champions = home_from().champions
    if timeframe is not None:
        path = champion_path(champions, symbol, timeframe)
        if path.is_file():
            return path
    there = sorted(champions.glob("*.json"))
    if timeframe is None:
        by_niche = [path for path in there if path.stem == symbol]
        by_symbol = [path for path in there if path.stem.rpartition("_")[0] == symbol]
        for found in (by_niche, by_symbol):
            if len(found) == 1:
                return found[0]
    listed = ", ".join(path.stem for path in there) or "none yet"
    asked = symbol if timeframe is None else f"{symbol} {timeframe}"
    raise OperatorError(f"{champions}: no single champion for {asked}; there is: {listed}")
