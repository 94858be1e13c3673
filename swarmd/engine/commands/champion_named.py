"""Which niche a person means: by symbol and timeframe, as `champion list` prints it, or by a symbol that has only one.

Shared by the verbs of `swarmd champion`; reads names of files and nothing in them.
"""

from pathlib import Path

from swarmd.engine.champions.champion import BACKUP, champion_path
from swarmd.engine.champions.changes import readable_changes
from swarmd.state.errors import OperatorError


def champion_named(champions: Path, symbol: str, timeframe: str | None) -> Path:
    """The file of a champion in force. OperatorError lists those there are."""
    there = {path.stem for path in champions.glob("*.json")}
    return _named(champions, symbol, timeframe, there)


def niche_named(champions: Path, symbol: str, timeframe: str | None) -> Path:
    """The same where the niche may be empty by now: known by a backup or a change."""
    there = {path.stem for path in champions.glob("*.json")}
    there |= {path.stem.rpartition("_")[0] for path in (champions / BACKUP).glob("*.json")}
    there |= {change.niche for change in readable_changes(champions)}
    return _named(champions, symbol, timeframe, there)


def _named(champions: Path, symbol: str, timeframe: str | None, there: set[str]) -> Path:
    if timeframe is not None:
        path = champion_path(champions, symbol, timeframe)
        if path.stem in there:
            return path
    else:
        by_niche = [niche for niche in there if niche == symbol]
        by_symbol = [niche for niche in there if niche.rpartition("_")[0] == symbol]
        for found in (by_niche, by_symbol):
            if len(found) == 1:
                return champions / f"{found[0]}.json"
    listed = ", ".join(sorted(there)) or "none yet"
    asked = symbol if timeframe is None else f"{symbol} {timeframe}"
    raise OperatorError(f"{champions}: no single champion for {asked}; there is: {listed}")
