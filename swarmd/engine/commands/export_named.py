"""Whose export is meant, and the terms he was judged by: shared by the verbs of `swarmd export`."""

from typing import TYPE_CHECKING

from swarmd.engine.champions.champion import ChampionFile, read_champion
from swarmd.engine.champions.changes import dethroning_of, readable_changes
from swarmd.engine.commands.champion_named import champion_named
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home

if TYPE_CHECKING:  # numba comes in only when a command runs
    from swarmd.engine.export.pine import Terms


def champions_named(home: Home, symbol: str | None, timeframe: str | None, *, everyone: bool) -> list[ChampionFile]:
    """One by symbol and timeframe (or niche), or all in force.

    Raises
    ------
    OperatorError
        If neither or both are said, there is none, or its file does not hold.
    """
    if everyone == (symbol is not None):
        raise OperatorError("name a champion (SYMBOL TIMEFRAME), or all of them with --all")
    if symbol is not None:
        return [champion_at(home, symbol, timeframe)]
    changes = readable_changes(home.champions)
    read = [read_champion(path) for path in sorted(home.champions.glob("*.json"))]
    found = [each for each in read if each is not None and dethroning_of(changes, each.niche, each.claim) is None]
    if not found:
        raise OperatorError(f"{home.champions}: no champions yet; `swarmd champion list` shows what is there")
    return found


def champion_at(home: Home, symbol: str, timeframe: str | None) -> ChampionFile:
    """The champion in force; one that its monitor has dethroned is refused."""
    path = champion_named(home.champions, symbol, timeframe)
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
