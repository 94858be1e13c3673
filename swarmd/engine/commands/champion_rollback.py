"""`swarmd champion rollback` and `history`: the way back to one that was in force before, and who followed whom."""

import json
import time
from pathlib import Path
from typing import Any

import click

from swarmd.engine.champions.champion import champion_of_file, content_at, digest_of
from swarmd.engine.champions.changes import read_changes, told_history
from swarmd.engine.champions.niche import alone_with
from swarmd.engine.champions.succession import backups_of, put_back, way_back
from swarmd.engine.commands.champion_named import niche_named
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import home_from
from swarmd.state.units import iso


@click.command(
    "rollback",
    epilog='Example: swarmd champion rollback BTCUSDT 5m --reason "fills worse than replayed"     Exit codes: 0 in '
    "force, 2 a mistake you can mend.",
)
@click.argument("symbol", metavar="SYMBOL|NICHE")
@click.argument("timeframe", required=False)
@click.option("--to", metavar="DIGEST", help="The backup to go back to, as `champion history` names it.")
@click.option("--reason", required=True, help="Why; kept in the champion's file and in its history.")
@click.option("--json", "as_json", is_flag=True, help="The champion's document on stdout.")
def rollback(symbol: str, timeframe: str | None, to: str | None, reason: str, as_json: bool) -> None:
    """Put the last backup of a niche back in force; the one in force goes to backup/.

    The last that claims something else and was not dethroned. One that was dethroned is put back only by its digest,
    and its monitor then counts the days from here on.
    """
    if not reason.strip():
        raise OperatorError("--reason is empty; say why, it is kept with the champion")
    path = niche_named(home_from().champions, symbol, timeframe)
    with alone_with(path):
        changes = read_changes(path.parent)
        backup = way_back(path, backups_of(path, changes), changes, asked=to, current=_claim_in_force(path))
        crowned = put_back(path, backup, at=iso(time.time_ns() // 1_000_000), reason=reason.strip())
    if as_json:
        click.echo(json.dumps(crowned.document(), indent=2, allow_nan=False))
        return
    click.echo(
        f"{crowned.niche}  {crowned.strategy} {crowned.mode}, score {crowned.score:.4f}, is in force again (backup "
        f"{backup.digest}): {crowned.note}"
    )


@click.command(
    "history", epilog="Example: swarmd champion history BTCUSDT_5m --json     Exit codes: 0 done, 2 no such niche."
)
@click.argument("symbol", metavar="SYMBOL|NICHE")
@click.argument("timeframe", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def history(symbol: str, timeframe: str | None, as_json: bool) -> None:
    """Who held a niche, from when, put there by what and why; and the backups there are."""
    path = niche_named(home_from().champions, symbol, timeframe)
    document = _history(path)
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    for row in document["changes"]:
        did = "" if row["came_about"] else "  DID NOT COME ABOUT (interrupted)"
        click.echo(
            f"{row['at']:<25} {row['change']:<10} {row['before'] or 'empty':<12} -> {row['after'] or 'empty':<12} "
            f"{row['reason']}{did}"
        )
        if row["changed_by_hand_since"]:
            click.echo(f"{'':<25} after this the file was changed by hand")
    if not document["changes"]:
        click.echo("no change was written down yet")
    click.echo(f"\nin force  {document['in_force'] or 'nobody'}")
    for row in document["backups"]:
        told = row["damaged"] or f"{row['strategy']} {row['mode']}, score {row['score']:.4f}"
        click.echo(f"backup    {row['digest']}  left {row['left_at'] or 'before changes were kept'}  {told}")


def _history(path: Path) -> dict[str, Any]:
    changes = read_changes(path.parent)
    in_force = digest_of(content_at(path))
    return {
        "schema": "swarmd.champion_history/1",
        "niche": path.stem,
        "in_force": in_force,
        "changes": [
            {
                "at": told.change.at,
                "change": told.change.change,
                "before": told.change.before,
                "after": told.change.after,
                "claim": told.change.claim,
                "reason": told.change.reason,
                "evidence": dict(told.change.evidence),
                "came_about": told.came_about,
                "changed_by_hand_since": told.changed_by_hand_since,
            }
            for told in told_history(changes, path.stem, in_force)
        ],
        "backups": [
            {
                "digest": backup.digest,
                "path": str(backup.path),
                "left_at": backup.left_at,
                "damaged": backup.damaged,
                "strategy": None if backup.champion is None else backup.champion.strategy,
                "mode": None if backup.champion is None else backup.champion.mode,
                "score": None if backup.champion is None else backup.champion.score,
                "origin": None if backup.champion is None else backup.champion.origin,
            }
            for backup in backups_of(path, changes)
        ],
    }


def _claim_in_force(path: Path) -> str | None:
    """None for an empty niche, and for a damaged file: a rollback is then just what is wanted."""
    content = content_at(path)
    if content is None:
        return None
    try:
        return champion_of_file(content, path).claim
    except OperatorError:
        return None
