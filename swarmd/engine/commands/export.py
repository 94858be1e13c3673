"""`swarmd export`: what leaves the swarm of a champion: its Pine script, its alert templates, the campaign's plan.

What the verbs write is made in `engine.export`; here is who is meant, where it goes, and what is told of it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from swarmd.engine.commands.export_named import champion_in_force, paths_named, terms_of
from swarmd.engine.commands.export_parity import parity
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, home_from

if TYPE_CHECKING:  # numba comes in only when a command runs
    from swarmd.engine.champions.champion import ChampionFile
    from swarmd.engine.export.pine import Terms

SCHEMA = "swarmd.export/1"
_CODES = "Exit codes: 0 written, 1 some could not be (told), 2 a mistake you can mend."
_Writer = Callable[["ChampionFile", "Terms", Path], dict[str, Any]]
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _of_champions(folder: str) -> Callable[[_Command], _Command]:
    """Which champions are meant, and where their files go: into that folder of the exports unless told otherwise."""
    options = (
        click.argument("symbol", required=False, metavar="[SYMBOL|NICHE]"),
        click.argument("timeframe", required=False),
        click.option("--all", "everyone", is_flag=True, help="Every champion in force."),
        click.option(
            "--out", type=click.Path(file_okay=False, path_type=Path), help=f"Folder; else HOME/exports/{folder}."
        ),
        click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout."),
    )

    def decorated(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


@click.group(epilog="Example: swarmd export pine BTCUSDT 5m")
def export() -> None:
    """Champions for other programs: Pine scripts that give our trades, alert templates, the plan of a campaign."""


export.add_command(parity)


@export.command("pine", epilog=f"Example: swarmd export pine --all     {_CODES}")
@_of_champions("pine")
def pine(symbol: str | None, timeframe: str | None, everyone: bool, out: Path | None, as_json: bool) -> int:
    """Write a champion's TradingView strategy (Pine v6) and, beside it, its parity file.

    Strategies that have a Pine form: mtf_ema, ema_cross, final_trigger, bollinger_reversion.
    """
    from swarmd.engine.export.written import pine_folder, write_script

    def write(champion: "ChampionFile", terms: "Terms", folder: Path) -> dict[str, Any]:
        written = write_script(champion, terms, folder)
        return {
            "path": str(written.path),
            "sha256": written.sha256,
            "parity_path": str(written.parity_path),
            "parity": written.told,
        }

    home = home_from()
    return _exported("pine", home, symbol, timeframe, everyone, out or pine_folder(home), write, as_json)


@export.command("alerts", epilog=f"Example: swarmd export alerts BTCUSDT 5m     {_CODES}")
@_of_champions("alerts")
def alerts(symbol: str | None, timeframe: str | None, everyone: bool, out: Path | None, as_json: bool) -> int:
    """Write a champion's webhook templates: for TradingView's placeholders, and for any other sender."""
    from swarmd.engine.export.written import alerts_folder, write_alerts

    def write(champion: "ChampionFile", terms: "Terms", folder: Path) -> dict[str, Any]:
        return {"path": str(write_alerts(champion, terms, folder))}

    home = home_from()
    return _exported("alerts", home, symbol, timeframe, everyone, out or alerts_folder(home), write, as_json)


@export.command("csv", epilog="Example: swarmd export csv majors-mtf     Exit codes: 0 written, 2 a mistake to mend.")
@click.argument("campaign", required=False)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder; else HOME/results/CAMPAIGN.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def plan(campaign: str | None, out: Path | None, as_json: bool) -> None:
    """Write pine_plan_fullguards.csv: the champions that passed every guard, of one campaign or of each."""
    from swarmd.engine.export.written import champions_of, write_plan

    home = home_from()
    there = sorted({champion.campaign for champion in champions_of(home) if champion.certificate is not None})
    if campaign is not None and campaign not in there:
        raise OperatorError(
            f"no champion in force of campaign {campaign!r}; there are of: {', '.join(there) or 'none'}"
        )
    meant = there if campaign is None else [campaign]
    if out is not None and len(meant) > 1:
        raise OperatorError(f"--out takes the plan of one campaign; name it: {', '.join(there)}")
    folder = None if out is None else out.absolute()
    written = [(name, *write_plan(name, home, folder)) for name in meant]
    if as_json:
        plans = [{"campaign": name, "path": str(path), "champions": rows} for name, path, rows in written]
        click.echo(json.dumps({"schema": SCHEMA, "what": "csv", "plans": plans}, indent=2))
        return
    for name, path, rows in written:
        click.echo(f"{name}: {rows} champions passed every guard: {path}")
    if not written:
        click.echo("no champion in force was crowned by a campaign")


def _exported(
    what: str,
    home: Home,
    symbol: str | None,
    timeframe: str | None,
    everyone: bool,
    folder: Path,
    write: _Writer,
    as_json: bool,
) -> int:
    """One by one; with --all, one that cannot be exported keeps nobody else from his."""
    paths = paths_named(home, symbol, timeframe, everyone=everyone)
    written: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    for path in paths:
        try:
            champion = champion_in_force(home, path)
            told = write(champion, terms_of(champion, home), folder.absolute())
        except (OperatorError, ValueError) as refusal:
            why = f"{path.stem}: {refusal}" if isinstance(refusal, ValueError) else str(refusal)
            if not everyone:
                raise OperatorError(why) from refusal
            refused.append({"niche": path.stem, "why": why})
            continue
        written.append({"niche": champion.niche, "strategy": champion.strategy, "mode": champion.mode, **told})
    if as_json:
        document = {"schema": SCHEMA, "what": what, "written": written, "refused": refused}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        for each in written:
            click.echo(f"{each['niche']:<18} {each['strategy']:<20} {each['path']}" + _told_parity(each))
        for each in refused:
            click.echo(f"refused: {each['why']}", err=True)
    return 1 if refused else 0


def _told_parity(entry: dict[str, Any]) -> str:
    if "parity" not in entry:
        return ""
    return "  (parity not executed)" if entry["parity"] == "exported" else f"  (parity {entry['parity']})"
