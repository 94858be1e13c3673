"""`swarmd export parity`: the exported script run by PineTS on the champion's bars, held against our own run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.export_named import champion_in_force, paths_named, terms_of
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, home_from

if TYPE_CHECKING:  # numba comes in only when the command runs
    from swarmd.engine.champions.champion import ChampionFile
    from swarmd.engine.export.pine import Terms
    from swarmd.engine.market.bars import Bars


@click.command(
    "parity",
    epilog="Example: swarmd export parity BTCUSDT 5m --pinets ~/pinets     Exit codes: 0 every trade equal, 1 some "
    "differ or PineTS failed (told), 2 a mistake you can mend (no node, no PineTS there).",
)
@click.argument("symbol", metavar="SYMBOL|NICHE")
@click.argument("timeframe", required=False)
@click.option(
    "--pinets", type=click.Path(path_type=Path), envvar="SWARMD_PINETS", metavar="DIR",
    help="Folder in which you ran `npm install pinets` (AGPL, not part of swarmd); or $SWARMD_PINETS.",
)  # fmt: skip
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its bars; else as crowned.")
@click.option("--last", type=click.IntRange(2), metavar="N", help="Only the last N bars.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder; else HOME/exports/pine.")
@click.option("--json", "as_json", is_flag=True, help="The parity document on stdout.")
def parity(
    symbol: str, timeframe: str | None, pinets: Path | None, data: Path | None, last: int | None, out: Path | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Write the script, let PineTS execute it on the champion's bars, compare trade by trade, keep the figures.

    They are kept beside the script as <SYMBOL>_<timeframe>.parity.json. Where it cannot be executed that is what the
    file says, and how to.
    """
    from swarmd.engine.export.parity_run import HOW
    from swarmd.engine.export.written import parity_head, pine_folder, write_json, write_script

    home = home_from()
    champion = champion_in_force(home, paths_named(home, symbol, timeframe, everyone=False)[0])
    terms = terms_of(champion, home)
    try:
        written = write_script(champion, terms, (out or pine_folder(home)).absolute())
    except ValueError as refusal:
        raise OperatorError(str(refusal)) from refusal
    head = parity_head(champion, written.sha256)
    try:
        if pinets is None:
            raise OperatorError(f"no --pinets: {HOW}")
        document = head | _measured(champion, terms, written.text, _bars(champion, terms, home, data, last), pinets)
    except (OperatorError, OutsideError, ValueError) as failure:
        # What an earlier run has measured of this very script did not become untrue by this failure.
        if not written.parity["executed"]:
            write_json(written.parity_path, head | {"executed": False, "why": str(failure), "how": HOW})
        if isinstance(failure, ValueError):
            raise OperatorError(str(failure)) from failure
        raise
    write_json(written.parity_path, document)
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        _tell(document, written.parity_path)
    figures = document["parity"]
    return 0 if figures["equal"] == figures["trades"] else 1


def _bars(champion: "ChampionFile", terms: "Terms", home: Home, data: Path | None, last: int | None) -> "Bars":
    """The champion's own, from the first its search has seen to the end of the file."""
    from swarmd.engine.phases.replayed_champion import bars_file, bars_since

    bars = bars_since(champion, bars_file(champion, home, data=data, data_root=None), terms.first_ms)
    return bars if last is None or last >= bars.n_bars else bars.between(bars.n_bars - last, bars.n_bars)


def _measured(champion: "ChampionFile", terms: "Terms", script: str, bars: "Bars", pinets: Path) -> dict[str, Any]:
    from swarmd.engine.export.parity import compared, trips_of_engine, trips_of_script
    from swarmd.engine.export.parity_run import executed
    from swarmd.engine.market.timeframes import iso_instant
    from swarmd.engine.phases.replayed_champion import replayed

    answer = executed(script, bars, pinets=pinets)
    run = replayed(champion, bars, 0, costs=terms.costs)
    return {
        "executed": True,
        "executor": answer["executor"],
        "data": {
            "bars": bars.n_bars,
            "missing_bars": int(bars.synthetic.sum()),
            "first": iso_instant(int(bars.open_time[0])),
            "last": iso_instant(int(bars.open_time[-1])),
            "sha256": bars.sha256(),
        },
        "parity": compared(trips_of_engine(bars, run.trades), trips_of_script(answer)),
    }


def _tell(document: dict[str, Any], path: Path) -> None:
    figures, data, who = document["parity"], document["data"], document["executor"]
    profit = figures["net_profit"]
    click.echo(
        f"{document['niche']}: {figures['equal']} of {figures['trades']} trades equal on {data['bars']} bars "
        f"({data['first']} to {data['last']}), executed by {who['name']} {who['version']}"
    )
    click.echo(
        f"prices at most {figures['max_price_difference']:.3g} apart; net profit of {profit['capital']}: engine "
        f"{profit['engine']:.2f}, script {profit['script']:.2f}"
    )
    for kind, count in figures["differences_by_kind"].items():
        click.echo(f"{count:>5} {kind}")
    for told in figures["first_differences"][:3]:
        click.echo(f"      {told}")
    if not figures["trades"]:
        click.echo("nothing was compared: neither side has a trade on these bars")
    click.echo(f"written to {path}")
