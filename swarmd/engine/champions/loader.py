"""Loading a champion for use: verified, cached by content, and never failing for want of one.

For whatever trades or exports. A niche without a champion, or with a damaged file, gives the strategy's baseline and
says so in `meta["champion"]`; the caller decides whether that is good enough.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.champions.champion import ChampionFile, champion_of_file, champion_path
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError


@dataclass(frozen=True, slots=True)
class Loaded:
    """What to run: strategy, mode and parameters; `meta["champion"]["source"]` is "champion" or "baseline"."""

    strategy: str
    mode: str
    parameters: dict[str, float | int]
    champion: ChampionFile | None
    meta: dict[str, Any]


class ChampionLoader:
    """Reads `champions/` of one home. `strategy` names whose baseline (and `mode`) stands in for a missing champion."""

    def __init__(self, champions: Path, *, strategy: str = "mtf_ema", mode: str = "balanced") -> None:
        self._champions = champions
        self._strategy = strategy
        self._mode = mode
        self._cache: dict[Path, tuple[str, Loaded]] = {}

    def load(self, symbol: str, timeframe: str) -> Loaded:
        """The champion of the niche as the file says now, else the baseline."""
        path = champion_path(self._champions, symbol, timeframe)
        return self._loaded(path, _content(path))

    def load_cached(self, symbol: str, timeframe: str) -> Loaded:
        """As `load`, but the file is parsed and verified only when its content has changed.

        It is read every time: two contents may bear one modification time, and a champion is a page long.
        """
        path = champion_path(self._champions, symbol, timeframe)
        content = _content(path)
        digest = "" if content is None else hashlib.sha256(content).hexdigest()
        cached = self._cache.get(path)
        if cached is None or cached[0] != digest:
            cached = (digest, self._loaded(path, content))
            self._cache[path] = cached
        return cached[1]

    def _loaded(self, path: Path, content: bytes | None) -> Loaded:
        if content is None:
            return self._baseline(path, "there is no champion of this niche")
        try:
            champion = champion_of_file(content, path)
        except OperatorError as refusal:
            return self._baseline(path, str(refusal))
        told = {
            "source": "champion",
            "path": str(path),
            "checksum": champion.checksum,
            "score": champion.score,
            "created_at": champion.created_at,
            "tried": champion.tried,
        }
        return Loaded(champion.strategy, champion.mode, dict(champion.parameters), champion, {"champion": told})

    def _baseline(self, path: Path, reason: str) -> Loaded:
        card = strategy_named(self._strategy).card
        told = {"source": "baseline", "path": str(path), "reason": reason}
        return Loaded(self._strategy, self._mode, dict(card.baseline), None, {"champion": told})


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
