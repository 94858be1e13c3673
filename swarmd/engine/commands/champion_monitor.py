"""`swarmd champion monitor`: the days since, against what was promised; a broken promise ends a reign by itself.

Once for cron and the curious, or every so often in the foreground. Bars are the campaign's own files, to which rows
were added since; a champion whose old rows are no longer what it was crowned on is not judged by the new ones.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.champions.champion import ChampionFile, content_at, read_champion
from swarmd.engine.champions.changes import Change, dethroning_of, read_changes
from swarmd.engine.champions.niche import alone_with
from swarmd.engine.champions.succession import Backup, backups_of, dethrone
from swarmd.engine.commands.champion_named import champion_named
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, home_from
from swarmd.state.units import iso, millis_of_duration, millis_of_iso

if TYPE_CHECKING:  # numba comes in only when the command runs
    from swarmd.engine.phases.standing import Standing

SCHEMA = "swarmd.champion_monitor/1"
BY_THE_MONITOR = "the monitor: "


@dataclass(frozen=True, slots=True)
class Asked:
    """Where bars are looked for, how sure one wants to be, and a promise given by hand."""

    data: Path | None
    data_root: Path | None
    alpha: float
    promise: float | None


@click.command(
    "monitor",
    epilog="Example: swarmd champion monitor --once --json     Exit codes: 0 every champion was looked at, 1 one could "
    "not be (it is named), 2 a mistake you can mend.",
)
@click.argument("symbol", metavar="[SYMBOL|NICHE]", required=False)
@click.argument("timeframe", required=False)
@click.option("--once", "once", is_flag=True, help="Look once and leave; so it is without --every as well.")
@click.option("--every", metavar="1h", help="Look again and again in the foreground, until it is interrupted.")
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Bars of the one named.")
@click.option("--data-root", type=click.Path(exists=True, path_type=Path), help="Bars of all; else as crowned.")
@click.option(
    "--alpha", default=0.05, show_default=True,
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    help="Dethrone at e >= 1/alpha: so large a share of kept promises may ever fall.",
)  # fmt: skip
@click.option("--promise", type=float, help="Annual Sharpe ratio to hold the one named to, instead of its forecast.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout for each look.")
def monitor(
    symbol: str | None,
    timeframe: str | None,
    once: bool,
    every: str | None,
    data: Path | None,
    data_root: Path | None,
    alpha: float,
    promise: float | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Weigh each champion's days since its vault against its forecast, and dethrone where the promise is broken.

    e is the wealth of somebody who bets against the promise, begun with 1: it may be looked at as often as one likes.
    At 1/alpha the champion goes to backup/; the one before it follows if it keeps its own promise, else the niche is
    empty and the loader gives the baseline.
    """
    if once and every is not None:
        raise OperatorError("--once and --every together; give one of them")
    if symbol is None and (data is not None or promise is not None):
        raise OperatorError("--data and --promise are of one champion; name it")
    try:
        pause = None if every is None else millis_of_duration(every) / 1000.0
    except ValueError as wrong:
        raise OperatorError(f"--every: {wrong}") from wrong
    home, asked = home_from(), Asked(data, data_root, alpha, promise)
    named = None if symbol is None else champion_named(home.champions, symbol, timeframe)
    while True:
        at = iso(time.time_ns() // 1_000_000)
        paths = sorted(home.champions.glob("*.json")) if named is None else [named]
        rows = [_looked_at(path, home, asked, at, is_dry=dry_run) for path in paths]
        _tell(rows, at, alpha, as_json=as_json)
        if pause is None:
            return 1 if any(row["action"] == "unseen" for row in rows) else 0
        time.sleep(pause)


def _looked_at(path: Path, home: Home, asked: Asked, at: str, *, is_dry: bool) -> dict[str, Any]:
    """One niche: what was found, and what was done. Nothing that is wrong with one keeps the others from being seen."""
    try:
        champion = read_champion(path)
        if champion is None:
            return {"niche": path.stem, "action": "unseen", "error": "gone just now"}
        changes = read_changes(path.parent)
        fallen = dethroning_of(changes, path.stem, champion.claim)
        if fallen is not None:
            # The monitor was killed between its word and its deed, or somebody copied the file back.
            standing, reason, evidence = None, fallen.reason, dict(fallen.evidence)
        else:
            standing = _standing(champion, home, asked, changes)
            if standing.state != "falls":
                return {"action": "kept", "heir": None} | standing.document()
            reason, evidence = BY_THE_MONITOR + standing.sentence, standing.figures()
        told: dict[str, Any] = {"niche": path.stem} if standing is None else standing.document()
        told["sentence"] = reason.removeprefix(BY_THE_MONITOR)
        if is_dry:
            return told | {"action": "would fall", "heir": None}
        heir = _dethroned(path, champion, home, asked, at, reason=reason, evidence=evidence)
    except (OperatorError, OutsideError, ValueError) as refusal:
        return {"niche": path.stem, "action": "unseen", "error": str(refusal)}
    return told | {"action": "dethroned", "heir": heir}


def _dethroned(
    path: Path, champion: ChampionFile, home: Home, asked: Asked, at: str, *, reason: str, evidence: dict[str, Any]
) -> str | None:
    """End the reign, unless somebody else was put in force meanwhile; tells who follows."""
    # Before the niche is held: replaying an heir takes seconds, and a crowning waits no longer than ten.
    heir = _heir(path, champion, home, asked)
    with alone_with(path):
        seen = content_at(path)
        now = None if seen is None else read_champion(path)
        if now is None or now.checksum != champion.checksum:
            raise OperatorError(f"{path}: somebody else was put in force meanwhile; it is looked at next time")
        follows = dethrone(path, champion, heir, at=at, reason=reason, evidence=evidence)
    return None if follows is None else f"{follows.strategy} {follows.mode}, score {follows.score:.4f}"


def _heir(path: Path, fallen: ChampionFile, home: Home, asked: Asked) -> Backup | None:
    """The one before, if its own days keep its own promise; None leaves the niche empty."""
    changes = read_changes(path.parent)
    for backup in backups_of(path, changes):
        before = backup.champion
        if before is None or before.claim == fallen.claim or dethroning_of(changes, path.stem, before.claim):
            continue
        try:
            standing = _standing(before, home, Asked(asked.data, asked.data_root, asked.alpha, None), changes)
        except (OperatorError, OutsideError, ValueError):
            return None
        # Without a promise nobody knows how it does: the baseline is the more modest choice.
        return backup if standing.state != "falls" and standing.promised is not None else None
    return None


def _standing(champion: ChampionFile, home: Home, asked: Asked, changes: tuple[Change, ...]) -> "Standing":
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.phases.replayed_champion import bars_after, bars_file, bars_since, basis_of
    from swarmd.engine.phases.standing import monitored, promise_of

    promised = asked.promise if asked.promise is not None else promise_of(champion)
    file = bars_file(champion, home, data=asked.data, data_root=asked.data_root)
    if champion.certificate is None:
        bars, costs, seen_until = bars_since(champion, file, None), Costs(), millis_of_iso(champion.created_at)
    else:
        basis = basis_of(champion, home)
        bars, costs = bars_since(champion, file, basis.development.first_ms), basis.costs
        seen_until = basis.vault.last_ms
        known = bars.between(0, max(1, bars_after(bars, seen_until)))
        if known.sha256() != champion.data_sha256:
            raise OperatorError(
                f"{file}: its rows up to {iso(seen_until)} have digest {known.sha256()[:12]}, and {champion.niche} was "
                f"crowned on {champion.data_sha256[:12]}; put the old rows back, or name the right file with --data"
            )
    if (again := _put_back_at(champion, changes)) is not None:
        seen_until = max(seen_until, millis_of_iso(again))
    return monitored(champion, bars, costs=costs, seen_until_ms=seen_until, promised=promised, alpha=asked.alpha)


def _put_back_at(champion: ChampionFile, changes: tuple[Change, ...]) -> str | None:
    """When a person put it back although it had been dethroned: the days before have had their say."""
    own = [change for change in changes if change.niche == champion.niche and change.claim == champion.claim]
    was_dethroned = any(change.change == "dethroned" for change in own)
    return own[-1].at if was_dethroned and own[-1].change != "dethroned" else None


def _tell(rows: list[dict[str, Any]], at: str, alpha: float, *, as_json: bool) -> None:
    if as_json:
        document = {"schema": SCHEMA, "at": at, "alpha": alpha, "champions": rows}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    if not rows:
        click.echo("no champions yet")
    for line in _lines(rows):
        click.echo(line)


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if row["action"] == "unseen":
            yield f"{row['niche']:<18} NOT SEEN   {row['error']}"
            continue
        word = row["state"] if row["action"] == "kept" else row["action"].upper()
        yield f"{row['niche']:<18} {word:<10} {row['sentence']}"
        if row["action"] == "dethroned":
            yield f"{'':<18} {'':<10} follows: {row['heir'] or 'nobody; the loader gives the baseline'}"
