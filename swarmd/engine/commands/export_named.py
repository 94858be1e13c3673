"""Whose export is meant, and the terms he was judged by: shared by the verbs of `swarmd export`."""

from pathlib import Path
from typing import TYPE_CHECKING

from swarmd.engine.champions.champion import ChampionFile, read_champion
from swarmd.engine.champions.changes import dethroning_of, readable_changes
from swarmd.engine.commands.champion_named import champion_named
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home

if TYPE_CHECKING:  # numba comes in only when a command runs
    from swarmd.engine.export.pine import Terms


def paths_named(home: Home, symbol: str | None, timeframe: str | None, *, everyone: bool) -> list[Path]:
    """The file of one champion, by symbol and timeframe or by niche, or those of all.

    Raises
    ------
    OperatorError
        If neither or both are said, or there is none.
    """
    if everyone == (symbol is not None):
        raise OperatorError("name a champion (SYMBOL TIMEFRAME), or all of them with --all")
    if symbol is not None:
        return [champion_named(home.champions, symbol, timeframe)]
    paths = sorted(home.champions.glob("*.json"))
    if not paths:
        raise OperatorError(f"{home.champions}: no champions yet; `swarmd champion list` shows what is there")
    return paths


def champion_in_force(home: Home, path: Path) -> ChampionFile:
    """The champion of that file; one that is damaged, or that its monitor has dethroned, is refused."""
    champion = read_champion(path)
    if champion is None:
        raise OperatorError(f"{path}: gone just now; `swarmd champion list` shows what is there")
    fallen = dethroning_of(readable_changes(home.champions), path.stem, champion.claim)
    if fallen is not None:
        raise OperatorError(f"{champion.niche}: dethroned on {fallen.at[:10]} ({fallen.reason}); nothing to export")
    return champion


def terms_of(champion: ChampionFile, home: Home) -> "Terms":
    """Those of its certificate; of a champion put in force by hand, which has none, the default costs."""
    from swarmd.engine.export.pine import Terms
    from swarmd.engine.export.written import terms_of_certificate
    from swarmd.engine.phases.replayed_champion import basis_of

    return Terms() if champion.certificate is None else terms_of_certificate(basis_of(champion, home).document)
