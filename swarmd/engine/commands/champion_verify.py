"""`swarmd champion verify`: is what a champion claims what its data, its ledger and its certificate come to?"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swarmd.engine.champions.champion import ChampionFile, read_champion
from swarmd.engine.champions.changes import dethroning_of, readable_changes
from swarmd.engine.commands.champion_named import champion_named
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, home_from

if TYPE_CHECKING:  # numba comes in only when the command runs
    from swarmd.engine.phases.champion_checks import Check
    from swarmd.engine.phases.replayed_champion import Basis
    from swarmd.state.work_order import WorkOrder

SCHEMA = "swarmd.champion_verify/1"
_MARKS = {True: "holds", False: "FAILS", None: "-"}


@click.command(
    "verify",
    epilog="Example: swarmd champion verify BTCUSDT 5m --surrogates 3     Exit codes: 0 everything holds, 1 something "
    "does not (it is named), 2 a mistake you can mend.",
)
@click.argument("symbol", metavar="SYMBOL|NICHE")
@click.argument("timeframe", required=False)
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its bars; else as crowned.")
@click.option("--data-root", type=click.Path(exists=True, path_type=Path), help="Where its bars lie by now.")
@click.option(
    "--surrogates", default=0, show_default=True, type=click.IntRange(0), metavar="N",
    help="Search the first N surrogate markets again; each takes as long as the search did.",
)  # fmt: skip
@click.option(
    "--judgement",
    is_flag=True,
    help="Search the bars again and make every figure of the certificate anew; takes as long as search and judgement.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def verify(
    symbol: str,
    timeframe: str | None,
    data: Path | None,
    data_root: Path | None,
    surrogates: int,
    judgement: bool,
    as_json: bool,
) -> int:
    """Make a champion's figures again: checksum, data, both runs, p-values, gates, ledger; if asked, the search too.

    Nothing is written and the vault is not opened anew: only the finalist it was opened for is run on it. Figures must
    be the same bits; other code may make others, and is told.
    """
    home = home_from()
    path = champion_named(home.champions, symbol, timeframe)
    checks = list(_checks(path, home, data, data_root, surrogates, judgement=judgement))
    failed = [name for name, holds, _ in checks if holds is False]
    if as_json:
        told = [{"name": name, "holds": holds, "told": text} for name, holds, text in checks]
        document = {"schema": SCHEMA, "niche": path.stem, "holds": not failed, "failed": failed, "checks": told}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        for name, holds, text in checks:
            click.echo(f"{_MARKS[holds]:<6} {name:<42} {text}")
        click.echo(f"\n{path.stem}: " + (f"does not hold: {', '.join(failed)}" if failed else "holds"))
    return 1 if failed else 0


_Row = tuple[str, bool | None, str]


def _checks(
    path: Path, home: Home, data: Path | None, data_root: Path | None, surrogates: int, *, judgement: bool
) -> Iterator[_Row]:
    try:
        champion = read_champion(path)
    except OperatorError as refusal:
        yield ("checksum", False, str(refusal))
        return
    if champion is None:
        raise OperatorError(f"{path}: gone just now; `swarmd champion list` shows what is there")
    yield ("checksum", True, f"{champion.checksum[:12]} is that of its content ({champion.origin})")
    fallen = dethroning_of(readable_changes(path.parent), path.stem, champion.claim)
    if fallen is not None:
        yield ("in force", False, f"it was dethroned on {fallen.at[:10]}: {fallen.reason}")
    if champion.certificate is None:
        yield ("certificate", None, f"none: {champion.origin}, {champion.note or 'without a word'}")
        return
    from swarmd.engine.phases.replayed_champion import basis_of

    try:
        basis = basis_of(champion, home)
    except OperatorError as refusal:
        yield ("certificate", False, str(refusal))
        return
    yield ("certificate", True, f"{basis.path} is of this champion")
    with _told_by_whom():
        for check in _remade(champion, basis, home, data, data_root, surrogates, judgement=judgement):
            yield (check.name, check.holds, check.told)


def _remade(
    champion: ChampionFile,
    basis: "Basis",
    home: Home,
    data: Path | None,
    data_root: Path | None,
    surrogates: int,
    *,
    judgement: bool,
) -> "Iterator[Check]":
    from swarmd.engine.commands.by_hand import progress_desk
    from swarmd.engine.phases.champion_checks import (
        Check,
        of_certificate,
        of_discoveries,
        of_ledger,
        of_runs,
        of_surrogates,
    )
    from swarmd.engine.phases.remade_judgement import of_judgement
    from swarmd.engine.phases.replayed_champion import bars_file

    try:
        yield from of_certificate(champion, basis)
        yield of_ledger(basis, home)
        yield of_discoveries(basis, home)
    except (KeyError, TypeError, AttributeError, ValueError) as missing:
        yield Check("certificate whole", False, f"{basis.path}: {type(missing).__name__} {missing}")
        return
    file = bars_file(champion, home, data=data, data_root=data_root)
    yield from of_runs(champion, basis, file)
    if not surrogates and not judgement:
        return
    order = _order_of(champion, home, file)
    if judgement:
        with progress_desk(home, f"{champion.niche}: judgement") as desk:
            yield from of_judgement(basis, order, desk, advance=lambda: desk.advance(1))
    if surrogates:
        with progress_desk(home, f"{champion.niche}: surrogates", window_seconds=600.0) as desk:
            desk.expect(surrogates)
            yield from of_surrogates(basis, order, desk, surrogates, advance=lambda: desk.advance(1))


def _order_of(champion: ChampionFile, home: Home, file: Path) -> "WorkOrder":
    """The campaign's order for the champion's search, by the settings that were kept beside its results."""
    from swarmd.engine.commands.search_flags import order_by_hand
    from swarmd.state.records.campaign_settings import CampaignSettings
    from swarmd.state.records.job import Phase

    meta = home.results_of(champion.campaign) / "run_meta.json"
    try:
        settings = CampaignSettings.model_validate(json.loads(meta.read_bytes())["settings"])
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise OperatorError(
            f"{meta}: without the campaign's settings nothing is searched again ({type(cause).__name__}); "
            "put it back from a copy, or verify without --surrogates and --judgement"
        ) from cause
    moved = settings.data.model_copy(update={"root": str(file.absolute())})
    settings = settings.model_copy(update={"data": moved})
    order = order_by_hand(settings, Phase.VALIDATE, home, threads=len(os.sched_getaffinity(0)))
    return order.model_copy(update={"symbol": champion.symbol, "mode": champion.mode})


@contextmanager
def _told_by_whom() -> Iterator[None]:
    """What is wrong with the data or the strategy is for a person to mend."""
    try:
        yield
    except ValueError as refusal:
        raise OperatorError(str(refusal)) from refusal
